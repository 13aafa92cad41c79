/**
 * The features that the browsers of docs/checkout.md lack, by MDN's data, and whether the pages' sources use any
 * of it. `node compat.mjs` says so; esbuild lowers syntax for these browsers, but brings them no function.
 * tests/browser/compat.test.mjs takes the same things away from a new browser, and pays.
 */
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { argv } from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parse as parseScript } from "acorn";
import * as css from "css-tree";
import { build } from "esbuild";
import { BROWSERS, target } from "./browsers.mjs";
import { cssText, languagesBeside, minified } from "./checkout/plugins.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const data = JSON.parse(
  readFileSync(createRequire(import.meta.url).resolve("@mdn/browser-compat-data"), "utf8"),
);

/** Newer features that are used anyway: the page works without them. */
const EXCUSED = {
  "javascript.builtins.Intl.DurationFormat":
    "time.ts asks whether it is there, and else writes the time left itself",
  "javascript.builtins.Symbol.dispose": "wasm-bindgen asks whether it is there",
  "api.CSS.s_static": "no member of CSS, but one of lean-qr's own",
  "css.properties.accent-color": "Safari has it, and minds less how it stands out",
  "css.properties.text-autospace": "it sets Chinese beside Latin a little wider",
  "css.properties.text-wrap": "it breaks lines where that looks better",
  "css.properties.word-break.auto-phrase": "the same",
};

/** One browser's version against another; those that have no number are the newest. */
const isAtMost = (version, most) => {
  const [number, bound] = [version.replace("≤", ""), most].map((it) => it.split(".").map(Number));
  if (number.some(Number.isNaN)) return false;
  return number[0] < bound[0] || (number[0] === bound[0] && (number[1] ?? 0) <= (bound[1] ?? 0));
};

function hasIt(statement, browser, prefix, partly) {
  const { version_added, version_removed, flags, alternative_name, partial_implementation } = statement;
  if (flags || alternative_name || statement.prefix !== prefix) return false;
  if (partial_implementation && !partly) return false;
  if (typeof version_added !== "string" || !isAtMost(version_added, BROWSERS[browser])) return false;
  return typeof version_removed !== "string" || !isAtMost(version_removed, BROWSERS[browser]);
}

/**
 * The promised browsers that lack a feature, such as `api.URL.canParse_static`; by a prefix if one is given. What is there in
 * part counts for scripts: most such parts are footnotes.
 */
function lacking(feature, { prefix, partly } = {}) {
  const support = feature?.__compat?.support;
  if (!support) return [];
  return Object.keys(BROWSERS).filter(
    (browser) => ![support[browser] ?? []].flat().some((it) => hasIt(it, browser, prefix, partly)),
  );
}

function find(path) {
  return path.reduce((node, name) => (node && Object.hasOwn(node, name) ? node[name] : undefined), data);
}

/** Every feature below a path: `[path, node]`. */
function* below(path, node = find(path)) {
  for (const [name, child] of Object.entries(node ?? {})) {
    if (name === "__compat") continue;
    yield [[...path, name], child];
    yield* below([...path, name], child);
  }
}

/** Entries that no script names as a member: events, parameters, options, behaviours. */
const isDescribed = (name) => /^@@|_(event|parameter|permission|directive)$|[^\w$]/.test(name);

/**
 * The globals and members of scripts' world: `{ path, holder, name, on }`, where `holder` is the path of the global
 * object that has it, and `on` says whether itself or by its prototype, if that is known. Those of `window` and the
 * global functions have none.
 */
function* members() {
  for (const [[, object, name, more], feature] of below(["api"])) {
    if (more !== undefined) continue;
    const path = ["api", object, name].filter(Boolean).join(".");
    if (name === undefined) yield { path, feature, holder: [], name: object };
    else if (isDescribed(name) || name === object) continue;
    else if (object === "Window") yield { path, feature, holder: [], name };
    else {
      const on = name.endsWith("_static") ? "object" : "prototype";
      yield { path, feature, holder: [object], name: name.replace(/_static$/, ""), on };
    }
  }
  for (const root of [
    ["javascript", "builtins"],
    ["webassembly", "api"],
  ]) {
    for (const [path, feature] of below(root)) {
      const names = path.slice(2);
      const name = names.pop();
      if (isDescribed(name) || name === names.at(-1) || names.some(isDescribed)) continue;
      // Parameters and shapes are written in lower case with underscores.
      if (name.includes("_") || names.some((it) => it.includes("_"))) continue;
      const holder = root[0] === "webassembly" ? ["WebAssembly", ...names] : names;
      yield { path: path.join("."), feature, holder, name };
    }
  }
}

