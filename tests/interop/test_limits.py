"""Who asks too often is told so, and how long to wait, in the fields of draft-ietf-httpapi-ratelimit-headers."""

import time

import pytest
from conftest import Gateway
from lezai import Merchant, new_key, order


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    gateway = Gateway(tmp_path_factory.mktemp("slow"), "--merchant-rate", "1", "--page-rate", "0")
    yield gateway
    gateway.stop()


def test_past_the_limit_is_429_and_nothing_is_done(slow):
    merchant, stranger = Merchant(slow), Merchant(slow, key=new_key())
    # Another's signature with her keyid uses up nothing of hers.
    for _ in range(5):
        assert stranger.get("/v1/orders").status_code == 401
    first, second = (merchant.post("/v1/orders", order(f"L-{n}"), key=f"limit-{n}") for n in range(2))
    assert [it.status_code for it in (first, second)] == [201, 429]
    for answer in (first, second):
        assert answer.headers["ratelimit-policy"] == '"merchant";q=1;w=1'
        assert answer.headers["ratelimit"] == '"merchant";r=0;t=1'
    problem = second.json()
    assert (problem["code"], problem["retry"]) == ("rate_limited", "later")
    assert int(second.headers["retry-after"]) == 1

    time.sleep(int(second.headers["retry-after"]))
    again = merchant.post("/v1/orders", order("L-1"), key="limit-1")
    assert again.status_code == 201 and "idempotency-hit" not in again.headers
