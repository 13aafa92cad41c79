/**
 * Writes the types of a package into its `dist`, side by side: those of its entry, and of the modules that
 * they name, in the package or in `core`.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** The path of a module of ours, as an emitted declaration names it. */
const MODULE = /(?<=(?:from|import\() ?")\.[^"]+(?=")/g;

/** @param {string} name the package's folder beside this file */
export function declare(name) {
  const emitted = mkdtempSync(join(tmpdir(), "lezai-types-"));
  try {
    // This package alone: another's bindings may not have been built yet.
    const project = join(emitted, "tsconfig.json");
    const extended = { extends: here("tsconfig.json"), include: [here(`${name}/src`)] };
    writeFileSync(project, JSON.stringify(extended));
    const options = ["--declaration", "--emitDeclarationOnly", "--noEmit", "false", "--rootDir", here("..")];
    execFileSync(here("node_modules/.bin/tsc"), ["-p", project, ...options, "--outDir", emitted], {
      stdio: "inherit",
    });
    const modules = new Set([`${name}/src/index`]);
    for (const module of modules) {
      const text = readFileSync(join(emitted, `www/${module}.d.ts`), "utf8");
      for (const [named] of text.matchAll(MODULE)) {
        const path = join(dirname(module), named);
        if (!named.endsWith(".ts") || ![name, "core"].includes(dirname(dirname(path))))
          throw new Error(`${module}.ts tells others of types outside of the package`);
        modules.add(path.slice(0, -".ts".length));
      }
      const beside = text.replace(MODULE, (named) => `./${basename(named, ".ts")}.js`);
      writeFileSync(here(`${name}/dist/${basename(module)}.d.ts`), beside);
    }
  } finally {
    rmSync(emitted, { recursive: true });
  }
}
