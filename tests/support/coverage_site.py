"""A web server of the page's own files and of answers that a test gives it; it keeps every request."""

from __future__ import annotations

import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import airflow_provider_binance_liq

STATIC = Path(airflow_provider_binance_liq.__file__).parent / "ui" / "static"
PREFIX = "/binance-liq/"
RUNS = "/api/v2/dags/binance_liquidations/dagRuns"


class Handler(SimpleHTTPRequestHandler):
    def __init__(self, *args, site, **known):
        self.site = site
        super().__init__(*args, directory=str(STATIC), **known)

    def log_message(self, *args):
        pass

    def do_GET(self):
        path = urlsplit(self.path).path
        if path.startswith(f"{PREFIX}static/"):
            self.path = self.path.removeprefix(f"{PREFIX}static")
            super().do_GET()
        else:
            self._answer("GET", None)

    def do_POST(self):
        self._answer("POST", json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, method, body):
        url = urlsplit(self.path)
        self.site.requests.append((method, url.path, parse_qs(url.query), body))
        answer = self.site.answers.get((method, url.path), (404, {"detail": f"no answer for {url.path}"}))
        status, content = answer() if callable(answer) else answer
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Site:
    """`answers` are by method and path: a status and a body, or what returns them."""

    def __init__(self, document):
        self.requests = []
        self.answers = {
            ("GET", f"{PREFIX}coverage"): (200, document),
            ("GET", RUNS): (200, {"dag_runs": [], "total_entries": 0}),
        }
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, site=self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.page = f"{self.url}{PREFIX}static/index.html"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def give(self, path, body, *, status=200, method="GET"):
        self.answers[(method, path)] = (status, body)

    def sent(self, method, path):
        return [
            (query, body) for verb, where, query, body in self.requests if (verb, where) == (method, path)
        ]

    def close(self):
        self._server.shutdown()
        self._server.server_close()
