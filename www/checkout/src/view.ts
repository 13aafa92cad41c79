/** The view as a pure function of the state. */

import type { Choice, Shown, State } from "../../core/src/machine.ts";
import { type Price, price } from "../../core/src/money.ts";
import { monogram } from "../../core/src/monogram.ts";
import type { Method, Plan, Session } from "../../core/src/session.ts";
import { countdown, endOf } from "../../core/src/time.ts";
import { type Child, type Element_, h } from "./dom.ts";
import { qrCode } from "./qr.ts";
import { fill, type Text } from "./text.ts";

/** Everything that a view depends on beside the state. */
export interface World {
  text: Text;
  /** The locale of numbers and times: a BCP 47 tag. */
  locale: string;
  /** The gateway's clock. */
  now_ms: number;
  /** Thumbprint of the gateway's key. */
  trusted: string;
  /** The result of the last attempt to copy the link. */
  copied: "yes" | "failed" | undefined;
  /** Whether this is a phone, which cannot scan a code on its own screen, but open it. */
  phone: boolean;
  /** The gateway's own page for this payment, for when it cannot be shown here. */
  hosted: string | undefined;
  /** The target of links out of the checkout: the whole page, or a new window if a sandbox forbids that. */
  target: "_top" | "_blank";
  /** The share of the time to pay that is left, from 1 to 0. */
  share: number;
  /** The size of the merchant's logo, once it is loaded. */
  logo: { width: number; height: number } | undefined;
  /** The card's minimum height. */
  kept_px: number | undefined;
}

/** The gateway's name as the shopper reads it. */
const SERVICE = "Lezai";

export function view(state: State, world: World): Child[] {
  const shown = state.at === "unreachable" ? state.behind : state;
  const session = "session" in shown ? shown.session : undefined;
  const lost = state.at === "unreachable" && session !== undefined;
  const { lang, dir } = world.text;
  const { accent } = session?.merchant ?? {};
  const vars = { ...(accent && { "--brand-light": accent.light, "--brand-dark": accent.dark }) };
  const content = [
    h("p", { class: "hidden", role: "status" }, announcement(state, world.text)),
    h(
      "div",
      { class: "card", part: "card", vars: { "--kept": `${world.kept_px ?? 0}px` } },
      shown.at === "loading" && state.at !== "unreachable" && loadingSummary(world.text),
      session && summary(session, shown.at === "paid", world),
      (session || (shown.at === "loading" && state.at !== "unreachable")) &&
        h("div", { class: "tear" }, shown.at === "paid" && seal("stamp")),
      lost && h("p", { class: "banner", key: "lost" }, icon("cloud"), world.text.offline_short),
      state.at === "unreachable" && !lost ? unreachable(world.text) : body(shown, world),
      session && trust(session, world),
    ),
  ];
  return [h("div", { class: "all", lang, dir, vars }, ...content)];
}

/** The text for screen readers when the state changes. */
function announcement(state: State, text: Text): string {
  switch (state.at) {
    case "loading":
      return text.loading;
    case "ready":
      return state.unavailable ? text.unavailable : text.choose;
    case "confirming":
      return text.asking;
    case "waiting":
      return isQr(state.session) ? text.scan_title : text.wallet_title;
    case "code_expired":
      return `${text.code_expired_title}. ${text.code_expired_hint}`;
    case "declined":
      return `${text.declined_title}. ${reason(state.code, text)}`;
    case "paid":
      return `${text.paid_title}. ${merchantIn(text.paid_hint, state.session, text)}`;
    case "closed":
      return state.reason === "expired" ? text.expired_title : text.closed_title;
    case "unreachable":
      return text.offline_title;
    case "taken":
      return text.taken_title;
    case "replaced":
      return `${text.replaced_title}. ${text.replaced_hint}`;
    case "outdated":
      return `${text.outdated_title}. ${text.outdated_hint}`;
    case "elsewhere":
      return `${text.app_title}. ${text.app_hint}`;
    case "refused":
      return `${text.refused_title}. ${text.refused_hint}`;
    case "failed":
      return text.failed_title;
  }
}

