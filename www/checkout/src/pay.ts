/**
 * The gateway's own payment page: `/pay/{session}#{client_secret}`. The secret is taken out of
 * the address bar, so that a copied address does not carry it, and kept with the history entry
 * for a reload. It opens the payment until its end, and pays it once.
 *
 * The element's script stands beside this one in the document, each with its hash; nothing is
 * imported at run time, because an import would have none.
 */

import { price } from "../../core/src/money.ts";
import type { LezaiCheckout } from "./index.ts";

/** The state stored with the history entry. */
interface Kept {
  secret?: string;
  /** The language that the shopper chose here. */
  lang?: string;
}

const SERVICE = "Lezai";

const session = location.pathname.split("/").at(-1) ?? "";
const kept: Kept = history.state ?? {};
kept.secret = location.hash.slice(1) || kept.secret || "";
history.replaceState(kept, "", location.pathname);

const page = document.documentElement;
// The element asks the page first, and this page knows no better than the browser.
page.lang = navigator.language;
const Checkout = (await customElements.whenDefined("lezai-checkout")) as typeof LezaiCheckout;

const checkout = new Checkout();
const footer = document.querySelector("footer");
const languages = document.createElement("select");
languages.ariaLabel = "Language";
languages.append(...Checkout.languages.map((tag) => new Option(nameOf(tag), tag)));
languages.addEventListener("change", () => {
  kept.lang = languages.value;
  history.replaceState(kept, "");
  void speak([kept.lang]);
});
if (kept.lang) checkout.lang = kept.lang;
void speak(kept.lang ? [kept.lang] : navigator.languages);

checkout.session = session;
checkout.clientSecret = kept.secret;
checkout.addEventListener("ready", (event) => {
  const { amount, currency, exponent, merchant } = event.detail.session;
  document.title = `${price(amount, currency, exponent, page.lang, false).text} · ${merchant.name}`;
});
document.querySelector("main")?.append(checkout);
footer?.append(languages);

/** Sets the language of page and element. */
async function speak(tags: readonly string[]): Promise<void> {
  const { lang, dir, payment, secured, language } = await Checkout.words(tags);
  page.lang = lang;
  page.dir = dir;
  if (kept.lang) checkout.lang = lang;
  languages.value = lang;
  languages.ariaLabel = language;
  const [title, service] = [document.querySelector("h1"), document.querySelector("footer p")];
  if (title) title.textContent = payment;
  if (service) service.textContent = secured.replace("{gateway}", SERVICE);
}

/** A language's name in that language; Chinese is named by its script and not by a country. */
function nameOf(tag: string): string {
  const { language, script } = new Intl.Locale(tag).maximize();
  const names = new Intl.DisplayNames(tag, { type: "language" });
  return names.of(language === "zh" ? `zh-${script}` : tag) ?? tag;
}
