/** The element in pages that are not as it would like them: what it does, and what it says. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { accessibilityFaults, openPage, startBrowser } from "./support/browser.mjs";
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

/**
 * A shop's page with this body, where `{{checkout}}` is the element for a new order.
 *
 * @param {string} body
 * @param {{ prepare?: (shopper: any) => Promise<void>, options?: object, more?: string }} [how]
 */
async function shop(body, { prepare, options, more } = {}) {
  const order = await gateway.create();
  const site = await website(html(body.replace("{{checkout}}", element(gateway.origin, order, more))));
  const shopper = await openPage(browser, options);
  await prepare?.(shopper);
  await shopper.page.goto(site.origin);
  return { ...shopper, order, site, close: () => Promise.all([shopper.close(), site.close()]) };
}

const TAG = "<main><h1>Shop</h1>{{checkout}}</main>";
/** Keeps the errors that the element tells. */
const LISTEN = `<script>
  globalThis.told = [];
  addEventListener("error", (event) => event.detail && told.push(event.detail), true);
</script>`;
const told = (/** @type {any} */ page) => page.evaluate(() => /** @type {any} */ (globalThis).told);

describe("a fault in the element itself ends in words and an event", () => {
  for (const [name, spoil] of /** @type {[string, () => void][]} */ ([
    [
      "an amount that cannot be formatted",
      () => {
        Intl.NumberFormat.prototype.formatToParts = () => {
          throw new Error("planted");
        };
      },
    ],
    [
      "nothing that can be drawn",
      () => {
        const create = document.createElement;
        document.createElement = (/** @type {any[]} */ ...[tag]) => {
          if (tag === "section") throw new Error("planted");
          return create.call(document, tag);
        };
      },
    ],
  ])) {
    test(name, async () => {
      const { page, checkout, at, quiet, close } = await shop(LISTEN + TAG, {
        prepare: ({ context }) => context.addInitScript(spoil),
      });
      await at("failed");
      const [{ code, message }] = await told(page);
      assert.deepEqual([code, message], ["unexpected", "Error: planted"]);
      const words = await checkout.evaluate((/** @type {any} */ it) => it.shadowRoot.textContent);
      assert.match(words, /This payment cannot be opened/);
      quiet(/unexpected: Error: planted/);
      await close();
    });
  }
});

describe("storage", () => {
  test("storage that never answers is asked once, and awaited for two seconds in all", async () => {
    const { page, at, quiet, close } = await shop(TAG, {
      prepare: async ({ context, page }) => {
        await page.clock.install();
        await context.addInitScript(() => {
          let asked = 0;
          IDBFactory.prototype.open = () => {
            Object.assign(globalThis, { asked: ++asked });
            return /** @type {any} */ ({});
          };
        });
      },
    });
    const asked = () => page.evaluate(() => /** @type {any} */ (globalThis).asked);
    await eventually(async () => (await asked()) === 1, "the storage is asked");
    await page.clock.runFor(2_000);
    await at("ready");
    assert.equal(await asked(), 1);
    quiet();
    await close();
  });

  test("storage that answers late still has the key: a reload continues", async () => {
    const { page, at, close } = await shop(TAG, {
      prepare: async ({ context, page }) => {
        await page.clock.install();
        await context.addInitScript(() => {
          if (sessionStorage.getItem("awake")) return;
          const open = IDBFactory.prototype.open;
          IDBFactory.prototype.open = (...asked) => {
            IDBFactory.prototype.open = open;
            const late = /** @type {any} */ ({});
            const wake = () => {
              const opening = indexedDB.open(...asked);
              Object.defineProperty(late, "result", { get: () => opening.result });
              opening.onupgradeneeded = () => late.onupgradeneeded();
              opening.onsuccess = () => late.onsuccess();
            };
            Object.assign(globalThis, { wake });
            return late;
          };
        });
      },
    });
    const asked = () => page.evaluate(() => "wake" in globalThis);
    await eventually(asked, "the storage is asked");
    await page.clock.runFor(2_000);
    await at("ready");
    await page.evaluate(() => /** @type {any} */ (globalThis).wake());
    const kept = () =>
      page.evaluate(
        () =>
          new Promise((resolve) => {
            const opening = indexedDB.open("lezai-checkout", 1);
            opening.onsuccess = () => {
              const all = opening.result.transaction("sessions").objectStore("sessions").getAll();
              all.onsuccess = () => {
                opening.result.close();
                resolve(all.result.some((/** @type {any} */ it) => it.key));
              };
            };
          }),
      );
    await eventually(kept, "the key is kept");
    await page.evaluate(() => sessionStorage.setItem("awake", "yes"));
    await page.reload();
    await at("ready");
    await close();
  });

  test("a foreign database of the same name is ignored", async () => {
    const { page, at, quiet, close } = await shop("<main></main>");
    await page.evaluate(
      () =>
        new Promise((resolve, reject) => {
          const opening = indexedDB.open("lezai-checkout", 1);
          opening.onerror = reject;
          opening.onsuccess = () => {
            opening.result.close();
            resolve(undefined);
          };
        }),
    );
    const { checkout } = await gateway.create();
    await page.evaluate(
      async (/** @type {string[]} */ [script, session, secret]) => {
        await import(/** @type {any} */ (script));
        const it = document.createElement("lezai-checkout");
        Object.assign(it, { session, clientSecret: secret });
        document.querySelector("main")?.append(it);
      },
      [`${gateway.origin}/checkout/v1/lezai-checkout.js`, checkout.session, checkout.client_secret],
    );
    await at("ready");
    quiet();
    await close();
  });
});