function body(shown: Shown, world: World): Element_ {
  const { text } = world;
  switch (shown.at) {
    case "loading":
      // A wallet's code, its app and instalments: as many methods as most orders have.
      return section("loading", bar("line"), bar("box"), bar("box"), bar("box"), bar("button"));
    case "ready":
      return choice(shown.session, shown, world, {
        label: text.pay,
        ...(shown.unavailable && { notice: notice(text.unavailable) }),
      });
    case "declined":
      return choice(shown.session, shown, world, {
        label: text.try_again,
        // Another amount was paid, and is returned: "nothing was charged" would be wrong.
        notice: notice(
          ...(shown.code === "amount_mismatch" ? [] : [text.not_charged]),
          text.declined_title,
          reason(shown.code, text),
        ),
      });
    case "confirming":
      return choice(shown.session, shown, world, { label: text.asking, busy: true });
    case "waiting":
      return waiting(shown.session, world);
    case "code_expired":
      return message(
        "expired",
        "hourglass",
        text.code_expired_title,
        text.code_expired_hint,
        h(
          "button",
          { class: "button", part: "button", type: "button", press: { is: "pay" } },
          text.code_renew,
        ),
        anotherWay(text),
      );
    case "paid":
      return paid(shown.session, world);
    case "closed":
      return message(
        "closed",
        shown.reason === "expired" ? "hourglass" : "shutter",
        shown.reason === "expired" ? text.expired_title : text.closed_title,
        shown.reason === "expired" ? text.expired_hint : text.closed_hint,
        ...waysOut(shown.session, world),
      );
    case "elsewhere":
      return message("elsewhere", "windows", text.app_title, text.app_hint, again(text));
    case "taken":
      return message("taken", "windows", text.taken_title, text.taken_hint, again(text));
    case "replaced":
      return message("replaced", "windows", text.replaced_title, text.replaced_hint);
    case "outdated":
      return message(
        "outdated",
        "cloud",
        text.outdated_title,
        text.outdated_hint,
        technical(shown.why, text),
        again(text),
      );
    case "refused":
      return message(
        "refused",
        "shield",
        text.refused_title,
        text.refused_hint,
        technical(shown.why, text),
        again(text),
      );
    case "failed":
      return message(
        "failed",
        "shield",
        text.failed_title,
        text.failed_hint,
        technical(`${shown.code}: ${shown.why}`, text),
        HOPELESS.has(shown.code)
          ? undefined
          : world.hosted === undefined
            ? again(text)
            : h(
                "a",
                { class: "button quiet", part: "button", href: world.hosted, target: world.target },
                text.hosted,
              ),
      );
  }
}

/** Codes for a wrong page address: retrying cannot help. */
const HOPELESS = new Set([
  "session_not_found",
  "session_malformed",
  "client_secret_missing",
  "client_secret_invalid",
  "gateway_malformed",
]);

function summary(session: Session, isPaid: boolean, world: World): Element_ {
  const { name } = session.merchant;
  const { text, parts } = amount(session, world);
  return h(
    "section",
    { class: isPaid ? "summary stamped" : "summary", part: "summary", key: "summary" },
    h(
      "p",
      { class: "merchant" },
      world.logo
        ? h("canvas", { class: "logo", ...world.logo, "aria-hidden": "true" })
        : h("span", { class: "monogram", "aria-hidden": "true" }, monogram(name)),
      h("bdi", { class: "name" }, name),
    ),
    h(
      "p",
      { class: "amount", part: "amount", vars: { "--length": String(text.length) } },
      ...parts.map(({ type, value }) => h("span", { class: type }, value)),
    ),
    h("p", { class: "description" }, h("bdi", {}, session.description)),
    h("p", { class: "number" }, `${world.text.order} `, h("bdi", {}, session.merchant_order_id)),
  );
}

function loadingSummary(text: Text): Element_ {
  return h(
    "section",
    { class: "summary", part: "summary", key: "loading", "aria-label": text.loading, "aria-busy": "true" },
    bar("line"),
    bar("amount"),
    bar("line"),
    bar("line short"),
  );
}

interface Choosing {
  label: string;
  busy?: boolean;
  notice?: Element_;
}

