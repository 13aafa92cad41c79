/** The pages of the measurements, each bundled the same way, and a server that compresses them as a shop's does. */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

export const brotli = (bytes) =>
  brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });

/** Bundles a page's script; gives its files by name. */
export async function bundle(name) {
  const { outputFiles } = await build({
    entryPoints: [here(`pages/${name}.js`)],
    outdir: "/",
    bundle: true,
    format: "esm",
    minify: true,
    splitting: true,
    target: ["chrome105", "firefox121", "safari16.4"],
    charset: "utf8",
    legalComments: "none",
    write: false,
    logLevel: "error",
  });
  return Object.fromEntries(outputFiles.map(({ path, contents }) => [path, Buffer.from(contents)]));
}

const TYPES = { css: "text/css", html: "text/html", js: "text/javascript", wasm: "application/wasm" };

/** Serves files compressed with brotli; other origins' clocks are not coarsened where there are none. */
export async function serve(files) {
  const compressed = Object.fromEntries(Object.entries(files).map(([path, bytes]) => [path, brotli(bytes)]));
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://bench.example");
    const content = compressed[pathname];
    response.writeHead(content ? 200 : 404, {
      "content-type": TYPES[pathname.split(".").at(-1)] ?? "text/plain",
      "content-encoding": "br",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "credentialless",
    });
    response.end(content ?? brotli(Buffer.from("")));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { origin: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}

/** A page around a bundle. */
export const html = (name, files) =>
  Buffer.from(
    `<!doctype html><html lang="en"><title>${name}</title><link rel="icon" href="data:,">` +
      `<meta name="viewport" content="width=device-width">` +
      (files[`/${name}.css`] ? `<link rel="stylesheet" href="/${name}.css">` : "") +
      `<script type="module" src="/${name}.js"></script><main id="checkout"></main></html>`,
  );

export const read = (path) => readFileSync(here(path));
