/** A monogram is one letter as people see it, in engines that know what that is and in those that do not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { npm } from "./support/browser.mjs";

const source = fileURLToPath(new URL("../../www/core/src/monogram.ts", import.meta.url));
const { outputFiles } = await npm("esbuild").build({
  entryPoints: [source],
  bundle: true,
  format: "esm",
  write: false,
});
const { monogram } = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);

const ROWS = [
  ["", ""],
  ["Lezai", "L"],
  ["乐在小店", "乐"],
  ["🇨🇳 Tea", "🇨🇳"],
  ["🇨🇳🇯🇵", "🇨🇳"],
  ["👨‍👩‍👧 Family", "👨‍👩‍👧"],
  ["👍🏽 Good", "👍🏽"],
  ["❤️‍🔥", "❤️‍🔥"],
  ["1️⃣ First", "1️⃣"],
  ["🏴󠁧󠁢󠁥󠁮󠁧󠁿 England", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"],
  ["é", "é"],
];

test("a monogram is a whole letter, as by Intl.Segmenter", () => {
  const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });
  for (const [name, first] of ROWS) {
    assert.equal(monogram(name), first, name);
    assert.equal([...segmenter.segment(name)][0]?.segment ?? "", first, name);
  }
});
