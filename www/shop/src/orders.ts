/** The shop's orders, as its server knows them from verified callbacks. */
import { type Order, orders, type Product, products } from "./api.ts";
import { forget, kept, make, money, named, problem } from "./page.ts";
import { chinese, text, translate } from "./text.ts";

const LOOK_MS = 2_000;

translate();
const list = document.querySelector(".orders");
const empty = document.querySelector<HTMLElement>(".empty");
const developer = document.querySelector<HTMLElement>(".developer");
const asked = new URLSearchParams(location.search).get("order");
const names = new Map<string, Product>();
let shown = "";

try {
  for (const product of await products()) names.set(product.id, product);
} catch {
  problem(true);
}
developer?.querySelector("input")?.addEventListener("change", (event) => {
  list?.classList.toggle("open", (event.target as HTMLInputElement).checked);
});
await look();

async function look(): Promise<void> {
  try {
    const all = await orders();
    problem(false);
    // Only what changed is written again: a screen reader reads it out.
    const now = JSON.stringify(all);
    if (now !== shown) list?.replaceChildren(...all.map(row));
    shown = now;
    if (empty) empty.hidden = all.length > 0;
    if (developer) developer.hidden = all.length === 0;
  } catch {
    problem(true);
  }
  setTimeout(() => void look(), LOOK_MS);
}

function row(order: Order): HTMLElement {
  if (order.status !== "new") forget(order.shop_order);
  const product = names.get(order.product);
  const item = make(
    "li",
    { className: order.shop_order === asked ? "entry asked" : "entry" },
    make("img", { src: product?.image ?? "data:,", alt: "", width: 320, height: 240 }),
    make(
      "div",
      { className: "what" },
      make("p", { className: "name" }, product ? named(product) : order.product),
      make("p", { className: "number" }, order.shop_order),
      ...(order.paid_at
        ? [make("p", { className: "number" }, `${text.confirmed} · ${time(order.paid_at)}`)]
        : []),
      make(
        "p",
        { className: "number internal" },
        [text.callbacks(order.callbacks), order.gateway_order].filter(Boolean).join(" · "),
      ),
    ),
    make(
      "div",
      { className: "stand" },
      make("p", { className: "price" }, money(order.amount, order.currency)),
      make("span", { className: `badge ${order.status}` }, text[order.status]),
      ...(order.status === "new" && kept(order.shop_order)
        ? [
            make(
              "a",
              { className: "resume", href: `/pay.html?order=${encodeURIComponent(order.shop_order)}` },
              text.continue,
            ),
          ]
        : []),
    ),
  );
  item.dataset.order = order.shop_order;
  return item;
}

function time(at: string): string {
  const format = new Intl.DateTimeFormat(chinese ? "zh-CN" : "en", {
    dateStyle: "medium",
    timeStyle: "short",
  });
  return format.format(new Date(at));
}
