/** The oldest browsers that docs/checkout.md promises: what the pages are built for, and checked against. */
export const BROWSERS = { chrome: "105", firefox: "121", safari: "16.4" };

/** The same as esbuild wants it. */
export const target = Object.entries(BROWSERS).map(([name, version]) => name + version);
