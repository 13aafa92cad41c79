/** Tells an answer that is old from one that is forged. Neither is believed: this chooses the words alone. */

/** Answers are compared by whole seconds, and a gateway's clock may have been set meanwhile. */
const SLACK_MS = 10_000;

/**
 * Whether an answer that does not verify was made before its request was: a service worker, a proxy or the
 * platform kept it. `signature_input` is its field, `known` that of an answer which was verified before, and `asked_ms`
 * the gateway's time when it was asked for.
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
