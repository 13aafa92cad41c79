/**
 * The oldest browsers that the guide promises. Everything that one of them lacks by MDN's data, and a new browser
 * has, is taken away from the page's world, and a shopper pays; the style is checked by what it is built to.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { BROWSERS } from "../../www/browsers.mjs";
import { openPage, startBrowser } from "./support/browser.mjs";
import { startGateway } from "./support/gateway.mjs";
import { element, html, website } from "./support/website.mjs";

const { younger, youngerInScript, youngerInStyle } = await import(
  /** @type {any} */ (new URL("../../www/compat.mjs", import.meta.url).href)
);

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

/** Runs in the page before any script of its own: takes away what is younger. */
function age(/** @type {{ holder: string[], name: string, on?: string }[]} */ younger) {
  const TypedArray = Object.getPrototypeOf(Int8Array);
  const gone = [];
  for (const { holder, name, on } of younger) {
    /** @type {any} */
    let object = globalThis;
    for (const it of holder) object = it === "TypedArray" ? TypedArray : object?.[it];
    // Members of `window` lie on the window itself, all others on a class or on what it makes.
    const places = holder.length > 0 ? [object, object?.prototype] : [globalThis, Window.prototype];
    if (on) places.splice(on === "object" ? 1 : 0, 1);
    for (const it of places) {
      if (it && Object.hasOwn(it, name) && Reflect.deleteProperty(it, name))
        gone.push([...holder, name].join("."));
    }
  }
  Object.assign(globalThis, { gone });
}

const members = younger().map((/** @type {any} */ { holder, name, on }) => ({ holder, name, on }));

async function oldBrowser(/** @type {object} */ options = {}) {
  const shopper = await openPage(browser, options);
  await shopper.context.addInitScript(age, members);
  return shopper;
}

async function pay(/** @type {any} */ { page, checkout, at, quiet }, /** @type {any} */ order) {
  await at("ready");
  const gone = await page.evaluate(() => /** @type {any} */ (globalThis).gone);
  for (const name of ["URL.canParse", "AbortSignal.any", "Array.toSorted", "Promise.withResolvers"])
    assert.ok(gone.includes(name), `${name} is still there`);
  await checkout.getByRole("button", { name: /^Pay/ }).click();
  await at("waiting");
  await checkout.locator("svg.qr").waitFor();
  await gateway.shopper(order, "pay");
  await at("paid");
  quiet();
}

test("the hosted page, in the shopper's language", async () => {
  const order = await gateway.create();
  const shopper = await oldBrowser({ locale: "de-DE" });
  await shopper.page.goto(order.checkout.url);
  await shopper.at("ready");
  await shopper.checkout.locator(".all[lang=de]").waitFor();
  await shopper.checkout.locator("button.button").click();
  await shopper.at("waiting");
  await gateway.shopper(order, "pay");
  await shopper.at("paid");
  shopper.quiet();
  await shopper.close();
});

for (const webCrypto of [true, false]) {
  test(`the element in a shop's page, ${webCrypto ? "with" : "without"} WebCrypto`, async () => {
    const order = await gateway.create();
    const shop = await website(html(element(gateway.origin, order)));
    const shopper = await oldBrowser({ webCrypto });
    await shopper.page.goto(shop.origin);
    await pay(shopper, order);
    await shopper.close();
    shop.close();
  });
}

test("the demo shop, from its shelves to its orders", async () => {
  const shopper = await oldBrowser({ width: 1200 });
  const { page, at, checkout } = shopper;
  await page.goto(gateway.shop);
  await page.click('[data-product="jasmine-tea"]');
  await at("ready");
  await checkout.getByRole("button", { name: /^Pay/ }).click();
  await at("waiting");
  await page.goto(`${gateway.shop}/orders.html`);
  await page.locator(".entry").first().waitFor();
  shopper.quiet();
  await shopper.close();
});

test("the guides name the browsers that it is built for", () => {
  const { chrome, firefox, safari } = BROWSERS;
  const guide = readFileSync(new URL("../../docs/checkout.md", import.meta.url), "utf8");
  assert.ok(guide.includes(`Chrome ${chrome}, Firefox ${firefox}, Safari ${safari}, and newer`));
});

test("the check detects calls, globals, members, properties, values and units that are too new", () => {
  const script = `
    URL.canParse("x"); AbortSignal.any([]); [].toSorted(); const { DurationFormat } = Intl;
    new CloseWatcher(); Promise.try(() => 1); const own = { toSpliced() {} }; own.toSpliced(); URL.parse;
    [].at(-1); structuredClone({}); document.querySelector("a").showPopover();`;
  assert.deepEqual(
    youngerInScript(script)
      .map((/** @type {string[]} */ [path]) => path)
      .sort(),
    [
      "api.AbortSignal.any_static",
      "api.CloseWatcher",
      "api.HTMLElement.showPopover",
      "api.URL.canParse_static",
      "api.URL.parse_static",
      "javascript.builtins.Array.toSorted",
      "javascript.builtins.Intl.DurationFormat",
      "javascript.builtins.Promise.try",
    ],
  );
  const style = `
    a { block-size: 1svh; color: light-dark(#000, #fff); mask: none; }
    b { block-size: 1vh; block-size: 1svh; -webkit-mask: none; mask: none; }
    c:popover-open { field-sizing: content; }
    @supports (color: light-dark(#000, #fff)) { d { color: light-dark(#000, #fff); } }
    @starting-style { e { color: red; } }`;
  assert.deepEqual(
    youngerInStyle(style)
      .map((/** @type {string[]} */ [path]) => path)
      .sort(),
    [
      "css.at-rules.starting-style",
      "css.properties.field-sizing",
      "css.properties.mask",
      "css.selectors.popover-open",
      "css.types.color.light-dark",
      "css.types.length.viewport_percentage_units_small",
    ],
  );
});
