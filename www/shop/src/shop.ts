/** The shelves. */
import { buy, type Product, products } from "./api.ts";
import { keep, make, money, named, problem } from "./page.ts";
import { chinese, text, translate } from "./text.ts";

translate();
const shelf = document.querySelector(".products");

try {
  shelf?.replaceChildren(...(await products()).map(card));
} catch {
  problem(true);
}

function card(product: Product): HTMLElement {
  const button = make("button", { type: "button", className: "button" }, text.buy);
  const name = named(product);
  button.setAttribute("aria-label", `${text.buy}: ${name}`);
  button.dataset.product = product.id;
  button.addEventListener("click", () => begin(button, product.id));
  return make(
    "li",
    { className: "product" },
    make("img", { src: product.image, alt: "", width: 320, height: 240 }),
    make("h2", {}, name),
    make(
      "div",
      { className: "row" },
      make("span", { className: "price" }, money(product.price, product.currency)),
      button,
    ),
  );
}

async function begin(button: HTMLButtonElement, product: string): Promise<void> {
  button.disabled = true;
  problem(false);
  try {
    const { shop_order, gateway, session, client_secret } = await buy(product, 1, chinese ? "zh" : "en");
    keep(shop_order, { gateway, session, client_secret, product });
    location.assign(`/pay.html?order=${encodeURIComponent(shop_order)}`);
  } catch {
    problem(true);
    button.disabled = false;
  }
}
