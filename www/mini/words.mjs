/** Takes the web checkout's words over, by language, and adds those of words.json, which a mini-program has for itself. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const json = (path) => JSON.parse(readFileSync(here(path), "utf8"));

/** Those of the declarations in src/modules.d.ts. */
const NAMES = [...readFileSync(here("src/modules.d.ts"), "utf8").matchAll(/\| "(\w+)"/g)].map(
  ([, name]) => name,
);
const OWN = json("words.json");
const PLACES = { pay: "amount", try_again: "amount", time_left: "clock", paid_hint: "merchant" };

export const tags = readdirSync(here("../checkout/languages")).map((name) => name.replace(".json", ""));

export function words(tag) {
  const text = json(`../checkout/languages/${tag}.json`);
  const taken = Object.fromEntries(
    NAMES.map((name) => [name, checked(name, OWN[name]?.[tag] ?? text[name])]),
  );
  return { ...taken, declined: text.declined, method: OWN.method[tag] ?? OWN.method.en };
}

function checked(name, text) {
  if (typeof text !== "string") throw new Error(`the web checkout has no word ${name} any more`);
  if (PLACES[name] && !text.includes(`{${PLACES[name]}}`)) throw new Error(`${name} lost its place`);
  return text;
}
