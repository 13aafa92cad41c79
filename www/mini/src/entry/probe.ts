/** The probe page's own file, so that no checkout loads it. */
export { type Finding, probe, type Vector } from "../probe.ts";
