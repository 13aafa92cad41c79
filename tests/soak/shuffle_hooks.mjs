/** Hands our `node:test` to everybody but ourselves. */
const OURS = new URL("./shuffled_test.mjs", import.meta.url).href;

export function resolve(specifier, context, next) {
  if (specifier === "node:test" && context.parentURL !== OURS) return { url: OURS, shortCircuit: true };
  return next(specifier, context);
}
