"""Starts the gateway once for all tests of a run, in a folder of its own."""

import base64
import os
import pathlib
import subprocess
import tempfile

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec
from lezai import Merchant, Receiver

ROOT = pathlib.Path(__file__).parents[2]
BINARY = pathlib.Path(os.environ.get("LEZAI", ROOT / "target/release/lezai"))


class Gateway:
    def __init__(self, folder, *flags):
        self.data = folder / "data"
        self.log = open(folder / "log", "w+")  # noqa: SIM115, closed with the process
        command = [BINARY, "dev", "--listen", "127.0.0.1:0", "--shop", "127.0.0.1:0", "--data-dir", self.data, *flags]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        banner = {}
        for line in self.process.stdout:
            word, _, value = line.strip().partition(" ")
            banner[word] = value.strip()
            if word == "ready":
                break
        assert "ready" in banner, f"lezai dev did not start:\n{self.read_log()}"
        self.origin = banner["gateway"].rstrip("/")
        self.shop = banner["shop"].rstrip("/")
        self.keys = {key["kid"]: public_key(key) for key in self.jwks()}

    def jwks(self):
        return requests.get(self.origin + "/.well-known/jwks.json", timeout=600).json()["keys"]

    def read_log(self):
        self.log.seek(0)
        return self.log.read()

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
        self.process.stdout.close()
        self.log.close()


def public_key(jwk):
    assert (jwk["kty"], jwk["crv"]) == ("EC", "P-256")
    x, y = (int.from_bytes(base64.urlsafe_b64decode(jwk[it] + "="), "big") for it in "xy")
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


@pytest.fixture(scope="session")
def gateway():
    if not BINARY.exists():
        pytest.exit(f"{BINARY} is not there: run `make build` first", 2)
    with tempfile.TemporaryDirectory(prefix="lezai-interop-") as folder:
        gateway = Gateway(pathlib.Path(folder))
        yield gateway
        log = gateway.read_log()
        gateway.stop()
        assert "panicked" not in log and "internal failure" not in log, log


@pytest.fixture(scope="session")
def merchant(gateway):
    return Merchant(gateway)


@pytest.fixture(scope="session")
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()
