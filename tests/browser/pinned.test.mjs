/** The tag that the gateway prints for shops that pin the script: the browser takes it, and no other bytes. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { openPage, startBrowser } from "./support/browser.mjs";
import { startGateway } from "./support/gateway.mjs";
import { html, website } from "./support/website.mjs";

/** @type {import("./support/gateway.mjs").Gateway} */
let gateway;
/** @type {any} */
let browser;
/** @type {any} */
let release;
before(async () => {
  [gateway, browser] = await Promise.all([startGateway(), startBrowser()]);
  release = await (await fetch(`${gateway.origin}/checkout/v1/`)).json();
});
after(async () => {
  await browser?.close();
  await gateway?.stop();
});

/** Opens a page of a shop's own, on another origin than the gateway's. */
async function shopPage(/** @type {string} */ body) {
  const site = await website(html(body));
  const shop = await openPage(browser);
  await shop.page.goto(site.origin);
  return { ...shop, close: () => Promise.all([shop.close(), site.close()]) };
}

const element = (/** @type {any} */ { checkout }) =>
  `<lezai-checkout session="${checkout.session}" client-secret="${checkout.client_secret}"></lezai-checkout>`;

test("the printed tag embeds the element, and a shopper can pay", async () => {
  const order = await gateway.create();
  const shop = await shopPage(release.tag + element(order));
  await shop.at("ready");
  await gateway.shopper(order, "pay");
  await shop.at("paid");
  shop.quiet();
  await shop.close();
});

test("a script that is not the pinned one does not run", async () => {
  const other = `sha384-${createHash("sha384").update("other").digest("base64")}`;
  const shop = await shopPage(release.tag.replace(release.script.integrity, other));
  assert.equal(await shop.page.evaluate(() => customElements.get("lezai-checkout") === undefined), true);
  shop.quiet(/Failed to find a valid digest in the 'integrity' attribute/);
  await shop.close();
});

test("the tag names the served file, which is immutable", async () => {
  const { src, integrity } = release.script;
  assert.ok(release.tag.includes(`src="${src}" integrity="${integrity}"`));
  const answer = await fetch(src);
  const hash = createHash("sha384").update(Buffer.from(await answer.arrayBuffer()));
  assert.equal(`sha384-${hash.digest("base64")}`, integrity);
  assert.match(answer.headers.get("cache-control") ?? "", /immutable/);
  const { files } = await (await fetch(release.inventory)).json();
  assert.ok(files.some((/** @type {any} */ file) => src.endsWith(file.path) && file.integrity === integrity));
});

test("the hosted page's Integrity-Policy runs no script of its own without a hash", async () => {
  for (const [policy, runs] of /** @type {const} */ ([
    ["served", false],
    ["taken away", true],
  ])) {
    const order = await gateway.create();
    const { page, close } = await openPage(browser);
    await page.route("**/pay/cs_*", async (/** @type {any} */ route) => {
      const response = await route.fetch();
      const headers = response.headers();
      assert.equal(headers["integrity-policy"], "blocked-destinations=(script)");
      if (policy === "taken away") delete headers["integrity-policy"];
      const html = await response.text();
      const body = html.replace(/(src="[^"]*\/pay\.js")([^>]*?)\s+integrity="[^"]*"/, "$1$2");
      assert.notEqual(body, html, "the script's hash is taken away");
      await route.fulfill({ status: 200, headers, body });
    });
    const failed = /** @type {string[]} */ ([]);
    page.on("requestfailed", (/** @type {any} */ request) => failed.push(request.url()));
    await page.goto(order.checkout.url);
    // The page is loaded, and what it may run has run.
    await page.waitForFunction(() => customElements.get("lezai-checkout") !== undefined);
    if (runs) await page.waitForSelector("lezai-checkout");
    const ran = await page.evaluate(() => document.querySelector("lezai-checkout") !== null);
    assert.deepEqual([policy, ran], [policy, runs], failed.join());
    await close();
  }
});
