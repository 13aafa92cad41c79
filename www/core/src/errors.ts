/** The gateway gave no answer; the same call may be made again. */
export class Unreachable extends Error {}

/** An answer came that the gateway did not sign for this request: nothing of it may be shown. */
export class Refused extends Error {}

/** An answer to an earlier request came again, out of a cache: nothing of it may be shown either. */
export class Outdated extends Error {}

/** The gateway said no, and signed it. */
export class Problem extends Error {
  constructor(
    /** A stable word, such as `session_taken`. */
    readonly code: string,
    detail: string,
  ) {
    super(detail);
  }
}

/** The element is used wrongly; the message tells the page's author what to do. */
export class Misuse extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}
