"""What is inside our own messages: hello, welcome, calls and their answers, as values and as JSON.

Pure. Reading raises only `AccordantError`s (`Invalid` for a body that does not fit); it trusts neither side.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, TypeGuard

from accordant.document.port import HistoryQuery
from accordant.types.commands import Committed, Question, ReadAnswer
from accordant.types.entries import Entry, entry_from, header_json
from accordant.types.errors import AccordantError, Invalid
from accordant.types.limits import (
    CAPABILITIES_MAX,
    CAPABILITY_CHARS_MAX,
    INTEGER_MAX,
    REGION_NAME_CHARS_MAX,
    REGIONS_OPEN_MAX,
    WHY_CHARS_MAX,
)
from accordant.types.namespaces import segment
from accordant.types.readings import Token
from accordant.types.regions import GUARDED_ROOT, Kind, Schema

__all__ = [
    "ACK",
    "CAPABILITIES",
    "PROTOCOL_VERSION",
    "REPLICA",
    "Acknowledged",
    "Hello",
    "Method",
    "Resume",
    "Welcome",
    "answer_from_json",
    "answer_to_json",
    "call_from_json",
    "committed_from_json",
    "committed_to_json",
    "entries_from_json",
    "entries_to_json",
    "history_from_json",
    "history_to_json",
    "merge_from_json",
    "merge_to_json",
    "question_from_json",
    "question_to_json",
    "refusal_to_json",
]

PROTOCOL_VERSION = 1
ACK = "ack"
REPLICA = "replica"
"""The whole document may be read: a client may send Step 1, and `merge`."""

CAPABILITIES = frozenset((ACK, "awareness", "calls", "refusal", REPLICA))
"""What this implementation speaks beyond y-protocols. Other names in a hello or welcome mean nothing here."""

ROLES_MAX = 64
SECRET_CHARS_MAX = 128
LEASE_MS_MAX = 86_400_000


class Method(StrEnum):
    """What a call may ask for: the methods of a document's port."""

    ASK = "ask"
    TURN = "turn"
    SUBMIT = "submit"
    MERGE = "merge"
    HISTORY = "history"
    OUTLINE = "outline"
    CUT = "cut"
    RECALL = "recall"
    CLOSE = "close"
    FOLLOW = "follow"
    EVENTS = "events"
    UNFOLLOW = "unfollow"
    END_BATCH = "end_batch"


@dataclass(frozen=True, slots=True)
class Resume:
    """The claim to a session that this client had before its connection dropped."""

    session: str
    secret: str


@dataclass(frozen=True, slots=True)
class Hello:
    """How one of our clients introduces itself. `schema`: what its class declares, None for a document without one."""

    agent: str
    roles: frozenset[str] = frozenset()
    shared: bool = False
    lease_ms: int | None = None
    schema: Schema | None = None
    resume: Resume | None = None
    read_only: bool = False
    protocol: int = PROTOCOL_VERSION
    capabilities: frozenset[str] = CAPABILITIES

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "protocol": self.protocol,
            "agent": self.agent,
            "roles": sorted(self.roles),
            "shared": self.shared,
            "read_only": self.read_only,
            "lease_ms": self.lease_ms,
            "schema": None if self.schema is None else self.schema.describe(),
            "resume": None if self.resume is None else {"session": self.resume.session, "secret": self.resume.secret},
            "capabilities": sorted(self.capabilities),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Hello:
        """The hello that `to_json` described; raises `Invalid`."""
        protocol, agent, lease_ms = body.get("protocol"), body.get("agent"), body.get("lease_ms")
        if protocol != PROTOCOL_VERSION:
            raise Invalid(
                f"this server speaks protocol {PROTOCOL_VERSION}, the client {protocol!r}", code="protocol_version"
            )
        if not isinstance(agent, str):
            raise _misfit("hello names its agent")
        if lease_ms is not None and not (_is_int(lease_ms) and 0 < lease_ms <= LEASE_MS_MAX):
            raise _misfit(f"lease_ms is a number of milliseconds up to {LEASE_MS_MAX}")
        roles, shared, schema = body.get("roles", []), body.get("shared", False), body.get("schema")
        if not (isinstance(roles, list) and len(roles) <= ROLES_MAX and all(isinstance(role, str) for role in roles)):
            raise _misfit(f"roles are at most {ROLES_MAX} names")
        read_only = body.get("read_only", False)
        if not (isinstance(shared, bool) and isinstance(read_only, bool)) or not (
            schema is None or isinstance(schema, Mapping)
        ):
            raise _misfit("shared and read_only are true or false, schema an object or null")
        return cls(
            segment(agent),
            frozenset(map(segment, roles)),
            shared,
            lease_ms,
            None if schema is None else _declared(schema),
            _resume(body.get("resume")),
            read_only,
            capabilities=_capabilities(body.get("capabilities")),
        )