function choice(
  session: Session,
  { method, instalments }: Choice,
  world: World,
  { label, busy, notice }: Choosing,
): Element_ {
  const { text } = world;
  const chosen = session.methods.find(({ id }) => id === method);
  const plan = chosen?.instalments?.find(({ count }) => count === instalments);
  return section(
    "choice",
    notice,
    h(
      "fieldset",
      { class: "methods" },
      h("legend", { tabindex: "-1", class: "title" }, text.choose),
      ...session.methods.map((it) => methodCard(it, it === chosen, busy === true, session, world)),
    ),
    plan && plans(session, chosen, plan, busy === true, world),
    h(
      "button",
      {
        class: "button",
        part: "button",
        type: "button",
        press: { is: "pay" },
        "aria-disabled": busy ? "true" : undefined,
      },
      busy === true && h("span", { class: "spinner" }),
      h(
        "span",
        { class: "lines" },
        h(
          "span",
          {},
          plan ? fill(label, text, { amount: parts(plan, session, world) }) : amountIn(label, session, world),
        ),
        plan && h("span", { class: "hint" }, planSum(plan, session, world)),
      ),
    ),
  );
}

/** The instalment plans of a method, as rows of one table: number, amount, and fee. */
function plans(
  session: Session,
  method: Method | undefined,
  chosen: Plan,
  disabled: boolean,
  world: World,
): Element_ {
  const { text } = world;
  const row = (plan: Plan) =>
    h(
      "label",
      { class: "plan", part: "plan" },
      h("input", {
        type: "radio",
        name: "plan",
        value: plan.count,
        checked: plan === chosen,
        disabled,
        press: { is: "choose", method: method?.id ?? "", instalments: plan.count },
      }),
      h(
        "span",
        { class: "deal" },
        h("span", {}, parts(plan, session, world)),
        h("span", { class: "hint" }, planFee(plan, session, world)),
      ),
    );
  return h(
    "fieldset",
    { class: "plans", key: "plans" },
    h("legend", { class: "title" }, text.plans),
    h("div", { class: "rows" }, ...(method?.instalments ?? []).map(row)),
  );
}

/** The first charge, and the total. */
function planSum({ first, total }: Plan, session: Session, world: World): string {
  const { text } = world;
  const sums = [
    fill(text.plan_first, text, { amount: money(first, session, world) }),
    fill(text.plan_total, text, { amount: money(total, session, world) }),
  ];
  return sums.join(" · ");
}

/** Such as `3 × CN¥43.20`. */
function parts({ count, each }: Plan, session: Session, world: World): string {
  return `${new Intl.NumberFormat(world.locale).format(count)} × ${money(each, session, world)}`;
}

function planFee({ fee }: Plan, session: Session, world: World): string {
  const { text } = world;
  return fee > 0 ? fill(text.plan_fee, text, { amount: money(fee, session, world) }) : text.plan_free;
}

function methodCard(
  { id, kind, instalments }: Method,
  checked: boolean,
  disabled: boolean,
  session: Session,
  world: World,
): Element_ {
  const { text, locale } = world;
  const words = text.methods[id] ?? text.methods[kind] ?? { name: id, hint: "" };
  const number = new Intl.NumberFormat(locale);
  const hint = instalments
    ? fill(text.plan_hint, text, {
        counts: instalments.map(({ count }) => number.format(count)).join("/"),
        amount: money(Math.min(...instalments.map(({ fee }) => fee)), session, world),
      })
    : words.hint;
  return h(
    "label",
    { class: "method", part: "method" },
    h("input", {
      type: "radio",
      name: "method",
      value: id,
      checked,
      disabled,
      press: { is: "choose", method: id },
    }),
    h(
      "span",
      { class: "words" },
      h("span", { class: "name" }, words.name),
      h("span", { class: "hint" }, hint),
    ),
    badge(id, instalments ? "months" : kind),
  );
}

