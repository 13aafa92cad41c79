"""/openapi.json: a valid document of what there is, and requests made up from it."""

import secrets

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

DOCUMENTED = {
    "POST /v1/fx_quotes",
    "GET /v1/fx_quotes",
    "GET /v1/fx_quotes/{id}",
    "PUT /admin/v1/fx_rates/{from}/{to}",
    "GET /admin/v1/fx_rates",
    "POST /v1/receivers",
    "GET /v1/receivers",
    "GET /v1/receivers/{id}",
    "POST /v1/receivers/{id}/remove",
    "POST /v1/orders/{id}/splits",
    "GET /v1/orders/{id}/splits",
    "POST /v1/orders/{id}/splits/finish",
    "POST /v1/splits/{id}/returns",
    "POST /v1/mandates",
    "GET /v1/mandates",
    "GET /v1/mandates/{id}",
    "POST /v1/mandates/{id}/revoke",
    "POST /v1/mandates/{id}/debits",
    "POST /v1/payouts",
    "GET /v1/payouts",
    "GET /v1/payouts/{id}",
    "POST /v1/payouts/{id}/cancel",
    "POST /v1/payout_batches",
    "GET /v1/payout_batches",
    "GET /v1/payout_batches/{id}",
    "GET /v1/payout_batches/{id}/payouts",
    "GET /v1/settlements",
    "GET /v1/settlements/open",
    "GET /v1/settlements/{id}",
    "GET /v1/settlements/{id}/lines",
    "GET /v1/contracts",
    "POST /v1/statements",
    "GET /v1/statements",
    "GET /v1/statements/{id}",
    "GET /v1/statements/{id}/content",
    "PUT /v1/statement_plans/{name}",
    "GET /v1/statement_plans/{name}",
    "GET /v1/statement_plans",
    "PUT /admin/v1/merchants/{id}/contracts/{number}",
    "GET /admin/v1/merchants/{id}/contracts",
    "GET /admin/v1/merchants/{id}/contracts/{number}",
    "POST /admin/v1/merchants/{id}/fees/simulate",
    "GET /admin/v1/merchants/{id}/settlements/open",
    "POST /admin/v1/merchants/{id}/settlements/close",
    "PUT /admin/v1/calendars/{name}",
    "GET /admin/v1/calendars/{name}",
    "PUT /admin/v1/bills/{channel}/{date}",
    "GET /admin/v1/bills",
    "PUT /admin/v1/bill_layouts/{name}",
    "GET /admin/v1/bill_layouts",
    "POST /admin/v1/reconciliations",
    "GET /admin/v1/reconciliations",
    "GET /admin/v1/reconciliations/{id}",
    "GET /admin/v1/differences",
    "GET /admin/v1/differences/{id}",
    "POST /admin/v1/differences/{id}/owner",
    "POST /admin/v1/differences/{id}/resolution",
    "POST /admin/v1/differences/{id}/approval",
    "GET /admin/v1/payouts",
    "POST /admin/v1/payouts/{id}/decision",
    "GET /admin/v1/payout_batches",
    "GET /admin/v1/payout_batches/{id}/payouts",
    "POST /admin/v1/payout_batches/{id}/decision",
    "POST /admin/v1/payouts/{id}/resume",
    "POST /v1/orders/{id}/session",
    "POST /v1/checkout/sessions/{id}/open",
    "GET /admin/v1/reviews",
    "GET /admin/v1/orders/{id}",
    "POST /admin/v1/orders/{id}/review",
    "POST /v1/orders",
    "GET /v1/orders",
    "GET /v1/orders/{id}",
    "POST /v1/orders/{id}/close",
    "POST /v1/orders/{id}/capture",
    "POST /v1/orders/{id}/charge",
    "POST /v1/orders/{id}/void",
    "POST /v1/orders/{id}/refunds",
    "GET /v1/orders/{id}/refunds",
    "GET /v1/refunds",
    "GET /v1/refunds/{id}",
    "GET /v1/balances",
    "GET /v1/events",
    "GET /v1/events/{id}",
    "POST /v1/events/{id}/redeliver",
    "POST /v1/events/redeliver",
    "POST /v1/events/test",
    "POST /v1/checkout/sessions/{id}/claim",
    "GET /v1/checkout/sessions/{id}",
    "POST /v1/checkout/sessions/{id}/pay",
    "GET /v1/checkout/sessions/{id}/events",
    "PUT /admin/v1/merchants/{id}",
    "GET /admin/v1/merchants/{id}",
    "PUT /admin/v1/merchants/{id}/channels/{channel}",
    "GET /admin/v1/merchants/{id}/channels",
    "POST /admin/v1/merchants/{id}/channels/{channel}/check",
    "DELETE /admin/v1/merchants/{id}/channels/{channel}",
    "PUT /admin/v1/merchants/{id}/keys/{keyid}",
    "DELETE /admin/v1/merchants/{id}/keys/{keyid}",
    "POST /admin/v1/merchants/{id}/webhook-secret",
    "PUT /admin/v1/merchants/{id}/policy",
    "GET /admin/v1/merchants/{id}/policy",
    "POST /admin/v1/merchants/{id}/plugins",
    "GET /admin/v1/merchants/{id}/plugins",
    "POST /admin/v1/merchants/{id}/plugins/{sequence}/promote",
    "POST /admin/v1/merchants/{id}/plugins/{sequence}/pause",
    "POST /admin/v1/merchants/{id}/plugins/{sequence}/rollback",
    "GET /admin/v1/merchants/{id}/plugins/{sequence}/differences",
    "PUT /admin/v1/merchants/{id}/plugin-keys/{keyid}",
    "DELETE /admin/v1/merchants/{id}/plugin-keys/{keyid}",
    "GET /admin/v1/merchants/{id}/decisions",
    "GET /admin/v1/merchants/{id}/plugin",
    "DELETE /admin/v1/merchants/{id}/plugin",
    "POST /sandbox/orders/{id}/pay",
    "POST /sandbox/orders/{id}/decline",
    "POST /sandbox/orders/{id}/return_debit",
    "POST /sandbox/mandates/{id}/agree",
    "POST /sandbox/mandates/{id}/decline",
    "POST /sandbox/mandates/{id}/revoke",
    "GET /sandbox/clock",
    "POST /sandbox/clock",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "GET /.well-known/jwks.json",
}


