"""A payment from order to callback, as a merchant in Python sees it."""

import base64
import datetime
import hashlib
import json

import pytest
import requests
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from lezai import order, verifier
from standardwebhooks import Webhook, WebhookVerificationError


def pay(gateway, order_id):
    answer = requests.post(f"{gateway.origin}/sandbox/orders/{order_id}/pay", timeout=600)
    assert answer.status_code == 200, answer.text
    return answer


def test_the_gateway_s_key_is_the_one_in_its_folder(gateway):
    [(keyid, key)] = gateway.keys.items()
    assert load_pem_public_key((gateway.data / "gateway-public.pem").read_bytes()) == key
    [jwk] = gateway.jwks()
    members = json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    digest = hashlib.sha256(members.encode()).digest()
    assert keyid == base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), "RFC 7638"


def test_from_order_to_callback(gateway, merchant, receiver):
    wanted = order(notify_url=receiver.url, metadata={"table": "7"})
    created = merchant.post("/v1/orders", wanted)
    assert created.status_code == 201, created.text
    created = created.json()
    assert (created["object"], created["status"]) == ("order", "created")
    for name, value in wanted.items():
        assert name == "notify_url" or created[name] == value, name
    session, secret = (created["checkout"][name] for name in ("session", "client_secret"))
    assert created["checkout"]["url"] == f"{gateway.origin}/pay/{session}#{secret}"

    # Only the answer that created it tells the secret.
    found = merchant.get(f"/v1/orders/{created['id']}").json()
    assert "client_secret" not in found["checkout"]
    assert [it["id"] for it in merchant.find(wanted["merchant_order_id"])] == [created["id"]]

    assert pay(gateway, created["id"]).json()["status"] == "paid"
    paid = merchant.get(f"/v1/orders/{created['id']}").json()
    assert paid["status"] == "paid" and paid["paid_at"] and paid["payment"]["channel_ref"]

    callback = receiver.wait(lambda it: it["data"]["order"]["id"] == created["id"])
    [result] = verifier(gateway.keys).verify(
        callback,
        max_age=datetime.timedelta(minutes=5),
        expect_tag="lezai-callback",
        require_components=("@method", "@authority", "@path", "@query", "content-type"),
        body=callback.body,
    )
    assert result.nonce and result.body == callback.body
    secret = (gateway.data / "demo-webhook-secret").read_text().strip()
    event = Webhook(secret).verify(callback.body, callback.headers)
    headers = {name.lower(): value for name, value in callback.headers.items()}
    assert (event["type"], event["id"], event["sequence"]) == ("order.paid", headers["webhook-id"], 1)
    assert event["data"]["order"]["status"] == "paid"
    assert "checkout" not in event["data"]["order"]


def test_a_changed_callback_verifies_nowhere(gateway, merchant, receiver):
    created = merchant.post("/v1/orders", order(notify_url=receiver.url)).json()
    closed = merchant.post(f"/v1/orders/{created['id']}/close", {})
    assert (closed.status_code, closed.json()["status"]) == (200, "closed")
    callback = receiver.wait(lambda it: it["data"]["order"]["id"] == created["id"])
    assert json.loads(callback.body)["type"] == "order.closed"
    callback.body = callback.body.replace(b"12800", b"12801")
    with pytest.raises(Exception, match="Content-Digest"):
        verifier(gateway.keys).verify(callback, expect_tag="lezai-callback", body=callback.body)
    with pytest.raises(WebhookVerificationError):
        Webhook((gateway.data / "demo-webhook-secret").read_text().strip()).verify(callback.body, callback.headers)


def test_a_declined_payment_can_be_tried_again(gateway, merchant, receiver):
    created = merchant.post("/v1/orders", order(notify_url=receiver.url)).json()
    declined = requests.post(f"{gateway.origin}/sandbox/orders/{created['id']}/decline", timeout=600)
    assert declined.status_code == 200, declined.text
    assert declined.json()["last_decline"]["code"]
    receiver.wait(lambda it: it["data"]["order"]["id"] == created["id"] and it["type"] == "payment.declined")
    pay(gateway, created["id"])
    paid = receiver.wait(lambda it: it["data"]["order"]["id"] == created["id"] and it["type"] == "order.paid")
    assert json.loads(paid.body)["sequence"] == 2


def test_a_paid_order_cannot_be_closed(gateway, merchant):
    created = merchant.post("/v1/orders", order()).json()
    pay(gateway, created["id"])
    refused = merchant.post(f"/v1/orders/{created['id']}/close", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "order_state")
