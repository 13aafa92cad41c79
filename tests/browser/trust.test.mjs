/** Somebody between the page and the gateway changes what they say: the element shows none of it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { openPage, startBrowser } from "./support/browser.mjs";
import { startGateway } from "./support/gateway.mjs";
import { eventually } from "./support/patience.mjs";
import { element, html, website } from "./support/website.mjs";

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

const OPEN = "**/open";
const PAY = "**/pay";
const KEYS = "**/.well-known/jwks.json";

/** Changes the answers to one call on their way to the page. */
function tamper(
  /** @type {any} */ page,
  /** @type {string} */ call,
  /** @type {(answer: any) => any} */ change,
) {
  return page.route(call, async (/** @type {any} */ route) => {
    if (route.request().resourceType() === "document" || route.request().method() === "OPTIONS")
      return route.continue();
    const response = await route.fetch();
    const answer = { status: response.status(), headers: response.headers(), body: await response.text() };
    await route.fulfill(change(answer) ?? answer);
  });
}

/** Opens the hosted page with its answers tampered with, and pays if it gets so far. */
async function refused(
  /** @type {string} */ call,
  /** @type {(answer: any) => any} */ change,
  /** @type {RegExp} */ why,
  /** @type {boolean} */ webCrypto,
  /** @type {object} */ terms = {},
) {
  const order = await gateway.create(terms);
  const { page, checkout, at, quiet, close } = await openPage(browser, { webCrypto });
  await tamper(page, call, change);
  await page.goto(order.checkout.url);
  if (call === PAY) {
    await at("ready");
    await checkout.getByRole("button", { name: /^Pay/ }).click();
  }
  await at("refused");
  await checkout.locator(".hint", { hasText: "This answer was not signed by the gateway" }).waitFor();
  await checkout.getByText("Details").click();
  assert.match(await checkout.locator(".why p").textContent(), why);
  // Neither the true nor the false amount, no code, no link to pay.
  assert.equal(await checkout.locator(".amount, svg.qr, a").count(), 0);
  quiet(/refused/, /Failed to load resource/);
  await close();
}

const replaced =
  (/** @type {RegExp | string} */ from, /** @type {string} */ to) => (/** @type {any} */ answer) => {
    const body = answer.body.replace(from, to);
    assert.notEqual(body, answer.body, "nothing was tampered with");
    return { ...answer, body };
  };
const without = (/** @type {string} */ name) => (/** @type {any} */ answer) => {
  const { [name]: _gone, ...headers } = answer.headers;
  return { ...answer, headers };
};

