/** The calls of a merchant's server. */
import { type CallOptions, Connection, type ConnectionOptions } from "./connection.ts";
import { Misuse, Problem } from "./errors.ts";
import type {
  BalancesQuery,
  BalancesView,
  Contract,
  CreatedOrder,
  EndpointTest,
  EventQuery,
  EventRange,
  FxQuote,
  FxQuoteQuery,
  Mandate,
  MandateQuery,
  NewCapture,
  NewCharge,
  NewDebit,
  NewFxQuote,
  NewMandate,
  NewOrder,
  NewPayout,
  NewPayoutBatch,
  NewReceiver,
  NewRefund,
  NewReturn,
  NewSplit,
  NewStatement,
  NewStatementPlan,
  OpenSettlement,
  Order,
  OrderQuery,
  Page,
  Payout,
  PayoutBatch,
  PayoutBatchQuery,
  PayoutQuery,
  PayoutsOfBatchQuery,
  ReceiverAccount,
  ReceiverQuery,
  Redelivery,
  Refund,
  Settlement,
  SettlementLine,
  SettlementLinesQuery,
  SettlementQuery,
  Split,
  SplitReturn,
  Statement,
  StatementPlan,
  StatementQuery,
  StoredEvent,
} from "./types.ts";

export type LezaiOptions = ConnectionOptions;

/** A gateway, as one merchant calls it. Create one and keep it. */
export class Lezai {
  readonly orders: Orders;
  readonly refunds: Refunds;
  readonly events: Events;
  readonly balances: Balances;
  readonly fxQuotes: FxQuotes;
  readonly receivers: Receivers;
  readonly splits: Splits;
  readonly mandates: Mandates;
  readonly payouts: Payouts;
  readonly payoutBatches: PayoutBatches;
  readonly settlements: Settlements;
  readonly statements: Statements;
  readonly statementPlans: StatementPlans;

  /** @throws Misuse if an option is wrong; the message says which, and what is right */
  constructor(options: LezaiOptions) {
    const connection = new Connection(options);
    this.orders = new Orders(connection);
    this.refunds = new Refunds(connection);
    this.events = new Events(connection);
    this.balances = new Balances(connection);
    this.fxQuotes = new FxQuotes(connection);
    this.receivers = new Receivers(connection);
    this.splits = new Splits(connection);
    this.mandates = new Mandates(connection);
    this.payouts = new Payouts(connection);
    this.payoutBatches = new PayoutBatches(connection);
    this.settlements = new Settlements(connection);
    this.statements = new Statements(connection);
    this.statementPlans = new StatementPlans(connection);
  }
}

/** Orders. Every call throws a LezaiError. */
class Orders {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * Creates an order. By default its idempotency key is derived from `merchant_order_id`,
   * so the order is created once even if your server crashes before it has the answer.
   */
  create(order: NewOrder, options: CallOptions = {}): Promise<CreatedOrder> {
    return numbered("order", "merchant_order_id", order.merchant_order_id, options, (own) =>
      this.#connection.post("/v1/orders", { ...own, content: order }),
    );
  }

  find(id: string, options?: CallOptions): Promise<Order> {
    return this.#connection.get(`/v1/orders/${segment(id)}`, options);
  }

  /** The order with your own number, if there is one. */
  async findByNumber(merchant_order_id: string, options?: CallOptions): Promise<Order | undefined> {
    return (await this.list({ merchant_order_id }, options)).data[0];
  }

  /** A page of orders, newest first. */
  list(query: OrderQuery = {}, options?: CallOptions): Promise<Page<Order>> {
    return this.#connection.get("/v1/orders", { ...options, query });
  }

  /** All orders, newest first; further pages are requested as needed. */
  all(query: OrderQuery = {}, options?: CallOptions): AsyncGenerator<Order, void> {
    return every((after) => this.list({ ...query, ...after }, options));
  }

