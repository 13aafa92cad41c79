/** The state machine alone, as rows of facts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { npm } from "./support/browser.mjs";

const source = fileURLToPath(new URL("../../www/core/src/machine.ts", import.meta.url));
const { outputFiles } = await npm("esbuild").build({
  entryPoints: [source],
  bundle: true,
  format: "esm",
  write: false,
});
const { start, step } = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);

const METHODS = [
  { id: "wallet_qr", kind: "qr" },
  { id: "wallet_redirect", kind: "redirect" },
  { id: "wallet_instalments", kind: "qr", instalments: [{ count: 3 }, { count: 6 }] },
];
const session = (/** @type {number} */ version, /** @type {object} */ more = {}) => ({
  version,
  status: "created",
  methods: METHODS,
  ...more,
});
const QR = { status: "paying", payment: { method: "wallet_qr", kind: "qr", qr: "x" } };
const REDIRECT = {
  status: "paying",
  payment: { method: "wallet_redirect", kind: "redirect", redirect_url: "u" },
};
const MONTHLY = {
  status: "paying",
  payment: { method: "wallet_instalments", kind: "qr", qr: "x", instalments: { count: 6 } },
};
const ASKED = { status: "paying", payment: { method: "wallet_redirect" } };
const DECLINED = { declined: { code: "shopper_declined", at: "" } };

const WORDS = /** @type {Record<string, (n: number) => object>} */ ({
  opened: (n) => ({ is: "answered", call: "open", session: session(n) }),
  looked: (n) => ({ is: "answered", call: "look", session: session(n) }),
  looked_qr: (n) => ({ is: "answered", call: "look", session: session(n, QR) }),
  looked_asked: (n) => ({ is: "answered", call: "look", session: session(n, ASKED) }),
  looked_redirect: (n) => ({ is: "answered", call: "look", session: session(n, REDIRECT) }),
  looked_declined: (n) => ({ is: "answered", call: "look", session: session(n, DECLINED) }),
  looked_paid: (n) => ({ is: "answered", call: "look", session: session(n, { status: "paid" }) }),
  looked_expired: (n) => ({
    is: "answered",
    call: "look",
    session: session(n, { status: "closed", close_reason: "expired" }),
  }),
  paying_qr: (n) => ({ is: "answered", call: "pay", session: session(n, QR) }),
  paying_redirect: (n) => ({ is: "answered", call: "pay", session: session(n, REDIRECT) }),
  paying_monthly: (n) => ({ is: "answered", call: "pay", session: session(n, MONTHLY) }),
  looked_monthly: (n) => ({ is: "answered", call: "look", session: session(n, MONTHLY) }),
  choose: (n) => ({ is: "choose", method: METHODS[n]?.id }),
  plan: (n) => ({ is: "choose", method: "wallet_instalments", instalments: n }),
  pay: (n) => ({ is: "pay", key: `k${n}` }),
  another_way: () => ({ is: "another_way" }),
  start_again: () => ({ is: "start_again" }),
  try_now: () => ({ is: "try_now" }),
  hint: () => ({ is: "hint" }),
  code_over: () => ({ is: "code_over" }),
  refused: () => ({ is: "refused", why: "" }),
  open_lost: () => ({ is: "unreachable", call: "open" }),
  look_lost: () => ({ is: "unreachable", call: "look" }),
  pay_lost: () => ({ is: "unreachable", call: "pay" }),
  taken: () => ({ is: "problem", call: "open", code: "session_taken", detail: "" }),
  lost: () => ({ is: "problem", call: "look", code: "key_unknown", detail: "" }),
  replaced: () => ({ is: "problem", call: "look", code: "session_replaced", detail: "" }),
  outdated: () => ({ is: "outdated", why: "" }),
  in_app: () => ({ is: "problem", call: "open", code: "method_unavailable", detail: "" }),
  order_state: () => ({ is: "problem", call: "pay", code: "order_state", detail: "" }),
  in_progress: () => ({ is: "problem", call: "pay", code: "request_in_progress", detail: "" }),
  unavailable: () => ({ is: "problem", call: "pay", code: "channel_unavailable", detail: "" }),
  unclaimed: () => ({ is: "problem", call: "look", code: "session_unclaimed", detail: "" }),
});