/** Members that a script cannot rely on: `{ path, holder, name, on, missing }`. */
export function younger() {
  return [...members()].flatMap(({ feature, ...member }) => {
    const missing = lacking(feature, { partly: true });
    return missing.length > 0 ? [{ ...member, missing }] : [];
  });
}

/** Every node of acorn's tree, with the one above it. */
function* walk(node, parent) {
  if (Array.isArray(node)) {
    for (const child of node) yield* walk(child, parent);
  } else if (typeof node?.type === "string") {
    yield [node, parent];
    for (const child of Object.values(node)) yield* walk(child, node);
  }
}

const nameOf = ({ computed, key, property }) => {
  const node = property ?? key;
  return computed ? node?.value : (node?.name ?? node?.value);
};

/**
 * The younger things that a script uses, as `[path, text]`. Types are not known: a name is enough if all that have it are young,
 * and the script has no member of that name itself, nor is it one of `own`.
 */
export function youngerInScript(code, named = []) {
  const known = [...members()].map(({ feature, ...member }) => ({
    ...member,
    isYoung: lacking(feature, { partly: true }).length > 0,
  }));
  const globals = new Map(known.filter(({ holder }) => holder.length === 0).map((it) => [it.name, it]));
  const held = new Map(known.map((it) => [[...it.holder, it.name].join("."), it]));
  const byName = grouped(known);

  const tree = parseScript(code, { ecmaVersion: "latest", sourceType: "module" });
  const nodes = [...walk(tree)];
  // Names that the script itself declares, or gives to members, are its own.
  const declared = new Set();
  const own = new Set(named);
  const binds = (pattern) => {
    for (const [node, parent] of walk(pattern)) {
      if (
        node.type === "Identifier" &&
        !(parent?.type === "Property" && parent.key === node && !parent.shorthand)
      )
        declared.add(node.name);
    }
  };
  for (const [node, parent] of nodes) {
    if (node.type === "VariableDeclarator") binds(node.id);
    if (/Function|Class/.test(node.type) && node.id) binds(node.id);
    for (const parameter of node.params ?? []) binds(parameter);
    if (node.type === "CatchClause" && node.param) binds(node.param);
    if (/^(MethodDefinition|PropertyDefinition)$/.test(node.type)) own.add(nameOf(node));
    if (node.type === "Property" && parent?.type === "ObjectExpression") own.add(nameOf(node));
  }

  const found = [];
  const textOf = ({ start, end }) => code.slice(start, end);
  const check = (member, node) => {
    if (member?.isYoung) found.push([member.path, textOf(node)]);
  };
  /** `Intl.Locale`, where `Intl` is the global. */
  const chain = (node) => {
    if (node.type === "Identifier") return declared.has(node.name) ? undefined : [node.name];
    if (node.type !== "MemberExpression") return undefined;
    const left = chain(node.object);
    return left && [...left.filter((it) => it !== "globalThis" && it !== "window"), nameOf(node)];
  };
  for (const [node, parent] of nodes) {
    if (node.type === "Identifier" && !declared.has(node.name)) {
      const isName =
        (parent?.type === "MemberExpression" && parent.property === node && !parent.computed) ||
        (/Property|Method/.test(parent?.type ?? "") && parent.key === node && !parent.computed);
      if (!isName) check(globals.get(node.name), node);
    }
    if (node.type === "MemberExpression") {
      const path = chain(node)?.join(".");
      const exact = path && held.get(path);
      if (exact) check(exact, node);
      else byNameAlone(nameOf(node), node);
    }
    if (node.type === "VariableDeclarator" && node.id.type === "ObjectPattern" && node.init) {
      const left = chain(node.init);
      for (const property of node.id.properties) {
        if (left && property.key) check(held.get([...left, property.key.name].join(".")), node);
      }
    }
  }
  function byNameAlone(name, node) {
    const candidates = byName.get(name) ?? [];
    if (own.has(name) || candidates.length === 0 || candidates.some(({ isYoung }) => !isYoung)) return;
    check(candidates[0], node);
  }
  return found;
}

function grouped(list) {
  const map = new Map();
  for (const it of list) map.set(it.name, [...(map.get(it.name) ?? []), it]);
  return map;
}

/** How css.types calls what a unit belongs to, where it does not have the unit's own name. */
const UNITS = [
  [/^sv/, "viewport_percentage_units_small"],
  [/^lv/, "viewport_percentage_units_large"],
  [/^dv/, "viewport_percentage_units_dynamic"],
  [/^cq/, "container_query_length_units"],
];

/**
 * The younger things that a style sheet uses, as `[path, text]`. What stands in `@supports`, and what comes after an older
 * value of the same property, is done without where it is missing; a prefixed property may stand beside.
 */
