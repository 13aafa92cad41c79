/** Writes the types of a package into its `dist`: those of its entry, and of the modules that they name. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

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
    const modules = new Set(["index"]);
    for (const module of modules) {
      const text = readFileSync(join(emitted, `www/${name}/src/${module}.d.ts`), "utf8");
      if (/"\.\.\//.test(text))
        throw new Error(`${name}/src/${module}.ts tells others of types outside of the package`);
      for (const [, named] of text.matchAll(/(?:from|import\() ?"\.\/([\w-]+)\.ts"/g)) modules.add(named);
      writeFileSync(here(`${name}/dist/${module}.d.ts`), text.replace(/("\.\/[\w-]+)\.ts"/g, '$1.js"'));
    }
  } finally {
    rmSync(emitted, { recursive: true });
  }
}
