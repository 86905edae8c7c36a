"""Run the application under uvicorn: the listening socket, the signals, the orderly end. Prints nothing."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn

from accordant.engine.host.engine import Engine
from accordant.sync.server.address import is_loopback
from accordant.sync.server.application import app
from accordant.sync.server.http.events import end_streams
from accordant.sync.server.protocol import DirectProtocol
from accordant.types.errors import Invalid, NoAuthority
from accordant.types.limits import CLOSE_TIMEOUT_S, FRAME_BYTES_MAX

__all__ = ["RECEIVE_BYTES_MAX", "run"]

RECEIVE_BYTES_MAX = 4 * FRAME_BYTES_MAX
"""Above our own bound, so that a frame beyond that is answered with our close code, which says not to repeat it."""


async def run(
    engine: Engine, host: str, port: int, on_listening: Callable[[str, int], None], token_file: Path | None = None
) -> None:
    """Serve an open engine until SIGINT or SIGTERM; then finish what was begun. Port 0: any free one.

    Calls `on_listening(host, port)` once connections are accepted. Raises `Invalid` for an address that others can reach,
    and `NoAuthority` when the port is taken.
    """
    listener = listen(host, port, has_tokens=token_file is not None)
    with contextlib.closing(listener):
        config = uvicorn.Config(
            app(engine, token_file=token_file),
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
        return socket.create_server(address[:2], family=family)
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
