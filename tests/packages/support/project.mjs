/** A fresh project of a shop's: a fixture with its locked packages, and ours out of their tarballs. */
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const FOLDER = here("../../../target/packages/");
const QUIET = ["--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline"];

/** Packs a package of www as it would be published; gives the tarball's path. */
export async function pack(name) {
  const folder = join(FOLDER, "tarballs");
  mkdirSync(folder, { recursive: true });
  const { stdout } = await run("npm", ["pack", "--silent", "--pack-destination", folder], {
    cwd: here(`../../../www/${name}`),
  });
  return join(folder, stdout.trim());
}

/** Copies a fixture under a name of the test's own and installs it; gives its folder. */
export async function project(fixture, name, ...tarballs) {
  const folder = join(FOLDER, name);
  rmSync(folder, { recursive: true, force: true });
  cpSync(here(`../fixtures/${fixture}`), folder, { recursive: true });
  await npm(folder, "ci", ...QUIET);
  await npm(folder, "install", "--no-save", ...QUIET, ...tarballs);
  return folder;
}

export async function npm(cwd, ...args) {
  try {
    return await run("npm", args, { cwd, env: { ...process.env, NEXT_TELEMETRY_DISABLED: "1" } });
  } catch (error) {
    throw new Error(`npm ${args.join(" ")} in ${cwd}:\n${error.stdout}${error.stderr}`);
  }
}
