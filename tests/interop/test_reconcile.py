"""`lezai reconcile` beside SQL: the same files go through Python's csv and through joins in DuckDB, written here from
docs/reconciliation.md alone. Each line and each movement must be in the same class, cleared by the same rule."""

import csv
import datetime
import decimal
import json
import os
import pathlib
import random
import subprocess

import duckdb
import pytest

ROOT = pathlib.Path(__file__).parents[2]
BINARY = pathlib.Path(os.environ.get("LEZAI", ROOT / "target/release/lezai"))

BEIJING = datetime.timezone(datetime.timedelta(hours=8))
DAY = datetime.datetime(2026, 3, 1, tzinfo=BEIJING)
NOON = DAY + datetime.timedelta(hours=12)
SEEDS = 200

WECHAT = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,"
    "微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
).split(",")
ALIPAY = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,"
    "集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
).split(",")
OURS = ["at", "kind", "reference", "minor", "currency", "fee", "status", "note"]
EXPONENTS = {"CNY": 2, "JPY": 0, "KWD": 3}


def row(key, minor=12800, **changes):
    fee = decimal.Decimal(abs(minor) * 6) / 1000
    base = {"key": key, "kind": "payment", "minor": minor, "currency": "CNY", "fee": fee, "status": "done", "at": NOON}
    return {**base, **changes}


def refund(key, minor=-5000, **changes):
    return row(key, minor, **{"kind": "refund", "fee": decimal.Decimal(0), **changes})


def hours(count):
    return datetime.timedelta(hours=count)


# ---- Faults: each takes a reference and gives what stands in the bill and what in the books. ----------------------

FAULTS = {
    "agrees": lambda k: ([row(k)], [row(k)]),
    "refund_agrees": lambda k: ([refund(k)], [refund(k)]),
    "fee_of_five_decimals": lambda k: ([row(k, fee=decimal.Decimal("57.123"))], [row(k, fee=decimal.Decimal("57.123"))]),
    "lost_here": lambda k: ([row(k)], []),
    "lost_there": lambda k: ([], [row(k)]),
    "another_reference_of_the_same_amount": lambda k: ([row(k), row(k + "x")], [row(k), row(k + "y")]),
    "amount_off_by_one": lambda k: ([row(k, 12801)], [row(k)]),
    "amounts_swapped": lambda k: ([row(k, 100), row(k, 200)], [row(k, 200), row(k, 100)]),
    "fee_off_by_less_than_a_fen": lambda k: ([row(k, fee=decimal.Decimal("77.3"))], [row(k, fee=decimal.Decimal("76.8"))]),
    "fee_off_by_two": lambda k: ([row(k, fee=decimal.Decimal("78.8"))], [row(k, fee=decimal.Decimal("76.8"))]),
    "line_twice": lambda k: ([row(k), row(k)], [row(k)]),
    "line_twice_the_wrong_one_first": lambda k: ([row(k, 1), row(k)], [row(k)]),
    "movement_twice": lambda k: ([row(k)], [row(k), row(k)]),
    "twice_and_unknown": lambda k: ([row(k), row(k, 5)], []),
    "other_currency": lambda k: ([row(k, currency="JPY")], [row(k)]),
    "kind_and_way": lambda k: ([refund(k)], [row(k, 5000)]),
    "payment_and_refund_of_one_reference": lambda k: ([row(k), refund(k)], [refund(k), row(k)]),
    "failed_here": lambda k: ([refund(k, status="pending")], [refund(k, status="failed")]),
    "failed_there": lambda k: ([refund(k, status="failed")], [refund(k)]),
    "failed_on_both_sides": lambda k: ([refund(k, status="failed")], [refund(k, status="failed")]),
    "failed_here_and_never_there": lambda k: ([], [refund(k, status="failed")]),
    "bill_s_refund_never_ends": lambda k: ([refund(k, status="pending")], [refund(k)]),
    "in_flight": lambda k: ([refund(k, status="pending")], [refund(k, status="pending")]),
    "in_flight_for_long": lambda k: ([refund(k)], [refund(k, status="pending", at=NOON - hours(24 * 5))]),
    "in_flight_there": lambda k: ([refund(k, status="pending", at=NOON - hours(48))], []),
    "in_flight_there_for_long": lambda k: ([refund(k, status="pending", at=NOON - hours(24 * 5))], []),
    "in_flight_here": lambda k: ([], [refund(k, status="pending")]),
    "in_flight_here_for_long": lambda k: ([], [refund(k, status="pending", at=NOON - hours(24 * 5))]),
    "the_next_day": lambda k: ([row(k, at=DAY + hours(0.01))], [row(k, at=DAY - hours(0.01))]),
    "two_days_off": lambda k: ([row(k)], [row(k, at=NOON - hours(48))]),
    "just_before_the_end": lambda k: ([row(k, at=DAY + hours(23.99))], []),
    "just_before_the_end_here": lambda k: ([], [row(k, at=DAY + hours(23.99))]),
    "not_yet_due": lambda k: ([], [row(k, at=DAY + hours(60))]),
    "window_s_edge": lambda k: (
        [],
        [row(k, at=DAY + hours(24) - datetime.timedelta(seconds=300)), row(k + "e", at=DAY + datetime.timedelta(seconds=300))],
    ),
}
# These need a sign or a currency of its own in the bill, which Alipay's have not, or cells that a program spoilt.
WAY = {"sign_turned": lambda k: ([row(k, -12800)], [row(k)]), "nothing": lambda k: ([row(k, 0)], [refund(k, 0)])}
SPOILT = {
    "spreadsheet": lambda k: ([row("4.00123E+27")], []),
    "no_reference": lambda k: ([row("")], []),
    "fraction_of_a_fen": lambda k: ([row(k, decimal.Decimal("12800.5"))], [row(k)]),
}


