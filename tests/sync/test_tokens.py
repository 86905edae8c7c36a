"""A token is good for whom it was signed, where it was signed for, and until it ends; nothing else is a token."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant.sync.server.door import Door
from accordant.sync.server.tokens import TokenFile, Tokens, create, revoke
from accordant.types.access import READ, Allowance, Grant, Principal
from accordant.types.errors import AccordantError, Denied, Invalid
from accordant.types.namespaces import DocumentKey

SCOPE = Grant((("acme", "task", "q3"),), (Allowance("draft", frozenset({READ, "insert"})),))


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def signed(keys: Path, **changes: object) -> str:
    """A token with our key and other claims."""
    ((kid, secret),) = TokenFile.read(keys).keys.items()
    now = int(time.time())
    said = {"sub": "triage", "jti": "1", "aud": "accordant", "iat": now, "exp": now + 60, "ns": [["acme"]]} | changes
    return jwt.encode(said, secret, algorithm="HS256", headers={"kid": kid})


def test_a_token_says_who_and_what(keys: Path) -> None:
    """What was granted is what is proven."""
    token, token_id = create(keys, Principal("triage", grant=SCOPE, roles=frozenset({"curator"})), 30)
    found = Tokens(keys).principal(token)
    assert (found.agent, found.grant, found.roles, found.token) == ("triage", SCOPE, {"curator"}, token_id)
    assert oct(keys.stat().st_mode & 0o777) == "0o600"


def test_forged_tokens_are_all_answered_alike(keys: Path) -> None:
    """No algorithm, another key, an unknown kid, a changed body, junk, another audience, an empty scope: one answer."""
    token, _ = create(keys, Principal("triage", grant=SCOPE), 30)
    ((kid, secret),) = TokenFile.read(keys).keys.items()
    said = jwt.decode(token, options={"verify_signature": False})
    head, body, signature = token.split(".")
    forged = [
        jwt.encode(said, None, algorithm="none", headers={"kid": kid}),
        jwt.encode(said, "x" * 64, algorithm="HS256", headers={"kid": kid}),
        jwt.encode(said, secret, algorithm="HS256", headers={"kid": "other"}),
        jwt.encode(said, secret, algorithm="HS256"),
        jwt.encode(said, secret + "x" * 64, algorithm="HS512", headers={"kid": kid}),
        f"{head}.{body}x.{signature}",
        "junk",
        "a.b.c",
        "x" * 100_000,
        signed(keys, aud="others"),
        signed(keys, ns=[[]]),
        signed(keys, nbf=int(time.time()) + 600),
    ]
    answers = set()
    for one in forged:
        with pytest.raises(Denied) as denied:
            Tokens(keys).principal(one)
        answers.add(str(denied.value) + denied.value.code)
    assert len(answers) == 1
    assert "bad_token_shown" in answers.pop()


def test_an_expired_token_is_told_so(keys: Path) -> None:
    """The one hint that is given."""
    create(keys, Principal("triage", grant=SCOPE), 30)
    with pytest.raises(Denied) as denied:
        Tokens(keys).principal(signed(keys, exp=int(time.time()) - 1))
    assert denied.value.code == "token_expired"


def test_revocation_works_while_the_server_runs(keys: Path) -> None:
    """The file is read again when it changes, for newcomers and for whoever is in."""
    token, token_id = create(keys, Principal("triage", grant=SCOPE), 30)
    tokens = Tokens(keys)
    principal = tokens.principal(token)
    assert tokens.is_good(principal)
    revoke(keys, token_id)
    assert not tokens.is_good(principal)
    with pytest.raises(Denied):
        tokens.principal(token)


def test_a_file_that_others_can_read_lets_nobody_in(keys: Path) -> None:
    """At the start and later: keys that leaked prove nothing."""
    token, _ = create(keys, Principal("triage", grant=SCOPE), 30)
    tokens = Tokens(keys)
    os.chmod(keys, 0o644)
    with pytest.raises(Denied):
        tokens.principal(token)
    with pytest.raises(Invalid) as invalid:
        Tokens(keys)
    assert "chmod 600" in str(invalid.value)
    os.chmod(keys, 0o600)
    assert tokens.principal(token).agent == "triage"


def test_the_door_takes_the_name_from_the_token(keys: Path) -> None:
    """Another name beside a token is refused; without a token nobody comes in."""
    token, _ = create(keys, Principal("triage", grant=SCOPE), 30)
    door = Door(tokens=Tokens(keys))
    bearer = [(b"authorization", b"Bearer " + token.encode())]
    assert door.principal({"type": "http", "headers": bearer}).agent == "triage"
    assert door.principal({"type": "websocket", "headers": [], "query_string": b"token=" + token.encode()}).agent
    for scope, code in (
        ({"type": "http", "headers": [*bearer, (b"x-agent", b"boss")]}, "not_your_name"),
        ({"type": "http", "headers": [], "query_string": b"token=" + token.encode()}, "no_token"),
        ({"type": "http", "headers": [*bearer, *bearer]}, "no_token"),
        ({"type": "websocket", "headers": []}, "no_token"),
    ):
        with pytest.raises(AccordantError) as denied:
            door.principal(scope)
        assert denied.value.code == code


names = st.sampled_from(["q", "q3", "Q3", "q3.", "q%2F3", "q_", "*", "a:b", "é", "ﬁ"])


@given(names, names)
def test_a_grant_never_crosses_a_segment(mine: str, other: str) -> None:
    """Whole segments, compared exactly: no prefix, no case, no wildcard, no twin."""
    grant = Grant((("acme", "task", mine),))
    assert grant.covers(DocumentKey.parse(f"acme/task/{other}/brief")) is (mine == other)
    assert not grant.covers(DocumentKey.parse(f"acme2/task/{mine}/brief"))
    assert Grant((("acme",),)).covers(DocumentKey.parse(f"acme/task/{other}/brief"))


def test_hands_that_change_the_file_at_once_lose_nothing(keys: Path) -> None:
    """Six processes make and revoke tokens of one file at the same time: every token is known, every revocation stands."""
    create(keys, Principal("triage", grant=SCOPE), 30)
    script = (
        "import sys; from pathlib import Path; from accordant.sync.server.tokens import create, revoke;"
        "from accordant.types.access import Grant, Principal; path = Path(sys.argv[1]);"
        "who = Principal('triage', grant=Grant((('acme',),)));"
        "[revoke(path, create(path, who, 1)[1]) for _ in range(10)]"
    )
    hands = [subprocess.Popen([sys.executable, "-c", script, str(keys)]) for _ in range(6)]
    assert [hand.wait(50) for hand in hands] == [0] * 6
    known = TokenFile.read(keys)
    assert (len(known.issued), len(known.revoked)) == (61, 60)