  /**
   * Gives an unpaid order a new checkout session, and ends the previous one: for a shopper who lost the
   * page. The answer has the new `checkout`, with its client secret.
   */
  renewSession(id: string, options?: CallOptions): Promise<CreatedOrder> {
    return this.#connection.post(`/v1/orders/${segment(id)}/session`, options);
  }

  /** Closes an unpaid order. */
  close(id: string, options?: CallOptions): Promise<Order> {
    return this.#connection.post(`/v1/orders/${segment(id)}/close`, options);
  }

  /** Captures an authorised order: the whole amount, or a part. */
  capture(id: string, part: NewCapture = {}, options?: CallOptions): Promise<Order> {
    return this.#connection.post(`/v1/orders/${segment(id)}/capture`, { ...options, content: part });
  }

  /**
   * Charges the code that the shopper shows at the counter. The order is `paid`, or still open while the shopper
   * must do something: call again with the same key until it is decided. A refused code rejects with `code_refused`.
   */
  charge(id: string, charge: NewCharge, options?: CallOptions): Promise<Order> {
    return this.#connection.post(`/v1/orders/${segment(id)}/charge`, { ...options, content: charge });
  }

  /** Voids a payment before it is settled. */
  void(id: string, options?: CallOptions): Promise<Order> {
    return this.#connection.post(`/v1/orders/${segment(id)}/void`, options);
  }

  /** Refunds a part or all. The key is derived from `merchant_refund_id`, as with `create`. */
  refund(id: string, refund: NewRefund, options: CallOptions = {}): Promise<Refund> {
    return numbered("refund", "merchant_refund_id", refund.merchant_refund_id, options, (own) =>
      this.#connection.post(`/v1/orders/${segment(id)}/refunds`, { ...own, content: refund }),
    );
  }

  /** The order's refunds, oldest first. */
  async refunds(id: string, options?: CallOptions): Promise<Refund[]> {
    return (await this.#connection.get<Page<Refund>>(`/v1/orders/${segment(id)}/refunds`, options)).data;
  }
}

/** Splits of settled orders that were created with `split: "later"`. Every call throws a LezaiError. */
class Splits {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Splits an order. The key is derived from `merchant_split_id`, so a repeat is never a second split. */
  create(order: string, split: NewSplit, options: CallOptions = {}): Promise<Split> {
    return numbered("split", "merchant_split_id", split.merchant_split_id, options, (own) =>
      this.#connection.post(`/v1/orders/${segment(order)}/splits`, { ...own, content: split }),
    );
  }

  /** The order's splits with what was given back of them, oldest first. */
  async list(order: string, options?: CallOptions): Promise<Split[]> {
    return (await this.#connection.get<Page<Split>>(`/v1/orders/${segment(order)}/splits`, options)).data;
  }

  /** Ends an order's splitting: what is left is yours to take out. */
  finish(order: string, options?: CallOptions): Promise<Order> {
    return this.#connection.post(`/v1/orders/${segment(order)}/splits/finish`, options);
  }

  /**
   * Takes a share back, whole or in part. It is `failed` if the receiver has not as much available. The key is
   * derived from `merchant_return_id`; try again under another number.
   */
  giveBack(split: string, wish: NewReturn, options: CallOptions = {}): Promise<SplitReturn> {
    return numbered("return", "merchant_return_id", wish.merchant_return_id, options, (own) =>
      this.#connection.post(`/v1/splits/${segment(split)}/returns`, { ...own, content: wish }),
    );
  }
}

/** Quotes: rates that are fixed for a time, each for one order that is settled in another currency. */
class FxQuotes {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Fixes a rate. Create the order with its `id` as `fx_quote` before `expires_at`. */
  create(quote: NewFxQuote, options: CallOptions = {}): Promise<FxQuote> {
    return this.#connection.post("/v1/fx_quotes", { ...options, content: quote });
  }

  find(id: string, options?: CallOptions): Promise<FxQuote> {
    return this.#connection.get(`/v1/fx_quotes/${segment(id)}`, options);
  }

