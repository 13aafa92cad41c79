/** Answers batches of recorded orders in V8, and says what processor time each took, in microseconds. */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { component, orders } from "../../packages/support/jco.mjs";

const [path, file, hex] = process.argv.slice(2);
const all = orders(readFileSync(file, "utf8"));
const settings = Uint8Array.from(Buffer.from(hex ?? "", "hex"));
const instance = await component(readFileSync(path));
const kept = instance();

for await (const line of createInterface({ input: process.stdin })) {
  const [how, first, end] = line.split(" ");
  const batch = all.slice(Number(first), Number(end));
  const begun = process.cpuUsage();
  for (const order of batch) {
    const ask = how === "fresh" ? instance() : kept;
    ask("risk", order, settings);
  }
  const { user, system } = process.cpuUsage(begun);
  process.stdout.write(`${user + system}\n`);
}
