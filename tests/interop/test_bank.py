"""The bank as a side: `lezai reconcile --bank` beside SQL. A bank's statement and WeChat Pay's bill of funds, written here, go
through Python's csv and through the joins of test_reconcile.py in DuckDB; each row must be in the same class, cleared by the
same rule. The bank tells days, and has the number somewhere in a remark."""

import csv
import json
import random

import duckdb
import pytest

from test_funds import FUNDS, dictionaries, fund, load, write_funds, write_trades, yuan
from test_reconcile import CLASSES, DAY, NOON, hours, local, prepare, reconcile

SEEDS = 200
BANK = ["Day", "Payer", "Remark", "In", "Out"]
PERIOD = (DAY, DAY + hours(24))
RULE = {"key": ["Remark"], "key_behind": "No.", "at": ["Day"]}
LAYOUT = {
    "name": "bank",
    "needs": BANK,
    "offset": "+08:00",
    "currency": "CNY",
    "rows": [
        {"when": {"Payer": ["Wallet Ltd"], "Out": [""]}, "kind": "withdrawal", "amount": ["In"], "sign": "in", **RULE},
        {"when": {"Payer": ["Wallet Ltd"], "In": [""]}, "kind": "withdrawal_return", "amount": ["Out"], "sign": "out", **RULE},
        {"skip": True},
    ],
}


def arrived(key, minor=10_000, **changes):
    return {"remark": f"wallet No.{key} of May", "minor": minor, "payer": "Wallet Ltd", "at": NOON, **changes}


def drawn(key, minor=-10_000, **changes):
    return fund(key, minor, "提现", **changes)


# ---- Faults: each takes a reference and gives what stands at the bank and what in the bill of funds. ---------------

FAULTS = {
    "agrees": lambda k: ([arrived(k)], [drawn(k)]),
    "came_back": lambda k: ([arrived(k), arrived(k, -10_000)], [drawn(k), fund(k, 10_000, "提现退回")]),
    "came_back_by_the_other_word": lambda k: ([arrived(k, -10_000)], [fund(k, 10_000, "提现")]),
    "the_bank_took_a_fee": lambda k: ([arrived(k, 9_900)], [drawn(k)]),
    "not_there_yet": lambda k: ([], [drawn(k)]),
    "not_there_after_ten_days": lambda k: ([], [drawn(k, at=NOON - hours(240))]),
    "not_there_after_eleven_days": lambda k: ([], [drawn(k, at=NOON - hours(264))]),
    "arrived_later": lambda k: ([arrived(k)], [drawn(k, at=NOON - hours(72))]),
    "arrived_much_later": lambda k: ([arrived(k)], [drawn(k, at=NOON - hours(11 * 24))]),
    "arrived_before": lambda k: ([arrived(k, at=NOON - hours(24))], [drawn(k)]),
    "nobody_sent_it": lambda k: ([arrived(k)], []),
    "nobody_sent_it_at_the_beginning": lambda k: ([arrived(k, at=DAY)], []),
    "arrived_twice": lambda k: ([arrived(k), arrived(k)], [drawn(k)]),
    "sent_twice": lambda k: ([arrived(k)], [drawn(k), drawn(k)]),
    "turned": lambda k: ([arrived(k, -10_000)], [drawn(k)]),
    "after_the_last_day": lambda k: ([], [drawn(k, at=NOON + hours(24))]),
    "without_a_number": lambda k: ([arrived(k, remark="wallet")], [drawn(k)]),
    "another_number_of_the_same_amount": lambda k: ([arrived(k)], [drawn(k + "9")]),
    "rent": lambda k: ([arrived(k, -90_000, payer="Landlord")], []),
    "paid_by_us_to_others": lambda k: ([], [fund(k, -500, "商家转账")]),
    "a_payment": lambda k: ([], [fund(k, 12_800)]),
}


def case(seed):
    rng = random.Random(seed)
    names = list(FAULTS) if rng.random() < 0.3 else rng.sample(sorted(FAULTS), 12)
    names += ["agrees"] * rng.randrange(20)
    bank, funds = [], []
    for number, name in enumerate(names):
        lines, moved = FAULTS[name](f"42{seed:05}{number:05}")
        bank += lines
        funds += moved
    rng.shuffle(bank)
    rng.shuffle(funds)
    return bank, funds, set(names)


def write_bank(path, lines):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(BANK)
        for it in lines:
            amount = yuan(abs(it["minor"]))
            amounts = (amount, "") if it["minor"] > 0 else ("", amount)
            writer.writerow([local(it["at"])[:10], it["payer"], it["remark"], *amounts])


# ---- The same files in SQL. --------------------------------------------------------------------------------------

FINISH = """
    select line, kind, key, 'CNY' as currency, 'done' as status, minor, sign(minor)::integer as way, null::decimal(30, 6) as fee,
        epoch_ms((moment || '+08:00')::timestamptz) as ms,
        floor((epoch_ms((moment || '+08:00')::timestamptz) + 8 * 3600000) / 86400000.0)::bigint as day, key = '' as unparsed
    from movements
"""

THEIRS = """
create or replace table theirs as
with movements as (
    select line::bigint as line, case when "In" <> '' then 'withdrawal' else 'withdrawal_return' end as kind, Day || ' 00:00:00' as moment,
        regexp_extract(Remark, 'No[.]([A-Za-z0-9]+)', 1) as key,
        (coalesce(try_cast("In" as decimal(20, 2)), 0) * 100 - coalesce(try_cast("Out" as decimal(20, 2)), 0) * 100)::bigint as minor
    from cells where Payer = 'Wallet Ltd'
)
""" + FINISH

