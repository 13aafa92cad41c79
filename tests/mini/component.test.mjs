/**
 * The component in `miniprogram-simulate`, WeChat's own simulator for unit tests: its template compiles, its
 * states are drawn, and taps arrive. Its `getRandomValues` gives zeros, which is what the first test is about.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startGateway } from "../browser/support/gateway.mjs";
import { wechat } from "./support/double.mjs";
import { built, npm } from "./support/paths.mjs";

const world = /** @type {any} */ (globalThis);
/** @type {any} */
let gateway;
/** @type {any} */
let simulate;
before(async () => {
  gateway = await startGateway();
  const { window } = new (npm("jsdom").JSDOM)("<!doctype html><body></body>");
  // Globals that the simulator needs of a browser. It has no WebAssembly of WeChat's, and its network is a stub.
  for (const name of ["document", "HTMLElement", "Node", "Event", "CustomEvent", "TouchEvent"])
    world[name] = window[name];
  world.window = window;
  simulate = npm("miniprogram-simulate");
});
after(() => gateway.stop());

/** @param {{ random: "simulator's" | "good" }} options */
async function mounted({ random }) {
  const order = await gateway.create({ methods: ["wechat_jsapi"] });
  const host = wechat({ origin: gateway.origin });
  const { getRandomValues } = world.wx;
  Object.assign(world.wx, host.globals.wx);
  if (random === "simulator's") world.wx.getRandomValues = getRandomValues ?? zeros;
  world.WXWebAssembly = host.globals.WXWebAssembly;
  npm(built("package/wechat.js")).configure({ wasm: "/lezai/lezai.wasm.br" });
  const id = simulate.load(built("package/wechat/lezai-checkout"));
  const component = simulate.render(id, {
    gateway: gateway.origin,
    session: order.checkout.session,
    clientSecret: order.checkout.client_secret,
  });
  component.attach(world.document.body);
  return { component, host };
}

const zeros = (/** @type {any} */ { length, success }) => success({ randomValues: new ArrayBuffer(length) });

/** @param {any} component @param {RegExp} text */
async function shows(component, text) {
  for (let i = 0; i < 1_200; i += 1) {
    if (text.test(component.dom.textContent)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`${text} is not in: ${component.dom.innerHTML}`);
}

test("zeros as random bytes are refused", async () => {
  const { component, host } = await mounted({ random: "simulator's" });
  await shows(component, /无法打开这笔付款.*they repeat themselves/);
  component.detach();
  host.stop();
});

test("it draws its states, and a tap pays", async () => {
  const { component, host } = await mounted({ random: "good" });
  await shows(component, /选择付款方式.*微信支付.*支付 ¥128\.00/);
  component.querySelector(".button").dispatchEvent("tap");
  await shows(component, /支付成功/);
  assert.equal(host.cashier.length, 1);
  component.detach();
  host.stop();
});
