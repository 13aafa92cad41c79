/** The snippets of the checkout's documents are run as they stand there, with a real session filled in. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { openPage, startBrowser } from "./support/browser.mjs";
import { startGateway } from "./support/gateway.mjs";
import { website } from "./support/website.mjs";

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

/** A document's snippets by their language; those without one are under `""`. */
function snippets(/** @type {string} */ name) {
  const text = readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8");
  const found = /** @type {Record<string, string[]>} */ ({});
  for (const [, kind = "", code = ""] of text.matchAll(/^```(\w*)\n(.*?)^```$/gms)) {
    found[kind] = [...(found[kind] ?? []), code];
  }
  return found;
}

/** Opens a page of exactly these snippets, under the policy that the guide asks for. */
async function shop(/** @type {{ markup: string, css?: string, js?: string, policy: string }} */ parts) {
  const { checkout } = await gateway.create();
  const filled = (/** @type {string} */ text) =>
    text
      .replaceAll("https://pay.example", gateway.origin)
      .replace("cs_…", checkout.session)
      .replace('client-secret="…"', `client-secret="${checkout.client_secret}"`);
  const [scripts = "", connect = ""] = filled(parts.policy).trim().split("\n");
  const files = /** @type {Record<string, [string, string]>} */ ({
    "/": [
      "text/html",
      `<!doctype html><title>Shop</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/shop.css">
        ${filled(parts.markup)}<script type="module" src="/shop.js"></script>`,
    ],
    "/shop.css": ["text/css", parts.css ?? ""],
    "/shop.js": ["text/javascript", parts.js ?? ""],
  });
  const site = await website((request, response) => {
    const [type, body] = files[request.url ?? "/"] ?? ["text/plain", ""];
    response.setHeader("content-type", `${type}; charset=utf-8`);
    const own = scripts.replace(/\s+/, " 'self' ");
    response.setHeader(
      "content-security-policy",
      `default-src 'none'; ${own}; ${connect}; style-src 'self'; img-src data:; require-trusted-types-for 'script'`,
    );
    response.end(body);
  });
  const shopper = await openPage(browser);
  await shopper.page.goto(`${site.origin}/`);
  await shopper.at("ready");
  return { ...shopper, close: () => Promise.all([shopper.close(), site.close()]) };
}

for (const guide of ["checkout.md", "checkout.zh-CN.md"]) {
  test(guide, async () => {
    const { html = [], js = [], "": plain = [] } = snippets(guide);
    const policy = plain.find((it) => it.startsWith("script-src")) ?? "";
    const { quiet, close } = await shop({ markup: html[0] ?? "", js: js[0] ?? "", policy });
    quiet();
    await close();
  });
}

test("theming.md", async () => {
  const { html = [], css = [] } = snippets("theming.md");
  const { html: guide = [], "": plain = [] } = snippets("checkout.md");
  const script = (guide[0] ?? "").split("\n")[0];
  const policy = plain.find((it) => it.startsWith("script-src")) ?? "";
  const { checkout, quiet, close } = await shop({ markup: script + html[0], css: css.join("\n"), policy });
  const style = await checkout.locator("button.button").evaluate((/** @type {Element} */ button) => {
    const { backgroundColor, textTransform, colorScheme } = getComputedStyle(button);
    return { backgroundColor, textTransform, colorScheme };
  });
  assert.deepEqual(style, {
    backgroundColor: "rgb(122, 31, 92)",
    textTransform: "uppercase",
    colorScheme: "dark",
  });
  quiet();
  await close();
});

test("the guides have the same snippets, and every property and part is in the element's style", () => {
  const [english, chinese] = ["checkout.md", "checkout.zh-CN.md"].map(snippets);
  assert.equal(chinese?.html?.[0], english?.html?.[0]);
  const text = readFileSync(new URL("../../docs/theming.md", import.meta.url), "utf8");
  const source = (/** @type {string} */ name) =>
    readFileSync(new URL(`../../www/checkout/src/${name}`, import.meta.url), "utf8");
  const all = (/** @type {string} */ text, /** @type {RegExp} */ pattern) =>
    [...new Set([...text.matchAll(pattern)].map(([, name]) => name))].toSorted();
  const properties = /(--lezai-[a-z-]+)/g;
  assert.deepEqual(all(text, properties), all(source("style.css"), properties));
  const listed = /^(`card`.*), for `::part/m.exec(text)?.[1] ?? "";
  assert.deepEqual(all(listed, /`([a-z]+)`/g), all(source("view.ts"), /part: "([a-z]+)"/g));
});
