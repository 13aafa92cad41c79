/** A shop's books beside a statement, by the code that `lezai reconcile` runs. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Misuse, reconcile } from "./support/shop.mjs";

const document = readFileSync(new URL("../../docs/reconciliation.md", import.meta.url), "utf8");
const file = (name) => new RegExp(`<!-- file: ${name} -->\n\`\`\`\\w+\n([^]*?)\`\`\``).exec(document)[1];
const own = "at,kind,reference,minor,currency\n2026-03-01T09:30:00+08:00,payment,tea-1,12800,CNY\n";

test("the documentation's example has the same classes here", () => {
  const { differences, summary } = reconcile(file("bill.csv"), file("books.csv"));
  assert.deepEqual(
    differences.map((it) => [it.class, it.cleared_by, it.theirs?.reference ?? it.ours?.reference]),
    [
      ["fee", "fee_rounding", "tea-1"],
      ["amount", null, "tea-2"],
      ["missing_here", null, "tea-3"],
      ["missing_there", null, "tea-4"],
    ],
  );
  assert.equal(differences[1].reason, "amount: 64.00 CNY there, 63.00 CNY here");
  assert.equal(summary.open, 3);
  assert.equal(summary.theirs[0].layout, "wechat-trade");
  const sum = (side) => summary.classes.reduce((sum, it) => sum + (it[side].CNY ?? 0), 0);
  assert.deepEqual([sum("theirs"), sum("ours")], [summary.sum_theirs.CNY, summary.sum_ours.CNY]);
});

test("a shop finds what the command finds", () => {
  // The other half is tests/it/own_books.rs, over the same files.
  const [statement, books, found] = ["statement.csv", "own.csv", "found.json"].map((name) =>
    readFileSync(new URL(`../vectors/own-books/${name}`, import.meta.url), "utf8"),
  );
  assert.deepEqual(reconcile(statement, books, { offset: "+08:00", all: true }), JSON.parse(found));
});

test("several files are one side, as text or as bytes", () => {
  const next = own.replaceAll("03-01", "03-02").replace("tea-1", "tea-2");
  const both = new TextEncoder().encode(own + next.split("\n")[1]);
  const { differences, summary } = reconcile([own, next], both);
  assert.deepEqual(differences, []);
  assert.deepEqual([summary.open, summary.lines, summary.movements], [0, 2, 2]);
});

test("rules and a period can be given", () => {
  const late = own.replace("T09:30:00", "T23:59:59");
  const empty = own.split("\n")[0];
  const offset = "+08:00";
  assert.equal(reconcile(late, empty, { offset }).differences[0].cleared_by, "cut_off");
  const none = reconcile(late, empty, { offset, rules: [] });
  assert.deepEqual([none.differences[0].class, none.summary.open], ["timing", 1]);
  const wide = { offset, from: "2026-03-01", to: "2026-03-03", windowSeconds: 0 };
  assert.equal(reconcile(late, empty, wide).differences[0].class, "missing_here");
  assert.equal(reconcile(own, own, { all: true }).differences[0].class, "matched");
});

test("what is refused is named", () => {
  for (const [statement, options, words] of [
    ["hello\n", {}, /theirs 0: line 1/],
    [own, { from: "yesterday" }, /from must be/],
    [own, { rules: [{ name: "a", class: "amount", max_days: 1 }] }, /never cleared/],
    [own, { surprise: true }, /surprise/],
  ]) {
    assert.throws(
      () => reconcile(statement, own, options),
      (error) => error instanceof Misuse && words.test(error.message),
    );
  }
});
