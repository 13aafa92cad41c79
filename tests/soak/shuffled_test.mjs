/** `node:test`, but that the tests and suites of one level are registered in a drawn order. */
import * as real from "node:test";

/** @type {(() => unknown)[] | undefined} What waits to be registered at the present level. */
let level;
const random = generator(process.env.SOAK_SEED ?? "1");

/** Registers at the end of its level, whatever comes between. */
function later(/** @type {() => unknown} */ registration) {
  if (level) return void level.push(registration);
  const top = (level = [registration]);
  // A module's tests are registered in one go; those after an `await` of its own make another level.
  queueMicrotask(() => {
    if (level === top) level = undefined;
    for (const one of shuffled(top)) one();
  });
}

function delayed(/** @type {(...args: any[]) => unknown} */ register) {
  return (/** @type {any[]} */ ...args) => later(() => register(...args));
}

/** A suite is a level of its own: its callback fills it, and it is emptied when that returns. */
function suite(/** @type {(...args: any[]) => unknown} */ register) {
  return (/** @type {any[]} */ ...args) => {
    const body = args.pop();
    const filled = (/** @type {any[]} */ ...given) => {
      const outer = level;
      const inner = (level = []);
      try {
        return body(...given);
      } finally {
        level = outer;
        for (const one of shuffled(inner)) one();
      }
    };
    later(() => register(...args, filled));
  };
}

function shuffled(/** @type {any[]} */ items) {
  const order = [...items];
  for (let at = order.length - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1));
    [order[at], order[other]] = [order[other], order[at]];
  }
  return order;
}

/** Mulberry32, started by a text's FNV-1a hash. */
function generator(/** @type {string} */ seed) {
  let state = 0x811c9dc5;
  for (const character of seed) state = Math.imul(state ^ character.charCodeAt(0), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export const test = Object.assign(delayed(real.test), { skip: delayed(real.test.skip), todo: real.test.todo });
export const it = test;
export const describe = Object.assign(suite(real.describe), { skip: real.describe.skip });
export { describe as suite };
export const { after, afterEach, before, beforeEach, mock } = real;
export default test;
