"""/openapi.json: a valid document of what there is, and requests made up from it."""

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator

DOCUMENTED = {
    "POST /v1/orders",
    "GET /v1/orders",
    "GET /v1/orders/{id}",
    "POST /v1/orders/{id}/close",
    "POST /v1/checkout/sessions/{id}/claim",
    "GET /v1/checkout/sessions/{id}",
    "POST /v1/checkout/sessions/{id}/pay",
    "GET /v1/checkout/sessions/{id}/events",
    "PUT /admin/v1/merchants/{id}",
    "GET /admin/v1/merchants/{id}",
    "PUT /admin/v1/merchants/{id}/keys/{keyid}",
    "PUT /admin/v1/merchants/{id}/policy",
    "GET /admin/v1/merchants/{id}/policy",
    "PUT /admin/v1/merchants/{id}/plugin",
    "GET /admin/v1/merchants/{id}/plugin",
    "DELETE /admin/v1/merchants/{id}/plugin",
    "POST /sandbox/orders/{id}/pay",
    "POST /sandbox/orders/{id}/decline",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "GET /.well-known/jwks.json",
}


@pytest.fixture(scope="session")
def document(gateway):
    return requests.get(gateway.origin + "/openapi.json", timeout=10).json()


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
        answer = requests.request(method, target, timeout=10)
        problem = answer.json() if "problem+json" in answer.headers["content-type"] else {}
        assert answer.status_code < 500, (method, path, answer.text)
        assert problem.get("detail") != "see /openapi.json for what there is", (method, path)
        assert problem.get("code") != "method_not_allowed", (method, path)


def test_answers_are_as_documented(document, gateway, merchant):
    """A real order is what the schema OrderView says, and a real problem is a ProblemView."""
    from lezai import order
    from openapi_schema_validator import OAS31Validator

    def check(name, value):
        root = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        OAS31Validator(root).validate(value)

    created = merchant.post("/v1/orders", order(metadata={"a": "b"}, return_url="https://shop.example/")).json()
    check("OrderView", created)
    paid = requests.post(f"{gateway.origin}/sandbox/orders/{created['id']}/pay", timeout=10).json()
    check("OrderView", paid)
    check("List_OrderView", merchant.get(f"/v1/orders?merchant_order_id={created['merchant_order_id']}").json())
    check("ProblemView", merchant.get("/v1/orders/ord_nobody").json())
    check("ProblemView", merchant.post("/v1/orders", {}).json())


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
        response = case.call(timeout=20)
        assert response.status_code < 500, response.text
        if response.status_code >= 400:
            assert response.headers["content-type"][0].startswith("application/problem+json"), response.text
            problem = response.json()
            assert problem["status"] == response.status_code and problem["code"] and problem["request_id"]
        else:
            assert not path.startswith(("/v1/", "/admin/")), "an unsigned request was let in"

    answered()
