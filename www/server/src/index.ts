/**
 * Lezai for a shop's server: signed calls, verified answers, verified callbacks. The gateway's own core,
 * compiled to WebAssembly, makes the signatures. Nothing here needs Node.
 */
export { type CallbackOptions, Callbacks, type Received } from "./callbacks.ts";
export type { CallOptions } from "./connection.ts";
export {
  Forged,
  LezaiError,
  Misuse,
  Problem,
  type ProblemDetails,
  Refused,
  type Retry,
  Unreachable,
} from "./errors.ts";
export { fetchGatewayKey } from "./gateway_key.ts";
export {
  type Balances,
  type Events,
  Lezai,
  type LezaiOptions,
  type Mandates,
  type Orders,
  type PayoutBatches,
  type Payouts,
  type Refunds,
  type Settlements,
  type StatementPlans,
  type Statements,
} from "./lezai.ts";
export {
  type Difference,
  type DifferenceClass,
  type ReconciledFile,
  type ReconciledRow,
  type ReconcileOptions,
  type ReconcileRule,
  type ReconcileTotal,
  type Reconciliation,
  reconcile,
} from "./reconcile.ts";
export type * from "./types.ts";
