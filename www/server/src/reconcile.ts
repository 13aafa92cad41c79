/**
 * A statement beside the shop's own books, by the same classes and the same code as `lezai reconcile`. The
 * documentation says what each class means: docs/reconciliation.md.
 */
import { reconcile as reconcileInCore, startCore } from "./core.ts";
import { Misuse } from "./errors.ts";

/** The class of a row of either side, or of a pair. */
export type DifferenceClass =
  | "matched"
  | "missing_here"
  | "missing_there"
  | "timing"
  | "amount"
  | "status"
  | "fee"
  | "duplicate"
  | "currency"
  | "direction"
  | "unparsed";

/** Clears differences of a class within its bounds. */
export interface ReconcileRule {
  name: string;
  class: "fee" | "timing" | "status" | "missing_there";
  /** For `fee`, in minor units: the most on one line, and the most in one bill. */
  max_each?: number;
  max_bill?: number;
  /** For the others, in days. */
  max_days?: number;
  ours?: ("done" | "pending" | "failed")[];
  theirs?: ("done" | "pending" | "failed")[];
}

/** The options of a run. */
export interface ReconcileOptions {
  /** The time that the statement covers: a day or an RFC 3339 time; `to` is not in it. The days in it if omitted. */
  from?: string;
  to?: string;
  /** Where days begin, as `+08:00`. The statement's own if omitted. */
  offset?: string;
  /** So near to an end of that time a movement may be in the neighbour's statement: 300 if omitted. */
  windowSeconds?: number;
  /** In place of the usual rules; none at all if empty. */
  rules?: readonly ReconcileRule[];
  /** Mappings of files of other kinds. */
  layouts?: readonly object[];
  /** List what matched, too. */
  all?: boolean;
}

/** A row as one side has it. */
export interface ReconciledRow {
  /** Which file of its side, from 0, and the line in it, from 1. */
  file: number;
  line: number;
  kind: string;
  reference: string;
  /** Minor units; negative is money that went out. */
  minor: number;
  currency: string;
  exponent: number;
  /** Millionths of a minor unit; null where nobody says. */
  fee_micro: number | null;
  status: "done" | "pending" | "failed";
  at: string;
}

/** One row or pair, its class, and why. A row that is not understood has its place only. */
export interface Difference {
  /** The two sides: always `trades_and_books` here. */
  between: "trades_and_books" | "funds_and_trades" | "bank_and_funds";
  class: DifferenceClass;
  /** The rule that cleared it; null if it is open, or matched. */
  cleared_by: string | null;
  field: string | null;
  reason: string;
  theirs?: ReconciledRow | { file: number; line: number } | null;
  ours?: ReconciledRow | { file: number; line: number } | null;
}

/** The number of rows in a class, and their sums in minor units by currency. */
export interface ReconcileTotal {
  class: DifferenceClass;
  cleared_by: string | null;
  lines: number;
  movements: number;
  /** A sum beyond 2^53 - 1 is a text. */
  theirs: Record<string, number | string>;
  ours: Record<string, number | string>;
}

/** A file as it was read. */
export interface ReconciledFile {
  layout: string;
  contents: "rows" | "no_bill";
  rows: number;
}

/** The result of a run. */
export interface Reconciliation {
  differences: Difference[];
  summary: {
    /** Differences that no rule cleared. */
    open: number;
    theirs: ReconciledFile[];
    ours: ReconciledFile[];
    from: string | null;
    to: string | null;
    window_seconds: number;
    rules: ReconcileRule[];
    rules_over_bound: { rule: string; file: number }[];
    classes: ReconcileTotal[];
    lines: number;
    movements: number;
    sum_theirs: Record<string, number | string>;
    sum_ours: Record<string, number | string>;
  };
}

type Contents = string | Uint8Array;

/**
 * Compares a statement, or several, with the shop's own books. A file is its text or its bytes, not packed.
 *
 * @throws {Misuse} if a file is refused, or an option cannot be used.
 */
export function reconcile(
  statement: Contents | readonly Contents[],
  own: Contents | readonly Contents[],
  options: ReconcileOptions = {},
): Reconciliation {
  const encoder = new TextEncoder();
  const bytesOf = (files: Contents | readonly Contents[]) =>
    [files].flat().map((file) => (typeof file === "string" ? encoder.encode(file) : (file as Uint8Array)));
  const theirs = bytesOf(statement);
  const files = [...theirs, ...bytesOf(own)];
  const bytes = new Uint8Array(files.reduce((sum, file) => sum + file.length, 0));
  let at = 0;
  for (const file of files) {
    bytes.set(file, at);
    at += file.length;
  }
  const { windowSeconds, ...rest } = options;
  const given = { ...rest, ...(windowSeconds !== undefined && { window_seconds: windowSeconds }) };
  startCore();
  try {
    const lengths = Uint32Array.from(files, (file) => file.length);
    return JSON.parse(reconcileInCore(bytes, lengths, theirs.length, JSON.stringify(given)));
  } catch (error) {
    throw new Misuse(`reconcile: ${(error as Error).message}`);
  }
}
