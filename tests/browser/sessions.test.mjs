/**
 * Which page has a session: to look claims nothing, two of one browser have one key, and a browser that keeps
 * nothing goes on after a reload.
 */
import assert from "node:assert/strict";
import { request as ask, createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { openPage, startBrowser } from "./support/browser.mjs";
import { startGateway } from "./support/gateway.mjs";

/** On a machine with neighbours. */
const PATIENCE = { timeout: 600_000 };
/** Before any test waits for a state: the browser's own half minute is short for a slow machine. */
const STATE_MS = 90_000;

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

const TAG = (/** @type {any} */ { checkout }) =>
  `<lezai-checkout session="${checkout.session}" client-secret="${checkout.client_secret}"></lezai-checkout>`;

/** A shop's page on another origin, with what an order makes of it in it. */
async function shopPage(/** @type {string} */ html, /** @type {Record<string, string>} */ files = {}) {
  const server = createServer((request, response) => {
    const file = files[request.url ?? ""];
    response.setHeader("content-type", file === undefined ? "text/html" : "text/javascript");
    const page = `<!doctype html><title>Shop</title><link rel="icon" href="data:,">
      <script type="module" src="${gateway.origin}/checkout/v1/lezai-checkout.js"></script>${html}`;
    response.end(file ?? page);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { address: `http://127.0.0.1:${port}/`, stop: () => server.close() };
}

async function open(/** @type {any} */ options = {}) {
  const shopper = await openPage(browser, options);
  shopper.page.setDefaultTimeout(STATE_MS);
  return shopper;
}

/** The states of all elements of a page. */
const states = (/** @type {any} */ page) =>
  page.evaluate(() =>
    [...document.querySelectorAll("lezai-checkout")].map((it) => /** @type {any} */ (it).state),
  );

const all = (/** @type {any} */ page, /** @type {string} */ state) =>
  page.waitForFunction((/** @type {string} */ state) => {
    const elements = [...document.querySelectorAll("lezai-checkout")];
    return elements.length > 0 && elements.every((it) => /** @type {any} */ (it).state === state);
  }, state);

const pay = (/** @type {any} */ checkout) =>
  checkout.getByRole("button", { name: /^(Pay|Try again)/ }).click();

/** A browser that denies a page its database, as in a private window's frame or with cookies blocked. */
const denied = () => {
  IDBFactory.prototype.open = () => {
    throw new DOMException("The user denied permission to access the database", "SecurityError");
  };
};

describe("opening claims nothing", PATIENCE, () => {
  test("a mail scanner that runs scripts opens the link first, and the shopper pays", async () => {
    const order = await gateway.create();
    const scanner = await open();
    await scanner.page.goto(order.checkout.url);
    await scanner.at("ready");
    const shopper = await open();
    await shopper.page.goto(order.checkout.url);
    await shopper.at("ready");
    await pay(shopper.checkout);
    await shopper.at("waiting");
    // A page that is still open elsewhere is told, and shows nothing that can be paid by.
    await scanner.at("taken");
    assert.equal(await scanner.checkout.locator("svg.qr, .amount").count(), 0);
    await gateway.shopper(order, "pay");
    await shopper.at("paid");
    await scanner.checkout.getByRole("button", { name: "Check again" }).click();
    await scanner.at("paid");
    shopper.quiet();
    scanner.quiet(/session_taken/, /Failed to load resource/);
    await Promise.all([scanner.close(), shopper.close()]);
  });

  test("either of two browsers can pay while the other does not", async () => {
    const order = await gateway.create();
    const [one, other] = [await open(), await open()];
    for (const { page, at } of [one, other]) {
      await page.goto(order.checkout.url);
      await at("ready");
    }
    await pay(one.checkout);
    await one.at("waiting");
    await gateway.shopper(order, "decline");
    await one.at("declined");
    await other.page.reload();
    await other.at("declined");
    await pay(other.checkout);
    await other.at("waiting");
    await one.at("taken");
    await gateway.shopper(order, "pay");
    await other.at("paid");
    await Promise.all([one.close(), other.close()]);
  });
});

describe("one browser has one key for a session", PATIENCE, () => {
  test("two elements on one page, one of them hidden: both are ready, and either pays", async () => {
    for (const used of [0, 1]) {
      const order = await gateway.create();
      const shop = await shopPage(`<div style="display:none">${TAG(order)}</div><div>${TAG(order)}</div>`);
      const { page, quiet, close } = await open();
      await page.goto(shop.address);
      await all(page, "ready");
      await page.evaluate((/** @type {number} */ used) => {
        const element = document.querySelectorAll("lezai-checkout")[used];
        const button = element?.shadowRoot?.querySelector("button.button");
        /** @type {HTMLElement | undefined | null} */ (button)?.click();
      }, used);
      await all(page, "waiting");
      await gateway.shopper(order, "pay");
      await all(page, "paid");
      quiet();
      await close();
      shop.stop();
    }
  });

  test("two windows that open at once", async () => {
    const order = await gateway.create();
    const { page, context, close } = await open();
    const other = await context.newPage();
    other.setDefaultTimeout(STATE_MS);
    await Promise.all([page.goto(order.checkout.url), other.goto(order.checkout.url)]);
    await Promise.all([all(page, "ready"), all(other, "ready")]);
    await pay(other.locator("lezai-checkout"));
    await Promise.all([all(page, "waiting"), all(other, "waiting")]);
    await page.reload();
    await all(page, "waiting");
    await close();
  });

  test("a key that another window stored meanwhile is used before the session is shown as taken", async () => {
    const order = await gateway.create();
    const { page, context, close } = await open();
    // One finds nothing at first, and cannot keep what it makes: it has a key that is not the one that stays.
    const slow = await context.newPage();
    slow.setDefaultTimeout(STATE_MS);
    await slow.addInitScript(() => {
      const get = IDBObjectStore.prototype.get;
      let reads = 0;
      IDBObjectStore.prototype.get = function (key) {
        reads += 1;
        return get.call(this, reads <= 2 ? "nothing" : key);
      };
      IDBObjectStore.prototype.put = () => {
        throw new DOMException("full", "QuotaExceededError");
      };
    });
    await page.goto(order.checkout.url);
    await all(page, "ready");
    await slow.goto(order.checkout.url);
    await all(slow, "ready");
    await pay(page.locator("lezai-checkout"));
    await all(page, "waiting");
    await all(slow, "waiting");
    await close();
  });
});

describe("where the browser keeps nothing", PATIENCE, () => {
  test("a reload continues, before and after an attempt", async () => {
    const order = await gateway.create();
    const shop = await shopPage(TAG(order));
    const { page, context, checkout, at, quiet, close } = await open();
    await context.addInitScript(denied);
    await page.goto(shop.address);
    await at("ready");
    await page.reload();
    await at("ready");
    await pay(checkout);
    await at("waiting");
    // Somebody may be paying by that code: nobody takes it over, and the words say what there is to do.
    await page.reload();
    await at("taken");
    await checkout.getByText("here before this page was reloaded").first().waitFor();
    await gateway.shopper(order, "decline");
    await checkout.getByRole("button", { name: "Check again" }).click();
    await at("declined");
    await pay(checkout);
    await at("waiting");
    await gateway.shopper(order, "pay");
    await at("paid");
    await page.reload();
    await at("paid");
    quiet(/session_taken/, /Failed to load resource/);
    await close();
    shop.stop();
  });

  test("two elements of one page share a key, and one that is put in later has it too", async () => {
    const order = await gateway.create();
    const shop = await shopPage(`${TAG(order)}${TAG(order)}`);
    const { page, context, close } = await open();
    await context.addInitScript(denied);
    await page.goto(shop.address);
    await all(page, "ready");
    await pay(page.locator("lezai-checkout").first());
    await all(page, "waiting");
    await page.evaluate(() => {
      for (const it of document.querySelectorAll("lezai-checkout")) it.replaceWith(it.cloneNode());
    });
    await all(page, "waiting");
    await close();
    shop.stop();
  });
});

test("the shop renews a session: the old page says so, and the new one goes on", PATIENCE, async () => {
  const order = await gateway.create();
  const { page, checkout, at, quiet, close } = await open();
  await page.goto(order.checkout.url);
  await at("ready");
  await pay(checkout);
  await at("waiting");
  const renewed = await gateway.renew(order);
  await at("replaced");
  await checkout.getByText("Go back to the shop to go on").first().waitFor();
  await page.goto(renewed.checkout.url);
  await at("waiting");
  await gateway.shopper(order, "pay");
  await at("paid");
  quiet(/session_replaced/, /Failed to load resource/);
  await close();
});

test("the time left of a code follows the order's clock", PATIENCE, async () => {
  const own = await startGateway();
  try {
    const moved = await fetch(`${own.origin}/sandbox/clock`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ advance_secs: 86_400 }),
    });
    assert.ok(moved.ok);
    const order = await own.create();
    const { page, checkout, at, close } = await open();
    await page.goto(order.checkout.url);
    await at("ready");
    await pay(checkout);
    await at("waiting");
    // A code of the sandbox's lives for two minutes.
    assert.match(await checkout.locator(".clock").textContent(), /0?[0-2]:\d\d/);
    assert.doesNotMatch(await checkout.locator(".clock").textContent(), /\d:\d\d:\d\d/);
    await close();
  } finally {
    await own.stop();
  }
});

