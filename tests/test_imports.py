"""Imports point downward, pure rooms stay pure, and each foreign library enters through its own door.

import-linter holds the coarse layers. It cannot tell the pure parts of `engine` and `sync` from their edges, which
share a package; that, and what the standard library lends, is held here, module by module.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib

import pytest

from source_tree import ROOT, Import, expect_none, imports, imports_in, modules, within

LEVELS: tuple[tuple[str, ...], ...] = (
    ("accordant.__main__",),
    ("accordant.cli",),
    ("accordant.testing",),
    ("accordant.blocking",),
    ("accordant.adapters",),
    ("accordant.patterns",),
    ("accordant.semantic",),
    ("accordant.sync.server", "accordant.sync.client"),
    ("accordant.coherence_pass.runner",),
    ("accordant.engine.host",),
    ("accordant.engine.stores",),
    ("accordant.engine", "accordant.sync", "accordant.coherence_pass"),
    ("accordant.document", "accordant.engine.stores.contract"),
    ("accordant.types",),
)
"""Highest first. A module belongs to the longest name that fits; it may import its own room and lower levels only.

The stores' contract stands apart from the stores: it is what the pure engine and every store agree on.
"""

PURE = ("accordant.types", "accordant.engine", "accordant.sync", "accordant.coherence_pass")
EDGES = (
    "accordant.engine.host",
    "accordant.engine.stores",
    "accordant.sync.server",
    "accordant.sync.client",
    "accordant.coherence_pass.runner",
)

IMPURE = frozenset(
    "asyncio anyio concurrent fcntl glob http io logging multiprocessing os pathlib pickle queue random secrets select"
    " selectors shutil signal socket sqlite3 ssl subprocess tempfile threading time trio urllib uuid".split()
)
"""What a pure module must not import: all that waits, remembers, touches the machine or answers differently twice."""

DOORS = {
    "pycrdt": ("accordant.engine.crdt",),
    "apsw": ("accordant.engine.stores",),
    "jwt": ("accordant.sync.server.tokens",),
    "websockets": ("accordant.sync.server", "accordant.sync.client"),
    "starlette": ("accordant.sync.server", "accordant.adapters.knowledge_http"),
    "uvicorn": ("accordant.sync.server", "accordant.cli"),
    "prometheus_client": ("accordant.sync.server.http.metrics",),
    "uvloop": ("accordant.sync.server", "accordant.cli"),
    "typer": ("accordant.cli",),
    "rich": ("accordant.cli",),
    "langgraph": ("accordant.cli.probe_targets", "accordant.adapters"),
    "opentelemetry": ("accordant.adapters.telemetry",),
    "sentence_transformers": ("accordant.semantic.nli",),
    "torch": (),
    "numpy": ("accordant.coherence_pass.neighbours", "accordant.semantic"),
}
"""Where a foreign library may be imported, and nowhere else."""

HEAVY = frozenset(
    "torch typer rich starlette uvicorn uvloop websockets langgraph langchain_core numpy httpx opentelemetry".split()
)
"""What `import accordant` must not load."""


def room_of(module: str) -> tuple[int, str] | None:
    """Level (0 is the lowest) and room of a module; None for the package itself and rooms not in the table."""
    fitting = [
        (len(room), len(LEVELS) - 1 - depth, room)
        for depth, rooms in enumerate(LEVELS)
        for room in rooms
        if within(module, room)
    ]
    return max(fitting)[1:] if fitting else None


def complaint(found: Import) -> str | None:
    """What is wrong with an import inside the package, or None."""
    if not within(found.imported, "accordant"):
        return None
    importer, imported = room_of(found.importer), room_of(found.imported)
    if importer is None:
        return None if found.importer == "accordant" else f"{found}: the importer is in no room of LEVELS"
    if imported is None:
        high_enough = importer[1] in ("accordant.cli", "accordant.testing")
        return None if high_enough else f"{found}: only cli and testing use the public face"
    if importer[1] == imported[1] or imported[0] < importer[0]:
        return None
    return f"{found}: that is not below {importer[1]}"


def is_pure(module: str) -> bool:
    """Whether the module is in a pure room, and is none of its edges."""
    return any(within(module, room) for room in PURE) and not any(within(module, edge) for edge in EDGES)


def test_imports_point_downward() -> None:
    """A module imports its own room and lower ones: never a higher one, never a sibling."""
    expect_none((text for found in imports() if (text := complaint(found))), "upward or sideways")


def test_pure_modules_touch_nothing() -> None:
    """types, engine, sync and coherence_pass import nothing that waits, rolls dice or touches the machine."""
    guilty = []
    for found in imports():
        if is_pure(found.importer) and found.imported.split(".")[0] in IMPURE:
            guilty.append(str(found))
    expect_none(guilty, "in a pure module")


def test_pure_modules_open_no_file_and_ask_no_clock() -> None:
    """Nor do they do so without an import: no open(), no input(), no datetime.now()."""
    guilty = []
    for name, tree in modules().items():
        if not is_pure(name):
            continue
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Name(id="open" | "input" | "exec" | "eval" as act)):
                    guilty.append(f"{name}:{node.lineno} calls {act}()")
                case ast.Call(func=ast.Attribute(attr="now" | "utcnow" | "today" as act)):
                    guilty.append(f"{name}:{node.lineno} asks .{act}()")
    expect_none(guilty, "in a pure module")


@pytest.mark.parametrize("library", sorted(DOORS))
def test_a_foreign_library_enters_through_its_door(library: str) -> None:
    """pycrdt is met in one file, the store's library in the stores, and so on."""
    doors = DOORS[library]
    guilty = [
        str(found)
        for found in imports()
        if within(found.imported, library) and not any(within(found.importer, door) for door in doors)
    ]
    expect_none(guilty, "not through its door")