test("a core that does not arrive is reported after fifteen seconds, and used when it comes", async () => {
  /** @type {(() => void) | undefined} */
  let arrive;
  const { page, checkout, at, close } = await shop(TAG, {
    prepare: async ({ page }) => {
      await page.clock.install();
      await page.route("**/lezai_web_bg-*.wasm", async (/** @type {any} */ route) => {
        await new Promise((resolve) => {
          arrive = () => resolve(undefined);
        });
        await route.continue();
      });
    },
  });
  await eventually(() => arrive !== undefined, "the core is asked for");
  await page.clock.runFor(15_000);
  await at("unreachable");
  await checkout.getByRole("heading", { name: "No connection to the payment service" }).waitFor();
  arrive?.();
  await at("ready");
  await close();
});

describe("language", () => {
  test("it is found through shadow trees, and followed when it changes", async () => {
    const { page, checkout, quiet, close } = await shop(
      `<script>document.documentElement.lang = "fr";</script><main><h1>Shop</h1><shop-panel></shop-panel></main>
       <template>{{checkout}}</template>
       <script>
         customElements.define("shop-panel", class extends HTMLElement {
           connectedCallback() {
             const frame = document.createElement("div");
             this.attachShadow({ mode: "open" }).append(frame);
             frame.attachShadow({ mode: "open" }).append(document.querySelector("template").content.querySelector("lezai-checkout"));
             const script = document.createElement("script");
             Object.assign(script, { type: "module", src: document.querySelector("template").content.querySelector("script").src });
             document.head.append(script);
           }
         });
       </script>`,
    );
    const speaks = (/** @type {string} */ lang) =>
      page.locator(`lezai-checkout .all[lang="${lang}"]`).waitFor();
    await speaks("fr");
    await page.evaluate(() => {
      document.documentElement.lang = "ar";
    });
    await speaks("ar");
    // The nearest one counts.
    await page.evaluate(() => document.querySelector("shop-panel")?.setAttribute("lang", "ja"));
    await speaks("ja");
    await checkout.evaluate((/** @type {Element} */ it) => it.setAttribute("lang", "de"));
    await speaks("de");
    await page.evaluate(() => document.querySelector("shop-panel")?.setAttribute("lang", "th"));
    await checkout.evaluate((/** @type {Element} */ it) => it.removeAttribute("lang"));
    await speaks("th");
    await checkout.getByRole("radio").first().waitFor();
    quiet();
    await close();
  });
});

test("without a session it warns after three seconds, and fails after eight", async () => {
  const { page, at, heard, quiet, close } = await shop(
    `${LISTEN}<main><lezai-checkout></lezai-checkout></main>
     <script type="module" src="${gateway.origin}/checkout/v1/lezai-checkout.js"></script>`,
    { prepare: ({ page }) => page.clock.install() },
  );
  await at("loading");
  await page.clock.runFor(3_000);
  await heard(/still waiting: the attribute session is needed: pass checkout\.session/);
  await page.clock.runFor(5_000);
  await at("failed");
  assert.equal((await told(page))[0].code, "session_malformed");
  quiet(/the attribute session is needed/);
  await close();
});

describe("text outside of the card is readable on the page", () => {
  for (const [name, style, theme] of /** @type {const} */ ([
    ["a dark checkout on a light page", "background: #fff; color: #222", "dark"],
    ["a light checkout on a dark page", "background: #0c0f0e; color: #eee", "light"],
    ["a dark checkout on a page without colours", "", "dark"],
    ["a light checkout on a page that is dark by its scheme", "color-scheme: dark", "light"],
  ])) {
    test(name, async () => {
      const { page, checkout, at, close } = await shop(
        `<html lang="en"><style>html { ${style} } body { margin: 16px }</style>${TAG}`,
        { more: `theme="${theme}"` },
      );
      await at("ready");
      await checkout.locator(".trust summary").click();
      assert.deepEqual(await accessibilityFaults(page), []);
      await close();
    });
  }
});
