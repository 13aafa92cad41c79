/** A holder of a part of a payment (a request, a grant, a frame, the page's scripts) does not get the rest. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { request as ask } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { openPage, startBrowser } from "./support/browser.mjs";
import { BINARY, startGateway } from "./support/gateway.mjs";
import { html, website } from "./support/website.mjs";

/** @type {import("./support/gateway.mjs").Gateway} */
let gateway;
/** @type {any} */
let browser;

before(async () => {
  [gateway, browser] = await Promise.all([startGateway(), startBrowser()]);
});
after(async () => {
  await browser?.close();
  await gateway?.stop();
});

describe("a request or a grant without the page's key", () => {
  test("a signed request, sent again from elsewhere, moves nothing", async () => {
    const order = await gateway.create();
    const { page, checkout, at, close } = await openPage(browser);
    const sent = /** @type {any[]} */ ([]);
    page.on("request", (/** @type {any} */ request) => {
      if (request.url().includes("/v1/checkout/")) sent.push(request);
    });
    await page.goto(order.checkout.url);
    await at("ready");
    await checkout.getByRole("button", { name: /^Pay/ }).click();
    await at("waiting");
    const seen = sent.filter((it) => !it.url().endsWith("/events"));
    assert.ok(seen.length >= 2);
    for (const request of seen) {
      const { host: _host, ...headers } = await request.allHeaders();
      const own = Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(":")));
      const answer = await fetch(request.url(), {
        method: request.method(),
        headers: own,
        ...(request.postData() && { body: request.postData() }),
      });
      const { code } = await answer.json();
      assert.deepEqual([answer.status, code], [401, "nonce_reused"], request.url());
    }
    // The same request with its body changed is no better off.
    const pay = seen.find((it) => it.url().endsWith("/pay"));
    const { "content-length": _length, ...headers } = await pay.allHeaders();
    const body = pay.postData().replace("wallet_qr", "wallet_redirect");
    assert.equal((await fetch(pay.url(), { method: "POST", headers, body })).status, 401);
    await close();
  });

  test("a thief who knows session, gateway and grant, but has another key, sees nothing", async () => {
    const order = await gateway.create();
    const shopper = await openPage(browser);
    await shopper.page.goto(order.checkout.url);
    await shopper.at("ready");

    const thief = await openPage(browser);
    await thief.page.goto(`${gateway.origin}/pay/${order.checkout.session}`);
    await thief.at("failed");
    const [, pin] = order.checkout.client_secret.split(".");
    await thief.page.evaluate(
      async (/** @type {any} */ { session, pin }) => {
        const algorithm = { name: "ECDSA", namedCurve: "P-256" };
        const key = await crypto.subtle.generateKey(algorithm, false, ["sign", "verify"]);
        await new Promise((resolve, reject) => {
          const opening = indexedDB.open("lezai-checkout", 1);
          opening.onerror = reject;
          opening.onsuccess = () => {
            const transaction = opening.result.transaction("sessions", "readwrite");
            transaction.objectStore("sessions").put({ session, key, gateway: pin, made_at: Date.now() });
            transaction.oncomplete = resolve;
          };
        });
      },
      { session: order.checkout.session, pin },
    );
    const seesNothing = async (/** @type {RegExp} */ why) => {
      await thief.page.reload();
      await thief.at("failed");
      assert.equal(await thief.checkout.locator(".amount, svg.qr").count(), 0);
      await thief.checkout.locator(".why summary").click();
      assert.match(await thief.checkout.locator(".why p").textContent(), why);
    };
    // Without the secret there is nothing to see of a session that nobody has, nor of one that somebody has.
    await seesNothing(/^session_unclaimed: /);
    await shopper.checkout.getByRole("button", { name: /^Pay/ }).click();
    await shopper.at("waiting");
    await thief.page.reload();
    await thief.at("taken");
    assert.equal(await thief.checkout.locator(".amount, svg.qr").count(), 0);
    await thief.close();
    await shopper.close();
  });
});

