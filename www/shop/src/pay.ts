/** The checkout: the order beside the embedded element, which pays it. */
import { order, products } from "./api.ts";
import { kept, make, named } from "./page.ts";
import { text, translate } from "./text.ts";

/** The callback comes right after the payment; how often to look whether it has. */
const LOOK_MS = 1_000;

translate();
const shop_order = new URLSearchParams(location.search).get("order") ?? "";
const standing = document.querySelector(".standing");
const ticket = kept(shop_order);

if (ticket) {
  const checkout = document.createElement("lezai-checkout");
  checkout.setAttribute("gateway", ticket.gateway);
  checkout.setAttribute("session", ticket.session);
  checkout.setAttribute("client-secret", ticket.client_secret);
  // The page is told at once, but the shop believes its own server alone.
  checkout.addEventListener("paid", () => void confirm());
  document.querySelector(".checkout")?.append(checkout);
  await describe(ticket.product);
} else {
  standing?.append(text.lost);
}

async function describe(id: string): Promise<void> {
  const product = (await products()).find((it) => it.id === id);
  if (!product) return;
  document.querySelector(".line")?.replaceChildren(
    make("img", { src: product.image, alt: "", width: 320, height: 240 }),
    // The card beside it says what it costs, and the order's number.
    make("p", { className: "name" }, named(product)),
  );
}

async function confirm(): Promise<void> {
  const { status } = await order(shop_order);
  if (status !== "paid") {
    setTimeout(() => void confirm(), LOOK_MS);
    return;
  }
  standing?.replaceChildren(
    make("span", { className: "badge paid" }, text.paid),
    make("a", { href: `/orders.html?order=${encodeURIComponent(shop_order)}` }, text.to_orders),
  );
}
