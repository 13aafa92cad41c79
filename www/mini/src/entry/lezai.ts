/** The code that all three platforms share; each platform's own file loads it. */
export * from "../../../core/src/bytes.ts";
export * from "../core.ts";
export * from "../entropy.ts";
export * from "../platform.ts";
export * from "../shown.ts";
export * from "../words.ts";
export * from "./host.ts";
