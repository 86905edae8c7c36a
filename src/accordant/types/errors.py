"""The one error tree. A class says who is at fault and whether trying again can help; fields carry the facts.

    AccordantError
    |- Conflict        somebody else's write landed first        retryable: read again
    |- StaleRead       something this write was derived from has changed   retryable: read again
    |- Fenced          the generation of this reader has ended   not retryable: join again, read again
    |  `- EpochChanged the authority was restarted or replaced   not retryable with this token: read again
    |- Denied          a rule forbids it                         not retryable
    |- Invalid         the value or the call does not fit        not retryable
    |  `- SchemaError  the document class itself is wrong        not retryable
    |- NoAuthority     nobody, or somebody else, may decide now  retryable: later
    |- SnapshotExpired that version is no longer kept            not retryable
    |- Runaway         what fires on a board brings nothing new   not retryable: break the cycle that it names
    |- StoreError      the log could not be read or written      see `landed`: False, or None for unknown
    `- WireError       bytes from a peer do not decode           not retryable

Every error has `status` (the outcome's name on every other surface), a stable `code`, `retryable`, `fields` (plain
JSON values) and a text that is built from them and says what to do next. `to_dict` / `from_dict` carry it over a wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

__all__ = [
    "AccordantError",
    "Conflict",
    "Denied",
    "EpochChanged",
    "Fenced",
    "Invalid",
    "NoAuthority",
    "Runaway",
    "SchemaError",
    "SnapshotExpired",
    "StaleRead",
    "StoreError",
    "WireError",
]


class AccordantError(Exception):
    """Base of everything this package raises on purpose."""

    status: ClassVar[str] = "error"
    code_default: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False
    hint: ClassVar[str] = ""

    def __init__(self, message: str, *, code: str | None = None, **fields: Any) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code_default
        self.fields: dict[str, Any] = fields

    def __str__(self) -> str:
        hint = self.fields.get("hint") or self.hint
        return f"{self.message} ({hint})" if hint else self.message

    def __getattr__(self, name: str) -> Any:
        fields = self.__dict__.get("fields", {})
        if name in fields:
            return fields[name]
        raise AttributeError(f"{type(self).__name__} has no field {name!r}; it has {sorted(fields)}")

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, self.code, self.fields))

    def to_dict(self) -> dict[str, Any]:
        """The error as JSON values: `type`, `status`, `code`, `retryable`, `message` and the fields."""
        return {
            "type": type(self).__name__,
            "status": self.status,
            "code": self.code,
            "retryable": self.retryable,
            "message": self.message,
            "fields": {name: value for name, value in self.fields.items() if _is_json(value)},
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> AccordantError:
        """The error that `to_dict` described; an unknown type becomes the base class. Raises nothing."""
        kind = _BY_NAME.get(str(data.get("type")), AccordantError)
        found = data.get("fields")
        error = kind(str(data.get("message", "unknown error")), code=str(data.get("code") or kind.code_default))
        # Not as keyword arguments: a field from a wire may be called `message` or `code`.
        error.fields.update({str(name): value for name, value in found.items()} if isinstance(found, Mapping) else {})
        return error


class Conflict(AccordantError):
    """Compare-and-swap lost: the field moved since it was read (I4).

    Fields: `path`, `reason`, `yours` (the version expected), `current` (the version now), `value` (now), `changed_by`,
    `at` (milliseconds, when it changed), `recover`; `reading` is a fresh `Reading` to derive from.
    """

    status = "conflict"
    code_default = "stale_version"
    retryable = True
    hint = "derive again from .reading and commit with expect=it"

    @property
    def version(self) -> int | None:
        """The current version: the log offset of the write that won."""
        return self.fields.get("current")

    @property
    def writer(self) -> str | None:
        """Who wrote the current version."""
        return self.fields.get("changed_by")


class StaleRead(AccordantError):
    """Something in `derived_from` is no longer current (I5). Fields: `stale`: [{path, yours, current, changed_by}]."""

    status = "stale"
    code_default = "stale_basis"
    retryable = True
    hint = "read those again and derive again"


class Fenced(AccordantError):
    """The generation that made this reading, or this session, has ended (I6): its writes never land again."""

    status = "fenced"
    code_default = "stale_read_generation"
    hint = "join again, read again, derive again"

    @classmethod
    def ended(cls, **fields: Any) -> Self:
        """Why a session is refused that has ended, whoever says so."""
        return cls("this session has ended: its generation was fenced, replaced, closed or ran out", **fields)


class EpochChanged(Fenced):
    """The reading comes from another epoch or incarnation of the document: a restart, a take-over or a restore."""

    code_default = "epoch_changed"
    hint = "read again: the authority has changed since"


class Denied(AccordantError):
    """A rule forbids this operation to this agent. Fields: usually `path`, `operation`, `agent`."""

    status = "denied"
    code_default = "denied"


class Invalid(AccordantError):
    """The value, name or call does not fit; nothing was changed."""

    status = "invalid"
    code_default = "invalid"


class SchemaError(Invalid, TypeError):
    """A `Document` class that cannot work; raised where the class is defined."""

    code_default = "schema"


class NoAuthority(AccordantError):
    """Nobody here may decide for this document now: another process holds the lease, or we are offline."""

    status = "denied"
    code_default = "no_authority"
    retryable = True
    hint = "connect to the process that holds it, or try again when its lease has run out"


class SnapshotExpired(AccordantError):
    """That version is older than what the store keeps; nothing newer is served in its place."""

    status = "invalid"
    code_default = "snapshot_expired"


class Runaway(AccordantError):
    """The knowledge sources of a board only wake one another: nothing new came of them for many rounds.

    Fields: `cycle` (who fires in turn, by name), `fired` (the firings of those rounds, as JSON values), `rounds` (how many rounds
    were played), `stalled` (the last ones of them, without anything new). `run` is the `Run` up to there, where it was raised.
    """

    status = "error"
    code_default = "runaway"
    hint = "sharpen a precondition so that one of the cycle stops; ignore= names regions that are no news"
    run: Any = None


class StoreError(AccordantError):
    """The log failed. `landed` is False when nothing was written, None when that is unknown (retry with the same id)."""

    status = "error"
    code_default = "store"


class WireError(AccordantError):
    """Bytes from outside that do not decode, or break the protocol. The only error a parser may raise."""

    status = "invalid"
    code_default = "malformed"


def _rebuild(kind: type[AccordantError], message: str, code: str, fields: dict[str, Any]) -> AccordantError:
    return kind(message, code=code, **fields)


def _is_json(value: Any) -> bool:
    if value is None or isinstance(value, str | int | float | bool):
        return True
    if isinstance(value, list | tuple):
        return all(map(_is_json, value))
    return isinstance(value, dict) and all(isinstance(k, str) and _is_json(v) for k, v in value.items())


def _tree(kind: type[AccordantError]) -> dict[str, type[AccordantError]]:
    return {kind.__name__: kind} | {name: sub for child in kind.__subclasses__() for name, sub in _tree(child).items()}


_BY_NAME = _tree(AccordantError)
