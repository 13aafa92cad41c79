/** Takes the web checkout's words over, by language. What a mini-program does not show stays behind. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const json = (path) => JSON.parse(readFileSync(here(path), "utf8"));

/** Those of the declarations in src/modules.d.ts. */
const NAMES = [...readFileSync(here("src/modules.d.ts"), "utf8").matchAll(/\| "(\w+)"/g)].map(
  ([, name]) => name,
);
const PLACES = { pay: "amount", try_again: "amount", time_left: "clock", paid_hint: "merchant" };

export const tags = readdirSync(here("../checkout/languages")).map((name) => name.replace(".json", ""));

export function words(tag) {
  const text = json(`../checkout/languages/${tag}.json`);
  const methods = json("words.json");
  const taken = Object.fromEntries(NAMES.map((name) => [name, checked(name, text[name])]));
  return { ...taken, declined: text.declined, method: methods[tag] ?? methods.en };
}

function checked(name, text) {
  if (typeof text !== "string") throw new Error(`the web checkout has no word ${name} any more`);
  if (PLACES[name] && !text.includes(`{${PLACES[name]}}`)) throw new Error(`${name} lost its place`);
  return text;
}
