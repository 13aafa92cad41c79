import { LezaiCheckout, type LezaiCheckoutEvents } from "./element.ts";

export type { Method, Payment, Session } from "../../core/src/session.ts";
export { LezaiCheckout, type LezaiCheckoutEvents };

declare global {
  interface HTMLElementTagNameMap {
    "lezai-checkout": LezaiCheckout;
  }
}

if (globalThis.customElements && !customElements.get("lezai-checkout")) {
  customElements.define("lezai-checkout", LezaiCheckout);
}
