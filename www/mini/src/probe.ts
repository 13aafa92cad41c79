/** Tries every capability that a checkout needs, and reports its findings to a person with a device. */
import { hex, unhex, utf8 } from "../../core/src/bytes.ts";
import type { Module } from "../../core/src/call.ts";
import { Core } from "./core.ts";
import { Entropy } from "./entropy.ts";
import type { Platform } from "./platform.ts";

export interface Finding {
  what: string;
  ok: boolean;
  detail: string;
}

/** A call and its answer, in hex: those of `tests/vectors/mini.json`. */
export interface Vector {
  what: string;
  call: string;
  answer: string;
}

/** RFC 6979, A.2.5: P-256 with SHA-256 of "sample". */
const SECRET = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
const SIGNATURE =
  "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";

/** Requests the keys of `gateway`; findings are reported in order. */
export async function probe(
  platform: Platform,
  gateway: string,
  vectors: readonly Vector[],
  found: (finding: Finding) => void,
): Promise<void> {
  const attempt = async (what: string, act: () => Promise<string>) => {
    const begun = Date.now();
    try {
      const detail = await act();
      found({ what, ok: true, detail: `${detail} (${Date.now() - begun} ms)` });
    } catch (error) {
      found({ what, ok: false, detail: String((error as Error).message ?? error) });
    }
  };
  let module: Module | undefined;
  const core = () => {
    if (module === undefined) throw new Error("no module");
    return module;
  };
  await attempt("engine", async () => {
    const has = (name: string, there: boolean) => `${name} ${there ? "yes" : "no"}`;
    return [
      has("BigInt", typeof BigInt !== "undefined"),
      has("TextEncoder", typeof TextEncoder !== "undefined"),
      has("Intl", typeof Intl !== "undefined"),
    ].join(", ");
  });
  await attempt("wasm: load", async () => {
    module = await platform.load();
    return platform.name;
  });
  await attempt("wasm: first key", async () => (await new Core(core()).key(unhex(SECRET))).thumbprint);
  await attempt("wasm: a signature of RFC 6979 verifies", async () => {
    const asked = new Core(core());
    await asked.signature(await asked.key(unhex(SECRET)), utf8("sample"), unhex(SIGNATURE));
    return "verified";
  });
  await attempt("wasm: vectors", async () => {
    for (const { what, call, answer } of vectors) {
      const got = hex(await core().call(unhex(call)));
      if (got !== answer) throw new Error(`${what}: another answer`);
    }
    return `${vectors.length} byte-equal`;
  });
  await attempt("entropy", async () => {
    const entropy = new Entropy(platform);
    const bytes = await entropy.take(32);
    bytes.fill(0);
    entropy.wipe();
    return `from the ${platform.entropy}`;
  });
  await attempt("storage", async () => {
    await platform.storage.write("lezai.probe", "kept");
    const kept = await platform.storage.read("lezai.probe");
    await platform.storage.remove("lezai.probe");
    if (kept !== "kept") throw new Error(`it gave back ${kept}`);
    return "kept and removed";
  });
  await attempt("request: raw bytes", async () => {
    const url = `${gateway}/.well-known/jwks.json`;
    const { status, body } = await platform.request({ method: "GET", url, header: [], body: undefined });
    if (status !== 200 || body.length === 0) throw new Error(`status ${status}, ${body.length} bytes`);
    return `${body.length} bytes`;
  });
  await attempt("language", async () => platform.language());
}
