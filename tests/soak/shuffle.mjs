/**
 * Runs the tests of a file in an order drawn from SOAK_SEED: `node --import ./tests/soak/shuffle.mjs --test …`.
 * The same seed gives the same order. Hooks and what a test does inside of itself stay where they are.
 */
import { register } from "node:module";

register("./shuffle_hooks.mjs", import.meta.url);
