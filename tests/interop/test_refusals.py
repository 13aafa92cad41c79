"""Reasons to refuse a signature: each with 401, its code, and nothing done. Signed by
http-message-signatures, then spoilt."""

import json
import secrets

import pytest
from http_message_signatures import ContentDigest
from lezai import COVERED, Merchant, new_key, now, order

POSTED = COVERED + ("idempotency-key", "content-type")


def refused(merchant, request, code, status=401):
    answer = merchant.send(request)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert problem["retry"] == "never"
    assert problem["request_id"]
    return problem


@pytest.fixture
def wanted(merchant):
    """An order that must not be there in the end."""
    wanted = order()
    yield wanted
    assert merchant.find(wanted["merchant_order_id"]) == []


class AnyDigest(ContentDigest):
    """Lets the signer sign whatever the field says."""

    @classmethod
    def prepare(cls, headers, body, *, use_existing_digest):
        pass


def test_wrong_key(gateway, merchant, wanted):
    forger = Merchant(gateway, key=new_key())
    problem = refused(forger, forger.signed("POST", "/v1/orders", wanted), "signature_invalid")
    # What the gateway computed, so that a client's author can compare.
    lines = problem["signature_base"].split("\n")
    assert lines[0] == '"@method": POST' and lines[-1].startswith('"@signature-params": (')


def test_unknown_key(gateway, merchant, wanted):
    stranger = Merchant(gateway, keyid="nobody-1", key=new_key())
    refused(stranger, stranger.signed("POST", "/v1/orders", wanted), "key_unknown")


def test_no_signature(merchant, wanted):
    refused(merchant, merchant.prepare("POST", "/v1/orders", wanted), "signature_missing")


def test_changed_body(merchant, wanted):
    request = merchant.signed("POST", "/v1/orders", wanted)
    request.body = request.body.replace(b"12800", b"00001")
    refused(merchant, request, "digest_mismatch")


def test_changed_body_and_digest(merchant, wanted):
    request = merchant.signed("POST", "/v1/orders", wanted)
    request.body = request.body.replace(b"12800", b"10000")
    request.headers["Content-Digest"] = ContentDigest.create(request.body)
    refused(merchant, request, "signature_invalid")


def test_no_body_where_one_was_signed(merchant, wanted):
    request = merchant.signed("POST", "/v1/orders", wanted)
    request.body, request.headers["Content-Length"] = b"", "0"
    refused(merchant, request, "digest_mismatch")


def test_digest_of_another_body(merchant, wanted):
    request = merchant.prepare("POST", "/v1/orders", wanted)
    request.headers["Content-Digest"] = ContentDigest.create(b"{}")
    refused(merchant, merchant.sign(request, covered=POSTED + ("content-digest",), digests=AnyDigest), "digest_mismatch")


@pytest.mark.parametrize("field", ["md5=:AAAA:", "sha-256=AAAA", "", "sha-256"])
def test_digest_that_says_nothing(merchant, wanted, field):
    request = merchant.prepare("POST", "/v1/orders", wanted)
    request.headers["Content-Digest"] = field
    refused(merchant, merchant.sign(request, covered=POSTED + ("content-digest",), digests=AnyDigest), "digest_mismatch")


def test_missing_digest(merchant, wanted):
    request = merchant.prepare("POST", "/v1/orders", wanted)
    refused(merchant, merchant.sign(request, covered=POSTED), "digest_missing")


def test_digest_that_is_not_covered(merchant, wanted):
    request = merchant.prepare("POST", "/v1/orders", wanted)
    request.headers["Content-Digest"] = ContentDigest.create(request.body)
    refused(merchant, merchant.sign(request, covered=POSTED, digests=AnyDigest), "digest_missing")


def test_body_of_a_query(merchant):
    request = merchant.prepare("GET", "/v1/orders?merchant_order_id=a", b"{}")
    refused(merchant, merchant.sign(request, covered=COVERED), "digest_missing")


@pytest.mark.parametrize("component", POSTED)
def test_missing_component(merchant, wanted, component):
    covered = tuple(it for it in POSTED if it != component)
    request = merchant.prepare("POST", "/v1/orders", wanted)
    request = merchant.sign(request, covered=covered, body=request.body)
    assert component in refused(merchant, request, "component_missing")["detail"]


def test_changed_path(merchant):
    ids = [merchant.post("/v1/orders", order()).json()["id"] for _ in range(2)]
    request = merchant.signed("GET", f"/v1/orders/{ids[0]}")
    request.url = request.url.replace(ids[0], ids[1])
    refused(merchant, request, "signature_invalid")


def test_changed_query(merchant):
    request = merchant.signed("GET", "/v1/orders?merchant_order_id=a")
    request.url = request.url.replace("_id=a", "_id=b")
    refused(merchant, request, "signature_invalid")


