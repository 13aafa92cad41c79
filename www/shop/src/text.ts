/** The shop's words. The page's own text is English; another language replaces it. */

const en = {
  name: "Demo Shop",
  shop: "Shop",
  orders: "Orders",
  headline: "Small things for a quiet table",
  lead: "Nothing here is shipped, and no money moves. The payment is real in every other way.",
  buy: "Buy",
  how: "How it works",
  how_1: "Choose",
  how_1_more: "The shop’s server signs the order and sends it to the gateway.",
  how_2: "Pay",
  how_2_more: "Your browser checks the gateway’s signature; the sandbox wallet does the rest.",
  how_3: "Done",
  how_3_more: "A signed callback tells the shop, and only that counts.",
  checkout: "Checkout",
  payment: "Payment",
  orders_title: "Orders",
  orders_lead: "“Paid” is shown once this shop’s server has verified the gateway’s signed callback.",
  empty: "No orders yet.",
  new: "Waiting for payment",
  paid: "Paid",
  closed: "Closed",
  to_orders: "See your orders",
  confirmed: "Confirmed",
  developer: "Show what a developer wants to know",
  callbacks: (n: number) => `${n} ${n === 1 ? "callback" : "callbacks"} verified`,
  continue: "Continue to pay",
  lost: "This order was begun in another browser. Continue there, or order again.",
  failed: "The shop could not do that. Please try again.",
};

const zh: typeof en = {
  name: "乐在小店",
  shop: "商店",
  orders: "订单",
  headline: "案头小物",
  lead: "这里不发货，也不动钱；除此之外，付款流程都是真的。",
  buy: "购买",
  how: "付款是怎样完成的",
  how_1: "下单",
  how_1_more: "商店服务器给订单签名，发给支付网关。",
  how_2: "付款",
  how_2_more: "浏览器核对网关的签名，再由沙箱钱包付款。",
  how_3: "到账",
  how_3_more: "网关用签名的回调通知商店，商店只认这个。",
  checkout: "结账",
  payment: "付款",
  orders_title: "订单",
  orders_lead: "商店服务器验过网关签名的回调之后，才显示“已付款”。",
  empty: "还没有订单。",
  new: "等待付款",
  paid: "已付款",
  closed: "已关闭",
  to_orders: "查看订单",
  confirmed: "已确认",
  developer: "显示开发者信息",
  callbacks: (n) => `已验证 ${n} 条回调`,
  continue: "继续付款",
  lost: "这笔订单是在另一个浏览器里开始的，请回到那里继续，或重新下单。",
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
