"""Plain values: what may be stored, and the one meaning of equality.

A value is JSON: None, bool, int within 2^53, finite float, str without lone surrogates, list, dict with str keys.
Yjs hands integers back as floats and walks maps in any order, so nothing is compared or hashed except in canonical
form (RFC 8785 in spirit: sorted keys, no spaces, integral floats written as integers).
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

from accordant.types.errors import Invalid
from accordant.types.limits import INTEGER_MAX, VALUE_BYTES_MAX, VALUE_DEPTH_MAX

__all__ = ["canonical", "canonical_json", "digest", "is_text", "own_copy", "storable"]


def canonical(value: Any, depth: int = VALUE_DEPTH_MAX) -> Any:
    """The value with integral floats as ints and tuples as lists; raises `Invalid` for what JSON cannot carry."""
    if value is None or value is True or value is False:
        return value
    if type(value) is str:
        return _text(value)
    if isinstance(value, int):
        if abs(value) > INTEGER_MAX:
            raise Invalid(f"the integer {value} is beyond 2^53: send it as a string", code="integer_range")
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Invalid(f"{value!r} is not a JSON number", code="not_finite")
        return int(value) if value.is_integer() and abs(value) <= INTEGER_MAX else value
    if depth == 0:
        raise Invalid(f"the value is nested deeper than {VALUE_DEPTH_MAX}", code="too_deep")
    if isinstance(value, list | tuple):
        return [canonical(item, depth - 1) for item in value]
    if isinstance(value, dict):
        return {_key(key): canonical(item, depth - 1) for key, item in value.items()}
    if isinstance(value, str):
        return _text(str(value))
    raise Invalid(f"a {type(value).__name__} cannot be stored; use JSON values or a pydantic type", code="not_json")


def canonical_json(value: Any) -> str:
    """The one text of a canonical value: equal values give equal texts."""
    return json.dumps(canonical(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest(value: Any) -> str:
    """SHA-256 of the canonical text, in hex."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def storable(value: Any, bytes_max: int = VALUE_BYTES_MAX) -> Any:
    """The canonical value, checked against the size bound; raises `Invalid`."""
    clean = canonical(value)
    size = len(json.dumps(clean, ensure_ascii=False, separators=(",", ":")).encode())
    if size > bytes_max:
        raise Invalid(f"the value has {size} bytes, the limit is {bytes_max}", code="too_large", limit=bytes_max)
    return clean


def own_copy(value: Any) -> Any:
    """The same JSON value in lists and dicts of its own, so that whoever changes it changes nobody else's."""
    if isinstance(value, dict):
        return {key: own_copy(item) for key, item in value.items()}
    return [own_copy(item) for item in value] if isinstance(value, list) else value


def is_text(value: Any) -> bool:
    """Whether it is a string that can be written down: without lone surrogates."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def _text(value: str) -> str:
    if not is_text(value):
        raise Invalid("a string with a lone surrogate is not text", code="not_unicode")
    return value


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise Invalid(f"an object's keys are strings, not {type(key).__name__}", code="not_json")
    return _text(key)