def case(seed):
    """What stands in a bill and in the books: mostly what agrees, and faults among it."""
    rng = random.Random(seed)
    form = ["lezai", "wechat", "alipay"][seed % 3]
    faults = dict(FAULTS)
    if form == "lezai":
        faults |= WAY
    if form == "alipay":
        del faults["other_currency"]
        faults = {name: it for name, it in faults.items() if all(line["status"] == "done" for line in it("k")[0])}
    else:
        faults |= SPOILT
    bill, books, planted = [], [], set()
    # All of them in some cases, and in others so much rounding that the bound of the whole bill is broken.
    names = list(faults) if rng.random() < 0.3 else rng.sample(sorted(faults), 14)
    names += ["agrees"] * rng.randrange(30)
    names += ["fee_off_by_less_than_a_fen"] * (220 if rng.random() < 0.3 else 2)
    for number, name in enumerate(names):
        lines, movements = faults.get(name, faults["agrees"])(f"ord_{seed}_{number}")
        bill += lines
        books += movements
        planted.add(name)
    rng.shuffle(bill)
    rng.shuffle(books)
    return form, bill, books, planted


# ---- Files as channels write them. ------------------------------------------------------------------------------


def yuan(minor, currency):
    exponent = EXPONENTS[currency]
    return f"{decimal.Decimal(minor).scaleb(-exponent):f}"


