/** A QR code as one SVG path, with the quiet zone of four modules that scanners need. */
import { correction, generate } from "lean-qr/nano";

const QUIET = 4;

export interface QrCode {
  /** Modules along one side, quiet zone included. */
  size: number;
  /** The dark modules. */
  path: string;
}

export function qrCode(payload: string): QrCode {
  const code = generate(payload, { minCorrectionLevel: correction.M });
  let path = "";
  for (let y = 0; y < code.size; y++) {
    for (let x = 0; x < code.size; x++) {
      if (!code.get(x, y)) continue;
      let end = x;
      while (code.get(end, y)) end++;
      path += `M${x + QUIET} ${y + QUIET}h${end - x}v1H${x + QUIET}z`;
      x = end;
    }
  }
  return { size: code.size + 2 * QUIET, path };
}