  /** A page of quotes, newest first. */
  list(query: FxQuoteQuery = {}, options?: CallOptions): Promise<Page<FxQuote>> {
    return this.#connection.get("/v1/fx_quotes", { ...options, query });
  }

  /** All quotes, newest first; further pages are requested as needed. */
  all(query: FxQuoteQuery = {}, options?: CallOptions): AsyncGenerator<FxQuote, void> {
    return every((after) => this.list({ ...query, ...after }, options));
  }
}

/** Receivers: those that orders are shared with. */
class Receivers {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Registers a receiver under your name for it, as shares have it. */
  register(receiver: NewReceiver, options: CallOptions = {}): Promise<ReceiverAccount> {
    return this.#connection.post("/v1/receivers", { ...options, content: receiver });
  }

  find(id: string, options?: CallOptions): Promise<ReceiverAccount> {
    return this.#connection.get(`/v1/receivers/${segment(id)}`, options);
  }

  /** The receiver with your name for it, if there is one. */
  async findByName(name: string, options?: CallOptions): Promise<ReceiverAccount | undefined> {
    return (await this.list({ name }, options)).data[0];
  }

  /** A page of receivers, newest first. */
  list(query: ReceiverQuery = {}, options?: CallOptions): Promise<Page<ReceiverAccount>> {
    return this.#connection.get("/v1/receivers", { ...options, query });
  }

  /** All receivers, newest first; further pages are requested as needed. */
  all(query: ReceiverQuery = {}, options?: CallOptions): AsyncGenerator<ReceiverAccount, void> {
    return every((after) => this.list({ ...query, ...after }, options));
  }

  /** Removes a receiver: it gets no new shares and keeps its balance. */
  remove(id: string, options?: CallOptions): Promise<ReceiverAccount> {
    return this.#connection.post(`/v1/receivers/${segment(id)}/remove`, options);
  }
}

/** Mandates: shoppers' agreements to be debited without them. */
class Mandates {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * Makes a mandate; send the shopper to its `authorize_url`. By default its idempotency key is derived from
   * `merchant_mandate_id`, so it is made once even if your server crashes before it has the answer.
   */
  create(mandate: NewMandate, options: CallOptions = {}): Promise<Mandate> {
    return numbered("mandate", "merchant_mandate_id", mandate.merchant_mandate_id, options, (own) =>
      this.#connection.post("/v1/mandates", { ...own, content: mandate }),
    );
  }

  find(id: string, options?: CallOptions): Promise<Mandate> {
    return this.#connection.get(`/v1/mandates/${segment(id)}`, options);
  }

  /** The mandate with your own number, if there is one. */
  async findByNumber(merchant_mandate_id: string, options?: CallOptions): Promise<Mandate | undefined> {
    return (await this.list({ merchant_mandate_id }, options)).data[0];
  }

  /** A page of mandates, newest first. */
  list(query: MandateQuery = {}, options?: CallOptions): Promise<Page<Mandate>> {
    return this.#connection.get("/v1/mandates", { ...options, query });
  }

  /** All mandates, newest first; further pages are requested as needed. */
  all(query: MandateQuery = {}, options?: CallOptions): AsyncGenerator<Mandate, void> {
    return every((after) => this.list({ ...query, ...after }, options));
  }

  /** Takes a mandate back: it is not debited any more. */
  revoke(id: string, options?: CallOptions): Promise<Mandate> {
    return this.#connection.post(`/v1/mandates/${segment(id)}/revoke`, options);
  }

  /**
   * Debits under a mandate. The answer is an order, `paying`; a callback says how it ended. By default its
   * idempotency key is derived from `merchant_order_id`, so it is debited once.
   */
  debit(id: string, debit: NewDebit, options: CallOptions = {}): Promise<Order> {
    return numbered("order", "merchant_order_id", debit.merchant_order_id, options, (own) =>
      this.#connection.post(`/v1/mandates/${segment(id)}/debits`, { ...own, content: debit }),
    );
  }
}

/** Refunds. Create them with `orders.refund`. */
class Refunds {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  find(id: string, options?: CallOptions): Promise<Refund> {
    return this.#connection.get(`/v1/refunds/${segment(id)}`, options);
  }

