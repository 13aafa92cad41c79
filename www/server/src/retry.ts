/** When to retry a request, and how long to wait before. */
import { Problem, Unreachable } from "./errors.ts";

/** The first wait is at most this, and doubles. */
const FIRST_MS = 250;
/** No wait of our own is longer. */
const LONGEST_MS = 8_000;

/**
 * The wait before the next attempt; `undefined` if there is none. Each problem of the gateway says
 * whether the same request can succeed: that is so for internal failures, for requests that are still
 * being processed, and for rate limits.
 */
export function pauseMs(error: unknown, tried: number, random: () => number): number | undefined {
  if (!(error instanceof Problem || error instanceof Unreachable)) return undefined;
  if (error.retry !== "same_key" && error.retry !== "later") return undefined;
  const most = Math.min(FIRST_MS * 2 ** (tried - 1), LONGEST_MS);
  // Spread over the second half, so that servers that failed together do not come back together.
  const own = most * (0.5 + random() / 2);
  return Math.max(own, error instanceof Problem ? (error.retryAfterMs ?? 0) : 0);
}

/** The field `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date. */
export function retryAfterMs(value: string | null, now_ms: number): number | undefined {
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now_ms);
}

/** Waits, unless the caller aborts. */
export function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}