function waiting(session: Session, world: World): Element_ {
  const { text, copied, phone } = world;
  const { payment } = session;
  if (payment?.qr) {
    const url = appAddress(payment.qr);
    const elsewhere = { href: url, target: "_blank", rel: "noopener noreferrer" };
    return section(
      "qr",
      h("h2", { class: "title", tabindex: "-1" }, text.scan_title),
      h("p", { class: "hint" }, text.scan_hint),
      planLine(session, world),
      url !== undefined &&
        phone &&
        h("a", { class: "button", part: "button", key: "open", ...elsewhere }, text.open_link),
      qrTile(payment.qr, merchantIn(amountIn(text.qr_label, session, world), session, text)),
      clock(session, world),
      h(
        "div",
        { class: "links" },
        url !== undefined && !phone && h("a", { class: "link", ...elsewhere }, text.open_link),
        h(
          "button",
          { class: "link", type: "button", press: { is: "copy", text: payment.qr } },
          copied === "yes" ? text.copied : text.copy_link,
        ),
      ),
      // Without a clipboard, the link can be selected and copied by hand.
      copied === "failed" && h("p", { class: "number by-hand" }, payment.qr),
      anotherWay(text),
    );
  }
  const url = payment?.redirect_url && appAddress(payment.redirect_url);
  if (url || payment?.parameters) {
    return section(
      "wallet",
      h("h2", { class: "title", tabindex: "-1" }, text.wallet_title),
      h("p", { class: "hint" }, text.wallet_hint),
      planLine(session, world),
      url
        ? h("a", { class: "button", part: "button", href: url, target: world.target }, text.wallet_open)
        : h(
            "button",
            { class: "button", part: "button", type: "button", press: { is: "cashier" } },
            text.wallet_open,
          ),
      clock(session, world),
      anotherWay(text),
    );
  }
  return section(
    "preparing",
    h("h2", { class: "title", tabindex: "-1" }, isQr(session) ? text.scan_title : text.wallet_title),
    h("p", { class: "hint" }, h("span", { class: "spinner" }), text.preparing),
    anotherWay(text),
  );
}

/** The chosen instalment plan, shown where it can be compared with what the wallet asks for. */
function planLine(session: Session, world: World): Element_ | undefined {
  const plan = session.payment?.instalments;
  return (
    plan && h("p", { class: "terms" }, `${parts(plan, session, world)} · ${planFee(plan, session, world)}`)
  );
}

function anotherWay(text: Text): Element_ {
  return h(
    "button",
    { class: "button quiet", part: "button", type: "button", press: { is: "another_way" } },
    text.another_way,
  );
}

function qrTile(payload: string, label: string): Element_ {
  const { size, path } = qrCode(payload);
  return h(
    "svg",
    {
      class: "qr",
      part: "qr",
      role: "img",
      "aria-label": label,
      viewBox: `0 0 ${size} ${size}`,
      "shape-rendering": "crispEdges",
    },
    h("path", { d: path }),
  );
}

function clock(session: Session, { text, locale, now_ms, share }: World): Element_ {
  const left = Math.max(0, Math.ceil((endOf(session) - now_ms) / 1000));
  return h(
    "p",
    { class: left <= 60 ? "clock soon" : "clock", role: "timer", "aria-live": "off" },
    left > 0 ? fill(text.time_left, text, { clock: countdown(left, locale) }) : text.time_up,
    h("span", { class: "course", vars: { "--share": share.toFixed(4) } }),
  );
}

function paid(session: Session, world: World): Element_ {
  const { text, locale } = world;
  const at = session.paid_at && new Date(session.paid_at);
  const format = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
  return section(
    "paid",
    h("h2", { class: "title big", tabindex: "-1" }, text.paid_title),
    h("p", { class: "hint" }, merchantIn(text.paid_hint, session, text)),
    at && h("p", { class: "number" }, h("time", { datetime: session.paid_at }, format.format(at))),
    ...waysOut(session, world),
  );
}

/** The links after the end: back to the shop if there is an address, and the merchant's contact. */
function waysOut(session: Session | undefined, world: World): (Element_ | undefined)[] {
  const { text } = world;
  const back = session && backLink(session, world);
  const end = back ? undefined : h("p", { class: "hint" }, text.close_page);
  return [end, session && supportLink(session, text), back];
}

function supportLink({ merchant }: Session, text: Text): Element_ | undefined {
  const { name, support } = merchant;
  if (!support || !/^(https|mailto|tel):/i.test(support)) return undefined;
  const words = fill(text.contact, text, { merchant: name });
  return h("a", { class: "link", href: support, target: "_blank", rel: "noopener noreferrer" }, words);
}

