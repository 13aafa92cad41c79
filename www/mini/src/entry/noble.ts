/** For an app that installs `@noble/curves` beside this package. */
export { type Noble, withNoble } from "../noble.ts";
