"""Statements as a merchant's accountant reads them: with Python's csv, with DuckDB, and beside the ledger's export."""

import csv
import decimal
import io
import json
import subprocess

import duckdb
import pytest
from conftest import BINARY
from lezai import order
from test_ledger import exported, paid

EXPONENTS = {"CNY": 2, "JPY": 0}


def lezai(*arguments, status=0):
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, timeout=600, check=False)
    assert done.returncode == status, done.stderr.decode() + done.stdout.decode()
    return done


def statement(gateway, *arguments, status=0):
    return lezai("statement", "--merchant", "m_demo", "--data-dir", gateway.data, *arguments, status=status).stdout


def rows(text):
    return list(csv.DictReader(io.StringIO(text.decode(), newline="")))


@pytest.fixture(scope="module")
def books(gateway, merchant):
    """What the shop has in its own books, and the entries before and after."""
    before = len(exported(gateway))
    own = []
    for currency, amount in (("CNY", 12800), ("JPY", 500)):
        id = paid(gateway, merchant, currency=currency, amount=amount)
        number = merchant.get(f"/v1/orders/{id}").json()["merchant_order_id"]
        own.append(["payment", number, amount, currency])
        for part in (amount // 5, amount - amount // 5) if currency == "CNY" else ():
            refund = {"merchant_refund_id": f"{number}-{part}", "amount": part, "currency": currency}
            assert merchant.post(f"/v1/orders/{id}/refunds", refund).status_code == 201
            own.append(["refund", f"{number}-{part}", -part, currency])
    return own, before, len(exported(gateway))


def test_each_line_adds_up_in_every_currency(gateway, books):
    own, before, after = books
    text = statement(gateway, "--type", "orders.1", "--after", before, "--until", after)
    lines = rows(text)
    orders = [it for it in lines if it["record"] == "order"]
    found = [[it["kind"], it["reference"], int(it["gross_minor"]), it["currency"]] for it in orders]
    assert found == own
    for it in lines[:-1]:
        exponent = EXPONENTS[it["currency"]]
        assert int(it["exponent"]) == exponent
        assert int(it["gross_minor"]) - int(it["fee_minor"]) == int(it["net_minor"])
        for name in ("gross", "fee", "net"):
            major = decimal.Decimal(it[name])
            assert major.scaleb(exponent) == int(it[name + "_minor"])
            assert -major.as_tuple().exponent == exponent
    for total in (it for it in lines if it["record"] == "total"):
        of = [it for it in orders if it["currency"] == total["currency"]]
        for name in ("gross_minor", "fee_minor", "net_minor"):
            assert sum(int(it[name]) for it in of) == int(total[name])
    # Refunded whole, in two parts: nothing is left, not even a fee.
    [yuan] = [it for it in lines if it["record"] == "total" and it["currency"] == "CNY"]
    assert (yuan["gross_minor"], yuan["fee_minor"], yuan["net_minor"]) == ("0", "0", "0")


def test_other_readers_find_the_same(gateway, books, tmp_path):
    _, before, after = books
    arguments = ("--type", "account.1", "--after", before, "--until", after)
    file = tmp_path / "account.csv"
    statement(gateway, *arguments, "--out", file)
    text = statement(gateway, *arguments)
    assert file.read_bytes() == text
    assert [it.name for it in tmp_path.iterdir()] == ["account.csv"]
    assert all(line.endswith("\r\n") for line in io.StringIO(text.decode(), newline="").readlines())
    relation = duckdb.sql(f"select * from read_csv('{file}', all_varchar = true, nullstr = '\u0000')")
    assert relation.columns == list(rows(text)[0])
    assert [tuple(it.values()) for it in rows(text)] == relation.fetchall()
    objects = [json.loads(line) for line in statement(gateway, *arguments, "--format", "jsonl").splitlines()]
    as_text = [{name: str(value) for name, value in it.items()} for it in objects]
    assert as_text == [{name: value for name, value in it.items() if value} for it in rows(text)]


def test_the_same_request_gives_the_same_bytes_for_ever(gateway, merchant, books):
    _, before, after = books
    for kind in ("orders.1", "account.1"):
        arguments = ("--type", kind, "--after", before, "--until", after)
        first = statement(gateway, *arguments)
        paid(gateway, merchant)
        assert statement(gateway, *arguments) == first
        end = rows(first)[-1]
        head = exported(gateway)[after - 1]["hash"]
        assert end["record"] == "end" and int(end["entry"]) == after
        assert end["note"].endswith(f"entries after {before} to {after}, head {head}")


def test_periods_join_without_a_gap(gateway, books):
    _, before, after = books
    closing = {}
    movements, cuts = [], list(range(before, after, 2)) + [after]
    for begin, end in zip(cuts, cuts[1:], strict=False):
        lines = rows(statement(gateway, "--type", "account.1", "--after", begin, "--until", end))
        key = lambda it: (it["account"], it["currency"])  # noqa: E731
        opening = {key(it): int(it["balance_minor"]) for it in lines if it["record"] == "opening"}
        if begin > before:
            assert opening == closing
        closing = {key(it): int(it["balance_minor"]) for it in lines if it["record"] == "closing"}
        inside = [it for it in lines if it["record"] == "movement"]
        for account in closing:
            moved = sum(int(it["movement_minor"]) for it in inside if key(it) == account)
            assert opening.get(account, 0) + moved == closing[account]
        movements += [(it["entry"], it["account"], it["movement_minor"]) for it in inside]
    whole = rows(statement(gateway, "--type", "account.1", "--after", before, "--until", after))
    whole = [it for it in whole if it["record"] == "movement"]
    assert movements == [(it["entry"], it["account"], it["movement_minor"]) for it in whole]
    idle = rows(statement(gateway, "--type", "account.1", "--after", after, "--until", after))
    balances = {(it["account"], it["currency"]): int(it["balance_minor"]) for it in idle if it["record"] == "closing"}
    assert balances == closing


def test_a_shop_finds_what_its_books_lack(gateway, books, tmp_path):
    own, before, after = books
    file = tmp_path / "orders.csv"
    statement(gateway, "--type", "orders.1", "--after", before, "--until", after, "--out", file)
    when = [it["at"] for it in rows(file.read_bytes()) if it["record"] == "order"]

    def reconcile(lines, status):
        with (tmp_path / "own.csv").open("w", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(["at", "kind", "reference", "minor", "currency"])
            writer.writerows([at, *line] for at, line in zip(when, lines, strict=False))
        command = ("reconcile", "--statement", file, "--own", tmp_path / "own.csv", "--window", 0, "--json")
        return [json.loads(line) for line in lezai(*command, status=status).stdout.splitlines()]

    [summary] = reconcile(own, 0)
    assert summary["summary"]["lines"] == len(own)
    [difference, _] = reconcile(own[:-1], 1)
    assert (difference["class"], difference["theirs"]["reference"]) == ("missing_here", own[-1][1])
    wrong = [[kind, number, amount + (amount == 500), code] for kind, number, amount, code in own]
    [difference, _] = reconcile(wrong, 1)
    assert (difference["class"], difference["reason"]) == ("amount", "amount: 500 JPY there, 501 JPY here")


def test_a_time_that_is_not_over_has_no_statement(gateway, books, tmp_path):
    kept = tmp_path / "kept.csv"
    kept.write_text("mine")
    assert b"" == statement(gateway, "--to", "2199-01-01", status=2)
    statement(gateway, "--until", 10**9, status=2)
    statement(gateway, "--after", 5, "--until", 3, status=2)
    statement(gateway, "--out", kept, status=2)
    assert kept.read_text() == "mine"
    empty = rows(statement(gateway, "--to", "2020-01-01"))
    assert [it["record"] for it in empty] == ["end"]
    day = rows(statement(gateway, "--from", "2020-01-01", "--offset", "-05:00"))
    assert all(it["at"].endswith("-05:00") for it in day if it["record"] == "order")
