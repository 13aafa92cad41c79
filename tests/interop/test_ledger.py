"""The ledger as an auditor sees it, who has the export and docs/ledger.md, and nothing of Lezai's code."""

import csv
import datetime
import hashlib
import io
import json
import subprocess
import time
from collections import defaultdict

import pytest
import requests
from conftest import BINARY
from lezai import order


def ledger(gateway, *arguments):
    command = [BINARY, "ledger", *arguments, "--data-dir", gateway.data]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def exported(gateway, *arguments):
    return [json.loads(line) for line in ledger(gateway, "export", *arguments).splitlines()]


def chain(entries, previous="0" * 64, number=0):
    """The hash of the last of some entries. Raises unless each follows from the one before, as docs/ledger.md has it."""
    for entry in entries:
        number += 1
        lines = ["lezai-ledger-1", previous, number, entry["at_ms"], entry["subject"], entry["kind"]]
        lines += [f"{it['account']} {it['minor']} {it['currency']}" for it in entry["postings"]]
        previous = hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
        assert (entry["number"], entry["hash"]) == (number, previous), entry
    return previous


def sums(entries, until_ms=None):
    balances = defaultdict(int)
    for entry in entries:
        if until_ms is None or entry["at_ms"] <= until_ms:
            for it in entry["postings"]:
                balances[it["account"], it["currency"]] += it["minor"]
    return balances


def paid(gateway, merchant, **more):
    created = merchant.post("/v1/orders", order(**more)).json()
    answer = requests.post(f"{gateway.origin}/sandbox/orders/{created['id']}/pay", timeout=600)
    assert answer.json()["status"] == "paid", answer.text
    return created["id"]


def clock(gateway):
    return requests.get(f"{gateway.origin}/sandbox/clock", timeout=600).json()["now"]


def passed(gateway, moment):
    """The gateway's time, once it is after a moment."""
    while (now := clock(gateway)) == moment:
        time.sleep(0.001)
    return now


@pytest.fixture(scope="module")
def booked(gateway, merchant):
    """An order, a moment, and more: the moment, and the order that was paid before it."""
    first = paid(gateway, merchant)
    # A moment that is later than what was booked, and earlier than what will be.
    moment = passed(gateway, clock(gateway))
    passed(gateway, moment)
    refund = {"merchant_refund_id": f"{first}-1", "amount": 5000, "currency": "CNY"}
    assert merchant.post(f"/v1/orders/{first}/refunds", refund).status_code == 201
    paid(gateway, merchant, amount=1000, currency="JPY")
    deadline = time.monotonic() + 60
    while "refund" not in {it["kind"] for it in exported(gateway) if it["subject"] == first}:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return moment, first


def test_the_chain_can_be_computed_again_from_the_export(gateway, booked):
    entries = exported(gateway)
    assert entries[-1]["kind"] and all(sum(it["minor"] for it in e["postings"]) == 0 for e in entries)
    head = chain(entries)
    # The rest alone, by whoever kept a hash.
    half = len(entries) // 2
    rest = exported(gateway, "--after", str(half))
    assert rest[: len(entries) - half] == entries[half:]
    assert chain(entries[half:], entries[half - 1]["hash"], half) == head
    with pytest.raises(AssertionError):
        changed = json.loads(json.dumps(entries))
        changed[0]["postings"][0]["minor"] += 1
        chain(changed)


def test_csv_has_the_same(gateway, booked):
    entries = exported(gateway)
    rows = list(csv.DictReader(io.StringIO(ledger(gateway, "export", "--format", "csv"))))
    again = {}
    for row in rows:
        again.setdefault(int(row["number"]), {**row, "postings": []})["postings"].append(
            {"account": row["account"], "minor": int(row["minor"]), "currency": row["currency"]}
        )
    for entry in entries:
        row = again[entry["number"]]
        assert row["postings"] == entry["postings"]
        for name in ("at", "subject", "kind", "previous", "hash"):
            assert row[name] == entry[name]
        assert int(row["at_ms"]) == entry["at_ms"]


def test_show_filters(gateway, booked):
    moment, first = booked
    shown = [json.loads(line) for line in ledger(gateway, "show", "--order", first, "--json").splitlines()]
    assert [it["kind"] for it in shown] == ["payment", "refund_request", "refund"]
    fees = ledger(gateway, "show", "--order", first, "--account", "fee_income", "--json").splitlines()
    assert [json.loads(it)["kind"] for it in fees] == ["payment", "refund_request"]
    before = ledger(gateway, "show", "--order", first, "--to", moment, "--json").splitlines()
    after = ledger(gateway, "show", "--order", first, "--from", moment, "--json").splitlines()
    assert (len(before), len(after)) == (1, 2)
    last = ledger(gateway, "show", "--order", first, "--limit", "1", "--json").splitlines()
    assert [json.loads(it)["kind"] for it in last] == ["refund"]
    table = ledger(gateway, "show", "--order", first)
    assert "refund_request" in table and "refunds_in_flight" in table


def test_balances_at_any_moment(gateway, merchant, booked):
    moment, _ = booked
    entries = exported(gateway)
    until_ms = int(datetime.datetime.fromisoformat(moment).timestamp() * 1000 + 0.5)
    for at, expected in [(None, sums(entries)), (moment, sums(entries, until_ms))]:
        at_flag = ["--at", at] if at else []
        told = json.loads(ledger(gateway, "balances", "--json", *at_flag))
        assert {(it["account"], it["currency"]): it["minor"] for it in told["balances"]} == expected
        answer = merchant.get("/v1/balances" + (f"?at={at}" if at else ""))
        assert answer.status_code == 200, answer.text
        own = {(it["account"], it["currency"]): it["amount"] for it in answer.json()["data"]}
        for (account, currency), amount in own.items():
            assert amount == -expected.get((f"merchant_{account}:m_demo", currency), 0)
        for account, currency in expected:
            if account.endswith(":m_demo"):
                assert (account.split("_")[1].split(":")[0], currency) in own
    assert merchant.get("/v1/balances?at=2000-01-01T00:00:00Z").json()["data"][0]["amount"] == 0
    for query in ("at=2999-01-01T00:00:00Z", "at=yesterday", "at=2000-01-01T00:00:00Z&at=2000-01-01T00:00:00Z"):
        refused = merchant.get(f"/v1/balances?{query}")
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_field"), query
        assert refused.json()["field"] == "at"
    refused = merchant.get("/v1/balances?account=pending")
    assert (refused.status_code, refused.json()["code"]) == (400, "unknown_field")
