/** Puts a brotli file (RFC 7932) beside every file of a folder: `node compress.mjs FOLDER`. */
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

const folder = process.argv[2];
if (!folder) {
  console.error("usage: node compress.mjs FOLDER");
  process.exit(2);
}
for (const name of readdirSync(folder, { recursive: true })) {
  const file = join(folder, name);
  if (name.endsWith(".br") || !statSync(file).isFile()) continue;
  writeFileSync(`${file}.br`, smallest(readFileSync(file)));
}

/** The modes differ in how distances are coded: that for fonts suits a WebAssembly module, and none suits every file. */
function smallest(/** @type {Buffer} */ bytes) {
  const modes = [constants.BROTLI_MODE_GENERIC, constants.BROTLI_MODE_TEXT, constants.BROTLI_MODE_FONT];
  const all = modes.map((mode) => {
    const params = {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      [constants.BROTLI_PARAM_MODE]: mode,
    };
    return brotliCompressSync(bytes, { params });
  });
  return all.reduce((best, it) => (it.length < best.length ? it : best));
}
