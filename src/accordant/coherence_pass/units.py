"""Units of measure: their names, their dimension, their size in the dimension's base unit. A table and one look-up.

Knows nothing of sentences. A letter that means several units ("m") is left out on purpose: no unit beats a wrong one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["Unit", "unit_named", "unit_pattern"]


@dataclass(frozen=True, slots=True)
class Unit:
    """`factor` base units of `dimension`; `slack`: how far an equal amount in another unit may be off (1 GB, 1 GiB)."""

    dimension: str
    factor: float
    slack: float = 0.001


_DAY: Final = 86_400.0
_TIME: Final = {
    "ns nanosecond nanoseconds": 1e-9, "us µs microsecond microseconds": 1e-6, "ms msec millisecond milliseconds": 1e-3,
    "s sec secs second seconds": 1.0, "min mins minute minutes": 60.0, "h hr hrs hour hours": 3_600.0,
    "d day days": _DAY, "week weeks wk wks": 7 * _DAY,
}  # fmt: skip
_LONG_TIME: Final = {"month months": 30.44 * _DAY, "year years yr yrs": 365.25 * _DAY}
_SIZE: Final = {"byte bytes": 1.0, "bit bits": 0.125}
_PREFIXES: Final = (
    ("k", "kilo", 1e3), ("m", "mega", 1e6), ("g", "giga", 1e9), ("t", "tera", 1e12), ("p", "peta", 1e15),
)  # fmt: skip
_OTHER: Final = {
    "percent": ("% percent pct", 1.0), "basis": ("bps bp", 0.01), "points": ("pp pts", 1.0),
    "$": ("$ usd dollar dollars", 1.0), "€": ("€ eur euro euros", 1.0), "£": ("£ gbp pound pounds", 1.0),
    "celsius": ("°c", 1.0), "fahrenheit": ("°f", 1.0), "length": ("metre metres meter meters", 1.0),
}  # fmt: skip
_LENGTH: Final = {"km kilometre kilometres kilometer kilometers": 1e3, "cm": 1e-2, "mm": 1e-3, "mile miles": 1609.34}
_MASS: Final = {"kg kilogram kilograms": 1.0, "tonne tonnes": 1e3, "g gram grams": 1e-3}
_RATE: Final = {"rps qps tps": 1.0, "hz": 1.0, "khz": 1e3, "mhz": 1e6, "ghz": 1e9}


def _table() -> dict[str, Unit]:
    table: dict[str, Unit] = {}

    def put(names: str, unit: Unit) -> None:
        for name in names.split():
            table[name] = unit

    for names, factor in _TIME.items():
        put(names, Unit("time", factor))
    for names, factor in _LONG_TIME.items():
        put(names, Unit("time", factor, slack=0.1))
    for names, factor in _SIZE.items():
        put(names, Unit("size", factor, slack=0.11))
    for letter, prefix, factor in _PREFIXES:
        put(f"{letter}b {letter}ib {prefix}byte {prefix}bytes", Unit("size", factor, slack=0.11))
        put(f"{letter}bit {letter}bits {prefix}bit {prefix}bits", Unit("size", factor / 8, slack=0.11))
        put(f"{letter}bps", Unit("size/time", factor / 8, slack=0.11))
    for dimension, (names, factor) in _OTHER.items():
        put(names, Unit("percent" if dimension == "basis" else dimension, factor))
    for dimension, group in (("length", _LENGTH), ("mass", _MASS), ("count/time", _RATE)):
        for names, factor in group.items():
            put(names, Unit(dimension, factor))
    return table


_UNITS: Final = _table()


def unit_named(name: str) -> Unit | None:
    """The unit of that name, in any case of letters, or None."""
    return _UNITS.get(name.lower())


def unit_pattern() -> str:
    """A regular expression that matches any unit's name, longest first."""
    return "|".join(sorted(map(_escaped, _UNITS), key=len, reverse=True))


def _escaped(name: str) -> str:
    return name.replace("$", r"\$").replace(".", r"\.")
