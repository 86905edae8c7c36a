"""Query parameters, each read once and strictly."""

from __future__ import annotations

from starlette.requests import Request

from accordant.types.errors import Invalid
from accordant.types.limits import INTEGER_MAX

__all__ = ["flag_in", "number_in", "seconds_in", "text_in"]


def text_in(request: Request, name: str) -> str | None:
    """The text of a parameter, None when it is not there; raises `Invalid` when it is there twice."""
    found = request.query_params.getlist(name)
    if len(found) > 1:
        raise Invalid(f"{name}= is given once", code="bad_query", parameter=name)
    return found[0] if found else None


def number_in(request: Request, name: str) -> int | None:
    """The number of a parameter; raises `Invalid` for anything but digits within 2^53."""
    found = text_in(request, name)
    if found is None:
        return None
    if not (found.isascii() and found.isdigit() and len(found) <= 16 and int(found) <= INTEGER_MAX):
        raise Invalid(f"{name}= is a whole number, not {found[:40]!r}", code="bad_query", parameter=name)
    return int(found)


def seconds_in(request: Request, name: str) -> float | None:
    """The number of a parameter, with a fraction perhaps; raises `Invalid`."""
    found = text_in(request, name)
    if found is None:
        return None
    whole, _, part = found.partition(".")
    if not (found.isascii() and (whole + part).isdigit() and len(found) <= 16):
        raise Invalid(f"{name}= is a number, not {found[:40]!r}", code="bad_query", parameter=name)
    return float(found)


def flag_in(request: Request, name: str) -> bool:
    """Whether a parameter says `true` or `1`; raises `Invalid` for anything but true, false, 1, 0."""
    found = text_in(request, name)
    if found not in (None, "", "true", "false", "1", "0"):
        raise Invalid(f"{name}= is true or false", code="bad_query", parameter=name)
    return found in ("", "true", "1")
