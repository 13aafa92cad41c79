/** Adyen's core, drop-in and card, as its documentation embeds them. */
import { AdyenCheckout, Card, Dropin } from "@adyen/adyen-web";
import "@adyen/adyen-web/styles/adyen.css";

const checkout = await AdyenCheckout({
  environment: "test",
  clientKey: "test_ABCDEFGHIJKLMNOPQRSTUVWXYZ123456",
  countryCode: "NL",
  locale: "en-US",
  amount: { value: 12800, currency: "EUR" },
  analytics: { enabled: false },
  paymentMethodsResponse: {
    paymentMethods: [{ type: "scheme", name: "Cards", brands: ["visa", "mc"] }],
  },
  onSubmit() {},
});
new Dropin(checkout, { paymentMethodComponents: [Card] }).mount("#checkout");
