/** The API's objects under this package's names, from the generated types. */
import type { components, operations } from "./openapi.ts";

type Schemas = components["schemas"];
type Query<Operation extends keyof operations> = NonNullable<operations[Operation]["parameters"]["query"]>;

export type NewOrder = Schemas["NewOrder"];
export type Order = Schemas["OrderView"];
/** The answer that created an order or renewed its session, with the `client_secret` for the element. */
export type CreatedOrder = Order & { checkout: Schemas["CheckoutView"] };
export type OrderQuery = Query<"orders_list">;
export type NewCapture = Schemas["NewCapture"];
export type NewCharge = Schemas["NewCharge"];

export type NewRefund = Schemas["NewRefund"];
export type Refund = Schemas["RefundView"];

export type BalancesView = Schemas["BalancesView"];
export type BalancesQuery = Query<"balances_find">;

export type NewMandate = Schemas["NewMandate"];
/** A shopper's agreement to be debited, within its bounds. */
export type Mandate = Schemas["MandateView"];
export type MandateQuery = Query<"mandates_list_mandates">;
export type NewDebit = Schemas["NewDebit"];

export type NewPayout = Schemas["NewPayout"];
export type Payout = Schemas["PayoutView"];
export type PayoutQuery = Query<"payouts_list">;

export type NewPayoutBatch = Schemas["NewPayoutBatch"];
export type PayoutBatch = Schemas["PayoutBatchView"];
export type PayoutBatchQuery = Query<"payouts_list_batches">;
export type PayoutsOfBatchQuery = Query<"payouts_of_batch">;

/** A rate that is to be fixed for an order that is settled in another currency. */
export type NewFxQuote = Schemas["NewFxQuote"];
export type FxQuote = Schemas["FxQuoteView"];
export type FxQuoteQuery = Query<"fx_list">;

export type NewReceiver = Schemas["NewReceiver"];
/** One that orders are shared with, and its balances. */
export type ReceiverAccount = Schemas["ReceiverView"];
export type ReceiverQuery = Query<"receivers_list">;

export type NewSplit = Schemas["NewSplit"];
export type Split = Schemas["SplitView"];
export type NewReturn = Schemas["NewReturn"];
export type SplitReturn = Schemas["SplitReturnView"];

export type Settlement = Schemas["SettlementView"];
export type SettlementQuery = Query<"settlements_list">;
export type SettlementLine = Schemas["SettlementLine"];
export type SettlementLinesQuery = Query<"settlements_lines">;
export type OpenSettlement = Schemas["OpenSettlement"];
export type Contract = Schemas["ContractView"];

export type NewStatement = Schemas["NewStatement"];
export type Statement = Schemas["StatementView"];
export type StatementQuery = Query<"statements_list">;
export type NewStatementPlan = Schemas["NewStatementPlan"];
export type StatementPlan = Schemas["StatementPlanView"];

export type StoredEvent = Schemas["StoredEvent"];
export type EventQuery = Query<"events_list">;
export type EventRange = Schemas["EventRange"];
export type Redelivery = Schemas["Redelivery"];
export type EndpointTest = Schemas["Report"];

/** A page of a list: continue with `next` as `after` until `has_more` is false. */
export interface Page<T> {
  object: string;
  data: T[];
  has_more: boolean;
  next?: string;
}

/** The content of a callback. New types and members may be added: ignore them, and answer 200. */
export type Callback = Omit<StoredEvent, "data" | "delivery"> & {
  data: {
    order?: Omit<Order, "checkout">;
    refund?: Refund;
    split_return?: SplitReturn;
    mandate?: Mandate;
    payout?: Payout;
    payout_batch?: PayoutBatch;
    settlement?: Settlement;
    statement?: Statement;
    contract?: Contract;
  };
};