// WebCrypto verifies, or the core's own P-256 where it is missing: nothing is believed either way.
for (const webCrypto of [true, false]) {
  describe(`refused, ${webCrypto ? "with" : "without"} WebCrypto`, { concurrency: 4 }, () => {
    const refuses = (
      /** @type {string} */ call,
      /** @type {(answer: any) => any} */ change,
      /** @type {RegExp} */ why,
      /** @type {object} */ terms = {},
    ) => refused(call, change, why, webCrypto, terms);
    test("another amount", () => refuses(OPEN, replaced('"amount":12800', '"amount":99800'), /digest/));
    test("another merchant", () =>
      refuses(OPEN, replaced(/"name":"[^"]*"/, '"name":"Another shop"'), /digest/));
    test("another QR code", () =>
      refuses(PAY, replaced(/"qr":"[^"]*"/, '"qr":"https://thief.example/pay"'), /digest/));
    test("another body with a digest that fits it", async () => {
      await refuses(
        OPEN,
        (answer) => {
          const { headers, ...rest } = replaced('"amount":12800', '"amount":99800')(answer);
          return { ...rest, headers: { ...headers, "content-digest": digestOf(rest.body) } };
        },
        /does not verify/,
      );
    });
    test("another fee", () => refuses(OPEN, replaced('"fee":598', '"fee":98'), /digest/, { amount: 26000 }));
    for (const [what, from, to] of /** @type {const} */ ([
      ["fee", '"fee":598,"total":26598', '"fee":98,"total":26098'],
      ["first part", '"first":4433', '"first":433'],
      ["rate", '"rate_ppm":23000', '"rate_ppm":22000'],
      ["count", '"count":6', '"count":7'],
    ])) {
      test(`another ${what}, signed by the gateway itself`, async () => {
        const order = await gateway.create({ amount: 26000 });
        const { page, context, checkout, at, quiet, close } = await openPage(browser, { webCrypto });
        // As if its arithmetic were wrong: what was verified is changed before the page reads it.
        await context.addInitScript(
          (/** @type {string[]} */ [from = "", to = ""]) => {
            const parse = JSON.parse.bind(JSON);
            JSON.parse = (text, ...rest) => parse(text.replace(from, to), ...rest);
          },
          [from, to],
        );
        await page.goto(order.checkout.url);
        await at("refused");
        await checkout.getByText("Details").click();
        assert.match(await checkout.locator(".why p").textContent(), /instalments/);
        assert.equal(await checkout.locator(".amount, .plan, a").count(), 0);
        quiet(/refused/);
        await close();
      });
    }
    test("another status", () => refuses(PAY, (answer) => ({ ...answer, status: 201 }), /does not verify/));
    test("no signature", () => refuses(OPEN, without("signature"), /Signature/));
    test("no signature input", () => refuses(OPEN, without("signature-input"), /no signature/));
    test("no digest", () => refuses(OPEN, without("content-digest"), /content-digest|Content-Digest/));
    test("a page of something else", () =>
      refuses(
        OPEN,
        () => ({
          status: 200,
          headers: { "content-type": "text/html" },
          body: "<h1>Welcome to our Wi-Fi</h1>",
        }),
        /no signature/,
      ));
    test("a gateway's key that the client secret does not pin", () =>
      refuses(
        KEYS,
        replaced(/"x":"[^"]*"/, `"x":"${"A".repeat(43)}"`),
        /does not have the thumbprint in the client secret/,
      ));

    test("another core, whose bytes differ from the script's hash", async () => {
      const order = await gateway.create();
      const { page, checkout, at, close } = await openPage(browser, { webCrypto });
      await page.route("**/*.wasm", async (/** @type {any} */ route) => {
        const response = await route.fetch();
        await route.fulfill({ response, body: Buffer.concat([await response.body(), Buffer.of(0, 1, 0)]) });
      });
      await page.goto(order.checkout.url);
      await at("unreachable");
      assert.equal(await checkout.locator(".amount").count(), 0);
      await close();
    });

    test("an earlier signed answer to a later request", async () => {
      /** @type {any} */
      let earlier;
      const order = await gateway.create();
      const { page, checkout, at, close } = await openPage(browser, { webCrypto });
      await tamper(page, OPEN, (answer) => {
        earlier = answer;
      });
      await tamper(page, PAY, () => earlier);
      await page.goto(order.checkout.url);
      await at("ready");
      await checkout.getByRole("button", { name: /^Pay/ }).click();
      // Genuine once, it is told from a forgery, and believed no more than one.
      await at("outdated");
      assert.equal(await checkout.locator(".amount, svg.qr").count(), 0);
      await close();
    });

    test("a forged event only causes a query", async () => {
      const order = await gateway.create();
      const { page, checkout, at, quiet, close } = await openPage(browser, { webCrypto });
      await page.route("**/events", (/** @type {any} */ route) =>
        route.fulfill({
          contentType: "text/event-stream",
          headers: { "access-control-allow-origin": "*" },
          body: 'event: change\nid: 9\ndata: {"version":9,"status":"paid","amount":1}\n\n',
        }),
      );
      let looks = 0;
      page.on("requestfinished", (/** @type {any} */ request) => {
        looks += request.url().endsWith(order.checkout.session) ? 1 : 0;
      });
      await page.goto(order.checkout.url);
      await at("ready");
      await checkout.getByRole("button", { name: /^Pay/ }).click();
      await at("waiting");
      await eventually(() => looks > 2, "the page looks again");
      assert.equal(await checkout.evaluate((/** @type {any} */ element) => element.state), "waiting");
      assert.match(await checkout.locator(".amount").textContent(), /128\.00/);
      quiet();
      await close();
    });
  });
}

describe("misuse is explained", () => {
  const rows = /** @type {const} */ ([
    ["no session", {}, /the attribute session is needed/],
    ["a malformed session", { session: "cs_1", "client-secret": "a.b" }, /the attribute session is needed/],
    ["a secret in the wrong place", { session: "planted-secret" }, /the attribute session is needed/],
    ["no secret", { session: `cs_${"0".repeat(32)}` }, /the attribute client-secret is needed/],
    [
      "no gateway",
      { session: `cs_${"0".repeat(32)}`, gateway: "ftp://x" },
      /the attribute gateway must be an origin/,
    ],
  ]);
  for (const [name, attributes, message] of rows) {
    test(name, async () => {
      const { page, at, quiet, close } = await openPage(browser);
      await page.goto(`${gateway.shop}/pay.html`);
      const error = await page.evaluate(async (/** @type {Record<string, string>} */ attributes) => {
        await customElements.whenDefined("lezai-checkout");
        const element = document.createElement("lezai-checkout");
        for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
        const told = new Promise((resolve) =>
          element.addEventListener("error", (event) => resolve(/** @type {any} */ (event).detail.message)),
        );
        document.body.append(element);
        return told;
      }, attributes);
      assert.match(error, message);
      await at("failed");
      const shown = await page.evaluate(
        () => document.querySelector("lezai-checkout")?.shadowRoot?.textContent,
      );
      assert.doesNotMatch(`${error} ${shown}`, /planted/, "what a page's author mixed up is told to nobody");
      quiet(message);
      await close();
    });
  }

  test("a session that is set later is awaited without a warning", async () => {
    const { checkout: sold } = await gateway.create();
    const { page, at, quiet, close } = await openPage(browser);
    await page.clock.install();
    await page.goto(`${gateway.shop}/pay.html`);
    await page.evaluate(async () => {
      await customElements.whenDefined("lezai-checkout");
      document.querySelector("main")?.append(document.createElement("lezai-checkout"));
    });
    await at("loading");
    await page.clock.runFor(1_000);
    await page.evaluate((/** @type {any} */ { session, client_secret }) => {
      const element = /** @type {any} */ (document.querySelector("lezai-checkout"));
      element.session = session;
      element.clientSecret = client_secret;
    }, sold);
    await at("ready");
    quiet();
    await close();
  });

  test("an order for a mini-program says so, and leaves the session to the app", async () => {
    const { checkout: sold } = await gateway.create({ methods: ["wechat_jsapi"] });
    const { page, checkout, at, quiet, close } = await openPage(browser, { locale: "zh-CN" });
    await page.goto(sold.url);
    await at("elsewhere");
    await checkout.getByText("这笔订单在商家的小程序或应用里付款").first().waitFor();
    await checkout.getByRole("button", { name: "重新检查" }).click();
    await at("elsewhere");
    quiet(/method_unavailable/);
    await close();
  });

  test("a policy that forbids WebAssembly: the hosted page is offered", async () => {
    const { checkout: sold } = await gateway.create();
    const policy = `default-src 'none'; script-src ${gateway.origin}; connect-src ${gateway.origin}`;
    const shop = await website(
      html(element(gateway.origin, { checkout: sold }), { "content-security-policy": policy }),
    );
    const { page, checkout, at, quiet, close } = await openPage(browser);
    await page.goto(shop.origin);
    await at("failed");
    await checkout.getByRole("link", { name: "Pay on the payment page" }).click();
    await at("ready");
    quiet(/wasm-unsafe-eval/, /policy: script-src wasm-eval/, /img-src/);
    await close();
    shop.close();
  });
});

function digestOf(/** @type {string} */ body) {
  return `sha-256=:${createHash("sha256").update(body).digest("base64")}:`;
}
