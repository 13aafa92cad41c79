/**
 * Fails to compile when the adapter uses a member of `tt` that Douyin's own typings lack. One is
 * documented (2.87.0) and newer than the typings, and stands here by name: `getRandomValues`.
 */
import type { DouyinHost } from "../src/platform/douyin.ts";

export const host: Omit<DouyinHost["tt"], "getRandomValues"> = tt;
