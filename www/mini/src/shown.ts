/** The data of the component's template, as a pure function of the state: texts and switches, no logic. */
import type { Shown, State } from "../../core/src/machine.ts";
import { price } from "../../core/src/money.ts";
import { monogram } from "../../core/src/monogram.ts";
import { endOf } from "../../core/src/time.ts";
import type { Session } from "./session.ts";
import { fill, type Words } from "./words.ts";

/** Plain, for `setData`. */
export interface View {
  at: State["at"];
  /** `rtl` or `ltr`. */
  dir: string;
  merchant: string;
  monogram: string;
  amount: string;
  description: string;
  number: string;
  /** The warning while the gateway is unreachable. */
  banner: string;
  title: string;
  hint: string;
  why: string;
  notice: string;
  method: string;
  clock: string;
  /** The button's text; empty if there is nothing to press. */
  button: string;
  press: "pay" | "wallet" | "try_now" | "start_again" | "";
  busy: boolean;
  verified: string;
  stamped: boolean;
}

export function view(state: State, method: string, words: Words, now_ms: number): View {
  const shown = state.at === "unreachable" ? state.behind : state;
  const session = "session" in shown ? (shown.session as Session | undefined) : undefined;
  const lost = state.at === "unreachable";
  const amount = session ? money(session, words) : "";
  return {
    at: state.at,
    dir: words.dir,
    merchant: session?.merchant.name ?? "",
    monogram: monogram(session?.merchant.name ?? ""),
    amount,
    description: session?.description ?? "",
    number: session ? `${words.order} ${session.merchant_order_id}` : "",
    banner: lost && session ? words.offline_short : "",
    title: "",
    hint: "",
    why: "",
    notice: "",
    method: words.method[method] ?? "",
    clock: "",
    button: "",
    press: "",
    busy: false,
    verified: session ? words.verified : "",
    stamped: shown.at === "paid",
    ...(lost && !session
      ? { title: words.offline_title, hint: words.offline_hint, button: words.try_now, press: "try_now" }
      : body(shown, words, amount, now_ms)),
  };
}

function body(shown: Shown, words: Words, amount: string, now_ms: number): Partial<View> {
  switch (shown.at) {
    case "loading":
      return { title: words.loading };
    case "ready":
      return {
        title: words.choose,
        notice: shown.unavailable ? words.unavailable : "",
        button: fill(words.pay, { amount }),
        press: "pay",
      };
    case "declined":
      return {
        title: words.declined_title,
        notice: `${words.declined[shown.code] ?? words.declined.other} ${words.not_charged}`,
        button: fill(words.try_again, { amount }),
        press: "pay",
      };
    case "confirming":
      return { title: words.choose, button: words.asking, press: "", busy: true };
    case "code_expired":
      // The cashier's parameters have expired, the order has not: paying again gets new ones.
      return { title: words.choose, button: fill(words.pay, { amount }), press: "pay" };
    case "waiting":
      return {
        title: words.wallet_title,
        hint: words.wallet_hint,
        clock: clock(endOf(shown.session), words, now_ms),
        button: words.wallet_open,
        press: "wallet",
      };
    case "paid":
      return {
        title: words.paid_title,
        hint: fill(words.paid_hint, { merchant: shown.session.merchant.name }),
      };
    case "closed":
      return shown.reason === "expired"
        ? { title: words.expired_title, hint: words.expired_hint }
        : { title: words.closed_title, hint: words.closed_hint };
    case "taken":
      return {
        title: words.taken_title,
        hint: words.taken_hint,
        button: words.start_again,
        press: "start_again",
      };
    case "replaced":
      return { title: words.replaced_title, hint: words.replaced_hint };
    // The gateway says so only to websites.
    case "elsewhere":
      return { title: words.failed_title, hint: words.failed_hint };
    case "outdated":
    case "refused":
      return {
        title: words[`${shown.at}_title`],
        hint: words[`${shown.at}_hint`],
        why: shown.why,
        button: words.start_again,
        press: "start_again",
      };
    case "failed":
      return { title: words.failed_title, hint: words.failed_hint, why: shown.why };
  }
}

/** Some engines of mini-programs lack `Intl`; then the currency is shown by its code. */
function money({ amount, currency, exponent }: Session, { lang, dir }: Words): string {
  try {
    return price(amount, currency, exponent, lang, dir === "rtl").text;
  } catch {
    const digits = String(amount).padStart(exponent + 1, "0");
    const whole = digits.slice(0, digits.length - exponent);
    return `${currency} ${whole}${exponent > 0 ? `.${digits.slice(-exponent)}` : ""}`;
  }
}

function clock(end_ms: number, words: Words, now_ms: number): string {
  const left_s = Math.floor((end_ms - now_ms) / 1000);
  if (left_s <= 0) return words.time_up;
  const [minutes, seconds] = [Math.floor(left_s / 60), left_s % 60];
  return fill(words.time_left, { clock: `${minutes}:${seconds < 10 ? "0" : ""}${seconds}` });
}
