"""`lezai reconcile` beside DuckDB, pandas, polars and one indexed query for each row, on the same two files.

ROWS=1000000 rows on each side, 0.1 % of them differing, in WeChat Pay's form with 27 columns. Each runs in a process of
its own; time is the wall's, memory the largest that its process had (ru_maxrss). All must count the same classes."""

import csv
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[3]
BINARY = pathlib.Path(os.environ.get("LEZAI", ROOT / "target/release/lezai"))
ROWS = int(os.environ.get("ROWS", "1000000"))
# What is asked row by row is so slow that it is asked for these alone, and the time for all is computed from it.
QUERIED = min(ROWS, 100_000)
MEMORY_MB = 256
NAMES = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,"
    "微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
)

CLASSES = """
select coalesce(t.key, o.key) as key, case
    when o.key is null then 'missing_here' when t.key is null then 'missing_there'
    when t.currency <> o.currency then 'currency' when t.minor <> o.minor then 'amount'
    when t.fee <> o.fee then 'fee' when t.day <> o.day then 'timing' else 'matched' end as class
from theirs t full outer join ours o on t.key = o.key
"""


def write_files(folder):
    """The bill and the movements. The books are in another order than the bill, as they are in life."""
    rng = random.Random(1)
    bill, books = folder / "bill.csv", folder / "books.csv"
    with bill.open("w", encoding="utf-8") as out:
        out.write(NAMES + "\n")
        total, fees = 0, 0
        changes = {}
        for number in range(ROWS):
            minor = 100 + number * 7919 % 900_000
            fee = (minor * 6 + 500) // 1000
            if rng.random() < 0.001:
                change = rng.choice(["here", "there", "amount", "fee", "day"])
                changes[number] = change
                if change == "there":
                    continue
            total += minor
            fees += fee
            out.write(
                f"`2026-03-01 {number // 3600 % 23:02}:{number // 60 % 60:02}:{number % 60:02},`wx0000000000000000,`1900000109,`0,`,"
                f"`42000000002026030{number:012},`LZ{number * 48271 % 2147483647:010}{number:012},`oUpF8uMuAJO_M2pxb1Q9zNjWeS6o,`NATIVE,`SUCCESS,"
                f"`OTHERS,`CNY,`{minor / 100:.2f},`0.00,`0,`0,`0.00,`0.00,`,`,`茉莉花茶 两盒,`,`{fee // 100}.{fee % 100:02}000,`0.60%,`{minor / 100:.2f},`0.00,`\n"
            )
        rows = ROWS - sum(it == "there" for it in changes.values())
        out.write("总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\n")
        out.write(f"`{rows},`0.00,`0.00,`0.00,`{fees / 100:.2f},`{total // 100}.{total % 100:02},`0.00\n")
    step = 1_000_003
    with books.open("w", encoding="utf-8") as out:
        out.write("at,kind,reference,minor,currency,fee,status\n")
        for place in range(ROWS):
            number = place * step % ROWS
            minor = 100 + number * 7919 % 900_000
            fee, day, change = (minor * 6 + 500) // 1000, 1, changes.get(number)
            if change == "here":
                continue
            minor += change == "amount"
            fee += change == "fee"
            day += change == "day"
            out.write(
                f"2026-03-{day:02}T{number // 3600 % 23:02}:{number // 60 % 60:02}:{number % 60:02}+08:00,payment,"
                f"LZ{number * 48271 % 2147483647:010}{number:012},{minor},CNY,{fee},done\n"
            )
    return bill, books


# ---- Who reconciles; each prints the counts of its classes as JSON. ----------------------------------------------


