"""Where a document lives: a typed value that is compared segment by segment (I11), never assembled from strings."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from accordant.types.errors import Invalid
from accordant.types.limits import SEGMENT_CHARS_MAX

__all__ = ["DocumentKey", "Namespace", "segment"]

_FORBIDDEN = frozenset("/\\\0")


def segment(text: str) -> str:
    """A checked segment of a path: returns it as it is, raises `Invalid` where it could be mistaken for another.

    Any printable Unicode in normal form C is allowed, case matters, and nothing is folded or repaired silently: a name
    that would need repair is refused, so that two spellings can never meet in one place.
    """
    if not isinstance(text, str) or not text:
        raise Invalid("a name may not be empty", code="bad_name")
    if len(text) > SEGMENT_CHARS_MAX:
        raise Invalid(f"a name has at most {SEGMENT_CHARS_MAX} characters", code="bad_name", name=text[:40])
    if text in (".", "..") or text != text.strip():
        raise Invalid(f"{text!r} is not a name: no dots alone, no spaces at the ends", code="bad_name", name=text)
    if any(c in _FORBIDDEN or unicodedata.category(c) in ("Cc", "Cs", "Cf", "Zl", "Zp", "Cn") for c in text):
        raise Invalid(f"{text!r} has a separator or an invisible character", code="bad_name", name=repr(text))
    if unicodedata.normalize("NFC", text) != text:
        raise Invalid(f"{text!r} is not in Unicode normal form C", code="bad_name", name=text)
    return text


Segment = Annotated[str, AfterValidator(segment)]


class Namespace(BaseModel):
    """One of three scopes. Build it with `task`, `role` or `shared`; `path` is for URLs and display only.

    `Namespace.task("acme", "q3").path` is `acme/task/q3`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    scope: Literal["task", "role", "shared"]
    tenant: Segment
    name: Segment

    @classmethod
    def task(cls, tenant: str, task: str) -> Namespace:
        """The scratchpad of one task of one tenant."""
        return cls._of("task", tenant, task)

    @classmethod
    def role(cls, tenant: str, role: str) -> Namespace:
        """What all agents of one role share within a tenant."""
        return cls._of("role", tenant, role)

    @classmethod
    def shared(cls) -> Namespace:
        """Reviewed prior art across tenants."""
        return cls._of("shared", "system", "shared")

    @classmethod
    def _of(cls, scope: str, tenant: str, name: str) -> Namespace:
        if scope != "shared" and tenant == "system":
            raise Invalid("the tenant name 'system' is reserved", code="bad_name", name=tenant)
        try:
            return cls(scope=scope, tenant=tenant, name=name)  # type: ignore[arg-type]
        except ValidationError as error:
            raise Invalid(f"not a namespace: {error.errors()[0]['msg']}", code="bad_name") from error

    @classmethod
    def parse(cls, path: str) -> Namespace:
        """The namespace of a URL path `<tenant>/task/<id>`, `<tenant>/role/<role>` or `system/shared`."""
        return cls.from_segments(tuple(path.split("/")))

    @classmethod
    def from_segments(cls, segments: tuple[str, ...]) -> Namespace:
        """The namespace of whole segments; raises `Invalid` for anything but the three shapes."""
        match segments:
            case ("system", "shared"):
                return cls.shared()
            case (tenant, "task", task):
                return cls.task(tenant, task)
            case (tenant, "role", role):
                return cls.role(tenant, role)
        raise Invalid(
            "a namespace is <tenant>/task/<id>, <tenant>/role/<role> or system/shared",
            code="bad_name",
            name="/".join(map(str, segments))[:200],
        )

    @classmethod
    def from_tuple(cls, labels: tuple[str, ...]) -> Namespace:
        """From the tuple other stores use: ("tenant", t, "task", k), ("tenant", t, "role", r), ("system", "shared")."""
        match labels:
            case ("tenant", tenant, "task" | "role" as scope, name):
                return cls._of(scope, tenant, name)
            case ("system", "shared"):
                return cls.shared()
        raise Invalid(f"{labels!r} is not a whole namespace tuple", code="bad_name")

    def as_tuple(self) -> tuple[str, ...]:
        """The tuple that `from_tuple` reads back."""
        if self.scope == "shared":
            return ("system", "shared")
        return ("tenant", self.tenant, self.scope, self.name)

    @property
    def segments(self) -> tuple[str, ...]:
        """The whole segments, in order."""
        return ("system", "shared") if self.scope == "shared" else (self.tenant, self.scope, self.name)

    @property
    def path(self) -> str:
        """For URLs and people. Never compare or search these: compare namespaces."""
        return "/".join(self.segments)

    def __str__(self) -> str:
        return self.path


class DocumentKey(BaseModel):
    """A document's identity: its namespace and its name."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    namespace: Namespace
    name: Segment

    @classmethod
    def of(cls, namespace: Namespace, name: str) -> DocumentKey:
        """Checked; raises `Invalid`."""
        if not isinstance(namespace, Namespace):
            raise Invalid("a namespace is a Namespace, not text: Namespace.task(tenant, task)", code="bad_name")
        return cls(namespace=namespace, name=segment(name))

    @classmethod
    def parse(cls, path: str) -> DocumentKey:
        """The key of `<namespace>/<document>` as in URLs and command lines."""
        *namespace, name = path.split("/")
        return cls.of(Namespace.from_segments(tuple(namespace)), name)

    @property
    def path(self) -> str:
        """`<namespace>/<document>`, unique because no segment can hold a slash."""
        return "/".join((*self.namespace.segments, self.name))

    def __str__(self) -> str:
        return self.path

    def __hash__(self) -> int:
        return hash(self.path)
