/**
 * Follows a session: by a stream of hints where that works, and by periodic queries where it
 * does not. A hint only means "query again".
 */
import { limited } from "./abort.ts";

/** The gateway writes at least every 15 s; a stream that is silent for longer is dead. */
const SILENCE_MS = 40_000;
/** A hint can be lost on its way, so there are periodic queries while the stream is open, too. */
const LOOK_MS = 20_000;
/** Before a stream's first byte, a proxy may be holding it back. */
const UNHEARD_LOOK_MS = 3_000;
const PAUSE_FIRST_MS = 1_000;
const PAUSE_MOST_MS = 10_000;

export class Follower {
  readonly #stop = new AbortController();
  #wake: (() => void) | undefined;

  constructor(
    private readonly open: (signal: AbortSignal) => Promise<ReadableStream<Uint8Array>>,
    private readonly hint: () => void,
  ) {
    void this.#run();
  }

  stop(): void {
    this.#stop.abort();
    this.#wake?.();
  }

  /** Ends the current pause: the network is back, or the page is visible again. */
  hurry(): void {
    this.#wake?.();
  }

  async #run(): Promise<void> {
    let pause_ms = PAUSE_FIRST_MS;
    while (!this.#stop.signal.aborted) {
      const heard = await this.#listen();
      pause_ms = heard ? PAUSE_FIRST_MS : Math.min(pause_ms * 1.6, PAUSE_MOST_MS);
      await this.#pause(pause_ms);
      if (!this.#stop.signal.aborted) this.hint();
    }
  }

  /** Reads one stream to its end; returns whether anything came. */
  async #listen(): Promise<boolean> {
    let heard = false;
    const unheard = setInterval(this.hint, UNHEARD_LOOK_MS);
    const { signal, restart, release } = limited(SILENCE_MS, this.#stop.signal);
    try {
      const stream = await this.open(signal);
      const reader = stream
        .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
        .getReader();
      // Changes before the stream was open are in no hint.
      this.hint();
      let hinted_at = Date.now();
      let tail = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        heard = true;
        clearInterval(unheard);
        restart();
        const lines = (tail + value).split("\n");
        tail = lines.pop() ?? "";
        const late = Date.now() - hinted_at > LOOK_MS;
        if (late || lines.some((line) => line.startsWith("data:"))) {
          hinted_at = Date.now();
          this.hint();
        }
      }
    } catch {
      // Ended, cut or never opened: in each case query, and try again.
    } finally {
      clearInterval(unheard);
      release();
    }
    return heard;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
