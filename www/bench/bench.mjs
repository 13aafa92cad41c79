/**
 * Measures the checkout in Chromium, and prints the tables of the README. Numbers are printed, never
 * asserted: what CI holds, the bytes, is held by a test of its own.
 */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { openPage, startBrowser } from "../../tests/browser/support/browser.mjs";
import { startGateway } from "../../tests/browser/support/gateway.mjs";
import { brotli, bundle, html, read, serve } from "./bundles.mjs";
import { lighthouseOf } from "./lighthouse.mjs";

const ROUNDS = 7;
const artifacts = fileURLToPath(new URL("../../target/artifacts/checkout/", import.meta.url));
const named = (start) =>
  readdirSync(artifacts).find((name) => name.startsWith(start) && name.endsWith(".wasm"));
const [wasmFile, p256File] = ["lezai_web", "lezai_p256"].map(named);
const [wasm, p256] = [wasmFile, p256File].map((file) => read(`../../target/artifacts/checkout/${file}`));

const ms = (value) => `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`;
const kb = (bytes) => `${(bytes / 1000).toFixed(1)} KB`;
const middle = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const row = (...cells) => console.log(`| ${cells.join(" | ")} |`);
const title = (...cells) => {
  console.log();
  row(...cells);
  row(...cells.map(() => "---"));
};

const [gateway, browser] = await Promise.all([startGateway(), startBrowser()]);
try {
  await load();
  await adyen();
  await signatures();
  await lighthouse();
} finally {
  await browser.close();
  await gateway.stop();
}

/** The files that a first visit really loads, from the gateway's own page. */
async function load() {
  const order = await gateway.create();
  const { page, at, close } = await openPage(browser);
  const loaded = [];
  page.on("response", (response) => loaded.push(response));
  await page.goto(order.checkout.url);
  await at("ready");
  title("first visit, by file", "bytes", "brotli");
  let sum = 0;
  for (const response of loaded) {
    const { pathname } = new URL(response.url());
    if (!pathname.startsWith("/checkout/") && !pathname.startsWith("/pay/")) continue;
    const bytes = await response.body();
    const compressed = brotli(bytes).length;
    sum += compressed;
    row(
      pathname.replace(/^\/(checkout\/v1|pay)\/(cs_.*)?/, "") || "pay.html",
      kb(bytes.length),
      kb(compressed),
    );
  }
  row("**everything that a payment on the hosted page loads**", "", `**${kb(sum)}**`);
  await close();
}

/**
 * A page's bundle with Lezai's element, and one with Adyen's drop-in: bytes, and the main thread's
 * time. Lezai's is ready when the gateway's answers are verified and drawn. Adyen's is when its list is
 * drawn: its servers are not asked, and the frames for a card's number would come from them yet.
 */
async function adyen() {
  title("bundled by esbuild, the same way", "brotli, all files", "main thread until ready", "wall clock");
  for (const [name, label] of [
    ["lezai", "`@lezai/checkout`"],
    ["adyen", "`@adyen/adyen-web`: core, drop-in, card"],
  ]) {
    const files = await bundle(name);
    if (name === "lezai") files[`/${wasmFile}`] = wasm;
    const bytes = Object.values(files).reduce((sum, it) => sum + brotli(it).length, 0);
    const shop = await serve({ ...files, "/index.html": html(name, files) });
    const rounds = [];
    for (let round = 0; round < ROUNDS; round += 1) rounds.push(await untilReady(shop.origin));
    shop.stop();
    row(
      label,
      kb(bytes),
      ...["task_ms", "wall_ms"].map((it) => ms(middle(rounds.map((round) => round[it])))),
    );
  }
}

async function untilReady(origin) {
  const { checkout } = await gateway.create();
  const { page, context, close } = await openPage(browser);
  // Nobody answers for Adyen's servers here; what the page does by itself is what is measured.
  await context.route(/adyen\.com/, (route) =>
    route.fulfill({ status: 200, body: "{}", contentType: "application/json" }),
  );
  const debug = await context.newCDPSession(page);
  // The thread's own time: what else runs on the machine does not count.
  await debug.send("Performance.enable", { timeDomain: "threadTicks" });
  const measured = async () => {
    const { metrics } = await debug.send("Performance.getMetrics");
    return Object.fromEntries(metrics.map(({ name, value }) => [name, value * 1000]));
  };
  const before = await measured();
  const begun = Date.now();
  const { session, client_secret: secret } = checkout;
  await page.goto(
    `${origin}/index.html?${new URLSearchParams({ gateway: gateway.origin, session, secret })}`,
  );
  await page.waitForSelector("#checkout[data-ready], #checkout .adyen-checkout__payment-method", {
    timeout: 30_000,
  });
  const wall_ms = Date.now() - begun;
  const after = await measured();
  await close();
  return {
    wall_ms,
    task_ms: after.TaskDuration - before.TaskDuration,
  };
}

async function signatures() {
  const files = { ...(await bundle("signatures")), "/core.wasm": wasm, "/p256.wasm": p256 };
  const shop = await serve({ ...files, "/index.html": html("signatures", files) });
  const firsts = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const { page, close } = await openPage(browser);
    await page.goto(`${shop.origin}/index.html`);
    firsts.push(await page.evaluate(() => globalThis.firstSignature("/core.wasm", "/p256.wasm")));
    await close();
  }
  title("from nothing to the first signature", "median", "fastest");
  for (const [name, label] of [
    ["fetch_ms", "fetch the core, from this machine"],
    ["compile_ms", "compile it"],
    ["instantiate_ms", "instantiate it"],
    ["webcrypto_ms", "first key and signature by WebCrypto, which pages use"],
    ["load_ms", "without WebCrypto: load the core's own P-256"],
    ["core_ms", "without WebCrypto: first signature"],
  ]) {
    const values = firsts.map((it) => it[name]);
    row(label, ms(middle(values)), ms(Math.min(...values)));
  }

  const { page, close } = await openPage(browser);
  await page.goto(`${shop.origin}/index.html`);
  const measured = await page.evaluate(() => globalThis.signatures("/p256.wasm"));
  await close();
  shop.stop();
  title("P-256 in the page", "sign", "verify");
  for (const [name, [sign, verify]] of Object.entries(measured)) row(name, ms(sign), ms(verify));
}

async function lighthouse() {
  const { checkout } = await gateway.create();
  const scores = await lighthouseOf(checkout.url);
  title("Lighthouse 12, its slow mobile profile, the hosted page", "");
  for (const [name, value] of Object.entries(scores)) row(name, value);
}
