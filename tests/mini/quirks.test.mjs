/** Known differences between versions, tools and devices; each switch alone. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { runInContext } from "node:vm";
import { startGateway } from "../browser/support/gateway.mjs";
import { open, PLATFORMS } from "./support/shopper.mjs";

/** @type {import("../browser/support/gateway.mjs").Gateway} */
let gateway;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway.stop());

for (const [name, { method }] of Object.entries(PLATFORMS)) {
  const start = async (/** @type {object} */ quirks, /** @type {object} */ options = {}) =>
    open(name, {
      origin: gateway.origin,
      order: await gateway.create({ methods: [method] }),
      quirks,
      ...options,
    });

  describe(name, () => {
    for (const wasm of ["instance", "both"]) {
      test(`instantiate gives ${wasm}`, async () => {
        const shopper = await start({ wasm });
        await shopper.at("ready");
        shopper.close();
      });
    }

    for (const wasm of ["returned error", "missing", "fails"]) {
      test(`wasm: ${wasm}`, async () => {
        const shopper = await start({ wasm });
        const failed = await shopper.at("failed");
        // One code on all platforms, also where the error comes out of a Worker.
        assert.equal(shopper.told.at(-1)?.code, "wasm_failed");
        assert.match(failed.why, /^the core could not be started: .*(instantiate failed|no WebAssembly)/);
        shopper.close();
      });
    }

    for (const [random, why] of Object.entries({
      zeros: /refused: they repeat themselves/,
      short: /refused: 127 came, not 128/,
      repeated: /refused: they repeat themselves/,
      fails: /no random bytes/,
      late: /did not come in time/,
    })) {
      // Alipay's bytes come from the shop's server; the double has that fail in the same ways but two.
      if (name === "alipay" && (random === "late" || random === "fails")) continue;
      test(`entropy: ${random}`, async () => {
        const shopper = await start({ random });
        const failed = await shopper.at("failed");
        assert.match(failed.why, why);
        assert.equal(
          shopper.host.asked.filter((/** @type {any} */ { url }) => url.endsWith("/claim")).length,
          0,
        );
        shopper.close();
      });
    }

    test("repeated entropy is refused, also after a restart", async () => {
      const first = await start({});
      await first.at("ready");
      const witness = first.host.kept.get("lezai.witness");
      assert.match(witness, /^[0-9a-f]{32}$/);
      first.close();
      const shopper = await start({}, {});
      shopper.host.quirks.random = "same";
      await shopper.at("ready");
      // One fill is a key and some nonces; the next one repeats it.
      for (let i = 0; i < 12 && shopper.now().at !== "failed"; i += 1) {
        shopper.mounted.show();
        await shopper.host.settled();
      }
      assert.equal(shopper.now().at, "failed");
      assert.match(shopper.now().why, /they came before/);
      shopper.close();
    });

    test("no BigInt, no Intl, no globalThis", async () => {
      const shopper = await start({}, { without: ["BigInt", "Intl", "globalThis"] });
      const ready = await shopper.at("ready");
      assert.equal(ready.amount, "CNY 128.00");
      shopper.close();
    });

    test("promises that run as timers do", async () => {
      const shopper = await start({}, { macrotask: true });
      // A reaction comes after a timer that was set before it, which it never does elsewhere.
      const order = runInContext(
        `new Promise((done) => {
          const order = [];
          setTimeout(() => order.push("timer"), 0);
          Promise.resolve().then(() => order.push("reaction")).then(() => done(order.join()));
        })`,
        shopper.world.context,
      );
      assert.equal(await order, "timer,reaction");
      await shopper.at("ready");
      shopper.mounted.press("pay");
      await shopper.at("paid");
      const reactions = runInContext("Promise.ran", shopper.world.context);
      assert.ok(reactions > 50, `only ${reactions} reactions ran as timers: the package has other promises`);
      shopper.close();
    });

    test("an app without storage can pay", async () => {
      const shopper = await start({ forgets: true });
      await shopper.at("ready");
      shopper.mounted.press("pay");
      await shopper.at("paid");
      shopper.close();
    });

    test("a lost network is shown, and the checkout recovers", async () => {
      const shopper = await start({});
      await shopper.at("ready");
      shopper.host.quirks.offline = true;
      shopper.mounted.show();
      const lost = await shopper.at("unreachable");
      assert.ok(lost.banner);
      shopper.host.quirks.offline = false;
      await shopper.at("ready");
      shopper.close();
    });
  });
}

test("douyin, wechat: a parsed answer cannot be verified, and is refused", async () => {
  for (const name of ["wechat", "douyin"]) {
    const { method } = /** @type {any} */ (PLATFORMS[name]);
    const order = await gateway.create({ methods: [method] });
    const shopper = open(name, { origin: gateway.origin, order, quirks: { parsed: true } });
    await shopper.at("refused");
    shopper.close();
  }
});

test("wechat: the language is found with an old base library", async () => {
  const order = await gateway.create({ methods: ["wechat_jsapi"] });
  const quirks = { old: true, language: "en" };
  const shopper = open("wechat", { origin: gateway.origin, order, quirks });
  assert.equal((await shopper.at("ready")).title, "Choose how to pay");
  shopper.close();
});

test("a double says which member it lacks", () => {
  for (const { double } of Object.values(PLATFORMS)) {
    const { globals } = double({ origin: gateway.origin });
    const [[name, host]] = /** @type {any} */ (Object.entries(globals));
    assert.throws(() => host.neverHeardOf(), new RegExp(`the double of ${name} lacks neverHeardOf`));
  }
});

test("alipay: a Worker that is not in app.json is named", async () => {
  const order = await gateway.create({ methods: ["alipay_mini"] });
  const shopper = open("alipay", { origin: gateway.origin, order, quirks: { worker: "missing" } });
  const failed = await shopper.at("failed");
  assert.match(failed.why, /app\.json must name it/);
  shopper.close();
});

test("a relative path of the module is refused by the host, and reported", async () => {
  const order = await gateway.create({ methods: ["douyin_mini"] });
  const shopper = open("douyin", { origin: gateway.origin, order, wasm: "lezai/lezai.wasm.br" });
  const failed = await shopper.at("failed");
  assert.match(failed.why, /no such file/);
  shopper.close();
});
