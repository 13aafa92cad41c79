"""The third side: `lezai reconcile --funds` beside SQL. WeChat Pay's bill of funds and its bill of trades, written here, go
through Python's csv and through the joins of test_reconcile.py in DuckDB; each movement must be in the same class, cleared
by the same rule. A row of trades is two movements, its own and that of its fee; so is a refund that is net of its fee."""

import csv
import decimal
import json
import random

import duckdb
import pytest

from test_reconcile import CLASSES, DAY, NOON, WECHAT, hours, local, prepare, reconcile, rows_of

SEEDS = 200
FUNDS = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额（元）,账户结余（元）,资金变更提交申请人,备注,业务凭证号".split(",")
PERIOD = (DAY, DAY + hours(24))


def trade(key, minor=12800, fee="77", **changes):
    return {"key": key, "refund": False, "minor": minor, "fee": decimal.Decimal(fee), "status": "SUCCESS", "at": NOON, **changes}


def back(key, minor=5000, fee="-30", **changes):
    return trade(key, minor, fee, refund=True, **changes)


def fund(key, minor, kind="交易", **changes):
    return {"key": key, "minor": minor, "kind": kind, "remark": "", "at": NOON, **changes}


def fee(key, minor=-77, **changes):
    return fund(key, minor, "扣除交易手续费", **changes)


def net(key, minor=-4970, total="50.00", given="0.30", **changes):
    return fund(key, minor, "退款", remark=f"退款总金额{total}元;含手续费{given}元", **changes)


def paid(key):
    return [fund(key, 12800), fee(key)]


# ---- Faults: each takes a reference and gives what stands in the bill of trades and what in that of funds. --------

FAULTS = {
    "agrees": lambda k: ([trade(k)], paid(k)),
    "refund_net_of_its_fee": lambda k: ([back(k)], [net(k)]),
    "refund_and_fee_apart": lambda k: ([back(k)], [fund(k, -5000, "退款"), fund(k, 30, "退还交易手续费")]),
    "fee_rounds_up": lambda k: ([trade(k, fee="76.5")], paid(k)),
    "fee_rounds_down": lambda k: ([trade(k, fee="77.499")], paid(k)),
    "fee_of_nothing": lambda k: ([trade(k, fee="0.499")], [fund(k, 12800)]),
    "fee_off_by_one": lambda k: ([trade(k)], [fund(k, 12800), fee(k, -78)]),
    "fee_off_by_two": lambda k: ([trade(k)], [fund(k, 12800), fee(k, -79)]),
    "fee_not_taken": lambda k: ([trade(k)], [fund(k, 12800)]),
    "fee_out_of_the_blue": lambda k: ([], [fee(k)]),
    "fee_twice": lambda k: ([trade(k)], [*paid(k), fee(k)]),
    "fee_given_in_place_of_taken": lambda k: ([trade(k)], [fund(k, 12800), fund(k, 77, "退还交易手续费")]),
    "remark_does_not_add_up": lambda k: ([back(k)], [net(k, given="0.31")]),
    "not_in_funds": lambda k: ([trade(k)], []),
    "not_in_trades": lambda k: ([], paid(k)),
    "amount_off_by_one": lambda k: ([trade(k)], [fund(k, 12801), fee(k)]),
    "paid_twice": lambda k: ([trade(k)], [*paid(k), fund(k, 12800)]),
    "coupon": lambda k: ([trade(k, minor=12800, whole=13000)], paid(k)),
    "refund_began": lambda k: ([back(k, status="PROCESSING")], []),
    "refund_began_and_moved": lambda k: ([back(k, status="PROCESSING")], [net(k)]),
    "refund_began_long_ago": lambda k: ([back(k, status="PROCESSING", at=NOON - hours(24 * 5))], []),
    "refund_failed": lambda k: ([back(k, status="FAIL")], []),
    "refund_failed_and_moved": lambda k: ([back(k, status="FAIL")], [net(k)]),
    "withdrawn": lambda k: ([], [fund(k, -100_000, "提现")]),
    "shared_out": lambda k: ([], [fund(k, -100, "分账")]),
    "nobody_knows": lambda k: ([], [fund(k, 100, "新业务")]),
    "just_before_the_end": lambda k: ([trade(k, at=DAY + hours(23.99))], []),
    "booked_the_next_day": lambda k: ([], [fund(k, 12800, at=DAY + hours(0.01)), fee(k, at=DAY + hours(0.01))]),
    "days_apart": lambda k: ([trade(k, at=NOON - hours(48))], paid(k)),
}


