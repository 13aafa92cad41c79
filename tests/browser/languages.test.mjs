/** Every language says all that English says, with the same places to fill, and nothing besides. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const folder = new URL("../../www/checkout/languages/", import.meta.url);
const read = (/** @type {string} */ name) => JSON.parse(readFileSync(new URL(name, folder), "utf8"));
const files = readdirSync(folder);
const PROMISED = "ar de en es fr id ja ko ms pt ru th vi zh-CN zh-TW";

/**
 * `methods.qr.name` and its words, for all of them.
 *
 * @param {object} words
 * @returns {[string, string][]}
 */
function flat(words, path = "") {
  return Object.entries(words).flatMap(([key, value]) =>
    typeof value === "string" ? [[path + key, value]] : flat(value, `${path}${key}.`),
  );
}

const places = (/** @type {string} */ text) => (text.match(/\{\w+\}/g) ?? []).toSorted().join(" ");
const english = new Map(flat(read("en.json")));

test("all languages are there", () => {
  assert.equal(files.map((name) => name.replace(".json", "")).join(" "), PROMISED);
});

for (const name of files) {
  test(name, () => {
    const words = flat(read(name));
    assert.deepEqual(
      words.map(([key]) => key),
      [...english.keys()],
      "words are missing, superfluous or in another order",
    );
    for (const [key, text] of words) {
      assert.equal(places(text), places(english.get(key) ?? ""), key);
      assert.ok(text.trim() === text && text !== "" && !/[<>&]/.test(text), `${key}: ${text}`);
    }
    const { lang, dir } = read(name);
    assert.equal(`${lang}.json`, name);
    assert.equal(dir, lang === "ar" ? "rtl" : "ltr");
    // The browser formats in that language, and not in the machine's.
    assert.deepEqual(Intl.NumberFormat.supportedLocalesOf(lang), [lang]);
    // A word that was copied and not translated; what is the same in both is meant to be.
    const SAME = new Set(["dir", "payment", "details", "declined.other"]);
    // A brand has one name in most languages.
    const isBrand = (/** @type {string} */ key) => /^methods\.(wechat|alipay|unionpay)_\w+\.name$/.test(key);
    const copied = words.filter(
      ([key, text]) => english.get(key) === text && !SAME.has(key) && !isBrand(key),
    );
    if (lang !== "en") assert.deepEqual(copied, []);
  });
}

test("what mini-programs say besides is there in every language", () => {
  const own = JSON.parse(readFileSync(new URL("../../mini/words.json", folder), "utf8"));
  for (const [word, languages] of Object.entries(own)) {
    // Brands, which have one name outside of China.
    const expected = word === "method" ? "en zh-CN zh-TW" : PROMISED;
    assert.equal(Object.keys(languages).toSorted().join(" "), expected, word);
  }
});