  /** The refund with your own number, if there is one. */
  async findByNumber(merchant_refund_id: string, options?: CallOptions): Promise<Refund | undefined> {
    const query = { merchant_refund_id };
    return (await this.#connection.get<Page<Refund>>("/v1/refunds", { ...options, query })).data[0];
  }
}

/** All events, whether or not a callback arrived. */
class Events {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** A page of events, oldest first; with `after`, those since. */
  list(query: EventQuery = {}, options?: CallOptions): Promise<Page<StoredEvent>> {
    return this.#connection.get("/v1/events", { ...options, query });
  }

  /** All events, oldest first; further pages are requested as needed. */
  all(query: EventQuery = {}, options?: CallOptions): AsyncGenerator<StoredEvent, void> {
    return every((after) => this.list({ ...query, ...after }, options));
  }

  find(id: string, options?: CallOptions): Promise<StoredEvent> {
    return this.#connection.get(`/v1/events/${segment(id)}`, options);
  }

  /** Redelivers an event. */
  redeliver(id: string, options?: CallOptions): Promise<StoredEvent> {
    return this.#connection.post(`/v1/events/${segment(id)}/redeliver`, options);
  }

  /** Redelivers all events of a range. */
  redeliverRange(range: EventRange, options?: CallOptions): Promise<Redelivery> {
    return this.#connection.post("/v1/events/redeliver", { ...options, content: range });
  }

  /** Sends your receiver a valid callback, a forged one and a repeat, and returns its answer to each. */
  test(notify_url?: string, options?: CallOptions): Promise<EndpointTest> {
    const content = notify_url === undefined ? {} : { notify_url };
    return this.#connection.post("/v1/events/test", { ...options, content });
  }
}

/** The balances that are owed to the merchant, from the ledger. */
class Balances {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** The balances now, or `at` a past moment (RFC 3339); those of a `receiver` that you share with, if one is named. */
  get(query: BalancesQuery = {}, options?: CallOptions): Promise<BalancesView> {
    return this.#connection.get("/v1/balances", { ...options, query });
  }
}

/** Payouts of what is available. */
class Payouts {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * Pays out what is available; the amount and its fee are taken at once. The key is derived from
   * `merchant_payout_id`, so a repeat is never a second payout. `paid` is not the end: a bank may return it.
   */
  create(payout: NewPayout, options: CallOptions = {}): Promise<Payout> {
    return numbered("payout", "merchant_payout_id", payout.merchant_payout_id, options, (own) =>
      this.#connection.post("/v1/payouts", { ...own, content: payout }),
    );
  }

  find(id: string, options?: CallOptions): Promise<Payout> {
    return this.#connection.get(`/v1/payouts/${segment(id)}`, options);
  }

  /** The payout with your own number, if there is one. */
  async findByNumber(merchant_payout_id: string, options?: CallOptions): Promise<Payout | undefined> {
    return (await this.list({ merchant_payout_id }, options)).data[0];
  }

  /** A page of payouts, newest first. */
  list(query: PayoutQuery = {}, options?: CallOptions): Promise<Page<Payout>> {
    return this.#connection.get("/v1/payouts", { ...options, query });
  }

  /** All payouts, newest first; further pages are requested as needed. */
  all(query: PayoutQuery = {}, options?: CallOptions): AsyncGenerator<Payout, void> {
    return every((after) => this.list({ ...query, ...after }, options));
  }