def case(seed):
    rng = random.Random(seed)
    names = list(FAULTS) if rng.random() < 0.3 else rng.sample(sorted(FAULTS), 14)
    names += ["agrees"] * rng.randrange(30)
    names += ["fee_off_by_one"] * (120 if rng.random() < 0.3 else 2)
    trades, funds = [], []
    for number, name in enumerate(names):
        lines, moved = FAULTS[name](f"42{seed:05}{number:05}")
        trades += lines
        funds += moved
    rng.shuffle(trades)
    rng.shuffle(funds)
    return trades, funds, set(names)


# ---- Files as WeChat Pay writes them. -----------------------------------------------------------------------------


def yuan(fen):
    return f"{decimal.Decimal(fen).scaleb(-2):f}"


def write_trades(path, lines):
    rows, sums = [], dict.fromkeys(("应结订单金额", "退款金额", "手续费", "订单金额", "申请退款金额"), decimal.Decimal(0))
    for it in lines:
        amounts = dict.fromkeys(sums, "0.00") | {"手续费": yuan(it["fee"])}
        names = ("退款金额", "申请退款金额") if it["refund"] else ("应结订单金额", "订单金额")
        amounts |= {names[0]: yuan(it["minor"]), names[1]: yuan(it.get("whole", it["minor"]))}
        for name, amount in amounts.items():
            sums[name] += decimal.Decimal(amount)
        cells = {"交易时间": local(it["at"]), "货币种类": "CNY", "商户订单号": "m" + it["key"], "交易状态": "SUCCESS", **amounts}
        cells["微信订单号"] = it["key"]
        if it["refund"]:
            cells |= {"交易状态": "REFUND", "微信订单号": "40" + it["key"], "微信退款单号": it["key"]}
            cells |= {"商户退款单号": "r" + it["key"], "退款状态": it["status"]}
        rows.append(",".join("`" + cells.get(name, "") for name in WECHAT))
    names = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
    last = [len(rows), sums["应结订单金额"], sums["退款金额"], "0.00", sums["手续费"], sums["订单金额"], sums["申请退款金额"]]
    last = ",".join(f"`{it}" for it in last)
    path.write_bytes("\r\n".join(["\ufeff" + ",".join(WECHAT), *rows, names, last, ""]).encode())


def write_funds(path, lines):
    rows, balance = [], 10_000_000
    for number, it in enumerate(lines):
        balance += it["minor"]
        way = "收入" if it["minor"] > 0 else "支出"
        cells = [local(it["at"]), it["key"], f"F{number}", it["kind"], it["kind"], way, yuan(abs(it["minor"])), yuan(balance), "system"]
        rows.append(",".join("`" + cell for cell in [*cells, it["remark"], "m" + it["key"]]))
    sides = [[it["minor"] for it in lines if (it["minor"] > 0) == income] for income in (True, False)]
    (income, expense) = ((len(side), yuan(abs(sum(side)))) for side in sides)
    last = f"`{len(rows)}.0,`{income[0]}.0,`{income[1]},`{expense[0]}.0,`{expense[1]}"
    names = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"
    path.write_bytes("\r\n".join(["\ufeff" + ",".join(FUNDS), *rows, names, last, ""]).encode())


# ---- The same files as text, and their movements in SQL: twice a row's line, and one more for its fee. ------------


def dictionaries(path, end):
    rows = rows_of(path, "utf-8-sig", quoting=csv.QUOTE_NONE)
    _, header = next(rows)
    for line, cells in rows:
        if cells[0] == end:
            return
        yield {"line": str(line), **dict(zip(header, (cell.removeprefix("`") for cell in cells), strict=True))}


