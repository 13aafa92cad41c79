/**
 * Keeps the card from jumping under the shopper's finger: while there is something to do, it is at least as high as
 * in the state before, and changes of its height are animated.
 */
import type { State } from "../../core/src/machine.ts";

const MOVE_MS = 200;
/** The states between which the shopper goes back and forth. Loading and final states have nothing to press. */
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

  /** Call it before the view changes, and its result afterwards. */
  before(root: ShadowRoot, at: State["at"]): () => void {
    const from = this.#at;
    this.#at = at;
    const card = root.querySelector<HTMLElement>(".card");
    if (!card || from === undefined) return () => {};
    const { width, height } = card.getBoundingClientRect();
    // The device was turned, or the element moved: the old height no longer applies.
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
