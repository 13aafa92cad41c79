/**
 * Texts and bytes without TextEncoder, TextDecoder or Buffer, which mini-programs lack. The engine's
 * own `encodeURIComponent` and `decodeURIComponent` do the UTF-8, strictly.
 */

export function utf8(text: string): Uint8Array {
  const escaped = encodeURIComponent(text);
  const bytes = new Uint8Array(escaped.length);
  let length = 0;
  for (let i = 0; i < escaped.length; i += 1) {
    if (escaped[i] === "%") {
      bytes[length++] = Number.parseInt(escaped.slice(i + 1, i + 3), 16);
      i += 2;
    } else {
      bytes[length++] = escaped.charCodeAt(i);
    }
  }
  return bytes.slice(0, length);
}

/** @throws URIError if it is not UTF-8. */
export function text(bytes: Uint8Array): string {
  let escaped = "";
  for (let i = 0; i < bytes.length; i += 1) escaped += `%${HEX[bytes[i] as number]}`;
  return decodeURIComponent(escaped);
}

const HEX = Array.from({ length: 256 }, (_, byte) => (byte + 256).toString(16).slice(1));

export function hex(bytes: Uint8Array): string {
  let digits = "";
  for (let i = 0; i < bytes.length; i += 1) digits += HEX[bytes[i] as number];
  return digits;
}

export function unhex(digits: string): Uint8Array {
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Base64url without padding; nothing where it is none. */
export function unbase64url(digits: string): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let length = 0;
  for (let i = 0; i < digits.length; i += 1) {
    const value = ALPHABET.indexOf(digits.charAt(i));
    if (value < 0) return undefined;
    bits = ((bits << 6) | value) & 0xfff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes[length++] = (bits >> held) & 0xff;
    }
  }
  return bytes;
}
