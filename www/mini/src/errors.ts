/** The errors of the web checkout. */
export { Misuse, Outdated, Problem, Refused, Unreachable } from "../../core/src/errors.ts";
