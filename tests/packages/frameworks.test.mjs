/** @lezai/checkout out of its tarball, in fresh projects of many kinds: a shopper pays in each, in Chromium. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openPage, startBrowser } from "../browser/support/browser.mjs";
import { startGateway } from "../browser/support/gateway.mjs";
import { npm, pack, project } from "./support/project.mjs";
import { serveBy, serveFiles } from "./support/serve.mjs";

const PATIENCE = { timeout: 600_000 };

let gateway;
let browser;
let tarball;
before(async () => {
  [gateway, browser, tarball] = await Promise.all([startGateway(), startBrowser(), pack("checkout")]);
});
after(async () => {
  await browser?.close();
  await gateway?.stop();
});

/** Pays at a shop, and closes the shop whatever happens. */
async function payIn(serving, ...expected) {
  const shop = await serving;
  try {
    await payAt(shop.origin, ...expected);
  } finally {
    shop.stop();
  }
}

/** Opens a shop's page and pays there; the page's own listener must hear of it. */
async function payAt(origin, ...expected) {
  const order = await gateway.create();
  const { session, client_secret: secret } = order.checkout;
  const shopper = await openPage(browser);
  const files = [];
  shopper.page.on("response", (response) => files.push(new URL(response.url())));
  await shopper.page.goto(`${origin}/?${new URLSearchParams({ gateway: gateway.origin, session, secret })}`);
  await shopper.at("ready");
  // The shopper's language is a file of its own, which comes from the shop, as the wasm does.
  await shopper.checkout.evaluate((element) => element.setAttribute("lang", "de"));
  await shopper.checkout.getByRole("button", { name: /bezahlen/ }).click();
  const beside = files.filter(({ pathname }) => /\.(wasm|json)$/.test(pathname) && !/jwks/.test(pathname));
  assert.deepEqual([...new Set(beside.map((it) => it.origin))], [origin], String(files));
  assert.equal(beside.length, 2, String(files));
  await shopper.at("waiting");
  await gateway.shopper(order, "pay");
  await shopper.at("paid");
  await shopper.page.locator("output", { hasText: "paid 12800" }).waitFor();
  shopper.quiet(...expected);
  await shopper.close();
}

test("plain HTML, without a bundler", PATIENCE, async () => {
  await payIn(serveFiles(await project("html", "html", tarball), gateway.origin));
});

for (const [name, title] of [
  ["vite", "Vite"],
  ["react", "React"],
  ["vue", "Vue"],
  ["svelte", "Svelte"],
]) {
  test(`${title}, built`, PATIENCE, async () => {
    const folder = await project(name, name, tarball);
    await npm(folder, "run", "build");
    await payIn(serveFiles(`${folder}/dist`, gateway.origin));
  });
}

test("Vite's server for development, which bundles packages beforehand", PATIENCE, async () => {
  const folder = await project("vite", "vite-dev", tarball);
  await payIn(serveBy(folder, "vite", "--host", "127.0.0.1", "--port", "0"));
});

test("Next, rendered on the server", PATIENCE, async () => {
  const folder = await project("next", "next", tarball);
  await npm(folder, "run", "build");
  await payIn(serveBy(folder, "next", "start", "--hostname", "127.0.0.1", "--port", "0"));
});

test("misuse is explained in the console", PATIENCE, async () => {
  const shop = await serveFiles(await project("html", "misuse", tarball), gateway.origin);
  const { session, client_secret: secret } = (await gateway.create()).checkout;
  try {
    for (const [given, state, said] of [
      [
        { session, secret },
        "failed",
        /gateway_malformed: .* must be an origin such as https:\/\/pay\.example/,
      ],
      [
        { gateway: gateway.origin, secret },
        "failed",
        /session_malformed: .* pass checkout\.session \(cs_…\) as the gateway gave it to your server/,
      ],
      [
        { gateway: gateway.origin, session },
        "failed",
        /client_secret_missing: .* pass checkout\.client_secret/,
      ],
      [
        { gateway: shop.origin, session, secret },
        "unreachable",
        /gateway_unknown: .* set the attribute gateway to its origin/,
      ],
    ]) {
      const shopper = await openPage(browser);
      const console_ = [];
      shopper.page.on("console", (message) => console_.push(message.text()));
      await shopper.page.goto(`${shop.origin}/?${new URLSearchParams(given)}`);
      await shopper.at(state);
      assert.match(console_.join("\n"), said);
      await shopper.close();
    }
  } finally {
    shop.stop();
  }
});

test("importing it where there is no document does no harm", PATIENCE, async () => {
  const folder = await project("html", "node", tarball);
  const script = 'import("@lezai/checkout").then((it) => console.log(Object.keys(it).join()))';
  const { stdout } = await npm(folder, "exec", "--no", "--", "node", "--input-type=module", "-e", script);
  assert.equal(stdout.trim(), "LezaiCheckout");
});
