"""Statements over HTTP as a merchant's accountant gets them: downloaded with requests, verified with
http-message-signatures and hashlib, read with Python's csv and with DuckDB."""

import base64
import csv
import gzip
import hashlib
import io
import secrets
import time

import duckdb
import http_sf
import pytest
import requests
from lezai import PATIENCE, verifier
from test_ledger import exported, paid

COLUMNS = ["reference", "plugin.basket", "net_minor", "currency", "at"]


def clock(gateway, seconds):
    answer = requests.post(f"{gateway.origin}/sandbox/clock", json={"advance_secs": seconds}, timeout=PATIENCE)
    assert answer.status_code == 200, answer.text
    return answer.json()["now"]


def made(merchant, asked):
    created = merchant.post("/v1/statements", asked)
    assert created.status_code == 201, created.text
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        statement = merchant.get(f"/v1/statements/{created.json()['id']}").json()
        if statement["state"] != "making":
            assert statement["state"] == "ready", statement
            return statement
        time.sleep(0.05)
    pytest.fail("the statement is not made")


def download(merchant, statement, **headers):
    """The response and its bytes as they came, believed only if the gateway signed their digest."""
    request = merchant.prepare("GET", f"/v1/statements/{statement['id']}/content")
    request.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    request = merchant.sign(request)
    with requests.Session() as session, session.send(request, timeout=PATIENCE, stream=True) as response:
        body = response.raw.read(decode_content=False)
        components = ["@status", "content-type", "content-digest", '"@path";req', '"signature";req']
        if response.status_code == 206:
            components.append("content-range")
        [result] = verifier(merchant.gateway_keys).verify(
            response, expect_tag="lezai-gateway", require_components=components, body=body
        )
        assert result.body == body
        digests = http_sf.parse(response.headers["content-digest"].encode(), tltype="dictionary")
        assert digests["sha-256"][0] == hashlib.sha256(body).digest()
        return response, body


@pytest.fixture(scope="module")
def statement(gateway, merchant):
    begin = clock(gateway, 0)
    numbers = [f"St-{secrets.token_hex(4)}" for _ in range(3)]
    for number, amount in zip(numbers, (12800, 500, 77700), strict=True):
        paid(gateway, merchant, merchant_order_id=number, amount=amount)
    end = clock(gateway, 60)
    clock(gateway, 60)
    asked = {"type": "orders.1", "format": "csv", "from": begin, "to": end, "zone": "Asia/Shanghai", "columns": COLUMNS}
    return made(merchant, asked), asked, numbers


def test_other_readers_find_what_was_paid(gateway, merchant, statement, tmp_path):
    found, _, numbers = statement
    _, body = download(merchant, found)
    lines = list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    assert list(lines[0]) == [*COLUMNS, "record", "note"]
    orders = [it for it in lines if it["record"] == "order"]
    assert [it["reference"] for it in orders] == numbers
    assert all(it["at"].endswith("+08:00") for it in orders)
    [total] = [it for it in lines if it["record"] == "total"]
    assert sum(int(it["net_minor"]) for it in orders) == int(total["net_minor"])
    [promised] = found["content"]["totals"]
    assert (promised["net_minor"], promised["lines"]) == (total["net_minor"], 3)

    file = tmp_path / "statement.csv"
    file.write_bytes(body)
    relation = duckdb.sql(f"select * from read_csv('{file}', all_varchar = true, nullstr = '\u0000')")
    assert relation.columns == list(lines[0])
    assert [tuple(it.values()) for it in lines] == relation.fetchall()
    summed = duckdb.sql(f"select sum(net_minor) from read_csv('{file}') where record = 'order'").fetchall()[0]
    assert int(summed[0]) == int(total["net_minor"])

    # The head that it ends with is the ledger's own.
    head = exported(gateway)[found["until_entry"] - 1]["hash"]
    assert found["content"]["head"] == head
    assert lines[-1]["note"].endswith(f"entries after {found['after_entry']} to {found['until_entry']}, head {head}")


def test_compressed_and_in_parts_it_is_the_same(merchant, statement):
    found, _, _ = statement
    whole, body = download(merchant, found)
    assert whole.headers["content-type"].startswith("text/csv")
    assert int(whole.headers["content-length"]) == len(body) == found["content"]["bytes"]
    assert whole.headers["content-digest"] == found["content"]["digest"]
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    assert found["content"]["digest"] == f"sha-256=:{digest}:"

    compressed, squeezed = download(merchant, found, Accept_Encoding="gzip")
    assert compressed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(squeezed) == body
    assert compressed.headers["etag"] != whole.headers["etag"]

    parts, at = [], 0
    while at < len(body):
        wanted = {"Range": f"bytes={at}-{at + 99}", "If_Range": whole.headers["etag"]}
        part, piece = download(merchant, found, **wanted)
        assert part.status_code == 206
        assert part.headers["content-range"] == f"bytes {at}-{at + len(piece) - 1}/{len(body)}"
        parts.append(piece)
        at += len(piece)
    assert b"".join(parts) == body
    beyond, _ = download(merchant, found, Range=f"bytes={len(body)}-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(body)}")


def test_asked_for_later_it_is_the_same(gateway, merchant, statement):
    found, asked, _ = statement
    _, body = download(merchant, found)
    paid(gateway, merchant)
    clock(gateway, 60)
    again = made(merchant, asked)
    assert again["id"] != found["id"]
    assert download(merchant, again)[1] == body
    assert again["content"]["digest"] == found["content"]["digest"]
    listed = merchant.get("/v1/statements?limit=1").json()
    assert listed["has_more"] and listed["data"][0]["id"] == again["id"]
    older = merchant.get(f"/v1/statements?limit=100&after={listed['next']}").json()
    assert found["id"] in [it["id"] for it in older["data"]]
