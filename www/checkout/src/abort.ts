/** A signal that follows another and also fires by itself `ms` after its last restart. */
export function limited(outer: AbortSignal, ms: number) {
  const controller = new AbortController();
  const abort = () => controller.abort();
  let timer = setTimeout(abort, ms);
  outer.addEventListener("abort", abort, { once: true });
  if (outer.aborted) abort();
  return {
    signal: controller.signal,
    restart() {
      clearTimeout(timer);
      timer = setTimeout(abort, ms);
    },
    release() {
      clearTimeout(timer);
      outer.removeEventListener("abort", abort);
    },
  };
}
