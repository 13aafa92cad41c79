/** Plugins of esbuild for the element and the gallery: its style and its languages. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { transform } from "esbuild";
import { target } from "../browsers.mjs";

const languages = fileURLToPath(new URL("languages", import.meta.url));

/** A style sheet as the promised browsers get it. */
export async function minified(path) {
  const { code } = await transform(readFileSync(path, "utf8"), { loader: "css", minify: true, target });
  return code.trim();
}

/** A style sheet as a string, for a constructable style sheet. */
export const cssText = {
  name: "css-text",
  setup(build) {
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => ({
      contents: await minified(path),
      loader: "text",
    }));
  },
};

/** The tags of all languages, English among them. */
export const tags = readdirSync(languages).map((name) => name.replace(".json", ""));

/** The words of a language, as short as they go. */
export const words = (tag) => JSON.stringify(JSON.parse(readFileSync(`${languages}/${tag}.json`, "utf8")));

/**
 * The module `languages:files`: where each language but English is, its hash and its name. A shop's
 * bundler may be told by a query to leave small files out of its script.
 */
export const languagesBeside = (files, query = "") =>
  virtual("languages:files", () => {
    // Bundlers know `new URL("./file", import.meta.url)` by its look.
    const rows = Object.entries(files).map(
      ([tag, { file, integrity }]) =>
        `${JSON.stringify(tag)}: [new URL("./${file}${query}", import.meta.url), "${integrity}", "${file}"]`,
    );
    return `export default { ${rows.join()} }`;
  });

/** The module `languages:all`: the words themselves. */
export const languagesInside = {
  name: "languages-inside",
  setup(build) {
    virtual(
      "languages:all",
      () => `export default { ${tags.map((tag) => `"${tag}": ${words(tag)}`)} }`,
    ).setup(build);
    virtual("languages:files", () => "export default {}").setup(build);
  },
};

function virtual(name, contents) {
  return {
    name,
    setup(build) {
      build.onResolve({ filter: new RegExp(`^${name}$`) }, () => ({ path: name, namespace: "virtual" }));
      build.onLoad({ filter: new RegExp(`^${name}$`), namespace: "virtual" }, () => ({
        contents: contents(),
        loader: "js",
      }));
    },
  };
}