/** Runs words such as `looked_paid3`; writes the state and what the last one wants done. */
function run(/** @type {string} */ words) {
  let { state, effects } = start;
  for (const word of words.split(" ").filter(Boolean)) {
    const [, name = "", n = "0"] = /^(\D+)(\d*)$/.exec(word) ?? [];
    const event = WORDS[name]?.(Number(n));
    assert.ok(event, word);
    ({ state, effects } = step(state, event));
  }
  const at = state.at === "unreachable" ? `unreachable(${state.behind.at})` : state.at;
  return [at, state.method, state.instalments, ...effects.map(written)].filter(Boolean).join(" ");
}

/** @returns {string} */
function written(/** @type {any} */ effect) {
  switch (effect.do) {
    case "pay":
      return ["pay", effect.key, effect.instalments].filter(Boolean).join(":");
    case "later":
      return `later:${effect.after_ms}:${written(effect.effect)}`;
    case "tell":
      return `tell:${effect.event.type}`;
    default:
      return effect.do;
  }
}

const PAYING = "opened1 choose1 pay7";
for (const [words, expected] of [
  ["", "loading open"],
  ["opened1", "ready wallet_qr tell:ready follow"],
  ["opened1 choose1", "ready wallet_redirect tell:method"],
  ["opened1 choose1 looked2", "ready wallet_redirect follow"],
  [PAYING, "confirming wallet_redirect pay:k7"],
  [`${PAYING} pay8`, "confirming wallet_redirect"],
  [`${PAYING} choose0`, "confirming wallet_redirect"],
  // The channel is being asked, and the page hears of it before its own answer comes.
  [`${PAYING} looked_asked2`, "confirming wallet_redirect follow"],
  [`${PAYING} looked_redirect3`, "confirming wallet_redirect follow"],
  [`${PAYING} looked_redirect3 paying_redirect3`, "waiting follow leave"],
  [`${PAYING} paying_redirect2`, "waiting follow leave"],
  // Only the shopper's own press leaves the page; a reload does not.
  ["looked_redirect2", "waiting tell:ready follow"],
  ["opened1 pay7 paying_qr2", "waiting follow"],
  ["opened1 pay7 paying_qr2 looked1", "waiting"],
  ["opened1 pay7 looked_paid3", "paid rest tell:paid"],
  ["opened1 pay7 looked_paid3 paying_qr2", "paid"],
  // Another method is chosen for the next try, unless the shopper has chosen one meanwhile.
  ["opened1 pay7 looked_declined4 paying_qr3", "declined wallet_redirect follow tell:declined"],
  ["opened1 pay7 paying_qr2 looked_declined3", "declined wallet_redirect follow tell:declined"],
  ["opened1 pay7 paying_qr2 looked_declined3 looked_declined3", "declined wallet_redirect follow"],
  ["opened1 pay7 paying_qr2 looked_declined3 choose0 looked_declined3", "declined wallet_qr follow"],
  [
    "opened1 pay7 paying_qr2 another_way plan6 looked_declined3",
    "declined wallet_instalments 6 follow tell:declined",
  ],
  ["looked_declined2", "declined wallet_qr tell:ready follow tell:declined"],
  ["opened1 pay7 paying_qr2 looked_declined3 pay8", "confirming wallet_redirect pay:k8"],
  ["opened1 pay7 paying_qr2 looked_paid3 looked_paid3", "paid"],
  ["opened1 pay7 paying_qr2 another_way", "ready wallet_qr"],
  ["opened1 pay7 paying_qr2 another_way looked_qr2", "ready wallet_qr follow"],
  ["opened1 pay7 paying_qr2 another_way looked_paid3", "paid rest tell:paid"],
  ["opened1 another_way", "ready wallet_qr"],
  ["opened1 looked_expired2", "closed rest"],
  ["opened1 looked_expired2 pay7", "closed"],
  ["hint", "loading"],
  ["opened1 hint", "ready wallet_qr look"],
  // A code's own time is over before the order's.
  ["opened1 code_over", "ready wallet_qr"],
  ["opened1 pay7 paying_qr2 code_over", "code_expired look"],
  ["opened1 pay7 paying_qr2 code_over looked_qr2", "code_expired follow"],
  ["opened1 pay7 paying_qr2 code_over pay8", "confirming wallet_qr pay:k8"],
  ["opened1 pay7 paying_qr2 code_over pay8 pay9", "confirming wallet_qr"],
  ["opened1 pay7 paying_qr2 code_over pay8 paying_qr3", "waiting follow"],
  ["opened1 pay7 paying_qr2 code_over another_way", "ready wallet_qr"],
  ["opened1 pay7 paying_qr2 code_over looked_paid3", "paid rest tell:paid"],
  ["opened1 pay7 paying_qr2 code_over looked_expired3", "closed rest"],
  ["opened1 pay7 paying_qr2 look_lost code_over", "unreachable(code_expired) look"],
  // Monthly parts: the first plan stands until another is chosen, and goes with its method.
  ["opened1 choose2", "ready wallet_instalments 3 tell:method"],
  ["opened1 plan6", "ready wallet_instalments 6 tell:method"],
  ["opened1 plan7", "ready wallet_instalments 3 tell:method"],
  ["opened1 plan6 choose0", "ready wallet_qr tell:method"],
  ["opened1 plan6 looked2", "ready wallet_instalments 6 follow"],
  ["opened1 plan6 pay7", "confirming wallet_instalments 6 pay:k7:6"],
  ["opened1 plan6 pay7 pay_lost", "unreachable(confirming) later:1000:pay:k7:6"],
  ["opened1 plan6 pay7 unavailable", "ready wallet_instalments 6 tell:error look"],
  ["opened1 plan6 pay7 paying_monthly2", "waiting follow"],
  ["opened1 plan6 pay7 paying_monthly2 another_way", "ready wallet_instalments 6"],
  ["opened1 plan6 pay7 paying_monthly2 looked_declined3", "declined wallet_qr follow tell:declined"],
  ["looked_monthly2 code_over", "code_expired look"],
  ["looked_monthly2 code_over pay8", "confirming wallet_instalments 6 pay:k8:6"],
  // The network goes, and comes back.
  ["open_lost", "unreachable(loading) later:1000:open"],
  ["open_lost open_lost open_lost", "unreachable(loading) later:4000:open"],
  ["open_lost open_lost open_lost open_lost open_lost open_lost", "unreachable(loading) later:10000:open"],
  ["open_lost try_now", "unreachable(loading) open"],
  ["open_lost opened1", "ready wallet_qr tell:ready follow"],
  [`${PAYING} pay_lost`, "unreachable(confirming) later:1000:pay:k7"],
  [`${PAYING} look_lost`, "unreachable(confirming)"],
  [`${PAYING} pay_lost paying_redirect2`, "waiting follow leave"],
  ["opened1 pay7 paying_qr2 look_lost", "unreachable(waiting)"],
  ["opened1 pay7 paying_qr2 look_lost hint", "unreachable(waiting) look"],
  ["opened1 pay7 paying_qr2 look_lost looked_qr2", "waiting follow"],
  ["opened1 look_lost choose1", "unreachable(ready) tell:method"],
  ["opened1 look_lost pay7", "unreachable(confirming) pay:k7"],
  // The gateway says no.
  ["taken", "taken rest tell:error"],
  ["taken start_again", "loading rest open"],
  ["opened1 lost", "taken rest tell:error"],
  ["opened1 replaced", "replaced rest tell:error"],
  ["opened1 pay7 replaced", "replaced rest tell:error"],
  ["opened1 outdated", "outdated rest tell:error"],
  ["opened1 outdated hint", "outdated"],
  ["opened1 outdated start_again", "loading rest open"],
  ["in_app", "elsewhere rest tell:error"],
  ["in_app start_again", "loading rest open"],
  [`${PAYING} order_state`, "ready wallet_redirect look"],
  [`${PAYING} in_progress`, "confirming wallet_redirect later:1000:pay:k7"],
  [`${PAYING} unavailable`, "ready wallet_redirect tell:error look"],
  ["unclaimed", "failed rest tell:error"],
  ["opened1 refused", "refused rest tell:error"],
  ["opened1 refused hint", "refused"],
  ["opened1 refused looked2", "refused"],
  ["opened1 looked_paid2 look_lost", "paid"],
]) {
  test(words || "at the start", () => assert.equal(run(/** @type {string} */ (words)), expected));
}
