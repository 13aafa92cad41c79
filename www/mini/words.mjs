/**
 * Takes the web checkout's words over: from its files of languages if it has such, else from its
 * `text.ts`, whose functions become templates. What a mini-program does not show stays behind.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Those of the declarations in src/modules.d.ts. */
const NAMES = [...readFileSync(here("src/modules.d.ts"), "utf8").matchAll(/\| "(\w+)"/g)].map(
  ([, name]) => name,
);

export async function words() {
  const methods = JSON.parse(readFileSync(here("words.json"), "utf8"));
  const texts = existsSync(here("../checkout/languages")) ? files(Object.keys(methods)) : await functions();
  return texts
    .filter((text) => methods[text.lang])
    .map((text) => {
      const taken = Object.fromEntries(NAMES.map((name) => [name, template(name, text[name])]));
      return { ...taken, declined: text.declined, method: methods[text.lang] };
    });
}

function files(languages) {
  return languages.map((lang) => ({
    ...JSON.parse(readFileSync(here(`../checkout/languages/${lang}.json`), "utf8")),
    lang,
  }));
}

async function functions() {
  const source = here("../checkout/src/text.ts");
  const { outputFiles } = await build({ entryPoints: [source], bundle: true, format: "esm", write: false });
  const { textFor } = await import(
    `data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString("base64")}`
  );
  return ["en", "zh-CN"].map(textFor);
}

const PLACES = { pay: "amount", try_again: "amount", time_left: "clock", paid_hint: "merchant" };

function template(name, text) {
  const filled = typeof text === "function" ? text(`{${PLACES[name]}}`) : text;
  if (typeof filled !== "string") throw new Error(`the web checkout has no word ${name} any more`);
  if (PLACES[name] && !filled.includes(`{${PLACES[name]}}`)) throw new Error(`${name} lost its place`);
  return filled;
}