def local(at):
    return at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def write_wechat(path, lines):
    status = {"done": "SUCCESS", "pending": "PROCESSING", "failed": "FAIL"}
    rows, orders, refunds, fees = [], decimal.Decimal(0), decimal.Decimal(0), decimal.Decimal(0)
    for it in lines:
        amount, fee = yuan(abs(it["minor"]), it["currency"]), yuan(it["fee"], it["currency"])
        cells = {"交易时间": local(it["at"]), "货币种类": it["currency"], "手续费": fee, "商品名称": '茶 "大"\\ 两盒'}
        fees += decimal.Decimal(fee)
        if it["kind"] == "payment":
            cells |= {"交易状态": "SUCCESS", "商户订单号": it["key"], "订单金额": amount, "申请退款金额": "0.00"}
            orders += decimal.Decimal(amount)
        else:
            cells |= {"交易状态": "REFUND", "商户退款单号": it["key"], "申请退款金额": amount, "订单金额": "0.00"}
            cells |= {"退款状态": status[it["status"]], "商户订单号": "ord_other"}
            refunds += decimal.Decimal(amount)
        rows.append(",".join("`" + cells.get(name, "") for name in WECHAT))
    summary = f"`{len(rows)},`0.00,`{refunds},`0.00,`{fees},`{orders},`{refunds}"
    names = "总交易单数,应结订单总金额,充值券退款总金额,充值券退款总额,手续费总金额,订单总金额,申请退款总金额"
    path.write_bytes("\r\n".join(["\ufeff" + ",".join(WECHAT), *rows, names, summary, ""]).encode())


def write_alipay(path, lines):
    rows = []
    for it in lines:
        amount, fee = yuan(it["minor"], "CNY"), yuan(-it["fee"], "CNY")
        cells = {"商户订单号": it["key"], "业务类型": "交易", "完成时间": local(it["at"]), "商品名称": '"茶, 两盒"'}
        if it["kind"] == "refund":
            cells |= {"商户订单号": "ord_other", "业务类型": "退款", "退款批次号/请求号": it["key"]}
        cells |= {"订单金额（元）": amount, "服务费（元）": fee}
        rows.append(",".join(cells.get(name, "") + ("" if name in ("商品名称", "备注") else "\t") for name in ALIPAY))
    count = {kind: sum(it["kind"] == kind for it in lines) for kind in ("payment", "refund")}
    text = ["#支付宝业务明细查询", "#账号：[20880000000000000156]", ",".join(ALIPAY), *rows]
    text += ["#------业务明细列表结束------", f"#交易合计：{count['payment']}笔，商家实收共0.00元，商家优惠共0.00元"]
    text += [f"#退款合计：{count['refund']}笔，商家实收退款共0.00元，商家优惠退款共0.00元", ""]
    path.write_bytes("\r\n".join(text).encode("gbk"))


