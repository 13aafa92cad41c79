/** Every state in every language and theme, as the gallery shows them: what axe finds, what fits, what can be hit. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { accessibilityFaults, openPage, screenshot, startBrowser } from "./support/browser.mjs";

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const languages = readdirSync(here("../../www/checkout/languages")).map((name) => name.replace(".json", ""));
const TYPES = /** @type {Record<string, string>} */ ({
  html: "text/html",
  css: "text/css",
  js: "text/javascript",
});

/** @type {any} */
let browser;

before(async () => {
  execFileSync("node", [here("../../www/gallery/build.mjs")]);
  browser = await startBrowser();
});
after(() => browser?.close());

/** The gallery with some of its cards. */
async function gallery(/** @type {string} */ query, /** @type {object} */ options = {}) {
  const shopper = await openPage(browser, { width: 1360, scale: 1, ...options });
  const { page } = shopper;
  await page.route("http://localhost/**", (/** @type {any} */ route) => {
    const { pathname } = new URL(route.request().url());
    const name = pathname === "/" ? "index.html" : pathname.slice(1);
    const contentType = TYPES[name.split(".").at(-1) ?? ""];
    return route.fulfill({ contentType, body: readFileSync(here(`../../target/gallery/${name}`)) });
  });
  await page.goto(`http://localhost/?${query}`);
  await page.waitForSelector("html[data-ready]");
  return shopper;
}

for (const lang of languages) {
  // Each page has a process of its own, so two at once take half the time.
  describe(lang, { concurrency: 2 }, () => {
    for (const theme of /** @type {const} */ (["light", "dark"])) {
      test(`${theme}: axe finds nothing`, async () => {
        const { page, quiet, close } = await gallery(`lang=${lang}&theme=${theme}&width=416`, {
          scheme: theme,
        });
        await screenshot(page, `gallery-${lang}-${theme}`);
        assert.deepEqual(await accessibilityFaults(page), []);
        quiet();
        await close();
      });
    }

    test("fits into 320 pixels, is big enough to hit, and runs its own way", async () => {
      const { page, quiet, close } = await gallery(`lang=${lang}&theme=light&width=320`);
      await screenshot(page, `gallery-${lang}-320`);
      const faults = await page.evaluate((/** @type {string} */ lang) => {
        const found = [];
        for (const figure of document.querySelectorAll("figure")) {
          const root = /** @type {ShadowRoot} */ (figure.querySelector("gallery-card")?.shadowRoot);
          const edges = figure.getBoundingClientRect();
          for (const element of root.querySelectorAll(":not(svg *)")) {
            const { left, right, width, height } = element.getBoundingClientRect();
            const what = `${figure.dataset.state}: ${element.localName} ${element.textContent}`;
            if (!element.closest(".hidden") && (left < edges.left - 0.5 || right > edges.right + 0.5))
              found.push(`${what} sticks out`);
            // WCAG 2.2, 2.5.5 (AAA), in height, as fingers slip that way; a radio button is hit by its whole card.
            const target = element.matches("a, button, summary, label");
            if (target && (width < 24 || height < 43.5)) found.push(`${what} is ${width} by ${height}`);
          }
          const { direction } = getComputedStyle(/** @type {Element} */ (root.querySelector(".all")));
          if (direction !== (lang === "ar" ? "rtl" : "ltr")) found.push(direction);
        }
        return found;
      }, lang);
      assert.deepEqual(faults, []);
      quiet();
      await close();
    });
  });
}

test("text at twice its size still fits", async () => {
  for (const lang of ["en", "de", "th", "ar"]) {
    const { page, close } = await gallery(`lang=${lang}&theme=light&width=416`, { width: 900 });
    await page.addStyleTag({ content: "html { font-size: 200% }" });
    await screenshot(page, `gallery-${lang}-200`);
    const wide = await page.evaluate(() =>
      [...document.querySelectorAll("figure")]
        .filter((it) => it.scrollWidth > it.clientWidth)
        .map((it) => it.dataset.state),
    );
    assert.deepEqual(wide, [], lang);
    await close();
  }
});

test("reduced motion is honoured", async () => {
  const { page, close } = await gallery("lang=en&theme=light&width=416");
  /** How many elements move, and how many would on a change. */
  const moving = () =>
    page.evaluate(() => {
      let animated = 0;
      let changing = 0;
      for (const card of document.querySelectorAll("gallery-card")) {
        for (const element of /** @type {ShadowRoot} */ (card.shadowRoot).querySelectorAll("*")) {
          for (const part of ["", "::before", "::after"]) {
            const { animationName, transitionDuration } = getComputedStyle(element, part);
            if (animationName !== "none") animated += 1;
            if (!/^0s(, 0s)*$/.test(transitionDuration)) changing += 1;
          }
        }
      }
      return { animated, changing };
    });
  await page.emulateMedia({ reducedMotion: "reduce" });
  assert.deepEqual(await moving(), { animated: 0, changing: 0 });
  // The test is awake: with motion allowed, the seal is stamped, bars breathe and cards fade.
  await page.emulateMedia({ reducedMotion: "no-preference" });
  const { animated, changing } = await moving();
  assert.ok(animated > 5 && changing > 5, `${animated} ${changing}`);
  await close();
});
