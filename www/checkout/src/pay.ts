/**
 * The gateway's own payment page: `/pay/{session}#{client_secret}`. The secret is taken out of
 * the address bar, so that a copied address does not carry it, and kept with the history entry
 * for a reload; once the session is claimed, it opens nothing any more.
 */
import { LezaiCheckout } from "./index.ts";

const session = location.pathname.split("/").at(-1) ?? "";
const secret = location.hash.slice(1) || (history.state as { secret?: string } | null)?.secret || "";
history.replaceState({ secret }, "", location.pathname);

const chinese = navigator.language.toLowerCase().startsWith("zh");
document.documentElement.lang = chinese ? "zh-CN" : "en";
const title = document.querySelector("h1");
if (title && chinese) title.textContent = "付款";

const checkout = new LezaiCheckout();
checkout.session = session;
checkout.clientSecret = secret;
checkout.addEventListener("ready", (event) => {
  document.title = event.detail.session.merchant.name;
});
document.querySelector("main")?.append(checkout);