test("a service worker that caches everything returns no old answer", PATIENCE, async () => {
  const worker = `
    self.addEventListener("install", () => self.skipWaiting());
    self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
    self.addEventListener("fetch", (event) => {
      if (event.request.method !== "GET") return;
      event.respondWith(caches.open("all").then(async (cache) => {
        const kept = await cache.match(event.request);
        if (kept) return kept;
        const fresh = await fetch(event.request);
        cache.put(event.request, fresh.clone()).catch(() => {});
        return fresh;
      }));
    });`;
  const order = await gateway.create();
  const shop = await shopPage(
    `<script>
      navigator.serviceWorker.register("/worker.js");
      navigator.serviceWorker.ready.then(() => {
        if (navigator.serviceWorker.controller) controlled();
        else navigator.serviceWorker.addEventListener("controllerchange", controlled);
      });
      function controlled() { document.body.insertAdjacentHTML("beforeend", '${TAG(order)}'); }
    </script>`,
    { "/worker.js": worker },
  );
  const { page, checkout, at, close } = await open();
  await page.goto(shop.address);
  await at("ready");
  await pay(checkout);
  await at("waiting");
  await gateway.shopper(order, "pay");
  await at("paid");
  // Of another origin's answer it may not see by what it varies; it gives none of them back.
  const [kept, given] = await page.evaluate(async (/** @type {string} */ url) => {
    const cache = await caches.open("all");
    return [(await cache.keys()).length, (await cache.match(url)) !== undefined];
  }, `${gateway.origin}/v1/checkout/sessions/${order.checkout.session}`);
  assert.ok(kept > 0, "it keeps what it can");
  assert.equal(given, false);
  assert.deepEqual(await states(page), ["paid"]);
  await close();
  shop.stop();
});

