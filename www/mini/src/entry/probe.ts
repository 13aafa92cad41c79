/** For the probe page alone, so that no checkout loads it. */
export { type Finding, probe, type Vector } from "../probe.ts";
