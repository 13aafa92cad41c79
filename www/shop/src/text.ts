/** The shop's words. The page's own text is English; another language replaces it. */

const en = {
  shop: "Shop",
  orders: "Orders",
  headline: "Small things for a quiet table",
  lead: "Nothing here is shipped, and no money moves. The payment is real in every other way.",
  buy: "Buy",
  checkout: "Checkout",
  payment: "Payment",
  orders_title: "Orders",
  orders_lead: "“Paid” is shown once this shop’s server has verified the gateway’s signed callback.",
  empty: "No orders yet.",
  order: "Order",
  new: "Waiting for payment",
  paid: "Paid",
  closed: "Closed",
  to_orders: "See your orders",
  callbacks: (n: number) => `${n} ${n === 1 ? "callback" : "callbacks"} verified`,
  continue: "Continue to pay",
  lost: "This order was begun in another tab. Continue there, or order again.",
  failed: "The shop could not do that. Please try again.",
};

const zh: typeof en = {
  shop: "商店",
  orders: "订单",
  headline: "案头小物",
  lead: "这里不发货，也不动钱；除此之外，付款流程都是真的。",
  buy: "购买",
  checkout: "结账",
  payment: "付款",
  orders_title: "订单",
  orders_lead: "商店服务器验过网关签名的回调之后，才显示“已付款”。",
  empty: "还没有订单。",
  order: "订单",
  new: "等待付款",
  paid: "已付款",
  closed: "已关闭",
  to_orders: "查看订单",
  callbacks: (n) => `已验证 ${n} 条回调`,
  continue: "继续付款",
  lost: "这笔订单是在另一个标签页里开始的，请回到那里继续，或重新下单。",
  failed: "操作没有成功，请再试一次。",
};

export const chinese = navigator.language.toLowerCase().startsWith("zh");
export const text = chinese ? zh : en;

/** Puts the page's own words into the shopper's language. */
export function translate(): void {
  document.documentElement.lang = chinese ? "zh-CN" : "en";
  for (const element of document.querySelectorAll<HTMLElement>("[data-text]")) {
    const words = text[element.dataset.text as keyof typeof en];
    if (typeof words === "string") element.textContent = words;
  }
}
