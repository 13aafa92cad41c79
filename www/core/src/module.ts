/**
 * The wasm module behind one function.
 */

interface Exports {
  memory: { buffer: ArrayBuffer };
  alloc(length: number): number;
  call(pointer: number, length: number): number;
  free(pointer: number, length: number): void;
}

/** The result of a platform's `instantiate`: an instance, or an object that holds one. */
export type Instantiated = { exports: unknown } | { instance: { exports: unknown } };

/** @throws if the module traps; do not call it again then. */
export function caller(instantiated: Instantiated): (call: Uint8Array) => Uint8Array {
  const instance = "instance" in instantiated ? instantiated.instance : instantiated;
  const core = instance.exports as Exports | undefined;
  // Some tools return the error that they should throw, and one of another realm.
  if (core === undefined) throw new Error(String(instantiated));
  return (call) => {
    const pointer = core.alloc(call.length);
    if (pointer === 0 && call.length > 0) throw new Error("a call is too long for the core");
    // Any call may grow the memory and detach its buffer, so it is looked up each time.
    new Uint8Array(core.memory.buffer).set(call, pointer);
    const answer = core.call(pointer, call.length);
    core.free(pointer, call.length);
    const length = new DataView(core.memory.buffer).getUint32(answer, true);
    const bytes = new Uint8Array(core.memory.buffer).slice(answer + 4, answer + 4 + length);
    core.free(answer, length + 4);
    return bytes;
  };
}
