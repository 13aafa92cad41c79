"""Rate limits and waiting times are reported in the fields of draft-ietf-httpapi-ratelimit-headers."""

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
    # A stranger's signature with the merchant's keyid does not count for the merchant.
    for _ in range(5):
        assert stranger.get("/v1/orders").status_code == 401
    answers = []
    # On a slow machine a second may lie between two of them, and then neither is refused.
    while not answers or answers[-1].status_code == 201:
        n = len(answers)
        answers.append(merchant.post("/v1/orders", order(f"L-{n}"), key=f"limit-{n}"))
        assert answers[-1].headers["ratelimit-policy"] == '"merchant";q=1;w=1'
        assert answers[-1].headers["ratelimit"] == '"merchant";r=0;t=1'
    assert n > 0
    refused = answers[-1]
    assert refused.status_code == 429, refused.text
    problem = refused.json()
    assert (problem["code"], problem["retry"]) == ("rate_limited", "later")
    assert int(refused.headers["retry-after"]) == 1

    # As long as it says is long enough.
    time.sleep(int(refused.headers["retry-after"]))
    again = merchant.post("/v1/orders", order(f"L-{n}"), key=f"limit-{n}")
    assert again.status_code == 201 and "idempotency-hit" not in again.headers