def test_every_foreign_library_is_declared_and_every_declared_one_is_used() -> None:
    """What src imports is in pyproject.toml, and what the core depends on is imported."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {name: listed for name, listed in project["optional-dependencies"].items() if name != "dev"}
    core = {distribution(line) for line in project["dependencies"]}
    declared = core | {distribution(line) for listed in extras.values() for line in listed}
    used = {found.imported.split(".")[0] for found in imports()} - {"accordant", *sys.stdlib_module_names}
    provided = {"langgraph": "langgraph_checkpoint", "opentelemetry": "opentelemetry_api", "jwt": "PyJWT"}
    assert {provided.get(name, name) for name in used} - declared == set(), "imported and not declared"
    assert core - used == set(), "declared for everybody and imported nowhere"


def distribution(requirement: str) -> str:
    """The import name that a requirement line stands for, as far as ours are regular."""
    name = "".join(character if character.isalnum() or character in "-_" else " " for character in requirement)
    return name.split()[0].replace("-", "_")


def test_import_accordant_is_light() -> None:
    """`import accordant` loads no web framework, no command line and no model."""
    program = "import sys, accordant; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=True)
    assert HEAVY & set(done.stdout.split()) == set()


def rejected(source: str, importer: str) -> bool:
    """Whether the layer rule objects to this source in that module."""
    names = frozenset(modules()) | {"accordant.engine.host", "accordant.sync.server", "accordant.sync.client"}
    return any(map(complaint, imports_in(importer, ast.parse(source), names)))


def test_the_layer_rule_itself_can_fail() -> None:
    """The rule sees every spelling of a forbidden import, and leaves the allowed ones alone."""
    assert rejected("import accordant.engine.host", "accordant.types.values")
    assert rejected("from accordant.engine import host", "accordant.engine.gate")
    assert rejected("def late():\n    from accordant.sync.wire import x", "accordant.engine.gate")
    assert rejected("from accordant.sync import client", "accordant.sync.server")
    assert rejected("from accordant import Engine", "accordant.engine.gate")
    assert rejected("import accordant.types.values", "accordant.attic.old")
    assert not rejected("from accordant.engine.gate import x", "accordant.engine.host")
    assert not rejected("import accordant.types.values, json", "accordant.sync.wire")