def load(database, name, rows, columns):
    defined = ", ".join(f'"{it}" varchar' for it in columns)
    database.execute(f"create or replace table {name} ({defined})")
    values = [[row[column] for column in columns] for row in rows]
    if values:
        database.executemany(f"insert into {name} values ({', '.join('?' * len(columns))})", values)


FINISH = """
    select line, kind, key, 'CNY' as currency, status, minor, sign(minor)::integer as way, null::decimal(30, 6) as fee,
        epoch_ms((moment || '+08:00')::timestamptz) as ms,
        floor((epoch_ms((moment || '+08:00')::timestamptz) + 8 * 3600000) / 86400000.0)::bigint as day, false as unparsed
    from movements
"""

OURS = """
create or replace table ours as
with rows as (
    select line::bigint as line, 交易时间 as moment, 交易状态 = 'REFUND' as back, 手续费::decimal(20, 6) * 100 as fee,
        case when 交易状态 = 'REFUND' then 微信退款单号 else 微信订单号 end as key,
        case 退款状态 when 'PROCESSING' then 'pending' when 'FAIL' then 'failed' else 'done' end as status,
        (case when 交易状态 = 'REFUND' then -(退款金额::decimal(20, 2)) else 应结订单金额::decimal(20, 2) end * 100)::bigint as minor
    from cells
),
movements as (
    select line * 2 as line, case when back then 'refund' else 'payment' end as kind, key, status, minor, moment from rows
    union all
    select line * 2 + 1, case when fee > 0 then 'fee' else 'fee_return' end, key, status, -round(fee)::bigint, moment
    from rows where round(fee) <> 0
)
""" + FINISH

THEIRS = """
create or replace table theirs as
with rows as (
    select line::bigint as line, 记账时间 as moment, 微信支付业务单号 as key, 业务类型 as type,
        (case 收支类型 when '收入' then 1 else -1 end * "收支金额（元）"::decimal(20, 2) * 100)::bigint as minor,
        try_cast(nullif(regexp_extract(备注, '退款总金额([0-9.]+)元', 1), '') as decimal(20, 2)) * 100 as told,
        try_cast(nullif(regexp_extract(备注, '含手续费([0-9.]+)元', 1), '') as decimal(20, 2)) * 100 as given
    from cells
),
parts as (select *, coalesce(type = '退款' and told - given = -minor, false) as net from rows),
movements as (
    select line * 2 as line, case type when '交易' then 'payment' when '退款' then 'refund' when '扣除交易手续费' then 'fee'
            when '退还交易手续费' then 'fee_return' when '提现' then 'withdrawal' when '分账' then 'split' else 'other' end as kind,
        key, 'done' as status, case when net then -told::bigint else minor end as minor, moment from parts
    union all
    select line * 2 + 1, 'fee_return', key, 'done', given::bigint, moment from parts where net and given <> 0
)
""" + FINISH


def by_sql(database, trades, funds):
    load(database, "cells", list(dictionaries(trades, "总交易单数")), ["line", *WECHAT])
    database.execute(OURS)
    load(database, "cells", list(dictionaries(funds, "资金流水总笔数")), ["line", *FUNDS])
    database.execute(THEIRS)
    from_ms, to_ms = (int(it.timestamp() * 1000) for it in PERIOD)
    return set(database.execute(CLASSES, {"from_ms": from_ms, "to_ms": to_ms}).fetchall())