def write_ours(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(OURS)
        for number, it in enumerate(rows):
            note = 'two\nlines, "quoted"' if number % 7 == 3 else ""
            at = it["at"].astimezone(BEIJING).isoformat() if number % 2 else it["at"].astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            writer.writerow([at, it["kind"], it["key"], it["minor"], it["currency"], f"{it['fee']:f}", it["status"], note])


# ---- The same files read by Python's csv, as text. --------------------------------------------------------------


def rows_of(path, encoding, **options):
    """Each row with the line it begins on."""
    with path.open(newline="", encoding=encoding) as file:
        reader, line = csv.reader(file, **options), 1
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1


def read_form(path, form):
    """Dictionaries of text: line, key, kind, amount in major or minor units, currency, fee, status, at."""
    if form == "lezai":
        rows = rows_of(path, "utf-8")
        _, header = next(rows)
        for line, cells in rows:
            it = dict(zip(header, cells, strict=True))
            yield line, it["kind"], it["reference"], it["minor"], it["currency"], it["fee"], it["status"] or "done", it["at"], "minor"
    elif form == "wechat":
        rows = rows_of(path, "utf-8-sig", quoting=csv.QUOTE_NONE)
        _, header = next(rows)
        status = {"SUCCESS": "done", "PROCESSING": "pending", "FAIL": "failed", "": "done"}
        for line, cells in rows:
            if cells[0] == "总交易单数":
                return
            it = dict(zip(header, (cell.removeprefix("`") for cell in cells), strict=True))
            paid = it["交易状态"] == "SUCCESS"
            amount = it["订单金额"] if paid else "-" + it["申请退款金额"]
            key = it["商户订单号"] if paid else it["商户退款单号"]
            kind = "payment" if paid else "refund"
            yield line, kind, key, amount, it["货币种类"], it["手续费"], "done" if paid else status[it["退款状态"]], it["交易时间"], "major"
    else:
        header = None
        for line, cells in rows_of(path, "gbk"):
            if cells and cells[0].startswith("#"):
                continue
            if header is None:
                header = cells
                continue
            it = dict(zip(header, (cell.strip("\t") for cell in cells), strict=True))
            paid = it["业务类型"] == "交易"
            key = it["商户订单号"] if paid else it["退款批次号/请求号"]
            amount = it["订单金额（元）"]
            yield line, "payment" if paid else "refund", key, amount, "CNY", str(-decimal.Decimal(it["服务费（元）"])), "done", it["完成时间"], "major"


COLUMNS = ["line", "kind", "key", "amount", "currency", "fee", "status", "moment", "unit"]

NORMAL = """
create or replace table {side} as
with cells as (select * from read_csv('{path}', all_varchar = true, header = true, quote = '"', nullstr = '\u0000')),
units as (
    select *, case when unit = 'minor' then 1 else case currency when 'CNY' then 100 when 'JPY' then 1 when 'KWD' then 1000 end end as units from cells
),
numbers as (
    select line::bigint as line, kind, key, currency, status,
        try_cast(amount as decimal(30, 6)) * units as minor_exact,
        try_cast(nullif(fee, '') as decimal(30, 12)) * units as fee,
        case when moment like '%Z' or moment like '%+__:__' then epoch_ms(moment::timestamptz)
             else epoch_ms((moment || '+08:00')::timestamptz) end as ms
    from units
)
select *, minor_exact::bigint as minor, sign(minor_exact)::integer as way,
    -- Beijing's days
    floor((ms + 8 * 3600000) / 86400000.0)::bigint as day,
    not (minor_exact is not null and minor_exact = floor(minor_exact) and key <> '' and not regexp_matches(key, '^[0-9.]+[eE][+][0-9]+$'))
        as unparsed
from numbers
"""

CLASSES = """
with
lines as (select * from theirs where not unparsed),
moves as (select * from ours where not unparsed),
bounds as (
    select coalesce($from_ms, min(day) * 86400000 - 8 * 3600000) as opens,
           coalesce($to_ms, (max(day) + 1) * 86400000 - 8 * 3600000) as closes
    from lines
),
ends as (select opens, closes, floor((closes - 1 + 8 * 3600000) / 86400000.0)::bigint as last_day from bounds),
l1 as (select *, row_number() over (partition by key, kind, currency, minor order by line) as nth from lines),
m1 as (select *, row_number() over (partition by key, kind, currency, minor order by line) as nth from moves),
p1 as (select l1.line as l, m1.line as m from l1 join m1 using (key, kind, currency, minor, nth)),
l2 as (select *, row_number() over (partition by key, kind order by line) as nth from lines where line not in (select l from p1)),
m2 as (select *, row_number() over (partition by key, kind order by line) as nth from moves where line not in (select m from p1)),
p2 as (select l2.line as l, m2.line as m from l2 join m2 using (key, kind, nth)),
p12 as (select * from p1 union all select * from p2),
-- Fees go opposite ways among themselves alone.
l3 as (select *, is_fee(kind) as of_fees, row_number() over (partition by key, way, is_fee(kind) order by line) as nth
       from lines where line not in (select l from p12) and way <> 0),
m3 as (select *, is_fee(kind) as of_fees, row_number() over (partition by key, way, is_fee(kind) order by line) as nth
       from moves where line not in (select m from p12) and way <> 0),
p3 as (select l3.line as l, m3.line as m from l3 join m3
       on l3.key = m3.key and l3.way = -m3.way and l3.nth = m3.nth and l3.of_fees = m3.of_fees),
pairs as (select * from p12 union all select * from p3),
joined as (
    select l, m, t.line as their_line, o.line as our_line,
        t.key as t_key, t.kind as t_kind, t.minor as t_minor, t.currency as t_currency, t.fee as t_fee, t.status as t_status, t.ms as t_at, t.day as t_day, t.way as t_way,
        o.key as o_key, o.kind as o_kind, o.minor as o_minor, o.currency as o_currency, o.fee as o_fee, o.status as o_status, o.ms as o_at, o.day as o_day, o.way as o_way
    from lines t full outer join pairs on t.line = l full outer join moves o on o.line = m
),
near as (
    select *, case when is_fee(t_kind) then t_minor - o_minor else t_fee - o_fee end as fee_gap,
        (abs(coalesce(t_at, o_at) - opens) < 300000 or coalesce(t_at, o_at) >= closes - 300000) as near_an_end,
        greatest(0, last_day - coalesce(o_day, t_day)) as age,
        case when o_key is null then exists (select 1 from lines x where x.key = t_key and x.kind = t_kind and x.line <> their_line
                 and (x.line < their_line or x.line in (select l from pairs)))
             when t_key is null then exists (select 1 from moves x where x.key = o_key and x.kind = o_kind and x.line <> our_line
                 and (x.line < our_line or x.line in (select m from pairs))) end as again
    from joined, ends
),
classed as (
    select *, case
        when t_key is null and again or o_key is null and again then 'duplicate'
        when o_key is null and (t_status = 'pending' or near_an_end) then 'timing'
        when o_key is null then 'missing_here'
        when t_key is null and o_status = 'failed' then 'matched'
        when t_key is null and (o_status = 'pending' or near_an_end) then 'timing'
        when t_key is null then 'missing_there'
        when t_currency <> o_currency then 'currency'
        when t_way * o_way < 0 then 'direction'
        when t_minor <> o_minor and is_fee(t_kind) and is_fee(o_kind) then 'fee'
        when t_minor <> o_minor then 'amount'
        when not (t_status = o_status and o_status <> 'pending' or o_status = 'done' and t_status = 'pending' and t_kind = 'refund') then 'status'
        when t_fee <> o_fee then 'fee'
        when t_day <> o_day then 'timing'
        else 'matched' end as class
    from near
),
days as (select *, case when t_key is not null and o_key is not null and class = 'timing' then abs(t_day - o_day) else age end as days from classed),
rounding as (select coalesce(sum(abs(fee_gap)), 0) <= 100 as within from days where class = 'fee' and abs(fee_gap) <= 1)
select their_line, our_line, class, case
    when class = 'fee' and abs(fee_gap) <= 1 and within then 'fee_rounding'
    when class = 'timing' and o_status = 'pending' and days <= 3 then 'in_flight_here'
    when class = 'timing' and days <= 1 then 'cut_off'
    when class = 'timing' and t_status = 'pending' and days <= 3 then 'in_flight_there'
    when class = 'status' and o_status = 'pending' and t_status in ('pending', 'done') and age <= 3 then 'in_flight' end as cleared_by
from days, rounding
union all select line, null, 'unparsed', null from theirs where unparsed
union all select null, line, 'unparsed', null from ours where unparsed
"""


def prepare(database):
    database.execute("set timezone = 'UTC'")
    database.execute("create macro is_fee(kind) as kind in ('fee', 'fee_return')")


def by_sql(database, folder, bill, form, books, period):
    for side, path, kind in (("theirs", bill, form), ("ours", books, "lezai")):
        clean = folder / f"{side}.csv"
        with clean.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, quoting=csv.QUOTE_ALL)
            writer.writerow(COLUMNS)
            writer.writerows(read_form(path, kind))
        database.execute(NORMAL.format(side=side, path=clean))
    from_ms, to_ms = (int(it.timestamp() * 1000) for it in period) if period else (None, None)
    return set(database.execute(CLASSES, {"from_ms": from_ms, "to_ms": to_ms}).fetchall())


