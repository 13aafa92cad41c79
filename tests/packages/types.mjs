/**
 * The types of @lezai/server, made of the gateway's own description of its API: the part that a
 * merchant's server calls.
 *
 *   node tests/packages/types.mjs          writes www/server/src/openapi.ts
 *   node tests/packages/types.mjs --check  fails if that file is not what would be written
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";

const BINARY = process.env.LEZAI ?? fileURLToPath(new URL("../../target/release/lezai", import.meta.url));
const FILE = fileURLToPath(new URL("../../www/server/src/openapi.ts", import.meta.url));
/** Calls of others than the merchant: a call that is not named here is the merchant's. */
const OTHERS = new Set(["checkout", "operator", "operations", "sandbox"]);
const HEAD = "/** Made by tests/packages/types.mjs of `lezai openapi`; do not change it by hand. */\n\n";

/** Whether a merchant's server makes this call. A call of a kind that is new is one, until OTHERS says no. */
export const isMerchants = (call) => !call.tags.every((tag) => OTHERS.has(tag));

/** The file's content for the gateway that is built here. */
export async function types() {
  const ast = await openapiTS(reduced(described()), { emptyObjectsUnknown: true });
  return HEAD + astToString(ast).replaceAll(" * @description ", " * ");
}

/** The gateway's own description of its API. */
export const described = () =>
  JSON.parse(execFileSync(BINARY, ["openapi"], { encoding: "utf8", maxBuffer: 1 << 26 }));

/** The merchant's calls: what they are asked and what they answer when all is well. */
function reduced(document) {
  const { schemas } = document.components;
  const paths = {};
  for (const [path, item] of Object.entries(document.paths)) {
    const calls = Object.entries(item).filter(([, call]) => isMerchants(call));
    if (calls.length > 0) paths[path] = {};
    for (const [method, call] of calls) {
      const { summary, operationId, requestBody, parameters = [], responses = {} } = call;
      paths[path][method] = {
        summary,
        operationId,
        requestBody,
        parameters: parameters.filter((it) => it.in !== "header"),
        responses: Object.fromEntries(
          Object.entries(responses)
            .filter(([status]) => status.startsWith("2"))
            .map(([status, { description, content }]) => [status, { description, content }]),
        ),
      };
    }
  }
  for (const [name, schema] of Object.entries(schemas)) {
    // The document repeats an object in the list of it.
    const of = name.startsWith("List_") ? name.slice("List_".length) : undefined;
    if (of && schemas[of]) schema.properties.data.items = { $ref: `#/components/schemas/${of}` };
  }
  const kept = { ProblemView: schemas.ProblemView };
  const walk = (value) => {
    if (typeof value !== "object" || value === null) return;
    const name = typeof value.$ref === "string" ? value.$ref.split("/").at(-1) : undefined;
    if (name && !kept[name]) {
      kept[name] = schemas[name];
      walk(schemas[name]);
    }
    Object.values(value).forEach(walk);
  };
  walk(paths);
  walk(kept.ProblemView);
  const sorted = Object.fromEntries(Object.entries(kept).sort(([a], [b]) => (a < b ? -1 : 1)));
  return { openapi: document.openapi, info: document.info, paths, components: { schemas: sorted } };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = await types();
  if (process.argv[2] === "--check") assert.equal(readFileSync(FILE, "utf8"), text);
  else writeFileSync(FILE, text);
}
