/** Signs and verifies in the page: the core, @noble/curves and WebCrypto, the same messages in the same run. */
import { p256 } from "@noble/curves/nist.js";
import { initSync } from "../../../target/wasm-bindgen/web/lezai_web.js";
import { decodeAnswer, encodeCall } from "../../core/src/call.ts";
import { caller } from "../../core/src/module.ts";

const MESSAGES = Array.from({ length: 200 }, (_, at) =>
  new TextEncoder().encode(`"@method": POST\n"@path": /v1/checkout/sessions/cs_${at}/pay`.repeat(6)),
);
const ALGORITHM = { name: "ECDSA", hash: "SHA-256" };

const timed = async (act) => {
  const begun = performance.now();
  const value = await act();
  return [performance.now() - begun, value];
};

/** Milliseconds a call, the median of several rounds. */
async function median(act) {
  const rounds = [];
  for (let round = 0; round < 7; round += 1) {
    const [ms] = await timed(async () => {
      for (let at = 0; at < MESSAGES.length; at += 1) await act(at);
    });
    rounds.push(ms / MESSAGES.length);
  }
  return rounds.sort((a, b) => a - b)[3];
}

/** The core's own P-256, which a page loads where it has no WebCrypto. */
async function ofTheCore(wasm) {
  const { instance } = await WebAssembly.instantiate(await (await fetch(wasm)).arrayBuffer());
  const call = caller(instance);
  const ask = (operation, ...fields) => decodeAnswer(call(encodeCall(operation, fields)));
  return {
    coordinates: (secret) => ask(1, secret).map((field) => new TextDecoder().decode(field)),
    sign: (secret, message) => ask(8, secret, message)[0],
    verify: (x, y, message, signature) => ask(7, x, y, message, signature).length === 0,
  };
}

/** The way to the first signature, as a first visit has it. */
globalThis.firstSignature = async (wasm, p256_wasm) => {
  const [fetch_ms, bytes] = await timed(async () => (await fetch(wasm)).arrayBuffer());
  const [compile_ms, module] = await timed(() => WebAssembly.compile(bytes));
  const [instantiate_ms] = await timed(() => initSync({ module }));
  const entropy = crypto.getRandomValues(new Uint8Array(32));
  const [webcrypto_ms] = await timed(async () => {
    const { privateKey } = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, [
      "sign",
    ]);
    await crypto.subtle.sign(ALGORITHM, privateKey, MESSAGES[0]);
  });
  const [load_ms, core] = await timed(() => ofTheCore(p256_wasm));
  const [core_ms] = await timed(() => core.sign(entropy, MESSAGES[0]));
  return { fetch_ms, compile_ms, instantiate_ms, webcrypto_ms, load_ms, core_ms };
};

globalThis.signatures = async (p256_wasm) => {
  const core = await ofTheCore(p256_wasm);
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const [x, y] = core.coordinates(secret);
  const noblePublic = p256.getPublicKey(secret);
  const web = await crypto.subtle.importKey(
    "jwk",
    { kty: "EC", crv: "P-256", x, y },
    { name: "ECDSA", namedCurve: "P-256" },
    false,
    ["verify"],
  );
  const { privateKey } = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, [
    "sign",
  ]);
  // One signature each, by the core: all three must find it good.
  const signatures = MESSAGES.map((message) => core.sign(secret, message));
  const good = [
    core.verify(x, y, MESSAGES[0], signatures[0]),
    p256.verify(signatures[0], MESSAGES[0], noblePublic, { lowS: false }),
    await crypto.subtle.verify(ALGORITHM, web, signatures[0], MESSAGES[0]),
  ];
  if (good.some((it) => !it)) throw new Error(`the three do not agree: ${good}`);
  return {
    "WebCrypto, which pages use": [
      await median((at) => crypto.subtle.sign(ALGORITHM, privateKey, MESSAGES[at])),
      await median((at) => crypto.subtle.verify(ALGORITHM, web, signatures[at], MESSAGES[at])),
    ],
    "the core (wasm), where that is missing": [
      await median((at) => core.sign(secret, MESSAGES[at])),
      await median((at) => core.verify(x, y, MESSAGES[at], signatures[at])),
    ],
    "`@noble/curves`": [
      await median((at) => p256.sign(MESSAGES[at], secret)),
      await median((at) => p256.verify(signatures[at], MESSAGES[at], noblePublic, { lowS: false })),
    ],
  };
};