export function youngerInStyle(code) {
  const found = [];
  const types = [...below(["css", "types"])];
  const ast = css.parse(code, { parseCustomProperty: true });
  let supports = 0;
  const check = (path, node, prefixes = []) => {
    const feature = find(path);
    let missing = lacking(feature);
    for (const prefix of prefixes) {
      const without = lacking(feature, { prefix });
      missing = missing.filter((it) => without.includes(it));
    }
    if (missing.length > 0 && supports === 0) found.push([path.join("."), css.generate(node)]);
    return missing.length > 0;
  };
  /** The first of what a value is made of that is young. */
  const youngIn = (property, node) => {
    const paths = [];
    if (node.type === "Identifier") paths.push(["css", "properties", property, node.name]);
    if (node.type === "Function") {
      paths.push(["css", "properties", property, node.name]);
      paths.push(...types.filter(([path]) => path.at(-1) === node.name).map(([path]) => path));
    }
    if (node.type === "Dimension") {
      const name = UNITS.find(([pattern]) => pattern.test(node.unit))?.[1] ?? node.unit;
      paths.push(["css", "types", "length", name]);
    }
    return paths.find((path) => lacking(find(path)).length > 0);
  };
  css.walk(ast, {
    enter(node) {
      if (node.type === "Atrule") {
        if (node.name === "supports") supports += 1;
        check(["css", "at-rules", node.name], node);
        if (node.prelude) {
          css.walk(node.prelude, (it) => {
            if (it.type === "Feature") check(["css", "at-rules", node.name, it.name], node);
          });
        }
      }
      if (/^Pseudo(Class|Element)Selector$/.test(node.type)) check(["css", "selectors", node.name], node);
      if (node.type === "NestingSelector") check(["css", "selectors", "nesting"], node);
      if (node.type === "Block") {
        const before = new Map();
        const present = new Set(node.children.toArray().map(({ property }) => property));
        for (const declaration of node.children) {
          if (declaration.type !== "Declaration") continue;
          const { property, value } = declaration;
          const prefixes = ["-webkit-", "-moz-"].filter((it) => present.has(it + property));
          if (check(["css", "properties", property], declaration, prefixes)) continue;
          let young;
          css.walk(value, (it) => {
            young ??= youngIn(property, it);
          });
          if (young && !before.get(property)) check(young, declaration);
          before.set(property, before.get(property) || !young);
        }
      }
    },
    leave(node) {
      if (node.type === "Atrule" && node.name === "supports") supports -= 1;
    },
  });
  return found;
}

async function main() {
  const bundle = (folder, name) =>
    build({
      entryPoints: [here(`${folder}/src/${name}`)],
      bundle: true,
      format: "esm",
      target,
      charset: "utf8",
      legalComments: "none",
      write: false,
      outdir: here("."),
      define: Object.fromEntries(
        ["WASM_FILE", "WASM_INTEGRITY", "P256_FILE", "P256_INTEGRITY"].map((it) => [it, '""']),
      ),
      plugins: [cssText, languagesBeside({})],
    });
  // Names in the types of our own sources.
  const named = ["checkout", "core", "shop"].flatMap((folder) =>
    readdirSync(here(`${folder}/src`))
      .filter((name) => name.endsWith(".ts"))
      .flatMap((name) => [...readFileSync(here(`${folder}/src/${name}`), "utf8").matchAll(/^ +(\w+)\??: /gm)])
      .map(([, name]) => name),
  );
  const used = new Set();
  let faults = 0;
  const judge = (file, found) => {
    for (const [path, text] of found) {
      used.add(path);
      if (EXCUSED[path]) continue;
      faults += 1;
      const missing = lacking(find(path.split("."))).map((it) => `${it} ${BROWSERS[it]}`);
      console.error(`${file}: ${path} is not in ${missing.join(", ")}: ${text.slice(0, 100)}`);
    }
  };
  for (const [folder, names] of Object.entries({
    checkout: ["index.ts", "pay.ts"],
    shop: ["shop.ts", "pay.ts", "orders.ts"],
  })) {
    for (const name of names) {
      const { outputFiles } = await bundle(folder, name);
      for (const { text } of outputFiles) judge(`${folder}/src/${name}`, youngerInScript(text, named));
    }
  }
  for (const file of ["checkout/src/style.css", "checkout/static/pay.css", "shop/src/shop.css"]) {
    judge(file, youngerInStyle(await minified(here(file))));
  }
  for (const path of Object.keys(EXCUSED)) {
    if (used.has(path)) continue;
    faults += 1;
    console.error(`compat.mjs: ${path} is excused, and nothing uses it`);
  }
  process.exitCode = faults > 0 ? 1 : 0;
}

if (import.meta.url === pathToFileURL(argv[1] ?? "").href) await main();
