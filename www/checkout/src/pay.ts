/**
 * The gateway's own payment page: `/pay/{session}#{client_secret}`. The secret is taken out of
 * the address bar, so that a copied address does not carry it, and kept with the history entry
 * for a reload. It opens the payment until its end, and pays it once.
 *
 * The element's script stands beside this one in the document, each with its hash; nothing is
 * imported, since an import would have none.
 */
import type { LezaiCheckout } from "./index.ts";

const session = location.pathname.split("/").at(-1) ?? "";
const secret = location.hash.slice(1) || (history.state as { secret?: string } | null)?.secret || "";
history.replaceState({ secret }, "", location.pathname);

// The element asks the page first, and the page knows no better than her browser.
document.documentElement.lang = navigator.language;
const Checkout = (await customElements.whenDefined("lezai-checkout")) as typeof LezaiCheckout;

void Checkout.words(navigator.languages).then(({ lang, dir, payment }) => {
  document.documentElement.lang = lang;
  document.documentElement.dir = dir;
  const title = document.querySelector("h1");
  if (title) title.textContent = payment;
});

const checkout = new Checkout();
checkout.session = session;
checkout.clientSecret = secret;
checkout.addEventListener("ready", (event) => {
  document.title = event.detail.session.merchant.name;
});
document.querySelector("main")?.append(checkout);
