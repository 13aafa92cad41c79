/**
 * A small stand-in for WeChat's renderer, in a browser's page: App, Page, Component and require over the
 * sample's own files, and its templates drawn as elements. It knows what the samples use, and no more.
 * `files` is the sample, `native` what only the test's process can do.
 */
function boot(files, native) {
  const modules = {};
  const resolve = (base, to) => new URL(to, `file:///${base}`).pathname.slice(1);
  let app = {};
  let defined;
  const wx = {
    getSystemInfoSync: () => ({
      language: native.language,
      model: "Chromium",
      system: "test",
      version: "0",
      SDKVersion: "0",
    }),
    getRandomValues: ({ length, success }) =>
      setTimeout(() => success({ randomValues: crypto.getRandomValues(new Uint8Array(length)).buffer })),
    request: ({ url, method = "GET", header = {}, data, responseType, success, fail }) => {
      const raw = data instanceof ArrayBuffer;
      const body =
        data && (raw ? [...new Uint8Array(data)] : [...new TextEncoder().encode(JSON.stringify(data))]);
      const headers = raw || !data ? header : { "content-type": "application/json", ...header };
      native.request({ url, method, header: headers, body }).then(({ status, header, body }) => {
        const bytes = new Uint8Array(body);
        const content =
          responseType === "arraybuffer" ? bytes.buffer : JSON.parse(new TextDecoder().decode(bytes));
        success({ statusCode: status, header, data: content });
      }, fail);
    },
    getStorage: ({ key, success, fail }) =>
      setTimeout(() => (native.kept.has(key) ? success({ data: native.kept.get(key) }) : fail({}))),
    setStorage: ({ key, data, success }) => {
      native.kept.set(key, data);
      setTimeout(() => success({}));
    },
    removeStorage: ({ key, success }) => {
      native.kept.delete(key);
      setTimeout(() => success({}));
    },
    requestPayment: ({ success, fail, ...parameters }) =>
      native
        .pay(parameters)
        .then((said) => (said === "pays" ? success({}) : fail({ errMsg: "requestPayment:fail cancel" }))),
    navigateTo: ({ url }) => show(url.slice(1)),
    redirectTo: ({ url }) => show(url.slice(1)),
    setClipboardData: ({ data }) => {
      native.copied = data;
    },
  };
  const WXWebAssembly = {
    instantiate: async (_path, imports) =>
      WebAssembly.instantiate(new Uint8Array(await native.wasm()), imports),
  };
  const scope = {
    wx,
    WXWebAssembly,
    App: (own) => {
      app = own;
    },
    Page: (own) => {
      defined = own;
    },
    Component: (own) => {
      defined = own;
    },
    getApp: () => app,
  };

  function load(name) {
    if (modules[name]) return modules[name].exports;
    const module = { exports: {} };
    modules[name] = module;
    const run = new Function("require", "module", "exports", ...Object.keys(scope), files[name]);
    run(
      (to) => load(resolve(name, to.endsWith(".js") ? to : `${to}.js`)),
      module,
      module.exports,
      ...Object.values(scope),
    );
    return module.exports;
  }

  /** A page or a component, with its data and the place where it is drawn. */
  function make(name, place, components) {
    delete modules[`${name}.js`];
    load(`${name}.js`);
    const own = Object.create({ ...defined, ...defined.methods });
    own.definition = defined;
    own.data = structuredClone(defined.data ?? {});
    own.setData = (data) => {
      Object.assign(own.data, data);
      draw(own, name, place, components);
    };
    return own;
  }

  let current;
  function show(name) {
    for (const child of current?.children ?? []) child.definition.lifetimes?.detached?.call(child);
    document.body.replaceChildren();
    const { usingComponents = {} } = JSON.parse(files[`${name}.json`]);
    current = make(name, document.body, usingComponents);
    current.children = [];
    document.title = name;
    draw(current, name, document.body, usingComponents);
    current.onLoad?.();
  }

  const templates = {};
  function draw(own, name, place, components) {
    templates[name] ??= new DOMParser().parseFromString(
      `<root xmlns:wx="wx">${files[`${name}.wxml`].replaceAll("&", "&amp;")}</root>`,
      "application/xml",
    ).documentElement;
    const kept = own.mountedElements ?? {};
    own.mountedElements = kept;
    place.replaceChildren(
      ...[...templates[name].childNodes].flatMap((node) => element(node, own, own.data, components, kept)),
    );
  }

  function element(node, own, data, components, kept) {
    const value = (text) => evaluate(text, data);
    if (node.nodeType === 3)
      return node.data.trim() ? [document.createTextNode(fill(node.data.trim(), data))] : [];
    if (node.nodeType !== 1) return [];
    const loop = node.getAttribute("wx:for");
    if (loop && !data.item) {
      return value(loop).flatMap((item) => element(node, own, { ...data, item }, components, kept));
    }
    const condition = node.getAttribute("wx:if");
    if (condition && !value(condition)) return [];
    const made = document.createElement(
      { view: "div", text: "span", navigator: "a" }[node.localName] ?? node.localName,
    );
    for (const { name, value: text } of node.attributes) {
      if (name === "class") made.className = fill(text, data);
      else if (name.startsWith("data-")) made.setAttribute(name, fill(text, data));
      else if (name === "disabled") made.disabled = value(text) === true;
      else if (name === "bindtap")
        made.onclick = () => own[text]?.({ currentTarget: { dataset: { ...made.dataset } } });
    }
    if (node.localName === "navigator") made.onclick = () => show(node.getAttribute("url").slice(1));
    const component = components[node.localName]?.slice(1);
    if (!component) {
      made.append(...[...node.childNodes].flatMap((child) => element(child, own, data, components, kept)));
      return [made];
    }
    // A component lives on when the page around it is drawn again.
    kept[node.localName] ??= make(component, made, {});
    const child = kept[node.localName];
    child.place ??= made;
    if (!own.children.includes(child)) own.children.push(child);
    child.triggerEvent = (event, detail) => {
      const handler = node.getAttribute(`bind${event}`);
      if (handler) own[handler]?.({ detail });
    };
    const before = JSON.stringify(child.data);
    for (const property of Object.keys(child.definition.properties)) {
      const attribute = property.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      child.data[property] = fill(node.getAttribute(attribute), data);
    }
    if (JSON.stringify(child.data) !== before) {
      queueMicrotask(() => {
        for (const observe of Object.values(child.definition.observers)) observe.call(child);
      });
    }
    return [child.place];
  }

  const evaluate = (text, data) =>
    new Function(...Object.keys(data), `return (${/^\{\{(.*)\}\}$/s.exec(text)[1]})`)(...Object.values(data));
  const fill = (text, data) => text.replace(/\{\{(.*?)\}\}/g, (whole) => evaluate(whole, data) ?? "");

  load("app.js");
  app.shop = native.shop;
  app.onLaunch?.();
  const style = document.createElement("style");
  style.textContent = native.style;
  document.head.append(style);
  show("pages/shop/shop");
  return { show, page: () => current };
}

window.boot = boot;