  /** Cancels a payout that was not sent yet. */
  cancel(id: string, options?: CallOptions): Promise<Payout> {
    return this.#connection.post(`/v1/payouts/${segment(id)}/cancel`, options);
  }
}

/** Batches of up to a thousand payouts. */
class PayoutBatches {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * Pays out to all items of a batch: all of it is accepted, or nothing. The key is derived from
   * `merchant_payout_batch_id`, so a repeat is never a second batch.
   */
  create(batch: NewPayoutBatch, options: CallOptions = {}): Promise<PayoutBatch> {
    const number = batch.merchant_payout_batch_id;
    return numbered("payout_batch", "merchant_payout_batch_id", number, options, (own) =>
      this.#connection.post("/v1/payout_batches", { ...own, content: batch }),
    );
  }

  /** A batch, with how much of it is in which state. */
  find(id: string, options?: CallOptions): Promise<PayoutBatch> {
    return this.#connection.get(`/v1/payout_batches/${segment(id)}`, options);
  }

  /** The batch with your own number, if there is one. */
  async findByNumber(
    merchant_payout_batch_id: string,
    options?: CallOptions,
  ): Promise<PayoutBatch | undefined> {
    return (await this.list({ merchant_payout_batch_id }, options)).data[0];
  }

  /** A page of batches, newest first. */
  list(query: PayoutBatchQuery = {}, options?: CallOptions): Promise<Page<PayoutBatch>> {
    return this.#connection.get("/v1/payout_batches", { ...options, query });
  }

  /** All batches, newest first; further pages are requested as needed. */
  all(query: PayoutBatchQuery = {}, options?: CallOptions): AsyncGenerator<PayoutBatch, void> {
    return every((after) => this.list({ ...query, ...after }, options));
  }

  /** All payouts of a batch, the last item first; further pages are requested as needed. */
  payouts(id: string, query: PayoutsOfBatchQuery = {}, options?: CallOptions): AsyncGenerator<Payout, void> {
    const path = `/v1/payout_batches/${segment(id)}/payouts`;
    return every((after) => this.#connection.get(path, { ...options, query: { ...query, ...after } }));
  }
}

/** Settlement batches, and the contracts that they follow. */
class Settlements {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** A page of closed batches, newest first. */
  list(query: SettlementQuery = {}, options?: CallOptions): Promise<Page<Settlement>> {
    return this.#connection.get("/v1/settlements", { ...options, query });
  }

  /** All closed batches, newest first; further pages are requested as needed. */
  all(query: SettlementQuery = {}, options?: CallOptions): AsyncGenerator<Settlement, void> {
    return every((after) => this.list({ ...query, ...after }, options));
  }

