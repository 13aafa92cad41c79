/** Compiled, never run: what an editor knows of the packages. */
import type { LezaiCheckout, LezaiCheckoutEvents, Session } from "@lezai/checkout";
import { Callbacks, type CreatedOrder, Lezai, LezaiError, Problem, type Refund } from "@lezai/server";

const checkout: LezaiCheckout = document.createElement("lezai-checkout");
export const element: HTMLElement = checkout;
checkout.session = "cs_1";
checkout.clientSecret = "…";
checkout.gateway = "https://pay.example";
checkout.addEventListener("paid", (event) => {
  const session: Session = event.detail.session;
  const amount: number = session.amount;
  console.log(amount);
});
checkout.addEventListener("declined", ({ detail }) => {
  const code: LezaiCheckoutEvents["declined"]["code"] = detail.code;
  console.log(code);
});
checkout.addEventListener("click", (event) => event.preventDefault());
document.body.append(checkout);
// @ts-expect-error the state is the element's own
checkout.state = "paid";
// @ts-expect-error an error tells no session
checkout.addEventListener("error", ({ detail }: CustomEvent<{ session: string }>) => detail.session);

const lezai = new Lezai({
  gateway: "https://pay.example",
  keyId: "shop-1",
  privateKey: "…",
  gatewayKey: "…",
});

export async function buy(): Promise<Refund | undefined> {
  try {
    const order: CreatedOrder = await lezai.orders.create({
      merchant_order_id: "A-1001",
      amount: 12800,
      currency: "CNY",
      description: "Jasmine tea",
    });
    const url: string = order.checkout.url;
    console.log(url);
    // @ts-expect-error an amount is needed
    await lezai.orders.refund(order.id, { merchant_refund_id: "R-1", currency: "CNY" });
    // @ts-expect-error there is no such field
    await lezai.orders.create({ ...order, colour: "green" } satisfies Parameters<
      typeof lezai.orders.create
    >[0]);
    return await lezai.orders.refund(order.id, { merchant_refund_id: "R-1", amount: 6000, currency: "CNY" });
  } catch (error) {
    if (error instanceof Problem && error.retry === "query_first") console.log(error.problem.order_id);
    if (error instanceof LezaiError) console.log(error.code, error.field, error.requestId);
    return undefined;
  }
}

const callbacks = new Callbacks({ url: "https://shop.example/callbacks", webhookSecret: "whsec_…" });

export async function receive(request: Request): Promise<Response> {
  const { type, data } = await callbacks.verify(request);
  if (type === "order.paid" && data.order) console.log(data.order.merchant_order_id, data.order.amount);
  return new Response();
}
