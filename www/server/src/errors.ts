/** The errors, and who must act. */
import type { components } from "./openapi.ts";

/** A problem as the gateway describes it (RFC 9457). */
export type ProblemDetails = components["schemas"]["ProblemView"];

/**
 * Whether to retry: `never` with the same request; with the `same_key`; after a query
 * (`query_first`); or `later`, because nothing was done.
 */
export type Retry = ProblemDetails["retry"];

interface Facts {
  code: string;
  retry: Retry;
  status?: number | undefined;
  field?: string | undefined;
  requestId?: string | undefined;
  idempotencyKey?: string | undefined;
  cause?: unknown;
}

/** The base of all errors of this package. `code` is a stable word. */
export class LezaiError extends Error {
  override readonly name: string = "LezaiError";
  readonly code: string;
  readonly retry: Retry;
  /** The status of the answer, if there was one. */
  readonly status: number | undefined;
  /** The field at fault, such as `amount`. */
  readonly field: string | undefined;
  /** The gateway's name for the request, for support. */
  readonly requestId: string | undefined;
  /** The request's key: to repeat it safely, pass the same one. */
  readonly idempotencyKey: string | undefined;

  constructor(message: string, facts: Facts) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = facts.code;
    this.retry = facts.retry;
    this.status = facts.status;
    this.field = facts.field;
    this.requestId = facts.requestId;
    this.idempotencyKey = facts.idempotencyKey;
  }
}

/** The gateway refused the request, and signed the refusal. */
export class Problem extends LezaiError {
  override readonly name = "Problem";

  constructor(
    /** The whole answer, with members such as `order_id` or `available`. */
    readonly problem: ProblemDetails,
    /** The requested wait, from `Retry-After`. */
    readonly retryAfterMs: number | undefined,
    idempotencyKey: string | undefined,
    /** An explanation for calls whose parts this package chose. */
    meaning?: string,
  ) {
    const { code, retry, status, field, request_id: requestId, title, detail } = problem;
    super(`${code}: ${meaning || detail || title}`, {
      code,
      retry,
      status,
      field,
      requestId,
      idempotencyKey,
    });
  }
}

/** No answer, or none of the gateway's: it is unknown what it did. The same key makes a repeat safe. */
export class Unreachable extends LezaiError {
  override readonly name = "Unreachable";

  constructor(why: string, idempotencyKey: string | undefined, cause?: unknown) {
    super(`no answer of the gateway: ${why}`, {
      code: "unreachable",
      retry: "same_key",
      idempotencyKey,
      cause,
    });
  }
}

/** An answer that the gateway did not sign for this request. Trust nothing of it. */
export class Refused extends LezaiError {
  override readonly name = "Refused";

  constructor(why: string, status: number, idempotencyKey: string | undefined) {
    const code = "answer_refused";
    super(`the answer is not to be believed: ${why}`, { code, retry: "same_key", status, idempotencyKey });
  }
}

/** This package is used wrongly; the message says what to do. Nothing was sent. */
export class Misuse extends LezaiError {
  override readonly name = "Misuse";

  constructor(message: string) {
    super(message, { code: "misuse", retry: "never" });
  }
}

/** A callback that failed verification: answer 401, and do nothing. */
export class Forged extends LezaiError {
  override readonly name = "Forged";

  constructor(why: string, code: "callback_forged" | "callback_replayed" = "callback_forged") {
    super(`the callback is not to be believed: ${why}`, { code, retry: "never" });
  }
}