def duckdb_(bill, books, memory):
    import duckdb

    database = duckdb.connect()
    database.execute("set threads = 2")
    database.execute("set timezone = 'UTC'")
    if memory:
        database.execute(f"set memory_limit = '{memory}MB'")
        database.execute(f"set temp_directory = '{os.path.dirname(bill)}/duckdb'")
    database.execute(f"""create view theirs as select "商户订单号"[2:] as key, "货币种类"[2:] as currency,
        ("订单金额"[2:]::decimal(18, 2) * 100)::bigint as minor, ("手续费"[2:]::decimal(18, 5) * 100)::decimal(18, 3) as fee, "交易时间"[2:11] as day
        from read_csv('{bill}', all_varchar = true, header = true, quote = '', escape = '', null_padding = true, delim = ',', auto_detect = false,
            columns = {{{", ".join(f"'{name}': 'varchar'" for name in NAMES.split(","))}}}, nullstr = '-')
        where "商户订单号" like '`LZ%'""")
    database.execute(f"""create view ours as select reference as key, currency, minor, fee::decimal(18, 3) as fee, "at"[1:10] as day
        from read_csv('{books}', header = true, columns = {{'at': 'varchar', 'kind': 'varchar', 'reference': 'varchar', 'minor': 'bigint',
            'currency': 'varchar', 'fee': 'varchar', 'status': 'varchar'}})""")
    database.execute(f"create table outcomes as select * from ({CLASSES}) where class <> 'matched'")
    database.execute(f"copy outcomes to '{bill}.duckdb' (format csv)")
    return dict(database.execute("select class, count(*) from outcomes group by class").fetchall())


def pandas_(bill, books):
    import pandas

    theirs = pandas.read_csv(bill, dtype=str, quoting=csv.QUOTE_NONE, usecols=["商户订单号", "货币种类", "订单金额", "手续费", "交易时间"])
    theirs = theirs[theirs["商户订单号"].str.startswith("`LZ", na=False)]
    theirs = pandas.DataFrame({
        "key": theirs["商户订单号"].str[1:],
        "currency": theirs["货币种类"].str[1:],
        # Whole numbers from digits: floats would not do for money.
        "minor": theirs["订单金额"].str[1:].str.replace(".", "", regex=False).astype("int64"),
        "fee": theirs["手续费"].str[1:].str.replace(".", "", regex=False).astype("int64"),
        "day": theirs["交易时间"].str[1:11],
    })
    ours = pandas.read_csv(books, dtype={"reference": str}, usecols=["at", "reference", "minor", "currency", "fee"])
    ours = pandas.DataFrame({
        "key": ours["reference"], "currency": ours["currency"], "minor": ours["minor"], "fee": ours["fee"] * 1000, "day": ours["at"].str[:10]
    })
    both = theirs.merge(ours, on="key", how="outer", suffixes=("_t", "_o"), indicator=True)
    found = pandas.Series("matched", index=both.index)
    for name, column in (("timing", "day"), ("fee", "fee"), ("amount", "minor"), ("currency", "currency")):
        found[both[column + "_t"] != both[column + "_o"]] = name
    found[both["_merge"] == "left_only"] = "missing_here"
    found[both["_merge"] == "right_only"] = "missing_there"
    differences = both[found != "matched"].assign(found=found)
    differences[["key", "found"]].to_csv(f"{bill}.pandas", index=False)
    return {name: int(count) for name, count in differences["found"].value_counts().items()}


def polars_(bill, books):
    import polars as pl

    names = NAMES.split(",")
    theirs = pl.scan_csv(bill, has_header=True, schema=dict.fromkeys(names, pl.String), quote_char=None, truncate_ragged_lines=True)
    whole = lambda name: pl.col(name).str.slice(1).str.replace(".", "", literal=True).cast(pl.Int64)  # noqa: E731
    theirs = theirs.filter(pl.col("商户订单号").str.starts_with("`LZ")).select(
        pl.col("商户订单号").str.slice(1).alias("key"), pl.col("货币种类").str.slice(1).alias("currency"), whole("订单金额").alias("minor"),
        whole("手续费").alias("fee"), pl.col("交易时间").str.slice(1, 10).alias("day"))
    ours = pl.scan_csv(books, schema_overrides={"reference": pl.String}).select(
        pl.col("reference").alias("key"), "currency", "minor", (pl.col("fee") * 1000).alias("fee"), pl.col("at").str.slice(0, 10).alias("day"))
    both = theirs.join(ours.with_columns(there=pl.lit(True)), on="key", how="full", suffix="_o")
    found = (
        pl.when(pl.col("there").is_null()).then(pl.lit("missing_here")).when(pl.col("key").is_null()).then(pl.lit("missing_there"))
        .when(pl.col("currency") != pl.col("currency_o")).then(pl.lit("currency")).when(pl.col("minor") != pl.col("minor_o")).then(pl.lit("amount"))
        .when(pl.col("fee") != pl.col("fee_o")).then(pl.lit("fee")).when(pl.col("day") != pl.col("day_o")).then(pl.lit("timing")).otherwise(pl.lit("matched"))
    )
    query = both.select(pl.coalesce("key", "key_o").alias("key"), found.alias("class")).filter(pl.col("class") != "matched")
    differences = query.collect(engine="streaming")
    differences.write_csv(f"{bill}.polars")
    return dict(differences["class"].value_counts().iter_rows())


