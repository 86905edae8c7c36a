"""At the door: which document a path names, who the peer claims to be, and which pages may knock."""

from __future__ import annotations

from typing import Any

import pytest

from accordant import DocumentKey, Invalid, Namespace
from accordant.sync.server.address import agent_of, document_key, is_loopback, origin_is_welcome

BRIEF = DocumentKey.of(Namespace.task("acme", "q3"), "brief")


def scope(raw_path: str = "/", root_path: str = "", query: str = "", server: str = "127.0.0.1", **headers: str) -> Any:
    return {
        "type": "websocket",
        "scheme": "ws",
        "path": raw_path,
        "raw_path": raw_path.encode(),
        "root_path": root_path,
        "query_string": query.encode(),
        "server": (server, 80),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }


def test_a_path_names_a_document() -> None:
    """The three shapes of namespaces, below any mount."""
    assert document_key(scope("/sync/acme/task/q3/brief"), "sync") == BRIEF
    assert document_key(scope("/api/v1/sync/acme/task/q3/brief", "/api/v1"), "sync") == BRIEF
    assert document_key(scope("/sync/system/shared/brief"), "sync").namespace == Namespace.shared()
    assert document_key(scope("/sync/acme/role/gr%C3%BCn/a%20b"), "sync").path == "acme/role/grün/a b"


@pytest.mark.parametrize(
    "path",
    [
        "/sync/acme/task/q3%2Fbrief",  # an encoded slash is no separator (I11)
        "/sync/acme%2Ftask/q3/brief/x",
        "/sync/acme/task/q3/brief%2F..",
        "/sync/acme/task//brief",
        "/sync/acme/task/q3",
        "/sync/acme/other/q3/brief",
        "/sync/acme/task/q3/%ff",
        "/sync/",
        "/sync",
    ],
)
def test_nothing_else_names_a_document(path: str) -> None:
    """A path that is not exactly a document's is `Invalid`; nothing is repaired."""
    with pytest.raises(Invalid):
        document_key(scope(path), "sync")


def test_an_agent_is_named_once_or_anonymous() -> None:
    """`agent=` is a name; without it a peer belongs to the anonymous pool."""
    assert agent_of(scope(query="agent=ada")) == "ada"
    assert agent_of(scope(query="other=1")) is None
    for wrong in ("agent=", "agent=a&agent=b", "agent=a%2Fb", "agent=%ff", "agent=%00"):
        with pytest.raises(Invalid):
            agent_of(scope(query=wrong))


@pytest.mark.parametrize(
    ("origin", "host", "server", "welcome"),
    [
        (None, "127.0.0.1:8765", "127.0.0.1", True),  # no browser
        ("http://localhost:3000", "127.0.0.1:8765", "127.0.0.1", True),
        ("http://[::1]:3000", "127.0.0.1:8765", "127.0.0.1", True),
        ("https://docs.example", "docs.example", "10.0.0.7", False),  # https is port 443, this host is asked at 80
        ("http://docs.example", "docs.example", "10.0.0.7", True),
        ("http://docs.example:8080", "docs.example:8080", "10.0.0.7", True),
        ("http://evil.example", "docs.example", "10.0.0.7", False),
        ("http://evil.example", "127.0.0.1:8765", "127.0.0.1", False),
        ("http://evil.example", "evil.example", "127.0.0.1", False),  # a foreign name made to resolve to this machine
        ("null", "127.0.0.1:8765", "127.0.0.1", False),
        ("file://", "127.0.0.1:8765", "127.0.0.1", False),
        ("http://[::1", "127.0.0.1:8765", "127.0.0.1", False),
        ("http://127.0.0.1.evil.example", "127.0.0.1:8765", "127.0.0.1", False),
        ("https://allowed.example", "127.0.0.1:8765", "127.0.0.1", True),
    ],
)
def test_foreign_pages_stay_outside(origin: str | None, host: str, server: str, welcome: bool) -> None:
    """Only pages of this machine, of this very host, or of an allowed origin may connect."""
    headers = {"host": host} | ({} if origin is None else {"origin": origin})
    assert origin_is_welcome(scope(server=server, **headers), {"https://allowed.example"}) is welcome


def test_loopback_is_what_only_this_machine_reaches() -> None:
    """127.0.0.0/8, ::1 and localhost; not 0.0.0.0, and no name that merely looks alike."""
    assert all(map(is_loopback, ("127.0.0.1", "127.8.8.8", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.1", "localhost.example", "")))
