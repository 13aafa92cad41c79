/** The words of the web checkout for what can go wrong. */
export { Misuse, Outdated, Problem, Refused, Unreachable } from "../../core/src/errors.ts";