function backLink(session: Session, { text, target }: World): Element_ | undefined {
  const { return_url } = session;
  if (!return_url || !/^https?:/i.test(return_url)) return undefined;
  return h(
    "a",
    { class: "button", part: "button", href: return_url, target },
    merchantIn(text.back, session, text),
  );
}

function unreachable(text: Text): Element_ {
  return message(
    "unreachable",
    "cloud",
    text.offline_title,
    text.offline_hint,
    h(
      "button",
      { class: "button quiet", part: "button", type: "button", press: { is: "try_now" } },
      text.try_now,
    ),
  );
}

function message(
  key: string,
  picture: keyof typeof ICONS,
  title: string,
  hint: string,
  ...more: (Child | false | undefined)[]
): Element_ {
  return section(
    key,
    h("span", { class: "picture" }, icon(picture)),
    h("h2", { class: "title big", tabindex: "-1" }, title),
    h("p", { class: "hint" }, hint),
    ...more,
  );
}

function again(text: Text): Element_ {
  return h(
    "button",
    { class: "button quiet", part: "button", type: "button", press: { is: "start_again" } },
    text.start_again,
  );
}

function technical(why: string, text: Text): Element_ {
  return h("details", { class: "why" }, h("summary", {}, text.details), h("p", {}, why));
}

function trust(session: Session, { text, trusted }: World): Element_ {
  return h(
    "details",
    { class: "trust", part: "trust", key: "trust" },
    h("summary", {}, seal("mark"), text.verified),
    h("p", {}, text.verified_hint),
    h(
      "dl",
      {},
      h("dt", {}, text.order),
      h("dd", {}, session.merchant_order_id),
      h("dt", {}, text.merchant),
      h("dd", {}, session.merchant.id),
      h("dt", {}, text.gateway_key),
      h("dd", {}, trusted),
    ),
    h("p", {}, fill(text.secured, text, { gateway: SERVICE })),
  );
}

function section(key: string, ...children: (Child | false | undefined | "")[]): Element_ {
  return h(
    "section",
    { class: `body ${key}`, part: "body", key },
    ...children.filter((child) => child !== ""),
  );
}

/** The notice of what went wrong, with the most important part first. */
function notice(...lines: string[]): Element_ {
  const [first = "", ...rest] = lines;
  return h(
    "div",
    { class: "notice", part: "notice" },
    icon("stop"),
    h("p", {}, h("strong", {}, first), ...rest.map((line) => h("span", {}, line))),
  );
}

function bar(kind: string): Element_ {
  return h("span", { class: `bar ${kind}` });
}

function amount({ amount, currency, exponent }: Session, { locale, text }: World): Price {
  return price(amount, currency, exponent, locale, text.dir === "rtl");
}

/** Another sum in the order's currency. */
function money(amount_: number, session: Session, world: World): string {
  return amount({ ...session, amount: amount_ }, world).text;
}

function amountIn(words: string, session: Session, world: World): string {
  return fill(words, world.text, { amount: amount(session, world).text });
}

function merchantIn(words: string, { merchant }: Session, text: Text): string {
  return fill(words, text, { merchant: merchant.name });
}

function reason(code: string, text: Text): string {
  return text.declined[code] ?? text.declined.other ?? "";
}

function isQr({ methods, payment }: Session): boolean {
  return methods.some(({ id, kind }) => id === payment?.method && kind === "qr");
}

/** The address if it leads to the web or to a wallet's app; a link must never run a script. */
function appAddress(text: string): string | undefined {
  return /^(https?|weixin|wxp|alipays?|upwallet|uppaywallet):\/\//i.test(text) ? text : undefined;
}

