/** The words of the web checkout for what can go wrong. */
export { Misuse, Problem, Refused, Unreachable } from "../../core/src/errors.ts";
