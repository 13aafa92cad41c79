"""A request sent again gets its first answer, byte for byte."""

import concurrent.futures
import secrets

import requests
from lezai import order


def test_a_repeat_gets_the_first_answer(gateway, merchant):
    key, wanted = secrets.token_hex(16), order()
    first = merchant.post("/v1/orders", wanted, key)
    assert first.status_code == 201 and "idempotency-hit" not in first.headers
    # Also after the order has changed.
    requests.post(f"{gateway.origin}/sandbox/orders/{first.json()['id']}/pay", timeout=600).raise_for_status()
    for _ in range(3):
        again = merchant.post("/v1/orders", wanted, key)
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["idempotency-hit"] == "true"
    assert len(merchant.find(wanted["merchant_order_id"])) == 1


def test_the_bare_form_is_the_same_key(merchant):
    key, wanted = secrets.token_hex(16), order()
    first = merchant.post("/v1/orders", wanted, key)
    bare = merchant.prepare("POST", "/v1/orders", wanted)
    bare.headers["Idempotency-Key"] = key
    again = merchant.send(merchant.sign(bare, body=bare.body))
    assert (again.content, again.headers["idempotency-hit"]) == (first.content, "true")


def test_another_payload_is_refused(merchant):
    key, wanted = secrets.token_hex(16), order()
    first = merchant.post("/v1/orders", wanted, key).json()
    for other in [{**wanted, "amount": 12801}, order(), {**wanted, "metadata": {}}]:
        refused = merchant.post("/v1/orders", other, key)
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    refused = merchant.post(f"/v1/orders/{first['id']}/close", {}, key)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")


def test_a_missing_key_is_named(merchant):
    request = merchant.prepare("POST", "/v1/orders", order())
    del request.headers["Idempotency-Key"]
    covered = ("@method", "@authority", "@path", "@query", "content-type")
    refused = merchant.send(merchant.sign(request, covered=covered, body=request.body))
    assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_key_missing")


def test_a_merchant_s_number_is_taken_once(merchant):
    wanted = order()
    assert merchant.post("/v1/orders", wanted).status_code == 201
    refused = merchant.post("/v1/orders", wanted)
    assert (refused.status_code, refused.json()["code"]) == (409, "merchant_order_id_taken")
    assert refused.json()["retry"] == "query_first"


def test_at_once_they_make_one_order(merchant):
    key, wanted = secrets.token_hex(16), order()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: merchant.post("/v1/orders", wanted, key), range(16)))
    made = {answer.content for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    rest = {(answer.status_code, answer.json()["code"]) for answer in answers if answer.status_code != 201}
    assert rest <= {(409, "request_in_progress")}
    assert len(merchant.find(wanted["merchant_order_id"])) == 1


def test_closing_twice_is_one_close(merchant):
    created, key = merchant.post("/v1/orders", order()).json(), secrets.token_hex(16)
    first = merchant.post(f"/v1/orders/{created['id']}/close", {}, key)
    again = merchant.post(f"/v1/orders/{created['id']}/close", {}, key)
    assert (first.status_code, again.content) == (200, first.content)
    assert again.headers["idempotency-hit"] == "true"