def test_another_path_for_a_post(merchant, wanted):
    created = merchant.post("/v1/orders", order()).json()
    request = merchant.signed("POST", "/v1/orders", {})
    request.url += f"/{created['id']}/close"
    refused(merchant, request, "signature_invalid")
    assert merchant.get(f"/v1/orders/{created['id']}").json()["status"] == "created"


@pytest.mark.parametrize(("name", "value"), [("Idempotency-Key", '"another"'), ("Content-Type", "application/json;a=b")])
def test_changed_field(merchant, wanted, name, value):
    request = merchant.signed("POST", "/v1/orders", wanted)
    request.headers[name] = value
    refused(merchant, request, "signature_invalid")


@pytest.mark.parametrize("seconds", [-310, -86400, 90, 86400])
def test_created_too_far_away(merchant, wanted, seconds):
    request = merchant.signed("POST", "/v1/orders", wanted, created=now(seconds))
    refused(merchant, request, "signature_expired")


# Well within the bounds, since a slow machine is late. The core's own tests ask at their edges, with a clock of their own.
@pytest.mark.parametrize("seconds", [-240, 20])
def test_created_near_enough(merchant, seconds):
    assert merchant.send(merchant.signed("GET", "/v1/orders?merchant_order_id=a", created=now(seconds))).ok


def test_expired_by_its_own_word(merchant, wanted):
    request = merchant.signed("POST", "/v1/orders", wanted, created=now(-20), expires=now(-10))
    refused(merchant, request, "signature_expired")


def test_reused_nonce(merchant, wanted):
    nonce = secrets.token_urlsafe(16)
    assert merchant.send(merchant.signed("GET", "/v1/orders?merchant_order_id=a", nonce=nonce)).ok
    refused(merchant, merchant.signed("POST", "/v1/orders", wanted, nonce=nonce), "nonce_reused")


def test_replayed_request(merchant):
    request = merchant.signed("POST", "/v1/orders", order())
    assert merchant.send(request).status_code == 201
    refused(merchant, request, "nonce_reused")


def test_two_signatures_with_our_tag(merchant, wanted):
    request = merchant.signed("POST", "/v1/orders", wanted)
    merchant.sign(request, covered=COVERED, label="second", append_if_signature_exists=True, digests=AnyDigest)
    refused(merchant, request, "signature_malformed")


def test_another_s_signature_beside_ours_is_passed_over(merchant):
    request = merchant.signed("GET", "/v1/orders?merchant_order_id=a")
    merchant.sign(request, label="proxy", tag="proxy", append_if_signature_exists=True)
    assert merchant.send(request).ok


@pytest.mark.parametrize("tag", ["lezai-checkout", "lezai-gateway", "lezai-callback", "", None])
def test_signature_for_another_use(merchant, wanted, tag):
    refused(merchant, merchant.signed("POST", "/v1/orders", wanted, tag=tag), "signature_missing")


@pytest.mark.parametrize("nonce", [None, "", "short", "with a space", "x" * 129])
def test_nonce_that_is_none(merchant, wanted, nonce):
    refused(merchant, merchant.signed("POST", "/v1/orders", wanted, nonce=nonce), "signature_malformed")


def test_unnamed_algorithm(merchant, wanted):
    refused(merchant, merchant.signed("POST", "/v1/orders", wanted, include_alg=False), "signature_malformed")


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("Signature-Input", "garbage", "signature_missing"),
        ("Signature-Input", "((", "signature_malformed"),
        ("Signature-Input", "", "signature_missing"),
        ("Signature", "garbage", "signature_malformed"),
        ("Signature", "pyhms=:AAAA:", "signature_invalid"),
        ("Signature", "pyhms=::", "signature_invalid"),
        ("Signature", f"pyhms=:{'A' * 86}==:", "signature_invalid"),
        ("Signature", "other=:AAAA:", "signature_malformed"),
        ("Signature", 'pyhms="AAAA"', "signature_malformed"),
    ],
)
def test_fields_that_are_no_signature(merchant, wanted, name, value, code):
    request = merchant.signed("POST", "/v1/orders", wanted)
    request.headers[name] = value
    refused(merchant, request, code)


def test_signature_of_a_page_s_key_is_no_merchant_s(gateway, merchant, wanted):
    page = Merchant(gateway, keyid=next(iter(gateway.keys)), key=new_key())
    refused(page, page.signed("POST", "/v1/orders", wanted), "key_unknown")


def test_a_refusal_costs_no_idempotency_key(gateway, merchant):
    wanted, key = order(), secrets.token_hex(16)
    forger = Merchant(gateway, key=new_key())
    refused(forger, forger.signed("POST", "/v1/orders", wanted, key), "signature_invalid")
    created = merchant.post("/v1/orders", wanted, key)
    assert created.status_code == 201 and "idempotency-hit" not in created.headers
    assert json.loads(created.content)["merchant_order_id"] == wanted["merchant_order_id"]