def queries(bill, books):
    """What reconciles by asking the database for each row, as Blnk does: with an index, in process, and without a network."""
    import sqlite3

    database = sqlite3.connect(f"{bill}.sqlite")
    database.execute("create table ours (key text primary key, currency text, minor integer, fee integer, day text) without rowid")
    with open(books, encoding="utf-8", newline="") as file:
        rows = ((it["reference"], it["currency"], int(it["minor"]), int(it["fee"]) * 1000, it["at"][:10]) for it in csv.DictReader(file))
        database.executemany("insert into ours values (?, ?, ?, ?, ?)", rows)
    database.commit()
    begun, asked, found = time.monotonic(), 0, {}
    with open(bill, encoding="utf-8", newline="") as file:
        for it in csv.DictReader(file, quoting=csv.QUOTE_NONE):
            if asked == QUERIED:
                break
            asked += 1
            row = database.execute("select currency, minor, fee, day from ours where key = ?", (it["商户订单号"][1:],)).fetchone()
            if row is None:
                found["missing_here"] = found.get("missing_here", 0) + 1
    return {"asked": asked, "seconds": time.monotonic() - begun}


PEERS = {
    "duckdb, 2 threads, 256 MB": lambda bill, books: duckdb_(bill, books, MEMORY_MB),
    "duckdb, 2 threads, its own memory": lambda bill, books: duckdb_(bill, books, None),
    "pandas": pandas_,
    "polars, streaming": polars_,
    "one indexed query a row (SQLite)": queries,
}


def measured(command):
    """Runs a command, and gives its exit code, its last line, its seconds and its largest memory in MiB."""
    with tempfile.TemporaryFile() as out:
        begun = time.monotonic()
        process = subprocess.Popen(command, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        lines = out.read().splitlines()
    return process.returncode, lines[-1] if lines else b"", seconds, usage.ru_maxrss / 1024


def lezai_counts(line):
    counts = {}
    for it in json.loads(line)["summary"]["classes"]:
        if it["class"] != "matched":
            counts[it["class"]] = counts.get(it["class"], 0) + max(it["lines"], it["movements"])
    return counts


def main():
    with tempfile.TemporaryDirectory(prefix="lezai-bench-", dir=os.environ.get("TMPDIR")) as folder:
        folder = pathlib.Path(folder)
        bill, books = write_files(folder)
        size = (bill.stat().st_size + books.stat().st_size) / 2**20
        print(f"{ROWS:,} rows a side, {size:,.0f} MiB, {os.cpu_count()} processors\n")
        print(f"{'':34}  {'seconds':>8}  {'MiB':>7}")
        command = [BINARY, "reconcile", "--bill", bill, "--movements", books, "--json", "--threads", "2", "--work", folder]
        # Both files are in the system's memory for all alike.
        for path in (bill, books):
            with path.open("rb", buffering=0) as file:
                # Piece by piece: what this process holds counts for its children, until they are programs of their own.
                while file.read(1 << 20):
                    pass
        code, line, seconds, memory = measured([*command, "--from", "2026-03-01", "--to", "2026-03-02", "--window", "0"])
        assert code in (0, 1), code
        expected = lezai_counts(line)
        print(f"{'lezai reconcile, 2 threads':34}  {seconds:8.1f}  {memory:7.0f}")
        for name in PEERS:
            code, line, seconds, memory = measured([sys.executable, __file__, name, bill, books])
            if code != 0:
                print(f"{name:34}  {'failed':>8}  {memory:7.0f}")
                continue
            found = json.loads(line)
            if "asked" in found:
                whole = found["seconds"] * ROWS / found["asked"]
                print(f"{name:34}  {whole:8.1f}  {memory:7.0f}  computed from {found['asked']:,} rows; its table was loaded before")
                continue
            print(f"{name:34}  {seconds:8.1f}  {memory:7.0f}" + ("" if found == expected else f"  other classes: {found}, not {expected}"))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(PEERS[sys.argv[1]](sys.argv[2], sys.argv[3])))
    else:
        main()