def by_lezai(tmp_path, trades, funds):
    (tmp_path / "books.csv").write_text("at,kind,reference,minor,currency\n")
    arguments = ["--bill", trades, "--funds", funds, "--movements", tmp_path / "books.csv", "--offset", "+08:00", "--json", "--all"]
    done = reconcile(*arguments, "--from", PERIOD[0].isoformat(), "--to", PERIOD[1].isoformat())
    *outcomes, last = map(json.loads, done.stdout.splitlines())
    outcomes = [it for it in outcomes if it["between"] == "funds_and_trades"]
    of_fee = lambda side: side["kind"] in ("fee", "fee_return")  # noqa: E731
    # In the bill of funds most fees are rows of their own, and some stand in a refund's row.
    refunds = {it["theirs"]["line"] for it in outcomes if it["theirs"] and it["theirs"]["kind"] == "refund"}
    theirs = lambda side: side and side["line"] * 2 + (of_fee(side) and side["line"] in refunds)  # noqa: E731
    ours = lambda side: side and side["line"] * 2 + of_fee(side)  # noqa: E731
    rows = [(theirs(it["theirs"]), ours(it["ours"]), it["class"], it["cleared_by"]) for it in outcomes]
    assert len(rows) == len(set(rows))
    return set(rows), last["summary"]["funds"]


@pytest.fixture(scope="module")
def database():
    with duckdb.connect() as database:
        prepare(database)
        yield database


@pytest.mark.parametrize("first", range(0, SEEDS, 20))
def test_every_movement_is_in_the_class_that_sql_finds(first, tmp_path, database):
    for seed in range(first, first + 20):
        trades, funds, _ = case(seed)
        write_trades(tmp_path / "trades.csv", trades)
        write_funds(tmp_path / "funds.csv", funds)
        expected = by_sql(database, tmp_path / "trades.csv", tmp_path / "funds.csv")
        found, summary = by_lezai(tmp_path, tmp_path / "trades.csv", tmp_path / "funds.csv")
        assert found == expected, f"seed {seed}: SQL alone {sorted(expected - found, key=str)}, lezai alone {sorted(found - expected, key=str)}"
        # The classes add up to both sides: what really moved, to the fen.
        moved = sum(it["minor"] for it in funds)
        assert summary["sum_theirs"].get("CNY", 0) == moved, seed
        for side, total in (("theirs", "sum_theirs"), ("ours", "sum_ours")):
            assert sum(it[side].get("CNY", 0) for it in summary["classes"]) == summary[total].get("CNY", 0), seed
        assert sum(it["lines"] for it in summary["classes"]) == summary["lines"], seed
        assert sum(it["movements"] for it in summary["classes"]) == summary["movements"], seed


def test_the_cases_plant_what_they_promise(tmp_path, database):
    assert {name for seed in range(SEEDS) for name in case(seed)[2]} == set(FAULTS)
    seen = set()
    for seed in range(24):
        trades, funds, _ = case(seed)
        write_trades(tmp_path / "trades.csv", trades)
        write_funds(tmp_path / "funds.csv", funds)
        found = by_sql(database, tmp_path / "trades.csv", tmp_path / "funds.csv")
        seen |= {(name, cleared) for _, _, name, cleared in found}
    expected = "matched missing_here missing_there timing amount status fee duplicate direction"
    assert {name for name, _ in seen} == set(expected.split())
    assert {cleared for _, cleared in seen} == {None, "fee_rounding", "cut_off", "in_flight", "in_flight_here"}


def test_people_read_both_comparisons(tmp_path):
    write_trades(tmp_path / "trades.csv", [trade("4200001"), back("5030001")])
    write_funds(tmp_path / "funds.csv", [fund("4200001", 12800), fee("4200001", -79), net("5030001")])
    (tmp_path / "books.csv").write_text(
        "at,kind,reference,minor,currency\n2026-03-01T12:00:00+08:00,payment,m4200001,12800,CNY\n"
        "2026-03-01T12:00:00+08:00,refund,r5030001,-5000,CNY\n"
    )
    done = reconcile("--bill", tmp_path / "trades.csv", "--funds", tmp_path / "funds.csv", "--movements", tmp_path / "books.csv")
    assert done.returncode == 1
    trades_and_books, funds_and_trades = done.stdout.split("nothing is open")
    assert "class    cleared by  lines  movements" in trades_and_books
    assert "\nfunds  " in funds_and_trades and "wechat-fund" in funds_and_trades
    assert "fee: -0.79 CNY in the bill of funds, -0.77 CNY in the bill of trades" in funds_and_trades
