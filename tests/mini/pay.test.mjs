/** The built package pays at the real gateway, in a realm with ECMAScript alone and over each platform's double. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startGateway } from "../browser/support/gateway.mjs";
import { open, PLATFORMS } from "./support/shopper.mjs";

/** @type {import("../browser/support/gateway.mjs").Gateway} */
let gateway;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway.stop());

for (const [name, { method }] of Object.entries(PLATFORMS)) {
  const start = async (/** @type {object} */ options = {}, /** @type {object} */ terms = {}) => {
    const order = await gateway.create({ methods: [method], ...terms });
    return { order, shopper: open(name, { origin: gateway.origin, order, ...options }) };
  };

  describe(name, () => {
    test("pays, and no global is touched", async () => {
      const { shopper } = await start();
      const ready = await shopper.at("ready");
      assert.match(ready.amount, /128\.00$/);
      assert.equal(ready.press, "pay");
      shopper.mounted.press("pay");
      const paid = await shopper.at("paid");
      assert.ok(paid.stamped);
      assert.deepEqual(
        shopper.told.map(({ type }) => type),
        ["ready", "paid"],
      );
      assert.equal(shopper.world.touched(), "");
      assert.equal(shopper.host.cashier.length, 1);
      // The key is of no use any more.
      assert.deepEqual([...shopper.host.kept.keys()], ["lezai.witness"]);
      shopper.close();
    });

    test("the cashier gets the platform's own parameters", async () => {
      const { shopper } = await start();
      await shopper.at("ready");
      shopper.mounted.press("pay");
      await shopper.at("paid");
      const [parameters] = shopper.host.cashier;
      const shape = {
        wechat: ["nonceStr", "package", "paySign", "signType", "timeStamp"],
        alipay: ["tradeNO"],
        douyin: ["orderInfo", "service"],
      }[name];
      assert.deepEqual(Object.keys(parameters).sort(), shape);
      shopper.close();
    });

    test("a platform's word that it is paid is not trusted", async () => {
      const { shopper, order } = await start({ quirks: { cashier: "lies" } });
      await shopper.at("ready");
      shopper.mounted.press("pay");
      await shopper.at("waiting");
      for (let looks = 0; looks < 3; looks += 1) {
        await shopper.host.settled();
        const { length } = shopper.host.asked;
        shopper.host.pass();
        await shopper.host.settled();
        assert.ok(shopper.host.asked.length > length, "it looks");
        assert.equal(shopper.now().at, "waiting");
      }
      await gateway.shopper(order, "pay");
      await shopper.at("paid");
      shopper.close();
    });

    test("a shopper who cancels can open the cashier again", async () => {
      const { shopper } = await start({ quirks: { cashier: "cancels" } });
      await shopper.at("ready");
      shopper.mounted.press("pay");
      const waiting = await shopper.at("waiting");
      assert.equal(waiting.press, "wallet");
      await shopper.host.settled();
      shopper.host.quirks.cashier = "pays";
      shopper.mounted.press("wallet");
      await shopper.at("paid");
      assert.equal(shopper.host.cashier.length, 2);
      assert.deepEqual(shopper.host.cashier[0], shopper.host.cashier[1]);
      shopper.close();
    });

    test("expired cashier parameters are renewed with one tap", async () => {
      const { shopper } = await start({ quirks: { cashier: "cancels" } }, { amount: 10917 });
      await shopper.at("ready");
      shopper.mounted.press("pay");
      await shopper.at("waiting");
      const over = await shopper.at("code_expired");
      assert.deepEqual([over.press, over.clock], ["pay", ""]);
      assert.match(over.button, /109\.17/);
      shopper.host.quirks.cashier = "pays";
      shopper.mounted.press("pay");
      await shopper.at("paid");
      assert.equal(shopper.host.cashier.length, 2);
      assert.notDeepEqual(shopper.host.cashier[0], shopper.host.cashier[1]);
      shopper.close();
    });

    test("closed in the middle, it goes on where it was", async () => {
      const { shopper, order } = await start({ quirks: { cashier: "cancels" } });
      await shopper.at("ready");
      shopper.mounted.press("pay");
      await shopper.at("waiting");
      shopper.close();
      const again = open(name, { origin: gateway.origin, order, kept: shopper.host.kept });
      await again.at("waiting");
      assert.equal(again.host.cashier.length, 0, "nobody pressed anything");
      again.mounted.press("wallet");
      await again.at("paid");
      again.close();
    });

    test("a decline is told, and tried again", async () => {
      const { shopper, order } = await start({ quirks: { cashier: "cancels" } });
      await shopper.at("ready");
      shopper.mounted.press("pay");
      await shopper.at("waiting");
      await gateway.shopper(order, "decline");
      const declined = await shopper.at("declined");
      assert.equal(declined.press, "pay");
      shopper.host.quirks.cashier = "pays";
      shopper.mounted.press("pay");
      await shopper.at("paid");
      shopper.close();
    });

    test("hidden, it does not ask; shown, it looks at once", async () => {
      const { shopper, order } = await start({ quirks: { cashier: "cancels" } });
      await shopper.at("ready");
      shopper.mounted.press("pay");
      await shopper.at("waiting");
      shopper.mounted.hide();
      await shopper.host.settled();
      await gateway.shopper(order, "pay");
      const { length } = shopper.host.asked;
      for (let ticks = 0; ticks < 12; ticks += 1) {
        shopper.host.pass();
        await shopper.host.settled();
      }
      assert.equal(shopper.host.asked.length, length);
      shopper.mounted.show();
      await shopper.host.settled();
      assert.ok(shopper.host.asked.length > length, "no wait before the first look");
      await shopper.at("paid");
      shopper.close();
    });

    for (const [what, tamper] of Object.entries({
      "another payee": (/** @type {any} */ answer) => {
        answer.body = Buffer.from(
          answer.body
            .toString()
            .replace(/att_./g, (/** @type {string} */ name) => (name === "att_f" ? "att_e" : "att_f")),
        );
      },
      "another amount": (/** @type {any} */ answer) => {
        answer.body = Buffer.from(answer.body.toString().replace('"amount":12800', '"amount":1'));
      },
      "no signature": (/** @type {any} */ answer) => {
        if (answer.body.includes("checkout.session")) delete answer.header.Signature;
      },
    })) {
      test(`${what}: refused, and no cashier opens`, async () => {
        const { shopper } = await start();
        await shopper.at("ready");
        shopper.host.quirks.tamper = tamper;
        shopper.mounted.press("pay");
        const refused = await shopper.at("refused");
        assert.equal(refused.amount, "");
        assert.equal(shopper.host.cashier.length, 0);
        shopper.close();
      });
    }

    test("an old answer is told apart from a forgery, and no cashier opens", async () => {
      const { shopper } = await start();
      /** @type {any} */
      let first;
      shopper.host.quirks.tamper = (/** @type {any} */ answer) => {
        if (answer.body.includes("checkout.session")) first ??= { ...answer };
      };
      await shopper.at("ready");
      shopper.host.quirks.tamper = (/** @type {any} */ answer) => Object.assign(answer, first);
      shopper.mounted.press("pay");
      const old = await shopper.at("outdated");
      assert.deepEqual([old.title, old.amount, old.press], ["收到的是旧应答", "", "start_again"]);
      assert.equal(shopper.host.cashier.length, 0);
      // The request arrived all the same.
      delete shopper.host.quirks.tamper;
      shopper.mounted.press("start_again");
      await shopper.at("waiting");
      shopper.mounted.press("wallet");
      await shopper.at("paid");
      shopper.close();
    });

    test("another app with the same secret finds it taken", async () => {
      const { shopper, order } = await start({ quirks: { cashier: "cancels" } });
      await shopper.at("ready");
      // Until a payment begins, anyone with the secret can claim the session.
      shopper.mounted.press("pay");
      await shopper.at("waiting");
      const thief = open(name, { origin: gateway.origin, order });
      await thief.at("taken");
      assert.equal(thief.now().amount, "");
      thief.close();
      shopper.close();
    });

    test("a gateway of another key is refused", async () => {
      const secret = `x.${"A".repeat(43)}`;
      const { shopper } = await start({ secret });
      await shopper.at("refused");
      shopper.close();
    });

    test("an order that names no method is not offered a mini-program's", async () => {
      const { shopper } = await start({}, { methods: undefined });
      assert.match((await shopper.at("failed")).why, /must name/);
      shopper.close();
    });

    test("an order for another platform says which method is missing", async () => {
      const { shopper } = await start({}, { methods: ["wallet_qr"] });
      const failed = await shopper.at("failed");
      assert.match(failed.why, new RegExp(`must name ${method}`));
      shopper.close();
    });
  });
}