def reconcile(*arguments, status=(0, 1)):
    done = subprocess.run([BINARY, "reconcile", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode in status, f"{done.returncode}: {done.stderr}"
    return done


def by_lezai(bill, books, period, *more):
    arguments = ["--bill", bill, "--movements", books, "--offset", "+08:00", "--json", "--all", *more]
    if period:
        arguments += ["--from", period[0].isoformat(), "--to", period[1].isoformat()]
    done = reconcile(*arguments)
    *outcomes, last = map(json.loads, done.stdout.splitlines())
    line = lambda side: side and side["line"]  # noqa: E731
    rows = [(line(it.get("theirs")), line(it.get("ours")), it["class"], it["cleared_by"]) for it in outcomes]
    assert len(rows) == len(set(rows))
    assert done.returncode == (1 if last["summary"]["open"] else 0)
    return set(rows), last["summary"]


WRITE = {"lezai": write_ours, "wechat": write_wechat, "alipay": write_alipay}


@pytest.fixture(scope="module")
def database():
    with duckdb.connect() as database:
        prepare(database)
        yield database


@pytest.mark.parametrize("first", range(0, SEEDS, 20))
def test_every_row_is_in_the_class_that_sql_finds(first, tmp_path, database):
    for seed in range(first, first + 20):
        form, lines, movements, _ = case(seed)
        bill, books = tmp_path / "bill.csv", tmp_path / "books.csv"
        WRITE[form](bill, lines)
        write_ours(books, movements)
        period = (DAY, DAY + hours(24)) if seed % 4 else None
        expected = by_sql(database, tmp_path, bill, form, books, period)
        found, summary = by_lezai(bill, books, period)
        assert found == expected, f"seed {seed}: SQL alone {sorted(expected - found, key=str)}, lezai alone {sorted(found - expected, key=str)}"
        assert (summary["lines"], summary["movements"]) == (len(lines), len(movements)), seed


def test_the_cases_plant_what_they_promise(tmp_path, database):
    """A judge that sees nothing agrees with everybody."""
    assert {name for seed in range(SEEDS) for name in case(seed)[3]} >= {*FAULTS, *WAY, *SPOILT}
    seen = set()
    for seed in range(24):
        form, lines, movements, _ = case(seed)
        bill, books = tmp_path / "bill.csv", tmp_path / "books.csv"
        WRITE[form](bill, lines)
        write_ours(books, movements)
        found = by_sql(database, tmp_path, bill, form, books, (DAY, DAY + hours(24)))
        seen |= {(name, cleared) for _, _, name, cleared in found}
    everywhere = "matched missing_here missing_there timing amount status fee duplicate currency direction unparsed"
    assert {name for name, _ in seen} == set(everywhere.split())
    assert {cleared for _, cleared in seen} == {None, "fee_rounding", "cut_off", "in_flight", "in_flight_here", "in_flight_there"}
    assert {("fee", None), ("timing", None), ("status", None)} <= seen


# ---- What others reported of theirs, with values of our own. -----------------------------------------------------


def counted(summary):
    return {(it["class"], it["cleared_by"]): (it["lines"], it["movements"]) for it in summary["classes"]}


def outcome(tmp_path, bill, books, *more, form="wechat", period=(DAY, DAY + hours(24))):
    WRITE[form](tmp_path / "bill.csv", bill)
    write_ours(tmp_path / "books.csv", books)
    _, summary = by_lezai(tmp_path / "bill.csv", tmp_path / "books.csv", period, *more)
    return counted(summary), summary


def test_nothing_is_paired_by_its_amount_alone(tmp_path):
    found, _ = outcome(tmp_path, [row("ord_1"), row("ord_3")], [row("ord_1"), row("ord_2")])
    assert found == {("matched", None): (1, 1), ("missing_here", None): (1, 0), ("missing_there", None): (0, 1)}


def test_a_movement_is_used_once(tmp_path):
    found, _ = outcome(tmp_path, [row("ord_1")] * 3, [row("ord_1")])
    assert found == {("matched", None): (1, 1), ("duplicate", None): (2, 0)}


def test_an_empty_bill_for_a_day_with_movements_raises(tmp_path):
    books = [row("ord_1"), row("ord_2")]
    found, summary = outcome(tmp_path, [], books)
    assert (found, summary["open"]) == ({("missing_there", None): (0, 2)}, 2)
    (tmp_path / "none.json").write_text('{"code":"NO_STATEMENT_EXIST","message":"账单文件不存在"}')
    _, summary = by_lezai(tmp_path / "none.json", tmp_path / "books.csv", (DAY, DAY + hours(24)))
    assert (counted(summary), summary["open"]) == ({("missing_there", None): (0, 2)}, 2)
    (tmp_path / "later.json").write_text('{"code":"STATEMENT_CREATING","message":"账单文件生成中"}')
    done = reconcile("--bill", tmp_path / "later.json", "--movements", tmp_path / "books.csv", status=(2,))
    assert "later" in done.stderr and done.stdout == ""
    # A day on which nothing was to come is another thing.
    found, summary = outcome(tmp_path, [], [])
    assert (found, summary["open"]) == ({}, 0)


def test_what_is_not_yet_due_is_no_exception(tmp_path):
    later = [row("ord_1", at=DAY + hours(30)), refund("ord_2", status="pending")]
    found, summary = outcome(tmp_path, [], later)
    assert summary["open"] == 0
    assert found == {("timing", "cut_off"): (0, 1), ("timing", "in_flight_here"): (0, 1)}


def test_lines_on_both_sides_of_midnight_belong_to_beijing_s_days(tmp_path):
    last, first = DAY + hours(24) - datetime.timedelta(milliseconds=1), DAY + hours(24)
    found, _ = outcome(tmp_path, [row("a", at=last), row("b", at=first)], [row("a", at=last), row("b", at=first)], form="lezai")
    assert found == {("matched", None): (2, 2)}
    found, _ = outcome(tmp_path, [row("a", at=last)], [row("a", at=first)], form="lezai")
    assert found == {("timing", "cut_off"): (1, 1)}


def test_tenths_add_up_exactly(tmp_path):
    bill = [row(f"k{number}", 10 + 10 * (number % 2), fee=decimal.Decimal("0.1")) for number in range(20_000)]
    _, summary = outcome(tmp_path, bill, bill)
    assert summary["sum_theirs"] == summary["sum_ours"] == {"CNY": 300_000}


def test_a_run_is_the_same_bytes_however_it_is_cut(tmp_path):
    _, bill, books, _ = case(3)
    write_ours(tmp_path / "bill.csv", bill)
    write_ours(tmp_path / "books.csv", books)
    runs = {
        reconcile("--bill", tmp_path / "bill.csv", "--movements", tmp_path / "books.csv", "--json", "--all", *more).stdout
        for more in ([], ["--threads", 1], ["--threads", 3], ["--memory", 16])
    }
    assert len(runs) == 1


def test_packed_bills_are_the_same_bills(tmp_path):
    import gzip
    import zipfile

    bill, books = [row("ord_1"), refund("ord_2")], [row("ord_1"), row("ord_3")]
    write_ours(tmp_path / "books.csv", books)
    write_alipay(tmp_path / "bill.csv", bill)
    with zipfile.ZipFile(tmp_path / "bill.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write(tmp_path / "bill.csv", "20880000000000000156_20260301_业务明细.csv")
        packed.writestr("20880000000000000156_20260301_业务明细(汇总).csv", "#支付宝业务汇总查询\n门店编号\n".encode("gbk"))
    (tmp_path / "bill.csv.gz").write_bytes(gzip.compress((tmp_path / "bill.csv").read_bytes()))
    period = (DAY, DAY + hours(24))
    plain, _ = by_lezai(tmp_path / "bill.csv", tmp_path / "books.csv", period)
    for name in ("bill.zip", "bill.csv.gz"):
        assert by_lezai(tmp_path / name, tmp_path / "books.csv", period)[0] == plain
    # A bomb is a line that is too long long before it is a gigabyte.
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b"x" * (1 << 28)))
    done = reconcile("--bill", tmp_path / "bomb.gz", "--movements", tmp_path / "books.csv", status=(2,))
    assert "line 1" in done.stderr
    # Cut in the middle, it is no bill.
    packed = (tmp_path / "bill.csv.gz").read_bytes()
    (tmp_path / "cut.gz").write_bytes(packed[: len(packed) // 2])
    reconcile("--bill", tmp_path / "cut.gz", "--movements", tmp_path / "books.csv", status=(2,))


def test_nothing_is_left_behind(tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    write_ours(tmp_path / "books.csv", [row("ord_1")])
    (tmp_path / "bad.csv").write_text("hello\n")
    for bill, status in ((tmp_path / "books.csv", 0), (tmp_path / "bad.csv", 2)):
        reconcile("--bill", bill, "--movements", tmp_path / "books.csv", "--work", work, status=(status,))
        assert list(work.iterdir()) == []


@pytest.mark.parametrize("language", ["", ".zh-CN"])
def test_the_document_s_example_is_what_it_prints(language, tmp_path):
    import re

    text = (ROOT / f"docs/reconciliation{language}.md").read_text(encoding="utf-8")
    files = dict(re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", text, re.DOTALL))
    assert set(files) == {"bill.csv", "books.csv", "acme.json", "icbc.json"}
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    [(command, printed)] = re.findall(r"<!-- run: lezai (.*?) -->\n```\n(.*?)```", text, re.DOTALL)
    done = subprocess.run([BINARY, *command.split()], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stdout.rstrip() == printed.rstrip()
    (tmp_path / "acme.csv").write_text("Acme\nTxn;Type;Ref;Gross;Ccy;Cost;State;When\n1;SALE;tea-1;1.250;KWD;0.01;OK;2026-02-28 20:30:00\n;HEADER;;;;;;\n")
    (tmp_path / "own.csv").write_text("at,kind,reference,minor,currency\n2026-03-01T01:30:00Z,payment,tea-1,1250,KWD\n")
    reconcile("--layout", tmp_path / "acme.json", "--bill", tmp_path / "acme.csv", "--movements", tmp_path / "own.csv", status=(0,))
    # What left the channel on one day, and arrived at the bank by the example's layout.
    (tmp_path / "bank.csv").write_text("Day,Payer,Remark,In,Out\n2026-03-01,Wallet Ltd,settled No.W1 of May,5.00,\n2026-03-01,Landlord,rent,,9.00\n")
    (tmp_path / "fund.csv").write_text("at,kind,reference,minor,currency\n2026-03-01T10:00:00+08:00,withdrawal,W1,-500,CNY\n")
    (tmp_path / "none.csv").write_text("at,kind,reference,minor,currency\n")
    sides = ["--bill", tmp_path / "none.csv", "--movements", tmp_path / "none.csv", "--funds", tmp_path / "fund.csv", "--bank", tmp_path / "bank.csv"]
    done = reconcile("--layout", tmp_path / "icbc.json", *sides, "--json", "--all", status=(0,))
    assert [json.loads(it)["class"] for it in done.stdout.splitlines()[:-1]] == ["matched"]
    rules = re.search(r"```json\n(\[.*?\])\n```", text, re.DOTALL)[1]
    (tmp_path / "rules.json").write_text(rules)
    done = reconcile("--bill", tmp_path / "bill.csv", "--movements", tmp_path / "books.csv", "--json")
    same = reconcile("--bill", tmp_path / "bill.csv", "--movements", tmp_path / "books.csv", "--json", "--rules", tmp_path / "rules.json")
    assert same.stdout == done.stdout
