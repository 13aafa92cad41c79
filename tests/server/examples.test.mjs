/** The examples of the documents, run against the real gateway. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startGateway } from "../browser/support/gateway.mjs";
import { credentials, lezaiAt, newOrder, otherKeys } from "./support/shop.mjs";

const PATIENCE = { timeout: 600_000 };
const run = promisify(execFile);
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

let gateway;
let folder;
before(async () => {
  gateway = await startGateway();
  folder = mkdtempSync(join(tmpdir(), "lezai-examples-"));
});
after(async () => {
  await gateway?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const java = await run("java", ["-version"]).then(
  () => true,
  () => false,
);

test("Java", { ...PATIENCE, skip: java ? false : "there is no Java here" }, async () => {
  const example = here("../../docs/examples/Lezai.java");
  const key = join(gateway.data, "demo-merchant.pem");
  const args = (trusted) => [example, gateway.origin, "demo-1", key, trusted];
  const { stdout } = await run("java", args(join(gateway.data, "gateway-public.pem")));
  const [created, found] = stdout.trim().split("\n");
  assert.match(created, /^201 \{"id":"ord_/);
  assert.match(found, /^200 \{"object":"list","data":\[\{"id":"ord_/);
  const other = join(folder, "other.pem");
  writeFileSync(other, otherKeys().publicKey);
  await assert.rejects(run("java", args(other)), /SecurityException: forged/);
});

/** The programs of a document, in the order in which they stand there. */
const programs = (document, language = "js") =>
  [...readFileSync(here(`../../docs/${document}`), "utf8").matchAll(/```(\w+)\n(.*?)```/gs)]
    .filter(([, of]) => of === language)
    .map(([, , code]) => code);

const python = here("../../.setup/venv/bin/python");
for (const [language, command, file] of [
  ["js", process.execPath, "signing.mjs"],
  ["python", python, "signing.py"],
]) {
  const skip = existsSync(command) ? false : "scripts/setup python brings what it needs";
  test(`signing.md, ${language}`, { ...PATIENCE, skip }, async () => {
    const [program] = programs("signing.md", language);
    assert.deepEqual(programs("signing.zh-CN.md", language), [program]);
    const settled = program
      .replace("http://127.0.0.1:8080", gateway.origin)
      .replaceAll('".lezai', `"${gateway.data}`);
    writeFileSync(join(folder, file), settled);
    const { stdout } = await run(command, [join(folder, file)]);
    assert.match(stdout, /^201 ord_\w+ http\S+\n200 created\n$/);
  });
}

for (const document of ["server.md", "server.zh-CN.md"]) {
  test(document, PATIENCE, async () => {
    const [client, selling, books, receiver, errors] = programs(document);
    assert.ok(client && selling && books && receiver && errors);
    const { gatewayKey, privateKey, webhookSecret } = credentials(gateway);
    const package_ = new URL("../../www/server/dist/index.js", import.meta.url).href;
    const settled = (code) => code.replace(/from "@lezai\/server"/, `from "${package_}"`);
    const environment = {
      ...process.env,
      LEZAI_GATEWAY: gateway.origin,
      LEZAI_KEY_ID: "demo-1",
      LEZAI_PRIVATE_KEY: privateKey,
      LEZAI_GATEWAY_KEY: gatewayKey,
      LEZAI_WEBHOOK_SECRET: webhookSecret,
    };

    writeFileSync(join(folder, "lezai.mjs"), settled(client));
    writeFileSync(join(folder, "errors.mjs"), settled(errors));
    const { stdout } = await run("node", [join(folder, "errors.mjs")], { env: environment });
    assert.match(stdout, /invalid_field amount never req_/);
    writeFileSync(join(folder, "selling.mjs"), settled(selling));
    const sold = await run("node", [join(folder, "selling.mjs")], { env: environment });
    assert.match(sold.stdout, /^(ord_\w+) cs_\w+ \S+\n\1 created\n$/);

    const rows = "at,kind,reference,minor,currency\n2026-03-01T09:30:00+08:00,payment,tea-1,12800,CNY\n";
    writeFileSync(join(folder, "orders.csv"), rows);
    writeFileSync(join(folder, "own.csv"), rows.replace("12800", "12801"));
    writeFileSync(join(folder, "books.mjs"), settled(books));
    const compared = await run("node", [join(folder, "books.mjs")], { cwd: folder });
    assert.match(compared.stdout, /^1 \[[\s\S]*128\.00 CNY there, 128\.01 CNY here/);

    writeFileSync(join(folder, "receiver.mjs"), settled(receiver));
    const shop = execFile("node", [join(folder, "receiver.mjs")], { env: { ...environment, PORT: "0" } });
    try {
      const url = await new Promise((resolve) =>
        shop.stdout.on("data", (line) => resolve(line.trim().split(" ").at(-1))),
      );
      const told = new Promise((resolve) =>
        shop.stdout.on("data", (line) => /delivered/.test(line) && resolve(line)),
      );
      const order = await lezaiAt(gateway).orders.create(newOrder({ notify_url: url }));
      await gateway.shopper(order, "pay");
      assert.match(await told, new RegExp(`delivered ${order.merchant_order_id}`));
      const report = await lezaiAt(gateway).events.test(url);
      assert.ok(report.passed, JSON.stringify(report));
    } finally {
      shop.kill();
    }
  });
}
