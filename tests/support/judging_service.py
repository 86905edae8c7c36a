"""A service that speaks enough of chat completions to play a judge: its answers, its faults, its slowness."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Play", "Service", "answering", "says", "send", "service"]

Play = Callable[["Service", BaseHTTPRequestHandler], None]


class Service:
    """What the server was sent, and where it is."""

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []


@contextmanager
def service(play: Play) -> Iterator[Service]:
    """A server on this machine that answers every request as `play` does."""
    seen = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            seen.keys.append(self.headers.get("Authorization"))
            assert self.path == "/v1/chat/completions"
            with suppress(OSError):  # the judge has hung up
                play(seen, self)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    seen.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    """One whole answer."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def says(content: Any) -> bytes:
    """A completion whose message is this."""
    return json.dumps(
        {"id": "x", "choices": [{"index": 0, "message": {"role": "assistant", "content": content}}]}
    ).encode()


def answering(*bodies: bytes | int) -> Play:
    """These in turn (a number is an empty answer with that status), the last again and again."""

    def play(seen: Service, handler: BaseHTTPRequestHandler) -> None:
        body = bodies[min(len(seen.bodies), len(bodies)) - 1]
        if isinstance(body, int):
            send(handler, b"", body)
        else:
            send(handler, body)

    return play
