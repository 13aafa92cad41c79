/**
 * Asks plugins in V8, for `tests/it/plugins_agree.rs`. Takes `{orders, questions}` from its input: a path, and
 * for each question the component's path, its hooks and its settings in hex. Prints for each question, order and hook
 * what the plugin says: `{ok}`, `{error}` with its text, or `{trap}`. 64 bits are text.
 */
import { readFileSync } from "node:fs";
import { component, orders } from "./support/jco.mjs";

const input = JSON.parse(readFileSync(0, "utf8"));
const all = orders(readFileSync(input.orders, "utf8"));
const components = new Map();

const said = [];
for (const { path, hooks, settings } of input.questions) {
  if (!components.has(path)) components.set(path, await component(readFileSync(path)));
  const bytes = Uint8Array.from(Buffer.from(settings, "hex"));
  said.push(
    all.map((order) => {
      // As the gateway has it: an instance for each order.
      const ask = components.get(path)();
      return hooks.map((hook) => answer(ask, hook, order, bytes));
    }),
  );
}
process.stdout.write(JSON.stringify(said, (_, value) => (typeof value === "bigint" ? `${value}` : value)));

function answer(ask, hook, order, settings) {
  const more = hook === "split" ? [{ minor: 0n, currency: order.amount.currency }] : [];
  try {
    return { ok: ask(hook, order, ...more, settings) };
  } catch (error) {
    // jco throws what a plugin returns as its error, and V8's own error where it trapped.
    if (error instanceof WebAssembly.RuntimeError) return { trap: error.message };
    return { error: error?.payload ?? error };
  }
}
