"""A merchant's server in Python, on nothing of Lezai's: requests and http-message-signatures, unmodified."""

import datetime
import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from http_message_signatures import (
    ContentDigest,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)

COVERED = ("@method", "@authority", "@path", "@query")
PATIENCE = 600


def now(seconds=0):
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)


class Keys(HTTPSignatureKeyResolver):
    """Keys by their keyid; private ones sign, public ones verify."""

    def __init__(self, keys):
        self.keys = keys

    def resolve_private_key(self, key_id):
        return self.keys[key_id]

    def resolve_public_key(self, key_id):
        return self.keys[key_id]


def verifier(keys):
    return HTTPMessageVerifier(signature_algorithm=algorithms.ECDSA_P256_SHA256, key_resolver=Keys(keys))


class Merchant:
    def __init__(self, gateway, keyid="demo-1", key=None):
        self.origin = gateway.origin
        self.keyid = keyid
        self.key = key or load_pem_private_key((gateway.data / "demo-merchant.pem").read_bytes(), None)
        self.gateway_keys = gateway.keys

    def sign(self, request, *, covered=None, body=None, digests=ContentDigest, **options):
        """Signs a prepared request as the design asks, unless told otherwise."""
        if covered is None:
            covered = COVERED
            if request.method == "POST":
                covered += ("idempotency-key",)
            if body is not None:
                covered += ("content-type",)
        options = {"created": now(), "nonce": secrets.token_urlsafe(16), "tag": "lezai-merchant", **options}
        signer = HTTPMessageSigner(
            signature_algorithm=algorithms.ECDSA_P256_SHA256, key_resolver=Keys({self.keyid: self.key})
        )
        signer.content_digest_class = digests
        signer.sign(request, key_id=self.keyid, covered_component_ids=covered, body=body, **options)
        return request

    def prepare(self, method, path, body=None, key=None):
        """A request that is not signed yet."""
        headers = {"Accept-Encoding": "identity"}
        if method == "POST":
            headers["Idempotency-Key"] = f'"{key or secrets.token_hex(16)}"'
        if isinstance(body, dict):
            body = json.dumps(body, ensure_ascii=False).encode()
        if body is not None:
            headers["Content-Type"] = "application/json"
        return requests.Request(method, self.origin + path, headers=headers, data=body).prepare()

    def signed(self, method, path, body=None, key=None, **options):
        request = self.prepare(method, path, body, key)
        return self.sign(request, body=request.body, **options)

    def send(self, request):
        """Sends it, and believes the answer only if the gateway signed it for this request."""
        with requests.Session() as session:
            response = session.send(request, timeout=PATIENCE, allow_redirects=False)
        required = ("@status", "content-type")
        if "signature" in {name.lower() for name in request.headers}:
            required += ('"@method";req', '"@path";req', '"signature";req')
        [result] = verifier(self.gateway_keys).verify(
            response,
            max_age=datetime.timedelta(minutes=5),
            expect_tag="lezai-gateway",
            require_components=required,
            body=response.content,
        )
        assert result.body == response.content
        return response

    def get(self, path):
        return self.send(self.signed("GET", path))

    def post(self, path, body, key=None):
        return self.send(self.signed("POST", path, body, key))

    def find(self, number):
        answer = self.get(f"/v1/orders?merchant_order_id={number}")
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


def order(number=None, **more):
    return {
        "merchant_order_id": number or f"I-{secrets.token_hex(8)}",
        "amount": 12800,
        "currency": "CNY",
        "description": "茉莉花茶 Jasmine tea",
        **more,
    }


class Callback:
    """A request to the merchant's address, in the form that http-message-signatures takes."""

    def __init__(self, url, method, headers, body):
        self.url, self.method, self.headers, self.body = url, method, headers, body


class Receiver:
    """The merchant's address for callbacks."""

    def __init__(self):
        self.callbacks = []
        self.came = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                url = f"http://{self.headers['host']}{self.path}"
                with receiver.came:
                    receiver.callbacks.append(Callback(url, self.command, dict(self.headers.items()), body))
                    receiver.came.notify_all()
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/callbacks?shop=1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, fits, seconds=60):
        """The first callback that fits."""
        found = []

        def there():
            found[:] = [it for it in self.callbacks if fits(json.loads(it.body))]
            return found

        with self.came:
            assert self.came.wait_for(there, seconds), f"{len(self.callbacks)} callbacks came, none that fits"
        return found[0]
