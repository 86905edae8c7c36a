"""Run the application under uvicorn: the listening socket, the signals, the orderly end. Prints nothing."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import uvicorn

from accordant.engine.host.engine import Engine
from accordant.sync.server.address import is_loopback
from accordant.sync.server.application import app
from accordant.sync.server.arrivals import Arrivals, Crowd
from accordant.sync.server.entrance import entrance
from accordant.sync.server.http import Beside
from accordant.sync.server.http.events import end_streams
from accordant.sync.server.protocol import DirectProtocol
from accordant.types.errors import Invalid, NoAuthority
from accordant.types.limits import CLOSE_TIMEOUT_S, DOCUMENT_NAME_BYTES_MAX, FILES_RESERVED, FRAME_BYTES_MAX

__all__ = ["RECEIVE_BYTES_MAX", "run"]

RECEIVE_BYTES_MAX = FRAME_BYTES_MAX + DOCUMENT_NAME_BYTES_MAX
"""One message with a Hocuspocus name around it. What is larger is refused when it says so, not when it has arrived."""


async def run(
    engine: Engine,
    host: str,
    port: int,
    on_listening: Callable[[str, int], None],
    token_file: Path | None = None,
    crowd: Crowd | None = None,
    origins: Collection[str] = (),
    beside: Sequence[Beside] = (),
) -> None:
    """Serve an open engine until SIGINT or SIGTERM; then finish what was begun. Port 0: any free one.

    Calls `on_listening(host, port)` once connections are accepted. `crowd`: how many there may be; `origins`, `beside`: as for
    `app`.
    Raises `Invalid` for an address that others can reach, and `NoAuthority` when the port is taken.
    """
    listener = listen(host, port, has_tokens=token_file is not None)
    crowd = crowd or Crowd()
    arrivals = Arrivals(replace(crowd, in_all=min(crowd.in_all, _sockets_granted(crowd.in_all))))
    with contextlib.closing(listener):
        config = uvicorn.Config(
            app(engine, token_file=token_file, origins=origins, beside=beside),
            http=cast(Any, entrance(arrivals)),  # annotated as a class; anything that makes a protocol will do
            ws=DirectProtocol,
            ws_max_size=RECEIVE_BYTES_MAX,
            ws_per_message_deflate=False,  # costs more time than loopback bytes, and memory per peer
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=int(CLOSE_TIMEOUT_S),
        )
        server = _Server(
            config, lambda: on_listening(host, listener.getsockname()[1]), on_stopping=lambda: end_streams(engine)
        )
        with server.stopping_on_signals():
            await server.serve(sockets=[listener])


def _sockets_granted(wanted: int) -> int:
    """How many connections the system's limit on open files leaves room for, after asking for as many as are wanted."""
    try:
        import resource
    except ImportError:  # Windows counts otherwise
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + FILES_RESERVED
    if soft != resource.RLIM_INFINITY and soft < needed:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(
                resource.RLIMIT_NOFILE, (needed if hard == resource.RLIM_INFINITY else min(needed, hard), hard)
            )
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return wanted if soft == resource.RLIM_INFINITY else max(1, soft - FILES_RESERVED)


def listen(host: str, port: int, *, has_tokens: bool = False) -> socket.socket:
    """A listening socket; with tokens on any address, without on one of this machine alone."""
    if not has_tokens and not is_loopback(host):
        raise Invalid(
            f"{host} can be reached by others, and there are no tokens that would tell them apart: "
            "serve on 127.0.0.1, or with --token-file",
            code="not_loopback",
            host=host,
        )
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family)
        listener.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )  # passed on; asyncio leaves it off for such sockets
        return listener
    except OSError as error:
        raise NoAuthority(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            code="address_in_use",
            hint="choose another --port, or 0 for any free one",
        ) from error


class _Server(uvicorn.Server):
    """uvicorn's server, without its signal handling: that ends the process before the engine is closed."""

    def __init__(
        self, config: uvicorn.Config, on_started: Callable[[], None], on_stopping: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._on_stopping = on_stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, then say so."""
        await super().startup(sockets)
        self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what would never end by itself, then wait for the rest."""
        self._on_stopping()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the process's handlers alone."""
        yield

    @contextlib.contextmanager
    def stopping_on_signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM let the server end; a second one ends it without waiting for peers."""
        loop = asyncio.get_running_loop()
        handled: list[signal.Signals] = []
        for one in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # Windows, or not the main thread
                loop.add_signal_handler(one, self._stop)
                handled.append(one)
        try:
            yield
        finally:
            for one in handled:
                loop.remove_signal_handler(one)

    def _stop(self) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True
