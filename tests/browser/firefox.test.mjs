/** The other engine: an order is paid in Firefox, on the hosted page and by the element, under the strictest policy. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { after, before, test } from "node:test";
import { npm } from "./support/browser.mjs";
import { startGateway } from "./support/gateway.mjs";
import { PATIENCE_MS } from "./support/patience.mjs";
import { website } from "./support/website.mjs";

const { default: puppeteer } = await import(npm.resolve("puppeteer-core"));

/** The first of the usual names that is on the path, unless FIREFOX names another. */
function executablePath() {
  if (process.env.FIREFOX) return process.env.FIREFOX;
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of ["firefox-esr", "firefox"]) {
      if (existsSync(join(folder, name))) return join(folder, name);
    }
  }
  throw new Error("no Firefox found: install firefox-esr, or set FIREFOX to one");
}

/** @type {import("./support/gateway.mjs").Gateway} */
let gateway;
/** @type {any} */
let browser;

before(async () => {
  const launch = { browser: "firefox", executablePath: executablePath(), headless: true };
  [gateway, browser] = await Promise.all([startGateway(), puppeteer.launch(launch)]);
});
after(async () => {
  await browser?.close();
  await gateway?.stop();
});

/** A page that writes down what its policy stopped, by a script of its own. */
async function openPage() {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.setDefaultNavigationTimeout(PATIENCE_MS);
  await page.evaluateOnNewDocument(() => {
    const stopped = /** @type {string[]} */ ([]);
    Object.assign(globalThis, { stopped });
    document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
      stopped.push(`${effectiveDirective} ${blockedURI}`);
    });
  });
  return page;
}

const at = (/** @type {any} */ page, /** @type {string} */ state) =>
  page.waitForFunction(
    (/** @type {string} */ state) =>
      /** @type {any} */ (document.querySelector("lezai-checkout"))?.state === state,
    { timeout: PATIENCE_MS },
    state,
  );

const stopped = (/** @type {any} */ page) => page.evaluate(() => /** @type {any} */ (globalThis).stopped);

/** Whether what the page keeps of its key can be read: by its own word, and by trying. */
function keys(/** @type {any} */ page) {
  return page.evaluate(async () => {
    const kept = await new Promise((resolve) => {
      const opening = indexedDB.open("lezai-checkout");
      opening.onsuccess = () => {
        const all = opening.result.transaction("sessions").objectStore("sessions").getAll();
        all.onsuccess = () => resolve(all.result);
      };
    });
    const read = async (/** @type {any} */ { key }) => {
      const exported = await crypto.subtle.exportKey("jwk", key.privateKey).catch((error) => error.name);
      return [key.privateKey.extractable, exported];
    };
    return Promise.all(/** @type {any[]} */ (kept).map(read));
  });
}

async function pay(/** @type {any} */ page, /** @type {any} */ order) {
  await at(page, "ready");
  await page.locator("lezai-checkout >>> button.button").click();
  await at(page, "waiting");
  await page.waitForSelector("lezai-checkout >>> svg.qr");
  await gateway.shopper(order, "pay");
  await at(page, "paid");
}

test("the hosted page runs nothing but its own files", async () => {
  const order = await gateway.create();
  const page = await openPage();
  await page.goto(order.checkout.url);
  await pay(page, order);
  assert.deepEqual(await stopped(page), [], "the page itself does nothing that its policy stops");
  assert.deepEqual(await keys(page), [[false, "InvalidAccessError"]]);

  // An intruder's attempts, made by the document and not by the debugger, which no policy stops.
  const ran = await page.evaluate(async () => {
    const world = /** @type {any} */ (globalThis);
    const tries = [
      () => {
        const script = document.createElement("script");
        script.append("globalThis.ran = 'inline script'");
        document.head.append(script);
      },
      () => {
        const button = document.createElement("button");
        button.setAttribute("onclick", "globalThis.ran = 'inline handler'");
        document.body.append(button);
        button.click();
      },
      () => setTimeout("globalThis.ran = 'text as code'"),
      () => {
        const script = document.createElement("script");
        script.setAttribute("src", "https://thief.example/x.js");
        document.head.append(script);
      },
    ];
    for (const attempt of tries) {
      try {
        attempt();
      } catch {
        // Trusted Types stop some of them by an exception.
      }
    }
    await fetch("https://thief.example/").catch(() => {});
    // Timers go off in turn, so one that was set before has done so, too.
    await new Promise((resolve) => setTimeout(resolve));
    return world.ran ?? "nothing";
  });
  assert.equal(ran, "nothing");
  const seen = (await stopped(page)).join("\n");
  for (const directive of [
    /script-src|require-trusted-types-for/,
    /script-src-attr|trusted-types/,
    /connect-src/,
  ]) {
    assert.match(seen, directive);
  }
  await page.close();
});

test("the element, on a shop's page with the strictest policy that it works under", async () => {
  const order = await gateway.create();
  const { checkout } = order;
  const { tag } = await (await fetch(`${gateway.origin}/checkout/v1/`)).json();
  const shop = await website((request, response) => {
    if (request.url === "/shop.js") {
      response.setHeader("content-type", "text/javascript");
      // The page's own script tells what it may not do.
      response.end(`globalThis.own = [];
        for (const text of [() => eval("1"), () => new Function("return 1")()]) {
          try { own.push(String(text())); } catch (error) { own.push(error.name); }
        }`);
      return;
    }
    response.setHeader("content-type", "text/html");
    response.setHeader(
      "content-security-policy",
      `default-src 'none'; script-src 'self' ${gateway.origin} 'wasm-unsafe-eval'; connect-src ${gateway.origin}; img-src data:;
       base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'`.replace(
        /\s+/g,
        " ",
      ),
    );
    response.end(`<!doctype html><title>Shop</title><link rel="icon" href="data:,">${tag}
      <lezai-checkout session="${checkout.session}" client-secret="${checkout.client_secret}"></lezai-checkout>
      <script src="/shop.js"></script>`);
  });
  const page = await openPage();
  await page.goto(`${shop.origin}/`);
  await pay(page, order);
  assert.deepEqual(await page.evaluate(() => /** @type {any} */ (globalThis).own), [
    "EvalError",
    "EvalError",
  ]);
  // The shop's own two tries, and nothing of the element's.
  const seen = await stopped(page);
  assert.ok(seen.length >= 2, seen.join("\n"));
  assert.deepEqual(
    seen.filter((/** @type {string} */ it) => !/ (eval|trusted-types-sink)$/.test(it)),
    [],
  );
  assert.deepEqual(await keys(page), [[false, "InvalidAccessError"]]);
  await page.close();
  shop.close();
});