describe("frames and messages", () => {
  test("an unlisted website cannot frame the page; a listed one can, and its messages have no effect", async () => {
    const order = await gateway.create();
    const { origin, close } = await website(html(`<iframe src="${order.checkout.url}"></iframe>`));
    const stranger = await openPage(browser);
    await stranger.page.goto(origin);
    await stranger.heard(/frame-ancestors 'none'/);
    const [, blocked] = stranger.page.frames();
    assert.equal(await blocked.locator("lezai-checkout").count(), 0);
    await stranger.close();

    const token = readFileSync(join(gateway.data, "admin-token"), "utf8").trim();
    const named = await fetch(`${gateway.origin}/admin/v1/merchants/m_demo`, {
      method: "PUT",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ name: "Cloud Hill Tea", frame_origins: [origin] }),
    });
    assert.equal(named.status, 200, await named.text());
    const shop = await openPage(browser);
    await shop.page.goto(origin);
    const [, frame] = shop.page.frames();
    const checkout = frame.locator("lezai-checkout");
    await checkout.getByRole("button", { name: /^Pay/ }).waitFor();
    const lastHeard = frame.evaluate(
      () =>
        new Promise((resolve) =>
          addEventListener("message", ({ data }) => data === "the last one" && resolve(undefined)),
        ),
    );
    // A frame's evaluations run in turn: once this one is answered, it listens.
    await frame.evaluate(() => undefined);
    await shop.page.evaluate(() => {
      for (const message of [
        { type: "paid" },
        "paid",
        { state: "paid", amount: 1 },
        { press: { is: "pay" } },
        "the last one",
      ])
        window.frames[0]?.postMessage(message, "*");
    });
    await lastHeard;
    assert.equal(await checkout.evaluate((/** @type {any} */ it) => it.state), "ready");
    assert.match(await checkout.locator(".amount").textContent(), /128\.00/);
    shop.quiet();
    await shop.close();
    close();
  });

  test("only origins can be named", async () => {
    const token = readFileSync(join(gateway.data, "admin-token"), "utf8").trim();
    for (const bad of [
      "*",
      "https://shop.example/",
      "https://shop.example; script-src *",
      "shop.example",
      "data:,",
    ]) {
      const answer = await fetch(`${gateway.origin}/admin/v1/merchants/m_demo`, {
        method: "PUT",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ name: "Cloud Hill Tea", frame_origins: [bad] }),
      });
      assert.equal(answer.status, 400, bad);
    }
  });
});

describe("the hosted page's policy", () => {
  test("no foreign script runs, no other host is requested, and every file has its hash", async () => {
    const order = await gateway.create();
    const { page, checkout, at, quiet, close } = await openPage(browser, { locale: "ar" });
    const asked = /** @type {string[]} */ ([]);
    page.on("request", (/** @type {any} */ request) => asked.push(request.url()));
    await page.goto(order.checkout.url);
    await at("ready");
    await checkout.locator("button.button").click();
    await at("waiting");
    await gateway.shopper(order, "pay");
    await at("paid");
    quiet();
    const foreign = asked.filter((url) => !url.startsWith(`${gateway.origin}/`) && !url.startsWith("data:,"));
    assert.deepEqual(foreign, []);
    assert.ok(asked.some((url) => url.includes("language-ar-")));
    const loose = await page.evaluate(() =>
      [...document.querySelectorAll("script, link[rel=stylesheet]")]
        .filter((it) => !(/^sha384-.{64}$/.test(it.getAttribute("integrity") ?? "") && it.textContent === ""))
        .map((it) => it.outerHTML),
    );
    assert.deepEqual(loose, []);

    // A debugger's own evaluation passes the policy by; what a timer runs is the page's.
    const tried = await page.evaluate(
      () =>
        new Promise((resolve) => {
          const run = async () => {
            const violated = /** @type {string[]} */ ([]);
            document.addEventListener("securitypolicyviolation", (event) =>
              violated.push(event.effectiveDirective),
            );
            const attempt = (/** @type {() => unknown} */ act) => {
              try {
                act();
                return "ran";
              } catch (error) {
                return /** @type {Error} */ (error).name;
              }
            };
            const results = {
              // biome-ignore lint/security/noGlobalEval: that it does not run is what is tested
              eval: attempt(() => globalThis.eval("1")),
              function: attempt(() => new Function("return 1")()),
              markup: attempt(() => {
                document.body.innerHTML = "<p>";
              }),
              policy: attempt(() => /** @type {any} */ (globalThis).trustedTypes.createPolicy("mine", {})),
            };
            const added = (/** @type {string} */ tag, /** @type {object} */ members) =>
              document.head.append(Object.assign(document.createElement(tag), members));
            added("style", { textContent: "body { display: none }" });
            added("link", { rel: "stylesheet", href: "https://thief.example/x.css" });
            document.body.append(Object.assign(new Image(), { src: "https://thief.example/x.png" }));
            document.body.append(
              Object.assign(document.createElement("iframe"), { src: "https://thief.example/" }),
            );
            await fetch("https://thief.example/").catch(() => {});
            // Reports come by and by; the test's own bound ends a wait for one that does not.
            while (new Set(violated).size < 6) await new Promise((wait) => setTimeout(wait, 20));
            resolve({ ...results, violated: [...new Set(violated)].toSorted() });
          };
          setTimeout(run, 0);
        }),
    );
    assert.deepEqual(tried, {
      eval: "EvalError",
      function: "EvalError",
      markup: "TypeError",
      policy: "TypeError",
      violated: [
        "connect-src",
        "frame-src",
        "img-src",
        "require-trusted-types-for",
        "style-src-elem",
        "trusted-types",
      ],
    });
    await close();
  });
});

