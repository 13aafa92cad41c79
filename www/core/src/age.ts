/** Tells an old answer from a forged one. Neither is trusted: only the words differ. */

/** Answers are compared by whole seconds, and a gateway's clock may have been set meanwhile. */
const SLACK_MS = 10_000;

/**
 * Whether an answer that failed verification was made before its request: a service worker, a proxy or the
 * platform cached it. `signature_input` is its field, `known` has those of verified answers, and `asked_ms`
 * is the gateway's time of the request.
 */
export function isOld(
  signature_input: string | null | undefined,
  known: ReadonlySet<string>,
  asked_ms: number,
): boolean {
  if (!signature_input) return false;
  const created_s = /;created=(\d{1,12})/.exec(signature_input)?.[1];
  return known.has(signature_input) || Number(created_s) * 1000 < asked_ms - SLACK_MS;
}