def _declared(shown: Mapping[str, Any]) -> Schema:
    """The schema of a peer's class: names that a class could not declare are refused here too."""
    schema = Schema.from_description(shown)
    if len(schema.regions) > REGIONS_OPEN_MAX:
        raise Invalid(f"a schema has at most {REGIONS_OPEN_MAX} regions", code="bad_schema")
    for name in schema.regions:
        if not 0 < len(name) <= REGION_NAME_CHARS_MAX or name == GUARDED_ROOT:
            raise Invalid(f"{name[:REGION_NAME_CHARS_MAX]!r} cannot be a region's name", code="bad_region_name")
    return schema


def _capabilities(data: Any) -> frozenset[str]:
    """Those of them that mean something here; a side that names none has all of them."""
    if data is None:
        return CAPABILITIES
    if not (isinstance(data, list) and len(data) <= CAPABILITIES_MAX and all(map(_is_capability, data))):
        raise _misfit(f"capabilities are at most {CAPABILITIES_MAX} names")
    return CAPABILITIES.intersection(data)


def _is_capability(name: Any) -> bool:
    return isinstance(name, str) and len(name) <= CAPABILITY_CHARS_MAX


def _resume(data: Any) -> Resume | None:
    match data:
        case None:
            return None
        case {"session": str(session), "secret": str(secret)} if max(len(session), len(secret)) <= SECRET_CHARS_MAX:
            return Resume(session, secret)
    raise _misfit("resume has a session and its secret")