test("an old answer is not shown, and not called a forgery", PATIENCE, async () => {
  const order = await gateway.create();
  const { page, checkout, at, quiet, close } = await open();
  /** @type {any} */
  let first;
  await page.route(`**/sessions/${order.checkout.session}`, async (/** @type {any} */ route) => {
    first ??= await route.fetch();
    await route.fulfill({ response: first });
  });
  await page.goto(order.checkout.url);
  await at("ready");
  await pay(checkout);
  await at("outdated");
  assert.equal(await checkout.locator(".amount, svg.qr, a").count(), 0);
  assert.equal(await checkout.getByText("Do not pay here").count(), 0);
  await page.unrouteAll({ behavior: "ignoreErrors" });
  await checkout.getByRole("button", { name: "Check again" }).click();
  await at("waiting");
  quiet(/outdated/);
  await close();
});

test("behind a proxy that holds back streams the page shows the payment", PATIENCE, async () => {
  const { own, held, stop } = await behindProxy();
  const order = await own.create();
  const { page, checkout, at, quiet, close } = await open();
  await page.goto(order.checkout.url);
  await at("ready");
  await pay(checkout);
  await at("waiting");
  // The stream has begun at the gateway, and nothing of it has reached the page.
  while (![...held].some((it) => it.includes("/events"))) await page.waitForTimeout(50);
  await own.shopper(order, "pay");
  await at("paid");
  quiet();
  await close();
  await stop();
});

/** A gateway whose public address is a proxy's, which passes a body on when it is whole: nginx does so unless told. */
async function behindProxy() {
  /** Answers that have begun and are not passed on. */
  const held = /** @type {Set<string>} */ (new Set());
  let origin = "";
  const server = createServer(async (request, response) => {
    const body = [];
    for await (const chunk of request) body.push(chunk);
    const { method = "GET", headers, url = "/" } = request;
    const asked = ask(new URL(url, origin), { method, headers }, async (answer) => {
      const id = `${url} ${Math.random()}`;
      held.add(id);
      try {
        const whole = [];
        for await (const chunk of answer) whole.push(chunk);
        response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
        response.end(Buffer.concat(whole));
      } catch {
        response.destroy();
      } finally {
        held.delete(id);
      }
    });
    asked.on("error", () => response.destroy());
    response.on("close", () => asked.destroy());
    asked.end(Buffer.concat(body));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  // It is asked for its address before it can say it, so a port that is free now is taken.
  const { port: listening } = await new Promise((resolve) => {
    const free = createServer().listen(0, "127.0.0.1", () => {
      const address = /** @type {import("node:net").AddressInfo} */ (free.address());
      free.close(() => resolve(address));
    });
  });
  origin = `http://127.0.0.1:${listening}`;
  const flags = ["--listen", `127.0.0.1:${listening}`, "--public-url", `http://127.0.0.1:${port}`];
  const own = await startGateway(flags);
  return {
    own,
    held,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await own.stop();
    },
  };
}
