"""Tokens: who a bearer is and what it may do, signed with a key of the token file, and taken back by its id.

A token is a JSON Web Token (HS256, and nothing else is accepted) whose `kid` names a key of the file. The file is read again
when it changes, so that keys rotate and tokens are revoked while the server runs. No secret is part of any error or `repr`.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jwt

from accordant.types.access import Allowance, Grant, Principal
from accordant.types.entries import Auth
from accordant.types.errors import Denied, Invalid
from accordant.types.limits import TOKEN_CHARS_MAX, TOKEN_DAYS_MAX, TOKEN_FILE_BYTES_MAX
from accordant.types.namespaces import segment

if sys.platform != "win32":
    import fcntl

__all__ = ["TokenFile", "Tokens", "claims_unproven", "create", "revoke"]

ALGORITHM = "HS256"
AUDIENCE = "accordant"
REQUIRED = ["exp", "iat", "sub", "jti", "aud"]
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class TokenFile:
    """What the file holds. `keys`: kid -> secret, the last one signs. `issued`: what was said about each token, by id."""

    keys: Mapping[str, str] = field(repr=False)
    revoked: frozenset[str] = frozenset()
    issued: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @staticmethod
    def read(path: Path) -> TokenFile:
        """Raises `Invalid` for a file that is none, or that others than its owner can read."""
        try:
            with path.open("rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                if os.name == "posix" and mode & 0o077:
                    hint = f"chmod 600 {path}"
                    raise Invalid(f"{path} can be read by others: it holds signing keys", code="token_file", hint=hint)
                data = file.read(TOKEN_FILE_BYTES_MAX + 1)
        except OSError as error:
            hint = "accordant token new --token-file makes one"
            raise Invalid(f"{path}: {error.strerror}", code="token_file", hint=hint) from None
        try:
            if len(data) > TOKEN_FILE_BYTES_MAX:
                raise ValueError("too large")
            found = json.loads(data)
            keys = {str(kid): str(secret) for kid, secret in found["keys"].items()}
            if not keys or any(len(secret) < 32 for secret in keys.values()):
                raise ValueError("no key, or a short one")
            return TokenFile(keys, frozenset(map(str, found.get("revoked", ()))), dict(found.get("issued", {})))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Invalid(f"{path} is no token file", code="token_file") from None

    def write(self, path: Path) -> None:
        """Replace the file as a whole, readable by its owner alone."""
        body = {"keys": dict(self.keys), "revoked": sorted(self.revoked), "issued": dict(self.issued)}
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # created with 0600
        try:
            with os.fdopen(handle, "w") as file:
                json.dump(body, file, indent=2)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Alone among those that change the file, from reading to writing: or a token made meanwhile would undo a revocation. The
    lock is a file beside it, since the file itself is replaced."""
    if sys.platform == "win32":  # no such locks: one hand at a time
        yield
        return
    try:
        descriptor = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Invalid(f"{path}: {error.strerror}", code="token_file") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def create(path: Path, principal: Principal, days: int) -> tuple[str, str]:
    """Sign a token for this principal; makes the file when it is missing. Returns the token and its id."""
    if not 1 <= days <= TOKEN_DAYS_MAX:
        raise Invalid(f"a token lives 1 to {TOKEN_DAYS_MAX} days", code="token_lifetime")
    if principal.agent is None or principal.grant.namespaces is None:
        raise Invalid("a token names its agent and its namespaces", code="token_scope")
    with _alone(path):
        known = TokenFile.read(path) if path.exists() else TokenFile({secrets.token_hex(4): secrets.token_urlsafe(48)})
        return _signed(path, known, principal, principal.grant.namespaces, days)


def _signed(
    path: Path, known: TokenFile, principal: Principal, namespaces: tuple[tuple[str, ...], ...], days: int
) -> tuple[str, str]:
    token_id, now = secrets.token_hex(8), int(time.time())
    said: dict[str, Any] = {"sub": principal.agent, "jti": token_id, "aud": AUDIENCE}
    said |= {"iat": now, "nbf": now, "exp": now + days * DAY_S, "ns": [list(one) for one in namespaces]}
    if principal.grant.allow is not None:
        said["allow"] = [[one.region, sorted(one.operations)] for one in principal.grant.allow]
    if principal.roles:
        said["roles"] = sorted(principal.roles)
    kid, secret = list(known.keys.items())[-1]
    token = jwt.encode(said, secret, algorithm=ALGORITHM, headers={"kid": kid})
    if len(token) > TOKEN_CHARS_MAX:
        raise Invalid(f"this token would have {len(token)} characters: name fewer scopes", code="token_scope")
    replace(known, issued={**known.issued, token_id: said}).write(path)
    return token, token_id


def revoke(path: Path, token_id: str) -> None:
    """Take a token back; a running server notices within a second."""
    with _alone(path):
        known = TokenFile.read(path)
        if token_id not in known.issued:
            raise Invalid(f"no token {token_id!r} was made with this file", code="unknown_token")
        replace(known, revoked=known.revoked | {token_id}).write(path)


def claims_unproven(token: str) -> dict[str, Any]:
    """What a token says, for a person to look at: nothing is verified."""
    try:
        return dict(jwt.decode(token, options={"verify_signature": False}))
    except jwt.PyJWTError:
        raise Invalid("this is no token", code="bad_token_shown") from None


class Tokens:
    """Proves tokens against a file, read again when it changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = self._stamped()
        self._file = TokenFile.read(path)

    def principal(self, token: str) -> Principal:
        """Whose token this is. Raises `Denied`, which says of a bad token only that it is one, and of an expired one that."""
        known = self._known()
        try:
            if known is None or len(token) > TOKEN_CHARS_MAX:
                raise ValueError
            secret = known.keys[str(jwt.get_unverified_header(token)["kid"])]
            options: Any = {"require": REQUIRED}
            said = jwt.decode(token, secret, algorithms=[ALGORITHM], audience=AUDIENCE, options=options)
            principal = _principal(said)
            if principal.token in known.revoked:
                raise ValueError
        except jwt.ExpiredSignatureError:
            raise Denied("this token has expired", code="token_expired", hint="ask for a new one") from None
        except (jwt.PyJWTError, ValueError, KeyError, TypeError, Invalid):
            raise Denied("this token is not good here", code="bad_token_shown") from None
        return principal

    def is_good(self, principal: Principal) -> bool:
        """Whether what was proven at the door still holds: not expired, not revoked."""
        known = self._known()
        if known is None or principal.token is None or principal.token in known.revoked:
            return False
        return principal.expires_at is None or time.time() * 1000 < principal.expires_at

    def _known(self) -> TokenFile | None:
        """The file as it is now; None, so that nobody comes in, while it is missing, broken or open to others."""
        stamp = self._stamped()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._file = TokenFile.read(self._path)
            except Invalid:
                self._stamp = None
                return None
        return self._file if stamp is not None else None

    def _stamped(self) -> tuple[int, ...] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode)


def _principal(said: Mapping[str, Any]) -> Principal:
    namespaces = tuple(tuple(segment(part) for part in one) for one in said["ns"])
    if any(not one for one in namespaces):
        raise ValueError("an empty namespace would be all of them")
    allow = None
    if "allow" in said:
        allow = tuple(Allowance(str(region), frozenset(map(str, operations))) for region, operations in said["allow"])
    agent, roles = segment(said["sub"]), frozenset(map(str, said.get("roles", ())))
    return Principal(agent, Auth.TOKEN, Grant(namespaces, allow), roles, str(said["jti"]), int(said["exp"]) * 1000)
