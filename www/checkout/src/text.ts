/**
 * Every text that the shopper reads. A language is one file in `languages`. English is in the script, so
 * there are texts when no other file can be loaded; the others are fetched on request.
 */
import FILES from "languages:files";
import english from "../languages/en.json";
import { limited } from "./abort.ts";

/** The texts of one language. {@link fill} fills places such as `{amount}`. */
export interface Text {
  /** BCP 47. */
  lang: string;
  dir: string;
  methods: Record<string, { name: string; hint: string }>;
  /** By the code of a decline; `other` for unknown codes. */
  declined: Record<string, string>;
  payment: string;
  loading: string;
  order: string;
  choose: string;
  plans: string;
  plan_fee: string;
  plan_free: string;
  plan_total: string;
  plan_first: string;
  plan_hint: string;
  pay: string;
  try_again: string;
  asking: string;
  scan_title: string;
  scan_hint: string;
  qr_label: string;
  open_link: string;
  copy_link: string;
  copied: string;
  wallet_title: string;
  wallet_hint: string;
  wallet_open: string;
  preparing: string;
  time_left: string;
  time_up: string;
  another_way: string;
  code_expired_title: string;
  code_expired_hint: string;
  code_renew: string;
  paid_title: string;
  paid_hint: string;
  back: string;
  close_page: string;
  contact: string;
  declined_title: string;
  not_charged: string;
  unavailable: string;
  expired_title: string;
  expired_hint: string;
  closed_title: string;
  closed_hint: string;
  offline_title: string;
  offline_hint: string;
  offline_short: string;
  try_now: string;
  refused_title: string;
  refused_hint: string;
  start_again: string;
  taken_title: string;
  taken_hint: string;
  replaced_title: string;
  replaced_hint: string;
  outdated_title: string;
  outdated_hint: string;
  app_title: string;
  app_hint: string;
  failed_title: string;
  failed_hint: string;
  hosted: string;
  details: string;
  verified: string;
  verified_hint: string;
  merchant: string;
  gateway_key: string;
  secured: string;
  language: string;
}

export const en: Text = english;

/** The tags of all supported languages. */
export const LANGUAGES: readonly string[] = ["en", ...Object.keys(FILES)].sort();

/** After that, English is better than a longer wait. */
const PATIENCE_MS = 4_000;

const loaded: Record<string, Promise<Text> | undefined> = { en: Promise.resolve(en) };

/** Loads a language that {@link closest} returned; English if it cannot be loaded. */
export function loadText(tag: string, gateway: string): Promise<Text> {
  loaded[tag] ??= fetchText(tag, gateway).catch(() => {
    // The next request may succeed.
    delete loaded[tag];
    return en;
  });
  return loaded[tag];
}

async function fetchText(tag: string, gateway: string): Promise<Text> {
  const [url, integrity, name] = FILES[tag] ?? ["", "", ""];
  const { signal, release } = limited(PATIENCE_MS);
  const init = { integrity, signal, referrerPolicy: "no-referrer" } as const;
  try {
    const beside = await fetch(url, init).catch(() => undefined);
    if (beside?.ok) return await beside.json();
    // A shop's bundler left it behind; the gateway serves the same bytes.
    return await (await fetch(new URL(`/checkout/v1/${name}`, gateway), init)).json();
  } finally {
    release();
  }
}

/** The first supported language for BCP 47 tags; English if none is supported. */
export function closest(tags: readonly string[]): string {
  for (const tag of tags) {
    const { language, script } = localeOf(tag) ?? {};
    // The script decides, not the region: Hong Kong reads Taiwan's characters. `in` is Indonesian's old name.
    const ours = language === "zh" ? (script === "Hant" ? "zh-TW" : "zh-CN") : language;
    if (ours === "en" || (ours && ours in FILES)) return ours;
  }
  return "en";
}

/** The locale of numbers and times: the shopper's own if it has the page's language, else the language's. */
export function localeFor(tags: readonly string[], lang: string): string {
  const language = localeOf(lang)?.language;
  return tags.find((tag) => localeOf(tag)?.language === language) ?? lang;
}

function localeOf(tag: string): Intl.Locale | undefined {
  try {
    return new Intl.Locale(tag).maximize();
  } catch {
    // `lang` is not a valid tag.
    return undefined;
  }
}

/** Puts values into their places. In right-to-left text, each value keeps its own direction. */
export function fill(text: string, { dir }: Text, values: Record<string, string>): string {
  return text.replace(/\{(\w+)\}/g, (place, name: string) => {
    const value = values[name] ?? place;
    return dir === "rtl" ? `\u2068${value}\u2069` : value;
  });
}