# As the bank sees them.
OURS = """
create or replace table ours as
with movements as (
    select line::bigint as line, case 收支类型 when '支出' then 'withdrawal' else 'withdrawal_return' end as kind, 记账时间 as moment,
        微信支付业务单号 as key, (case 收支类型 when '收入' then -1 else 1 end * "收支金额（元）"::decimal(20, 2) * 100)::bigint as minor
    from cells where 业务类型 in ('提现', '提现退回')
)
""" + FINISH

RULES = """case
    when class = 'timing' and t_key is not null and o_key is not null and days <= 10 then 'arrived_later'
    when class = 'timing' and o_key is not null and days <= 10 then 'not_due'
    when class = 'missing_there' and days <= 10 then 'on_its_way' end as cleared_by
"""


def classes():
    """The joins of test_reconcile.py without its window and with the rules of banks."""
    before, rest = CLASSES.split("select their_line, our_line, class, ")
    _, after = rest.split("end as cleared_by\n")
    assert before.count("300000") == 2
    return before.replace("300000", "0") + "select their_line, our_line, class, " + RULES + after


def by_sql(database, bank, funds):
    with bank.open(newline="", encoding="utf-8") as file:
        rows = [{"line": str(number), **row} for number, row in enumerate(csv.DictReader(file), 2)]
    load(database, "cells", rows, ["line", *BANK])
    database.execute(THEIRS)
    load(database, "cells", list(dictionaries(funds, "资金流水总笔数")), ["line", *FUNDS])
    database.execute(OURS)
    from_ms, to_ms = (int(it.timestamp() * 1000) for it in PERIOD)
    return set(database.execute(classes(), {"from_ms": from_ms, "to_ms": to_ms}).fetchall())


def by_lezai(tmp_path, bank, funds):
    (tmp_path / "books.csv").write_text("at,kind,reference,minor,currency\n")
    (tmp_path / "bank.json").write_text(json.dumps(LAYOUT))
    write_trades(tmp_path / "trades.csv", [])
    arguments = ["--bill", tmp_path / "trades.csv", "--funds", funds, "--bank", bank, "--movements", tmp_path / "books.csv"]
    arguments += ["--layout", tmp_path / "bank.json", "--offset", "+08:00", "--json", "--all"]
    done = reconcile(*arguments, "--from", PERIOD[0].isoformat(), "--to", PERIOD[1].isoformat())
    *outcomes, last = map(json.loads, done.stdout.splitlines())
    # No withdrawal is in two comparisons.
    between = [(it["between"], (it.get("theirs") or it.get("ours")).get("kind", "")) for it in outcomes]
    assert all(name == "bank_and_funds" for name, kind in between if kind.startswith("withdrawal"))
    outcomes = [it for it in outcomes if it["between"] == "bank_and_funds"]
    line = lambda side: side and side["line"]  # noqa: E731
    rows = [(line(it.get("theirs")), line(it.get("ours")), it["class"], it["cleared_by"]) for it in outcomes]
    assert len(rows) == len(set(rows))
    return set(rows), last["summary"]


@pytest.fixture(scope="module")
def database():
    with duckdb.connect() as database:
        prepare(database)
        yield database


@pytest.mark.parametrize("first", range(0, SEEDS, 20))
def test_every_row_is_in_the_class_that_sql_finds(first, tmp_path, database):
    for seed in range(first, first + 20):
        bank, funds, _ = case(seed)
        write_bank(tmp_path / "bank.csv", bank)
        write_funds(tmp_path / "funds.csv", funds)
        expected = by_sql(database, tmp_path / "bank.csv", tmp_path / "funds.csv")
        found, summary = by_lezai(tmp_path, tmp_path / "bank.csv", tmp_path / "funds.csv")
        assert found == expected, f"seed {seed}: SQL alone {sorted(expected - found, key=str)}, lezai alone {sorted(found - expected, key=str)}"
        # The classes add up to both sides, to the fen: here what the bank has, there what was withdrawn.
        has_number = [it for it in bank if it["payer"] == "Wallet Ltd" and "No." in it["remark"]]
        withdrawn = [it for it in funds if it["kind"] in ("提现", "提现退回")]
        own = summary["bank"]
        assert own["sum_theirs"].get("CNY", 0) == sum(it["minor"] for it in has_number), seed
        assert own["sum_ours"].get("CNY", 0) == -sum(it["minor"] for it in withdrawn), seed
        rest = sum(it["minor"] for it in funds) - sum(it["minor"] for it in withdrawn)
        assert summary["funds"]["sum_theirs"].get("CNY", 0) == rest, seed
        for side, total in (("theirs", "sum_theirs"), ("ours", "sum_ours")):
            assert sum(it[side].get("CNY", 0) for it in own["classes"]) == own[total].get("CNY", 0), seed


def test_the_cases_plant_what_they_promise(tmp_path, database):
    assert {name for seed in range(SEEDS) for name in case(seed)[2]} == set(FAULTS)
    seen = set()
    for seed in range(24):
        bank, funds, _ = case(seed)
        write_bank(tmp_path / "bank.csv", bank)
        write_funds(tmp_path / "funds.csv", funds)
        found = by_sql(database, tmp_path / "bank.csv", tmp_path / "funds.csv")
        seen |= {(name, cleared) for _, _, name, cleared in found}
    expected = "matched missing_here missing_there timing amount duplicate direction unparsed"
    assert {name for name, _ in seen} == set(expected.split())
    assert {cleared for _, cleared in seen} == {None, "on_its_way", "arrived_later", "not_due"}
    assert {("missing_there", None), ("timing", None)} <= seen
