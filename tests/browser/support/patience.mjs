/** The one bound of every wait in the browser tests: a slow machine beside busy neighbours keeps it. */
export const PATIENCE_MS = 600_000;

/**
 * Waits until a condition holds that no event tells of.
 *
 * @param {() => boolean | Promise<boolean>} holds
 * @param {string} what  what did not come to be, when it does not
 */
export async function eventually(holds, what) {
  const end = Date.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