  /** The batches as they would be if they were closed now, one for each currency. */
  async open(options?: CallOptions): Promise<OpenSettlement[]> {
    return (await this.#connection.get<Page<OpenSettlement>>("/v1/settlements/open", options)).data;
  }

  find(id: string, options?: CallOptions): Promise<Settlement> {
    return this.#connection.get(`/v1/settlements/${segment(id)}`, options);
  }

  /** All lines of a batch, oldest first; their sum is its `net`. */
  lines(
    id: string,
    query: SettlementLinesQuery = {},
    options?: CallOptions,
  ): AsyncGenerator<SettlementLine, void> {
    const path = `/v1/settlements/${segment(id)}/lines`;
    return every((after) => this.#connection.get(path, { ...options, query: { ...query, ...after } }));
  }

  /** The merchant's contracts, newest first. */
  async contracts(options?: CallOptions): Promise<Contract[]> {
    return (await this.#connection.get<Page<Contract>>("/v1/contracts", options)).data;
  }
}

/** Where to look for what was made under a number before. */
const LOOK = {
  order: "orders.findByNumber",
  refund: "refunds.findByNumber",
  mandate: "mandates.findByNumber",
  payout: "payouts.findByNumber",
  payout_batch: "payoutBatches.findByNumber",
  split: "splits.list",
  return: "splits.list",
};

/** Statements: ranges of the ledger's entries as files. */
class Statements {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Asks for a statement. It is made in the background: the callback `statement.ready` tells when it is there. */
  create(statement: NewStatement, options?: CallOptions): Promise<Statement> {
    return this.#connection.post("/v1/statements", { ...options, content: statement });
  }

  find(id: string, options?: CallOptions): Promise<Statement> {
    return this.#connection.get(`/v1/statements/${segment(id)}`, options);
  }

  /** A page of statements, newest first. */
  list(query: StatementQuery = {}, options?: CallOptions): Promise<Page<Statement>> {
    return this.#connection.get("/v1/statements", { ...options, query });
  }

  /** All statements, newest first; further pages are requested as needed. */
  all(query: StatementQuery = {}, options?: CallOptions): AsyncGenerator<Statement, void> {
    return every((after) => this.list({ ...query, ...after }, options));
  }

  /**
   * The bytes of a statement as they come, however many. The stream fails at its end if they are not those that the
   * gateway signed: use what you read once it has ended.
   */
  content(id: string, options?: CallOptions): Promise<ReadableStream<Uint8Array>> {
    return this.#connection.stream(`/v1/statements/${segment(id)}/content`, options);
  }
}

/** Plans by which a statement is made of each day, week or month. */
class StatementPlans {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Puts a plan under a name of your own; the same one once more changes nothing. */
  put(name: string, plan: NewStatementPlan, options?: CallOptions): Promise<StatementPlan> {
    return this.#connection.put(`/v1/statement_plans/${planName(name)}`, { ...options, content: plan });
  }

  find(name: string, options?: CallOptions): Promise<StatementPlan> {
    return this.#connection.get(`/v1/statement_plans/${planName(name)}`, options);
  }

  /** All plans, by name. */
  async list(options?: CallOptions): Promise<StatementPlan[]> {
    return (await this.#connection.get<Page<StatementPlan>>("/v1/statement_plans", options)).data;
  }
}

/**
 * Calls with a key derived from the merchant's own number, unless the caller passed one. Without a valid number
 * there is no key, and the gateway reports the number. The error for a reused key names the number and not the key.
 */
function numbered<T>(
  what: keyof typeof LOOK,
  field: string,
  number: string,
  options: CallOptions,
  call: (options: CallOptions) => Promise<T>,
): Promise<T> {
  if (options.idempotencyKey !== undefined || !/^[\w.:-]{1,64}$/.test(number)) return call(options);
  return call({ ...options, idempotencyKey: `${what}-${number}` }).catch((error) => {
    if (!(error instanceof Problem) || error.code !== "idempotency_key_reused") throw error;
    const meaning =
      `the ${field} "${number}" was sent before with other content, and the idempotency key follows from it. ` +
      `Look with ${LOOK[what]} what was made by then, or give this ${what} a number of its own`;
    throw new Problem(error.problem, error.retryAfterMs, error.idempotencyKey, meaning);
  });
}

/** An id as part of a path: an invalid id must not lead to another path. */
function segment(id: string): string {
  if (!/^[a-z]{2,4}_[0-9a-f]{1,64}$/.test(id)) {
    throw new Misuse(
      `id must be one of the gateway's, such as ord_…, not "${id}"; use findByNumber for your own number`,
    );
  }
  return id;
}

/** A plan's name as part of a path. */
function planName(name: string): string {
  if (!/^[a-z0-9_-]{1,40}$/.test(name)) {
    throw new Misuse(`a plan's name must be 1 to 40 of a-z, 0-9, _ and -, not "${name}"`);
  }
  return name;
}

async function* every<T>(page: (after: { after?: string }) => Promise<Page<T>>): AsyncGenerator<T, void> {
  let after: { after?: string } = {};
  for (;;) {
    const { data, has_more, next } = await page(after);
    yield* data;
    if (!has_more || next === undefined) return;
    after = { after: next };
  }
}

export type {
  Balances,
  Events,
  FxQuotes,
  Mandates,
  Orders,
  PayoutBatches,
  Payouts,
  Receivers,
  Refunds,
  Settlements,
  Splits,
  StatementPlans,
  Statements,
};
