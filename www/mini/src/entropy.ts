/**
 * Random bytes from the platform, collected ahead and wiped once used. Bytes that are certainly not random are
 * refused, and there is no fallback to another source: no `Math.random`, no clock.
 */
import { hex } from "../../core/src/bytes.ts";
import { Misuse } from "./errors.ts";
import type { Platform } from "./platform.ts";

/** A key and some signatures' nonces. */
const FILL = 128;
/** The first bytes of each fill are kept to compare the next one with, and never used. */
const WITNESS = 16;
/** The time limit of the source. */
const PATIENCE_MS = 10_000;
const REMEMBERED = "lezai.witness";

export class Entropy {
  private pool: Uint8Array = new Uint8Array(0);
  private filling: Promise<void> | undefined;
  private witness: string | undefined;

  constructor(private readonly platform: Platform) {}

  /** @throws Misuse if the platform's bytes cannot be trusted. */
  async take(length: number): Promise<Uint8Array> {
    while (this.pool.length < length) {
      this.filling ??= this.fill();
      try {
        await this.filling;
      } finally {
        this.filling = undefined;
      }
    }
    const taken = this.pool.slice(0, length);
    this.pool.fill(0, 0, length);
    this.pool = this.pool.subarray(length);
    return taken;
  }

  /** 128 bits in hex, for a nonce or an idempotency key. */
  async name(): Promise<string> {
    return hex(await this.take(16));
  }

  wipe(): void {
    this.pool.fill(0);
    this.pool = new Uint8Array(0);
  }

  private async fill(): Promise<void> {
    const bytes = await this.inTime(this.platform.random(FILL));
    const why = await this.fault(bytes);
    if (why !== undefined) {
      bytes.fill(0);
      throw new Misuse("entropy_refused", `the platform's random bytes are refused: ${why}`);
    }
    this.witness = hex(bytes.subarray(0, WITNESS));
    await this.platform.storage.write(REMEMBERED, this.witness);
    this.pool.fill(0);
    this.pool = bytes.subarray(WITNESS);
  }

  /** Wipes bytes that come too late. */
  private inTime(source: Promise<Uint8Array>): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      let late = false;
      const cancel = this.platform.after(PATIENCE_MS, () => {
        late = true;
        reject(new Misuse("entropy_refused", "the platform's random bytes did not come in time"));
      });
      source.then(
        (bytes) => {
          cancel();
          if (late) bytes.fill(0);
          else resolve(bytes);
        },
        (error) => {
          cancel();
          reject(new Misuse("entropy_refused", `the platform gives no random bytes: ${error}`));
        },
      );
    });
  }

  private async fault(bytes: Uint8Array): Promise<string | undefined> {
    if (bytes.length !== FILL) return `${bytes.length} came, not ${FILL}`;
    for (let period = 1; period <= FILL / 2; period += 1) {
      if (repeats(bytes, period)) return "they repeat themselves";
    }
    // 128 random bytes have some 101 different values, and never fewer than 48.
    if (new Set(bytes).size < 48) return "they are too much alike";
    const before = this.witness ?? (await this.platform.storage.read(REMEMBERED));
    if (before === hex(bytes.subarray(0, WITNESS))) return "they came before";
    return undefined;
  }
}

function repeats(bytes: Uint8Array, period: number): boolean {
  for (let i = period; i < bytes.length; i += 1) if (bytes[i] !== bytes[i - period]) return false;
  return true;
}