describe("lezai page check", () => {
  const check = (/** @type {string} */ url) =>
    new Promise((resolve) => {
      execFile(BINARY, ["page", "check", url], (error, stdout) =>
        resolve({ exit: error ? error.code : 0, stdout }),
      );
    });

  /** The gateway behind a proxy that changes what it likes. */
  function proxy(/** @type {(path: string, headers: any, body: Buffer) => Buffer} */ change) {
    const { host } = new URL(gateway.origin);
    return website((incoming, outgoing) => {
      const options = { path: incoming.url, headers: { host } };
      ask(`${gateway.origin}${incoming.url}`, options, (answer) => {
        const chunks = /** @type {Buffer[]} */ ([]);
        answer.on("data", (chunk) => chunks.push(chunk));
        answer.on("end", () => {
          const { "content-length": _length, ...headers } = answer.headers;
          const body = change(incoming.url ?? "", headers, Buffer.concat(chunks));
          outgoing.writeHead(answer.statusCode ?? 502, headers).end(body);
        });
      }).end();
    });
  }

  test("the page as it was built", async () => {
    const order = await gateway.create();
    const { exit, stdout } = /** @type {any} */ (await check(order.checkout.url));
    assert.equal(exit, 0, stdout);
    assert.match(stdout, /the page is as it was built/);
    assert.match(stdout, /ok .*\/checkout\/v1\/pay\.js sha384-/);
  });

  for (const [name, change, seen] of /** @type {[string, any, RegExp][]} */ ([
    [
      "a script with a line more",
      (/** @type {string} */ path, /** @type {any} */ _headers, /** @type {Buffer} */ body) =>
        path.endsWith("/pay.js") ? Buffer.concat([body, Buffer.from("fetch('//thief.example')")]) : body,
      /CHANGED .*pay\.js/,
    ],
    [
      "a page with a script more",
      (/** @type {string} */ path, /** @type {any} */ _headers, /** @type {Buffer} */ body) =>
        path.startsWith("/pay/")
          ? Buffer.from(body.toString().replace("</head>", "<script src='//thief.example'></script></head>"))
          : body,
      /CHANGED .*\/pay\//,
    ],
    [
      "a policy with a host more",
      (/** @type {string} */ _path, /** @type {any} */ headers, /** @type {Buffer} */ body) => {
        const policy = headers["content-security-policy"];
        if (policy) {
          headers["content-security-policy"] = policy.replace(
            "script-src",
            "script-src https://thief.example",
          );
        }
        return body;
      },
      /CHANGED .*the policy lacks: script-src 'self'/,
    ],
  ])) {
    test(name, async () => {
      const { origin, close } = await proxy(change);
      const { exit, stdout } = /** @type {any} */ (await check(`${origin}/pay/cs_${"0".repeat(32)}`));
      assert.equal(exit, 1, stdout);
      assert.match(stdout, seen);
      close();
    });
  }
});
