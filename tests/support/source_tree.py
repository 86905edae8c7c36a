"""The package's sources as the self-checks see them: parsed modules and every import in them. Judges nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement, as the importing module, the imported name and the line."""

    importer: str
    imported: str
    line: int
    name: str | None = None  # what `from imported import name` takes out of it

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


def module_name(path: Path) -> str:
    """The dotted name of a source file."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def paths() -> dict[str, Path]:
    """Every module of the package, and its file."""
    return {module_name(path): path for path in sorted(SOURCE.rglob("*.py"))}


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the package, parsed."""
    return {name: ast.parse(path.read_text(encoding="utf-8"), str(path)) for name, path in paths().items()}


def importable() -> list[str]:
    """Every module that may be imported; `__main__` is a program."""
    return [name for name in modules() if not name.endswith(".__main__")]


def imports_in(importer: str, tree: ast.Module, names: frozenset[str]) -> Iterator[Import]:
    """Every import of a module, those inside functions and under TYPE_CHECKING included."""
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                for alias in node.names:
                    yield Import(importer, alias.name, node.lineno)
            case ast.ImportFrom(level=0, module=str(module)):
                for alias in node.names:
                    whole = f"{module}.{alias.name}"
                    if whole in names:
                        yield Import(importer, whole, node.lineno)
                    else:
                        yield Import(importer, module, node.lineno, alias.name)


@cache
def imports() -> tuple[Import, ...]:
    """Every import of the package."""
    names = frozenset(modules())
    return tuple(found for name, tree in modules().items() for found in imports_in(name, tree, names))


def within(module: str, room: str) -> bool:
    """Whether the module is that room or in it."""
    return module == room or module.startswith(room + ".")


def expect_none(guilty: Iterable[str], rule: str) -> None:
    """Fail with every offender on a line of its own."""
    listed = sorted(guilty)
    assert not listed, f"{rule}:\n  " + "\n  ".join(listed)
