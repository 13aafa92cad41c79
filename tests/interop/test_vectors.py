"""Our vectors through other people's libraries: what both sides read, both read the same."""

import base64
import hashlib
import json

import http_sf
import pytest
from conftest import ROOT, public_key
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

VECTORS = ROOT / "tests/vectors"
FIELDS = json.loads((VECTORS / "structured-fields.json").read_text())


def parse(row, kind):
    """The field by http-sf; None if that is no structured field for it either."""
    try:
        parsed = http_sf.parse(row["field"].encode(), tltype=kind)
    except http_sf.StructuredFieldError:
        parsed = None
    assert (parsed is not None) == row["structured"], row
    return parsed


@pytest.mark.parametrize("row", FIELDS["signature-input"], ids=lambda row: row["field"][:60])
def test_signature_input(row):
    parsed = parse(row, "dictionary")
    if row["serialized"] is not None:
        assert http_sf.ser([parsed["sig1"]]) == row["serialized"]


@pytest.mark.parametrize("row", FIELDS["signature"], ids=lambda row: row["field"][:60])
def test_signature(row):
    parsed = parse(row, "dictionary")
    member = (parsed or {}).get("sig1", (None, {}))[0]
    assert (member.hex() if isinstance(member, bytes) else None) == row["bytes"]


@pytest.mark.parametrize("row", FIELDS["content-digest"], ids=lambda row: row["field"][:60])
def test_content_digest(row):
    parsed = parse(row, "dictionary")
    body = row["body"].encode()
    known = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
    if parsed is None or not all(isinstance(value, bytes) for value, _ in parsed.values()):
        result = "malformed"
    elif any(value != known[name](body).digest() for name, (value, _) in parsed.items() if name in known):
        result = "mismatch"
    else:
        result = "fits" if parsed.keys() & known.keys() else "no known algorithm"
    assert result == row["result"]


@pytest.mark.parametrize("row", FIELDS["idempotency-key"], ids=lambda row: row["field"][:60])
def test_idempotency_key(row):
    parsed = parse(row, "item")
    # The draft has a string without parameters; what we take of it, http-sf reads the same.
    if row["key"] is not None and parsed is not None and type(parsed[0]) is str:
        assert parsed == (row["key"], {})


def test_p256():
    cases = json.loads((VECTORS / "p256.json").read_text())["cases"]
    assert len(cases) == 512
    for case in cases:
        key = public_key({"kty": "EC", "crv": "P-256", "x": case["x"], "y": case["y"]})
        signature = bytes.fromhex(case["sig"])
        assert verifies(key, bytes.fromhex(case["msg"]), signature) == case["valid"], case


def verifies(key, message, signature):
    # cryptography takes DER; raw is r and s of 32 bytes.
    if len(signature) != 64:
        return False
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    try:
        key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def test_p256_coordinates_are_whole():
    for case in json.loads((VECTORS / "p256.json").read_text())["cases"]:
        assert [len(base64.urlsafe_b64decode(case[it] + "=")) for it in "xy"] == [32, 32]
