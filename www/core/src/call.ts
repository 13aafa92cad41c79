/** The core's calls as bytes: see `crates/core/src/call.rs`, which says what the fields are. */
import { text, utf8 } from "./bytes.ts";

const VERSION = 1;
const DONE = 0;

export type Field = Uint8Array | string | Field[];

/** A core that answers calls: the module here, or the one in a Worker. */
export interface Module {
  call(bytes: Uint8Array): Promise<Uint8Array>;
}

/** The core's refusal, with its reason. */
export class CoreRefusal extends Error {}

export function encodeCall(operation: number, fields: Field[]): Uint8Array {
  return concat([new Uint8Array([VERSION, operation]), list(fields)]);
}

/** @throws CoreRefusal if the answer is one. */
export function decodeAnswer(answer: Uint8Array): Uint8Array[] {
  if (answer[0] !== VERSION) throw new Error("the core speaks another version");
  const fields = unlist(answer.subarray(2));
  if (answer[1] !== DONE) throw new CoreRefusal(text(fields[0] ?? new Uint8Array(0)));
  return fields;
}

export function unlist(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fields: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = view.getUint32(at, true);
    fields.push(bytes.slice(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return fields;
}

function list(fields: Field[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const field of fields) {
    const bytes = typeof field === "string" ? utf8(field) : Array.isArray(field) ? list(field) : field;
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, bytes.length, true);
    parts.push(length, bytes);
  }
  return concat(parts);
}

function concat(parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
