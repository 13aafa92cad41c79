/**
 * Keeps the card from jumping under the shopper's finger: while there is something to do it is at least as high as it
 * was in the last state, and where its height changes, it does so within a moment that can be seen.
 */
import type { State } from "../../core/src/machine.ts";

const MOVE_MS = 200;
/** Between these the shopper goes back and forth. What is loading has nothing to press yet, what is over no more. */
const KEEPING = new Set<State["at"]>([
  "ready",
  "confirming",
  "waiting",
  "code_expired",
  "declined",
  "unreachable",
]);

export class Height {
  #at: State["at"] | undefined;
  #width = 0;
  /** The card's minimum height in pixels; none if nothing was shown before. */
  kept_px: number | undefined;

  /** To be called before the view changes; what it gives back, afterwards. */
  before(root: ShadowRoot, at: State["at"]): () => void {
    const from = this.#at;
    this.#at = at;
    const card = root.querySelector<HTMLElement>(".card");
    if (!card || from === undefined) return () => {};
    const { width, height } = card.getBoundingClientRect();
    // Turned, or put elsewhere in the page: what was high is now wide.
    if (width !== this.#width) this.kept_px = undefined;
    this.#width = width;
    if (from === at || width === 0) return () => {};
    this.kept_px = KEEPING.has(from) && KEEPING.has(at) ? height : undefined;
    return () => {
      const now = card.getBoundingClientRect().height;
      if (Math.abs(now - height) < 1 || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
      const [first, last] = [height, now].map((it) => ({ blockSize: `${it}px`, overflow: "clip" }));
      card.animate([first, last] as Keyframe[], { duration: MOVE_MS, easing: "ease-out" });
    };
  }
}
