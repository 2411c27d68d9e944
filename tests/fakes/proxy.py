"""An HTTP server on loopback that passes requests on to another one, and can record, translate or refuse them.

Use it to make an object store stumble, and to see what was really sent. Extend it when a test needs another fault.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import urlsplit

Headers = dict[str, str]
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date"}


class Seen(NamedTuple):
    method: str
    path: str
    headers: Headers
    body: bytes


@dataclass
class Proxy:
    """Before ``upstream``; the next ``stumbles`` requests get an answer of 503 instead of the upstream's."""

    upstream: str
    stumbles: int = 0
    lose_answers: bool = False
    """Whether a request that stumbles reaches the upstream all the same."""
    translate_path: Callable[[str], str] = str
    translate_request: Callable[[Headers], Headers] = dict
    translate_answer: Callable[[Headers], Headers] = dict
    seen: list[Seen] = field(default_factory=list)
    url: str = ""


def handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            proxy.seen.append(Seen(self.command, self.path, headers, body))
            stumbles = proxy.stumbles > 0
            proxy.stumbles -= stumbles
            if not stumbles or proxy.lose_answers:
                status, answered, content = self.pass_on(proxy.translate_request(headers), body)
            if stumbles:
                status, answered, content = 503, {}, b"<Error><Code>SlowDown</Code></Error>"
            self.send_response(status)
            for name, value in proxy.translate_answer(answered).items():
                self.send_header(name, value)
            if self.command != "HEAD":
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def pass_on(self, headers: Headers, body: bytes) -> tuple[int, Headers, bytes]:
            connection = http.client.HTTPConnection(urlsplit(proxy.upstream).netloc)
            try:
                connection.request(self.command, proxy.translate_path(self.path), body, headers)
                answer = connection.getresponse()
                kept = {name.lower(): value for name, value in answer.getheaders()}
                dropped = HOP_BY_HOP if self.command != "HEAD" else HOP_BY_HOP - {"content-length"}
                return answer.status, {n: v for n, v in kept.items() if n not in dropped}, answer.read()
            finally:
                connection.close()

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do  # noqa: N815  # the base class looks for these

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
            pass

    return Handler


@contextmanager
def passing_on(proxy: Proxy) -> Iterator[Proxy]:
    """Serve on a free port of loopback; ``proxy.url`` is where."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(proxy))
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