@dataclass(frozen=True, slots=True)
class Welcome:
    """The answer to a hello. `resumed`: the session is the one from before, and its readings are still good."""

    session: str
    secret: str
    generation: int
    epoch: int
    incarnation: str
    version: int
    schema: Schema
    resumed: bool
    grace_s: float
    capabilities: frozenset[str] = CAPABILITIES

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "protocol": PROTOCOL_VERSION,
            "session": self.session,
            "secret": self.secret,
            "generation": self.generation,
            "epoch": self.epoch,
            "incarnation": self.incarnation,
            "version": self.version,
            "schema": self.schema.describe(),
            "resumed": self.resumed,
            "grace_s": self.grace_s,
            "capabilities": sorted(self.capabilities),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Welcome:
        """The welcome that `to_json` described; raises `Invalid`."""
        match body:
            case {
                "session": str(session),
                "secret": str(secret),
                "generation": int(generation),
                "epoch": int(epoch),
                "incarnation": str(incarnation),
                "version": int(version),
                "schema": dict(schema),
                "resumed": bool(resumed),
                "grace_s": int() | float() as grace_s,
            }:
                known, able = Schema.from_description(schema), _capabilities(body.get("capabilities"))
                grace = float(grace_s)
                return cls(session, secret, generation, epoch, incarnation, version, known, resumed, grace, able)
        raise _misfit("not a welcome")


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The oldest `count` updates of this connection without an answer are durable; all of them are part of `version`."""

    version: int
    count: int

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"version": self.version, "count": self.count}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Acknowledged:
        """The acknowledgement that `to_json` described; raises `Invalid`."""
        version, count = body.get("version"), body.get("count")
        if _is_int(version) and _is_int(count) and 0 <= version <= INTEGER_MAX and 1 <= count <= INTEGER_MAX:
            return cls(version, count)
        raise _misfit("an acknowledgement has a version and a count")


def refusal_to_json(error: AccordantError) -> dict[str, Any]:
    """Why an update was refused. `code`, `path` and `reason` stand apart for peers that know no error classes."""
    path = error.fields.get("path")
    shown = path if isinstance(path, str) else None
    return {"code": error.code, "path": shown, "reason": error.message, "error": error.to_dict()}


# -- calls ----------------------------------------------------------------------------------------------------


def call_from_json(body: Mapping[str, Any]) -> tuple[int, Method, Mapping[str, Any]]:
    """The id, method and arguments of a call; raises `Invalid`."""
    match body:
        case {"id": int(call), "method": str(method), "body": dict(arguments)}:
            if not (_is_int(call) and 0 <= call <= INTEGER_MAX) or method not in tuple(Method):
                raise _misfit(f"a call has a number as id and one of {', '.join(Method)} as method")
            return call, Method(method), arguments
    raise _misfit("a call has an id, a method and a body")


def question_to_json(question: Question) -> dict[str, Any]:
    """As JSON values."""
    return {
        "region": question.region,
        "kind": question.kind.value,
        "key": question.key,
        "at_least": question.at_least,
        **({} if question.known is None else {"known": question.known}),
        **({} if question.since is None else {"since": question.since}),
    }


def question_from_json(body: Mapping[str, Any]) -> Question:
    """The question of `question_to_json`; raises `Invalid`."""
    region, kind, key, at_least = body.get("region"), body.get("kind"), body.get("key"), body.get("at_least")
    if not isinstance(region, str) or kind not in tuple(Kind) or not (key is None or isinstance(key, str)):
        raise _misfit("a question names a region, its kind and perhaps a key")
    if at_least is not None and not _is_int(at_least):
        raise _misfit("at_least is a version")
    known, since = body.get("known"), body.get("since")
    if not all(version is None or _is_int(version) for version in (known, since)):
        raise _misfit("known and since are versions")
    return Question(region, Kind(kind), key, at_least, known, since=since)


def answer_to_json(answer: ReadAnswer) -> dict[str, Any]:
    """As JSON values."""
    return {
        "value": answer.value,
        "token": answer.token.to_list(),
        "path": answer.path,
        "by": answer.by,
        "at": answer.at,
        "entries": None if answer.entries is None else [list(row) for row in answer.entries],
        "claim": None if answer.claim is None else dict(answer.claim),
        **({} if answer.marks is None else {"marks": {ref: list(mark) for ref, mark in answer.marks.items()}}),
        **({"unchanged": True} if answer.is_unchanged else {}),
        **({"since": answer.since} if answer.since else {}),
    }


def answer_from_json(body: Any) -> ReadAnswer:
    """The answer of `answer_to_json`; raises `Invalid`."""
    match body:
        case {"value": value, "token": token, "path": str(path), "by": by, "at": at, "entries": rows, "claim": claim}:
            entries = None if rows is None else tuple(map(tuple, rows))
            marks, unchanged = _marks(body.get("marks")), body.get("unchanged") is True
            since = body.get("since", 0)
            if not _is_int(since):
                raise _misfit("since is a version")
            return ReadAnswer(value, Token.from_list(token), path, by, at, entries, claim, marks, unchanged, since)
    raise _misfit("not an answer")


def _marks(rows: Any) -> dict[str, tuple[str, str | None]] | None:
    if rows is None:
        return None
    try:
        return {str(ref): (str(status), because) for ref, (status, because) in rows.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise _misfit("marks are (status, because) by ref") from error


def committed_to_json(committed: Committed) -> dict[str, Any]:
    """As JSON values."""
    return {
        "version": committed.version,
        "refs": [list(refs) for refs in committed.refs],
        "duplicate": committed.duplicate,
        "answers": [None if answer is None else answer_to_json(answer) for answer in committed.answers],
    } | ({} if committed.info is None else {"info": dict(committed.info)})


def committed_from_json(body: Any) -> Committed:
    """What `committed_to_json` described; raises `Invalid`."""
    match body:
        case {"version": int(version), "refs": list(refs), "duplicate": bool(duplicate), "answers": list(answers)}:
            read = tuple(None if answer is None else answer_from_json(answer) for answer in answers)
            info = body.get("info")
            if not (info is None or isinstance(info, Mapping)):
                raise _misfit("info is an object")
            return Committed(version, tuple(tuple(map(str, one)) for one in refs), duplicate, read, info=info)
    raise _misfit("not the outcome of a submission")


def merge_to_json(update: bytes, op_id: str, why: str | None) -> dict[str, Any]:
    """As JSON values."""
    return {"update": base64.b64encode(update).decode(), "op_id": op_id, "why": why}


def merge_from_json(body: Mapping[str, Any]) -> tuple[bytes, str, str | None]:
    """The update, op id and reason of `merge_to_json`; raises `Invalid`."""
    match body:
        case {"update": str(update), "op_id": str(op_id)} if 0 < len(op_id) <= 128:
            why = body.get("why")
            if why is not None and not (isinstance(why, str) and len(why) <= WHY_CHARS_MAX):
                raise _misfit(f"why is a text of at most {WHY_CHARS_MAX} characters")
            try:
                return base64.b64decode(update, validate=True), op_id, why
            except ValueError as error:
                raise _misfit("an update is base64") from error
    raise _misfit("a merge has an update and an op id")


_TEXT_CONDITIONS = ("path", "actor", "kind", "outcome")
_NUMBER_CONDITIONS = ("since", "until", "before")


def history_to_json(query: HistoryQuery) -> dict[str, Any]:
    """As JSON values."""
    return {one.name: getattr(query, one.name) for one in fields(query)}


def history_from_json(body: Mapping[str, Any]) -> HistoryQuery:
    """The query of `history_to_json`; raises `Invalid`."""
    for name in _TEXT_CONDITIONS:
        if not (body.get(name) is None or isinstance(body[name], str)):
            raise _misfit(f"{name} is a text")
    for name in _NUMBER_CONDITIONS:
        if not (body.get(name) is None or _is_int(body[name])):
            raise _misfit(f"{name} is a number")
    limit, oldest_first = body.get("limit", 100), body.get("oldest_first", False)
    if not _is_int(limit) or not isinstance(oldest_first, bool):
        raise _misfit("limit is a number, oldest_first true or false")
    conditions = {name: body.get(name) for name in (*_TEXT_CONDITIONS, *_NUMBER_CONDITIONS)}
    return HistoryQuery(**conditions, limit=limit, oldest_first=oldest_first)


def entries_to_json(entries: Sequence[Entry]) -> list[Any]:
    """Log entries as [offset, header, hash]; the bytes of updates stay at the authority."""
    return [[entry.offset, json.loads(header_json(entry)), entry.hash.hex()] for entry in entries]


def entries_from_json(body: Any) -> list[Entry]:
    """The entries of `entries_to_json`, without update bytes; raises `Invalid`."""
    try:
        return [entry_from(offset, json.dumps(header), None, bytes.fromhex(digest)) for offset, header, digest in body]
    except (TypeError, ValueError, KeyError) as error:
        raise _misfit(f"not log entries: {error}") from error


def _is_int(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _misfit(text: str) -> Invalid:
    return Invalid(text, code="bad_command")
