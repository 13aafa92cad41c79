/** Lezai's element, as its documentation embeds it. */
import "@lezai/checkout";

const order = new URLSearchParams(location.search);
const checkout = document.createElement("lezai-checkout");
checkout.gateway = order.get("gateway");
checkout.session = order.get("session");
checkout.clientSecret = order.get("secret");
checkout.addEventListener("ready", () => {
  document.querySelector("#checkout").dataset.ready = "";
});
document.querySelector("#checkout").append(checkout);
