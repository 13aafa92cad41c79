/** Prints what a shopper's first visit loads, by file, as it is served: brotli. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../target/artifacts/checkout", import.meta.url));
// The script lies there twice; its second name is for shops that pin it.
const files = readdirSync(folder).filter(
  (name) => /\.(js|wasm|css|html)$/.test(name) && !/-[0-9a-f]{16}\.js$/.test(name),
);

const rows = files.map((name) => {
  const length = (/** @type {string} */ file) => readFileSync(`${folder}/${file}`).length;
  return { name, bytes: length(name), brotli: length(`${name}.br`) };
});
const needed = rows.filter(({ name }) => /^lezai(-checkout|_web)/.test(name));
const sum = (list) => list.reduce((total, { brotli }) => total + brotli, 0);

console.log("file                                     bytes   brotli");
for (const { name, bytes, brotli } of rows.toSorted((a, b) => b.brotli - a.brotli)) {
  console.log(`${name.padEnd(36)} ${String(bytes).padStart(9)} ${String(brotli).padStart(8)}`);
}
console.log(`embedded in a shop's page ${String(sum(needed)).padStart(29)}`);
// Where the browser has no WebCrypto, one file more is loaded.
const first = rows.filter(({ name }) => !name.startsWith("lezai_p256"));
console.log(`hosted page               ${String(sum(first)).padStart(29)}`);
console.log(`without WebCrypto         ${String(sum(rows)).padStart(29)}`);