/** Our own strokes on a grid of 24. */
const ICONS = {
  stop: "M12 7.5v5.5M12 16.5h.01M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z",
  cloud: "M7 18.5h9.5a4 4 0 0 0 .8-7.92A5.5 5.5 0 0 0 7 9.2a4.7 4.7 0 0 0 0 9.3zM3.5 3.5l17 17",
  hourglass: "M6.5 3.5h11M6.5 20.5h11M8 3.5c0 4.5 4 5.5 4 8.5s-4 4-4 8.5M16 3.5c0 4.5-4 5.5-4 8.5s4 4 4 8.5",
  // A shop whose shutter is down.
  shutter: "M4.5 9.5v10h15v-10M3 9.5 5 4.5h14l2 5zM8 12.5h8M8 15h8M8 17.5h8",
  windows:
    "M9 8V5.5A1.5 1.5 0 0 1 10.5 4h8A1.5 1.5 0 0 1 20 5.5v8a1.5 1.5 0 0 1-1.5 1.5H16M5.5 9h8a1.5 1.5 0 0 1 1.5 1.5v8a1.5 1.5 0 0 1-1.5 1.5h-8A1.5 1.5 0 0 1 4 18.5v-8A1.5 1.5 0 0 1 5.5 9z",
  shield: "M12 3l7.5 3v5.5c0 4.5-3 7.7-7.5 9.5-4.5-1.8-7.5-5-7.5-9.5V6zM9.5 9.5l5 5M14.5 9.5l-5 5",
} as const;

/** The drawing of a method's mark, 32 by 20. Our own; a channel's replaces it. */
const SIGNS: Record<string, string> = {
  // Two speech bubbles.
  wechat:
    "M13.5 4.5c3 0 5 1.8 5 4s-2 4-5 4l-2.5 1.5.5-2c-1.8-.7-3-2-3-3.5 0-2.2 2-4 5-4zM19.5 8.5c2.2.3 4 1.7 4 3.5 0 1.2-.8 2.2-2 2.8l.3 1.7-2-1.2c-2 0-3.8-.8-4.5-2.3M11.5 8h.01M15.5 8h.01",
  // A banknote's wave through a ring.
  alipay:
    "M16 4a6 6 0 1 1 0 12 6 6 0 0 1 0-12zM12.5 11.5c2-2 4.5-1 6.5.8M13 8h6M16 6.5v1.8c0 2.2-1.3 4-3.3 4.9",
  // Three cards, one behind the other.
  unionpay: "M8.5 5.5h7l-2.2 9h-7zM15.5 5.5h5l-2.2 9h-5M20.5 5.5h5l-2.2 9h-5",
  qr: "M11 5h4v4h-4zM17 5h4v4h-4zM11 11h4v4h-4zM17 11.5v1M21 11v1.5M17.5 15h1M21 15h.01",
  redirect:
    "M10.5 7v6.5A1.5 1.5 0 0 0 12 15h8.5a1.5 1.5 0 0 0 1.5-1.5v-4A1.5 1.5 0 0 0 20.5 8h-9a1.25 1.25 0 0 1 0-3H19.5M19 11.5h.01",
  months: "M11 6h10v9H11zM11 9h10M13.5 4.5v3M18.5 4.5v3",
};

function badge(id: string, sign: string): Element_ {
  const brand = /^(wallet|wechat|alipay|unionpay)_/.exec(id)?.[1];
  return h(
    "svg",
    {
      class: brand ? `badge ${brand}` : "badge",
      viewBox: "0 0 32 20",
      "aria-hidden": "true",
    },
    h("path", {
      class: "plate",
      d: "M4 .5h24a3.5 3.5 0 0 1 3.5 3.5v12a3.5 3.5 0 0 1-3.5 3.5H4A3.5 3.5 0 0 1 .5 16V4A3.5 3.5 0 0 1 4 .5z",
    }),
    h("path", { d: SIGNS[brand ?? ""] ?? SIGNS[sign] ?? "" }),
  );
}

function icon(name: keyof typeof ICONS): Element_ {
  return h(
    "svg",
    { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" },
    h("path", { d: ICONS[name] }),
  );
}

/** A seal cut by hand: a square that is not quite one, a frame, and a tick. */
function seal(kind: "stamp" | "mark"): Element_ {
  return h(
    "svg",
    { class: `seal ${kind}`, viewBox: "0 0 64 64", "aria-hidden": "true" },
    h("path", {
      class: "stone",
      d: "M7 4.5 57.5 3.5q3-.2 3.2 2.8L61.5 57q.2 3.3-3 3.5L6.5 61q-3.2.1-3.1-3L4 7.5q.1-2.9 3-3z",
    }),
    h("path", { class: "cut", d: "M10 10.5 54 9.8 54.8 54 10.2 54.6z" }),
    h("path", { class: "cut tick", d: "M20 33.5 28.5 42 45 23" }),
  );
}