@pytest.fixture(scope="session")
def document(gateway):
    return requests.get(gateway.origin + "/openapi.json", timeout=600).json()


@pytest.fixture(scope="session")
def schema(document, gateway):
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=gateway.origin)
    return schema


def operations(document):
    methods = {"get", "put", "post", "delete", "patch", "head", "options"}
    for path, item in document["paths"].items():
        yield from ((method.upper(), path) for method in item.keys() & methods)


def test_the_document_is_valid(document):
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


def test_all_there_is_is_documented(document):
    assert {f"{method} {path}" for method, path in operations(document)} == DOCUMENTED


def test_all_that_is_documented_is_there(document, gateway):
    for method, path in operations(document):
        target = gateway.origin + path.replace("{id}", "nobody").replace("{keyid}", "none")
        answer = requests.request(method, target, timeout=600)
        problem = answer.json() if "problem+json" in answer.headers["content-type"] else {}
        assert answer.status_code < 500, (method, path, answer.text)
        assert problem.get("detail") != "see /openapi.json for what there is", (method, path)
        assert problem.get("code") != "method_not_allowed", (method, path)


def test_answers_are_as_documented(document, gateway, merchant):
    """A real order is what the schema OrderView says, and a real problem is a ProblemView."""
    from lezai import order

    def check(name, value):
        root = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        OAS31Validator(root).validate(value)

    created = merchant.post("/v1/orders", order(metadata={"a": "b"}, return_url="https://shop.example/")).json()
    check("OrderView", created)
    paid = requests.post(f"{gateway.origin}/sandbox/orders/{created['id']}/pay", timeout=600).json()
    check("OrderView", paid)
    monthly = merchant.post("/v1/orders", order(amount=26000, methods=["wallet_instalments"])).json()
    monthly = requests.post(f"{gateway.origin}/sandbox/orders/{monthly['id']}/pay", timeout=600).json()
    check("OrderView", monthly)
    plan = {"count": 3, "rate_ppm": 0, "fee": 0, "total": 26000, "first": 8668, "each": 8666}
    assert monthly["payment"]["instalments"] == plan
    check("List_OrderView", merchant.get(f"/v1/orders?merchant_order_id={created['merchant_order_id']}").json())
    check("ProblemView", merchant.get("/v1/orders/ord_nobody").json())
    check("ProblemView", merchant.post("/v1/orders", {}).json())


def validate(document, schema, value):
    OAS31Validator({**schema, "components": document["components"]}).validate(value)


def test_every_example_is_what_its_schema_says(document):
    seen = 0
    for method, path in operations(document):
        operation = document["paths"][path][method.lower()]
        for part in [operation.get("requestBody", {}), *operation["responses"].values()]:
            for content in part.get("content", {}).values():
                if "example" in content:
                    validate(document, content["schema"], content["example"])
                    seen += 1
                for example in content.get("examples", {}).values():
                    name = example["$ref"].rsplit("/", 1)[1]
                    validate(document, content["schema"], document["components"]["examples"][name]["value"])
                    seen += 1
    assert seen > 100


def test_the_reference_is_a_page_with_a_script_of_its_own_alone(gateway):
    page = requests.get(gateway.origin + "/reference", timeout=600)
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "script-src 'self';" in page.headers["content-security-policy"]
    assert page.text.count("<script") == 1
    script = requests.get(gateway.origin + "/reference.js", timeout=600)
    assert script.headers["content-type"].startswith("text/javascript")
    style = requests.get(gateway.origin + "/reference.css", timeout=600)
    assert style.headers["content-type"].startswith("text/css")


