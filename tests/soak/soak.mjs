/**
 * Runs the suites again and again on a machine that is made slow, each time in another order, and
 * prints a table of what failed. Exits with 1 if anything did.
 *
 *   ROUNDS=20          how often each suite runs
 *   SUITES="rust …"    which; all of them if not given
 *   BUSY=4             processes that keep the processors busy meanwhile
 *   SEED=1             the first round's seed; round N takes SEED + N - 1
 *
 * The suites run with a niceness of 5 beside the busy processes, which have none: on two cores, a suite
 * gets about a seventh of a core for each of its threads. `make soak` builds everything first.
 */
import { spawn } from "node:child_process";
import { createWriteStream, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const logs = join(root, "target/soak");
const rounds = number("ROUNDS", 20);
const busy = number("BUSY", 4);
const firstSeed = number("SEED", 1);

/** @typedef {{ command: string[]; env?: Record<string, string> }} Step */

const node = (/** @type {string} */ folder, /** @type {number} */ seed, /** @type {number} */ concurrency) => {
  const files = readdirSync(join(root, "tests", folder))
    .filter((name) => name.endsWith(".test.mjs"))
    .map((name) => join("tests", folder, name));
  const shuffle = "--import=./tests/soak/shuffle.mjs";
  return [
    {
      command: ["node", shuffle, "--test", `--test-concurrency=${concurrency}`, "--test-reporter=spec", ...files],
      env: { SOAK_SEED: String(seed) },
    },
  ];
};

const PRODUCT = ["--release", "--workspace", "--exclude", "xtask", ...(process.env.CI ? ["--locked"] : [])];

/** @type {Record<string, (seed: number) => Step[]>} */
const SUITES = {
  rust: (seed) => [
    {
      command: [
        ...["cargo", "test", "--no-fail-fast", ...PRODUCT, "--lib", "--bins", "--tests"],
        ...["--", "-Zunstable-options", `--shuffle-seed=${seed}`],
      ],
      // libtest shuffles for those alone who say that they know it is unstable; rustc must not hear of it.
      env: { [runner()]: "env RUSTC_BOOTSTRAP=1" },
    },
    { command: ["cargo", "test", "--no-fail-fast", ...PRODUCT, "--doc"] },
  ],
  interop: (seed) => [
    {
      command: [
        ...[".setup/venv/bin/python", "-m", "pytest", "tests/interop"],
        ...["--random-order", `--random-order-seed=${seed}`],
      ],
      env: { HYPOTHESIS_STORAGE_DIRECTORY: ".setup/hypothesis" },
    },
  ],
  server: (seed) => node("server", seed, 2),
  mini: (seed) => node("mini", seed, 2),
  browser: (seed) => node("browser", seed, 2),
  packages: (seed) => node("packages", seed, 1),
};

const chosen = process.env.SUITES ? process.env.SUITES.split(/\s+/).filter(Boolean) : Object.keys(SUITES);
const unknown = chosen.filter((name) => !(name in SUITES));
if (unknown.length > 0) {
  console.error(`soak: no such suite: ${unknown.join(", ")}; there are ${Object.keys(SUITES).join(", ")}`);
  process.exit(2);
}

rmSync(logs, { recursive: true, force: true });
mkdirSync(logs, { recursive: true });
const load = Array.from({ length: busy }, () =>
  spawn(process.execPath, ["-e", "process.on('disconnect', () => process.exit()); setImmediate(function spin() { for (let n = 0; n < 1e8; n += 1); setImmediate(spin); })"], {
    // The channel ends with us, however we end, and the load with it.
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  }),
);
process.on("exit", () => {
  for (const one of load) one.kill();
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(130));

/** Name of a failed test, as `suite: test`, and the seeds it failed with. @type {Map<string, number[]>} */
const failed = new Map();
/** @type {Map<string, { ran: number; failed: number; seconds: number[] }>} */
const table = new Map(chosen.map((name) => [name, { ran: 0, failed: 0, seconds: [] }]));

for (let round = 0; round < rounds; round += 1) {
  const seed = firstSeed + round;
  for (const name of chosen) {
    const row = /** @type {NonNullable<ReturnType<typeof table.get>>} */ (table.get(name));
    const log = join(logs, `${name}-${seed}.log`);
    const began = process.hrtime.bigint();
    let bad = false;
    for (const step of /** @type {(seed: number) => Step[]} */ (SUITES[name])(seed)) {
      if (!(await run(step, log))) bad = true;
    }
    const seconds = Number((process.hrtime.bigint() - began) / 1_000_000_000n);
    row.ran += 1;
    row.seconds.push(seconds);
    if (bad) {
      row.failed += 1;
      const names = namesOfFailed(readFileSync(log, "utf8"));
      for (const test of names.length > 0 ? names : ["(see the log)"])
        failed.set(`${name}: ${test}`, [...(failed.get(`${name}: ${test}`) ?? []), seed]);
    }
    console.log(`soak: round ${round + 1} of ${rounds}, ${name}: ${bad ? `FAILED, ${log}` : "passed"} (${seconds} s)`);
  }
}

console.log("\n| suite | ran | failed | seconds, least and most |\n|---|---|---|---|");
for (const [name, { ran, failed, seconds }] of table)
  console.log(`| ${name} | ${ran} | ${failed} | ${Math.min(...seconds)}, ${Math.max(...seconds)} |`);
if (failed.size > 0) {
  console.log("\n| failed | with seeds |\n|---|---|");
  for (const [test, seeds] of failed) console.log(`| ${test} | ${seeds.join(", ")} |`);
}
const runs = [...table.values()];
const sum = (/** @type {(row: (typeof runs)[number]) => number} */ of) => runs.reduce((all, row) => all + of(row), 0);
console.log(`\nsoak: ${sum((row) => row.ran - row.failed)} passed, ${sum((row) => row.failed)} failed`);
process.exit(failed.size > 0 ? 1 : 0);

/** @returns {Promise<boolean>} whether it passed */
function run(/** @type {Step} */ { command, env }, /** @type {string} */ log) {
  const output = createWriteStream(log, { flags: "a" });
  const child = spawn("nice", ["-n", "5", ...command], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.pipe(output, { end: false });
  child.stderr.pipe(output, { end: false });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => output.end(() => resolve(code === 0)));
  });
}

/** As libtest, Node's reporter and pytest print them. */
function namesOfFailed(/** @type {string} */ log) {
  const patterns = [/^test (\S+).* \.\.\. FAILED$/gm, /^\s*✖ (.+?) \(\d[\d.]*ms\)$/gm, /^FAILED (\S+)/gm];
  const names = patterns.flatMap((pattern) => [...log.matchAll(pattern)].map(([, name]) => name ?? ""));
  return [...new Set(names)];
}

/** Cargo's variable for what runs this machine's test programs. */
function runner() {
  const { arch, platform } = process;
  const cpu = { x64: "X86_64", arm64: "AARCH64" }[/** @type {string} */ (arch)] ?? arch.toUpperCase();
  const system = platform === "darwin" ? "APPLE_DARWIN" : "UNKNOWN_LINUX_GNU";
  return `CARGO_TARGET_${cpu}_${system}_RUNNER`;
}

function number(/** @type {string} */ name, /** @type {number} */ otherwise) {
  const text = process.env[name] || String(otherwise);
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) {
    console.error(`soak: ${name} must be a whole number, not ${text}`);
    process.exit(2);
  }
  return value;
}
