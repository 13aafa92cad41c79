/** No answer of the gateway; the same call can be repeated. */
export class Unreachable extends Error {}

/** An answer that the gateway did not sign for this request: show nothing of it. */
export class Refused extends Error {}

/** An answer to an earlier request, from a cache: show nothing of it either. */
export class Outdated extends Error {}

/** The gateway refused the request, and signed the refusal. */
export class Problem extends Error {
  constructor(
    /** A stable word, such as `session_taken`. */
    readonly code: string,
    detail: string,
  ) {
    super(detail);
  }
}

/** A misuse of the element; the message tells the page's author what to do. */
export class Misuse extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}
