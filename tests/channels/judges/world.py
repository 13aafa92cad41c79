"""What every judge in Python needs: the simulators, a receiver of callbacks, and the keys."""

import datetime
import http.server
import json
import os
import pathlib
import queue
import secrets
import threading
import urllib.request

SIM = os.environ["SIM"]
MERCHANT = "1900000001"
MERCHANT_SERIAL = "5F1C72E2A8931B72A2E13AF8DEE92471EB397115"
APP_ID = "wx8888888888888888"
API_V3_KEY = "simulated-api-v3-key-32-letters!"
PUBLIC_KEY_ID = "PUB_KEY_ID_0119000000012026112900000000000001"
ALIPAY_APP = "2014072300007148"
KEYS = pathlib.Path(__file__).parent.parent / "keys"


def key(name):
    return (KEYS / name).read_text()


def number():
    return secrets.token_hex(16)


def today():
    return datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=8))).strftime("%Y-%m-%d")


def expect(told, wanted, why=""):
    assert told == wanted, f"{told!r}, not {wanted!r}: {why}"


def sim(path, body=None):
    data = json.dumps(body).encode() if body else b""
    urllib.request.urlopen(urllib.request.Request(f"{SIM}/_sim/{path}", data=data, method="POST")).read()


class receiver:
    """A shop that receives callbacks: `next()` waits for one."""

    def __init__(self, answer, status=200):
        got = self.got = queue.Queue()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
                got.put(({name.title(): value for name, value in self.headers.items()}, body.decode()))

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/notify"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()

    def next(self):
        return self.got.get(timeout=60)
