/** The tag that the gateway prints for shops that pin the script: the browser takes it, and no other bytes. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { openPage, startBrowser } from "./support/browser.mjs";
import { startGateway } from "./support/gateway.mjs";

const PATIENCE = { timeout: 60_000 };

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
async function shopPage(/** @type {string} */ html) {
  const server = createServer((_request, response) => {
    response.setHeader("content-type", "text/html");
    response.end(`<!doctype html><title>Shop</title><link rel="icon" href="data:,">${html}`);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const shop = await openPage(browser);
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  await shop.page.goto(`http://127.0.0.1:${port}/`);
  return { ...shop, close: () => Promise.all([shop.close(), server.close()]) };
}

const element = (/** @type {any} */ { checkout }) =>
  `<lezai-checkout session="${checkout.session}" client-secret="${checkout.client_secret}"></lezai-checkout>`;

test("the printed tag embeds the element, and she can pay", PATIENCE, async () => {
  const order = await gateway.create();
  const shop = await shopPage(release.tag + element(order));
  await shop.at("ready");
  await gateway.shopper(order, "pay");
  await shop.at("paid");
  shop.quiet();
  await shop.close();
});

test("a script that is not the pinned one does not run", PATIENCE, async () => {
  const other = `sha384-${createHash("sha384").update("other").digest("base64")}`;
  const shop = await shopPage(release.tag.replace(release.script.integrity, other));
  assert.equal(await shop.page.evaluate(() => customElements.get("lezai-checkout") === undefined), true);
  shop.quiet(/Failed to find a valid digest in the 'integrity' attribute/);
  await shop.close();
});

test(
  "every hash in the list is that of the file, and the pinned file is kept for good",
  PATIENCE,
  async () => {
    assert.ok(release.tag.includes(`src="${release.script.src}" integrity="${release.script.integrity}"`));
    for (const { file, bytes, integrity } of release.files) {
      const answer = await fetch(`${gateway.origin}/checkout/v1/${file}`);
      const content = Buffer.from(await answer.arrayBuffer());
      assert.equal(content.length, bytes, file);
      assert.equal(`sha384-${createHash("sha384").update(content).digest("base64")}`, integrity, file);
    }
    const { headers } = await fetch(release.script.src);
    assert.match(headers.get("cache-control") ?? "", /immutable/);
  },
);
