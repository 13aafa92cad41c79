/** Chromium, and pages that remember everything that went wrong in them. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { eventually, PATIENCE_MS } from "./patience.mjs";

// The npm packages are those of the workspace in www.
export const npm = createRequire(new URL("../../../www/package.json", import.meta.url));
const { chromium } = npm("playwright-core");
const axe = readFileSync(npm.resolve("axe-core/axe.min.js"), "utf8");

const SCREENSHOTS = fileURLToPath(new URL("../../../target/screenshots/", import.meta.url));
/** Where the documentation's pictures are; they change only when LEZAI_PICTURES=1 asks for it. */
const PICTURES = fileURLToPath(new URL("../../../docs/images/", import.meta.url));
export const ARGUMENTS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The first of the usual names that is on the path, unless CHROMIUM names another. */
export function executablePath() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
      if (existsSync(join(folder, name))) return join(folder, name);
    }
  }
  throw new Error("no Chromium found: install it, or set CHROMIUM to a browser of its kind");
}

export function startBrowser() {
  return chromium.launch({ executablePath: executablePath(), args: ARGUMENTS });
}

/** A complaint of browsers on slow machines only. */
const TIMELY = /was preloaded using link preload but not used within a few seconds/;

/**
 * A page in a context of its own: another shopper, or the same one with nothing remembered.
 *
 * @param {any} browser
 * @param {{ locale?: string, scheme?: "light" | "dark", width?: number, height?: number, scale?: number, touch?: boolean, webCrypto?: boolean, userAgent?: string }} [options]
 *   Without `webCrypto`, the page is as one on plain HTTP.
 */
export async function openPage(
  browser,
  {
    locale = "en-US",
    scheme = "light",
    width = 420,
    height = 800,
    scale = 2,
    touch = false,
    webCrypto = true,
    userAgent = undefined,
  } = {},
) {
  const context = await browser.newContext({
    locale,
    userAgent,
    colorScheme: scheme,
    viewport: { width, height },
    deviceScaleFactor: scale,
    hasTouch: touch,
    isMobile: touch,
    reducedMotion: "reduce",
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const trouble = /** @type {string[]} */ ([]);
  await context.exposeBinding("violated", (/** @type {any} */ _source, /** @type {string} */ what) =>
    trouble.push(what),
  );
  // An init script runs in the page's world, where the policy's own event can be heard.
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      // @ts-expect-error the binding above
      window.violated(`policy: ${event.effectiveDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
  if (!webCrypto) {
    await context.addInitScript(() =>
      Object.defineProperty(Crypto.prototype, "subtle", { value: undefined }),
    );
  }
  context.on("page", (/** @type {any} */ page) => {
    page.on("pageerror", (/** @type {unknown} */ error) => trouble.push(String(error)));
    page.on("console", (/** @type {any} */ message) => {
      const text = message.text();
      if (["error", "warning"].includes(message.type()) && !TIMELY.test(text)) trouble.push(text);
    });
  });
  const page = await context.newPage();

  return {
    page,
    context,
    checkout: page.locator("lezai-checkout"),
    /** Waits until the element shows a state. */
    at: (/** @type {string} */ state) =>
      page.waitForFunction(
        (/** @type {string} */ state) =>
          /** @type {any} */ (document.querySelector("lezai-checkout"))?.state === state,
        state,
      ),
    /** Waits until something went wrong in the page that a test expects. */
    heard: (/** @type {RegExp} */ expected) =>
      eventually(
        () => trouble.some((line) => expected.test(line)),
        `${expected} among ${trouble.join("\n")}`,
      ),
    /** Fails if anything went wrong in the page but what a test expects. */
    quiet: (/** @type {RegExp[]} */ ...expected) =>
      assert.deepEqual(
        trouble.filter((line) => !expected.some((it) => it.test(line))),
        [],
      ),
    close: async () => {
      // An answer that a test is still changing on its way is nobody's by now.
      await page.unrouteAll({ behavior: "ignoreErrors" });
      await context.close();
    },
  };
}

/**
 * Keeps a screenshot of the page.
 *
 * @param {any} page
 * @param {string} name
 * @param {string} [picture] the documentation's picture of it, where there is one
 */
export async function screenshot(page, name, picture) {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: `${SCREENSHOTS}${name}.png`, fullPage: true });
  if (picture && process.env.LEZAI_PICTURES) {
    await page.screenshot({ path: `${PICTURES}${picture}.png`, scale: "css" });
  }
}

/** All that axe finds wrong with a page, by its own strictest rules for WCAG 2.2 AA and good practice. */
export async function accessibilityFaults(/** @type {any} */ page) {
  // Under this page's policy no script can be added, so the debugger brings axe in.
  const debug = await page.context().newCDPSession(page);
  await debug.send("Runtime.evaluate", { expression: axe });
  await debug.detach();
  const { violations } = await page.evaluate(() => /** @type {any} */ (globalThis).axe.run(document));
  return violations.map(
    (/** @type {any} */ { id, nodes }) =>
      `${id}: ${nodes.map((/** @type {any} */ node) => `${node.html} ${node.failureSummary}`).join("; ")}`,
  );
}

/** The QR code's text in a picture of the page, or null. */
export async function readQr(/** @type {any} */ browser, /** @type {Buffer} */ png) {
  const jsqr = npm("jsqr");
  const page = await browser.newPage();
  const { data, width, height } = await page.evaluate(
    async (/** @type {string} */ url) => {
      const image = await createImageBitmap(await (await fetch(url)).blob());
      const canvas = new OffscreenCanvas(image.width, image.height);
      const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
      context.drawImage(image, 0, 0);
      const pixels = context.getImageData(0, 0, image.width, image.height);
      return { data: Array.from(pixels.data), width: image.width, height: image.height };
    },
    `data:image/png;base64,${png.toString("base64")}`,
  );
  await page.close();
  return jsqr(new Uint8ClampedArray(data), width, height)?.data ?? null;
}