def test_what_a_problem_is_of_can_be_read(gateway, merchant):
    kind = merchant.get("/v1/orders/ord_nobody").json()["type"]
    path, _, code = kind.partition("#")
    assert f'id="{code}"' in requests.get(gateway.origin + path, timeout=600).text


SIGNED = sorted(it for it in DOCUMENTED if " /v1/" in it and "/checkout/" not in it)
OPERATOR = sorted(it for it in DOCUMENTED if " /admin/" in it)


@pytest.mark.parametrize("operation", SIGNED)
def test_made_up_requests_with_a_good_signature_are_answered_as_documented(
    document, schema, gateway, merchant, paid, operation
):
    method, path = operation.split(" ")

    @settings(
        max_examples=25, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(schema[path][method].as_strategy(), st.booleans())
    def answered(case, real):
        request = made(case, gateway, {"id": paid[path.startswith("/v1/refunds")] if real else "nobody"})
        for name in ("Signature", "Signature-Input", "Content-Digest", "Idempotency-Key"):
            request.headers.pop(name, None)
        if method == "POST":
            request.headers["Idempotency-Key"] = f'"{secrets.token_hex(8)}"'
        if request.body is not None:
            request.headers["Content-Type"] = "application/json"
        as_documented(document, method, path, merchant.send(merchant.sign(request, body=request.body)))

    answered()


@pytest.mark.parametrize("operation", OPERATOR)
def test_made_up_requests_of_the_operator_are_answered_as_documented(document, schema, gateway, operation):
    method, path = operation.split(" ")
    token = {"Authorization": "Bearer " + (gateway.data / "admin-token").read_text().strip()}
    policy = requests.get(f"{gateway.origin}/admin/v1/merchants/m_demo/policy", headers=token, timeout=600).json()
    known = {"name": "Made up", "policy": policy}
    url = f"{gateway.origin}/admin/v1/merchants/m_made_up"
    assert requests.put(url, json=known, headers=token, timeout=600).status_code == 200

    @settings(
        max_examples=10, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(schema[path][method].as_strategy(), st.sampled_from(["m_made_up", "m_nobody_at_all", "none"]))
    def answered(case, merchant):
        request = made(case, gateway, {"id": merchant})
        request.headers.update(token)
        with requests.Session() as session:
            as_documented(document, method, path, session.send(request, timeout=600))

    answered()


@pytest.fixture(scope="session")
def paid(gateway, merchant):
    """An order that was paid, and a refund of a part of it."""
    from lezai import order

    created = merchant.post("/v1/orders", order()).json()
    requests.post(f"{gateway.origin}/sandbox/orders/{created['id']}/pay", timeout=600)
    refund = {"merchant_refund_id": f"R-{secrets.token_hex(8)}", "amount": 100, "currency": "CNY"}
    refunded = merchant.post(f"/v1/orders/{created['id']}/refunds", refund)
    assert refunded.status_code == 201, refunded.text
    return created["id"], refunded.json()["id"]


def made(case, gateway, parts):
    """The request that a case is, with parts of its path from us."""
    case.path_parameters = {**(case.path_parameters or {}), **{k: v for k, v in parts.items() if f"{{{k}}}" in case.path}}
    asked = case.as_transport_kwargs(base_url=gateway.origin)
    known = ("method", "url", "headers", "params", "data", "json")
    return requests.Request(**{name: asked[name] for name in known if name in asked}).prepare()


def as_documented(document, method, path, response):
    assert response.status_code < 500, response.text
    answers = document["paths"][path][method.lower()]["responses"]
    assert str(response.status_code) in answers, (response.status_code, response.text)
    content = answers[str(response.status_code)].get("content")
    if content is None:
        assert response.content == b""
    else:
        schema = content[response.headers["content-type"]]["schema"]
        validate(document, schema, response.json())


@pytest.mark.parametrize("operation", sorted(DOCUMENTED))
def test_made_up_requests_are_answered(schema, operation):
    """Unsigned, most of them wrong: each is told so with a problem, none breaks anything."""
    method, path = operation.split(" ")

    # The same requests in every run: what fails here fails again.
    @settings(
        max_examples=30, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(schema[path][method].as_strategy())
    def answered(case):
        response = case.call(timeout=600)
        assert response.status_code < 500, response.text
        if response.status_code >= 400:
            assert response.headers["content-type"][0].startswith("application/problem+json"), response.text
            problem = response.json()
            assert problem["status"] == response.status_code and problem["code"] and problem["request_id"]
        else:
            assert not path.startswith(("/v1/", "/admin/")), "an unsigned request was let in"

    answered()
