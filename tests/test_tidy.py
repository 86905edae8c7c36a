"""The repository checks its own habits: sizes, docstrings, exports, bounds, links, and of what it speaks."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from source_tree import ROOT, expect_none, importable, imports, modules, paths, within

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70

IGNORED_FOLDERS = frozenset({".venv", ".git", "node_modules", "dist", "build"})
"""Not ours, or made from what is ours; so are caches, whatever they are called."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def files(*patterns: str) -> list[Path]:
    """Our own files of those patterns, wherever they are."""
    found = {path for pattern in patterns for path in ROOT.rglob(pattern) if path.is_file()}
    return sorted(path for path in found if not any(map(ignored, path.relative_to(ROOT).parts[:-1])))


def ignored(folder: str) -> bool:
    """Whether nothing in a folder of this name is ours."""
    return folder in IGNORED_FOLDERS or folder.endswith(("_cache", "__pycache__", ".egg-info", ".hypothesis"))


def shown(path: Path, line: int | None = None) -> str:
    """The path as a reader would click it."""
    return f"{path.relative_to(ROOT)}" + (f":{line}" if line else "")


def documents() -> list[Path]:
    """README.md and everything in docs."""
    return [path for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))] if path.exists()]


# -- sources -------------------------------------------------------------------------------------------------------


def test_every_module_says_what_it_owns() -> None:
    """Every module opens with a docstring, and every folder of the package is a package."""
    expect_none((name for name, tree in modules().items() if not ast.get_docstring(tree)), "no docstring")
    folders = {path.parent for path in paths().values()}
    expect_none((shown(folder) for folder in folders if not (folder / "__init__.py").exists()), "no __init__.py")


def test_files_and_functions_stay_short() -> None:
    """No file is longer than 500 lines, no function longer than 70."""
    too_long = [
        shown(path) for path in paths().values() if len(path.read_text(encoding="utf-8").splitlines()) > FILE_LINES_MAX
    ]
    for name, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, Function) and (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES_MAX:
                too_long.append(f"{shown(paths()[name], node.lineno)} {node.name}")
    expect_none(too_long, "too long")


def test_only_the_command_line_prints() -> None:
    """Nothing outside cli writes to standard output: a library is silent."""
    guilty = [
        shown(paths()[name], node.lineno)
        for name, tree in modules().items()
        if not within(name, "accordant.cli")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    expect_none(guilty, "prints")


def test_all_names_what_is_there() -> None:
    """Every name in an `__all__` exists, once, and nothing private is in it."""
    wrong = []
    for name in importable():
        exported = getattr(importlib.import_module(name), "__all__", [])
        wrong += [f"{name}: {one} is listed twice" for one in set(exported) if exported.count(one) > 1]
        wrong += [f"{name}: {one}" for one in exported if one.startswith("_") or not has(name, one)]
    expect_none(wrong, "not what is there")


def has(module: str, name: str) -> bool:
    """Whether the module has that attribute, lazy ones included."""
    return hasattr(importlib.import_module(module), name)


def test_what_others_import_is_exported() -> None:
    """A name that another module takes is in the `__all__` of the module that gives it, and is not private."""
    guilty = []
    for found in imports():
        if found.name is None or found.imported not in modules() or within(found.importer, found.imported):
            continue
        exported = getattr(importlib.import_module(found.imported), "__all__", None)
        if found.name.startswith("_") or (exported is not None and found.name not in exported):
            guilty.append(f"{shown(paths()[found.importer], found.line)} takes {found.name} from {found.imported}")
    expect_none(guilty, "takes what is not exported")


def test_no_module_is_dead() -> None:
    """Every module is imported, or loaded by its name, somewhere else: in the package, a test or a demonstration."""
    used = {found.imported for found in imports()}
    texts = {path: path.read_text(encoding="utf-8") for path in files("*.py")}
    dead = [
        name
        for name, path in paths().items()
        if name not in used
        and path.name not in ("__init__.py", "__main__.py")
        and not any(re.search(rf"\b{re.escape(name)}\b", text) for other, text in texts.items() if other != path)
    ]
    expect_none(dead, "imported by nobody")


# -- bounds --------------------------------------------------------------------------------------------------------


def limits() -> Iterator[tuple[str, bool]]:
    """Every bound, and whether it (or the group that it stands in) is followed by a docstring."""
    group: list[str] = []
    for node in modules()["accordant.types.limits"].body:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                group.append(name)
            case ast.Expr(value=ast.Constant(value=str())):
                yield from ((name, True) for name in group)
                group = []
            case _:
                yield from ((name, False) for name in group)
                group = []
    yield from ((name, False) for name in group)


def test_every_bound_has_its_reason() -> None:
    """Every number in types/limits.py says why it is that number."""
    found = dict(limits())
    assert len(found) > 20
    expect_none((name for name, has_reason in found.items() if not has_reason), "no reason given")


def test_every_bound_is_enforced_somewhere() -> None:
    """A bound that no code reads would be a promise without a keeper."""
    text = "\n".join(path.read_text(encoding="utf-8") for name, path in paths().items() if "limits" not in name)
    expect_none((name for name, _ in limits() if not re.search(rf"\b{name}\b", text)), "read by nobody")


# -- tests ---------------------------------------------------------------------------------------------------------


def test_every_test_states_its_promise() -> None:
    """A test's docstring says in one sentence what the product promises; every test file says what it covers."""
    silent = []
    for path in files("tests/**/test_*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if not ast.get_docstring(tree):
            silent.append(shown(path))
        for node in ast.walk(tree):
            if isinstance(node, Function) and node.name.startswith("test_") and not ast.get_docstring(node):
                silent.append(f"{shown(path, node.lineno)} {node.name}")
    expect_none(silent, "no docstring")


# -- the command line ----------------------------------------------------------------------------------------------


def commands(command: Any, *words: str) -> Iterator[tuple[str, Any]]:
    """Every command that can be run, by its words. (Typer's command classes are its own: only their shape counts.)"""
    if not hasattr(command, "list_commands"):
        if not command.hidden:
            yield " ".join(words), command
        return
    for name in command.list_commands(None):  # no context: our groups load their commands without asking for one
        yield from commands(command.get_command(None, name), *words, name)


def test_every_command_helps() -> None:
    """Every command explains itself and shows an example, and every argument and option says what it means."""
    app = importlib.import_module("accordant.cli.main").app
    found = dict(commands(typer.main.get_command(app)))
    assert found
    wrong = [f"{name}: no help" for name, command in found.items() if not command.help]
    wrong += [
        f"{name}: no example" for name, command in found.items() if f"accordant {name}" not in (command.help or "")
    ]
    wrong += [
        f"{name}: {parameter.name} has no help"
        for name, command in found.items()
        for parameter in command.params
        if not getattr(parameter, "help", None)
    ]
    expect_none(wrong, "not helpful")


def test_every_command_is_documented() -> None:
    """Every command appears in README.md or docs as it is typed."""
    app = importlib.import_module("accordant.cli.main").app
    text = "\n".join(path.read_text(encoding="utf-8") for path in documents())
    names = [name for name, _ in commands(typer.main.get_command(app))]
    expect_none((name for name in names if f"accordant {name}" not in text), "in no document")


# -- documents -----------------------------------------------------------------------------------------------------

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
BENCH = re.compile(r"\bbench/[\w/]+\.py\b")


def anchors(path: Path) -> set[str]:
    """The anchors of a Markdown file's headings, as they are commonly derived."""
    headings = re.findall(r"^#+ +(.+?) *$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(path: Path) -> Iterator[str]:
    """The links of a Markdown file that lead nowhere inside the repository."""
    for target in LINK.findall(path.read_text(encoding="utf-8")):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        other = (path.parent / name).resolve() if name else path
        if not other.exists() or (anchor and other.suffix == ".md" and anchor not in anchors(other)):
            yield f"{shown(path)}: {target}"


def test_links_lead_somewhere() -> None:
    """Every relative link of a Markdown file leads to a file, and to a heading in it."""
    expect_none((broken for path in files("*.md") for broken in broken_links(path)), "leads nowhere")


def test_measurements_name_scripts_that_exist() -> None:
    """A document that cites a measurement's script cites one that is there."""
    missing = set()
    for path in files("*.md", "*.py"):
        cited = BENCH.findall(path.read_text(encoding="utf-8"))
        missing |= {f"{shown(path)}: {name}" for name in cited if not (ROOT / name).exists()}
    expect_none(missing, "no such script")


PROOF = re.compile(r"`(tests/[\w./]+)`")


def has_tests(place: str) -> bool:
    """Whether this file, or one of this folder, holds a test."""
    path = ROOT / place
    found = sorted(path.rglob("test_*.py")) if path.is_dir() else [path]
    return any(
        one.is_file() and re.search(r"^(async )?def test_", one.read_text("utf-8"), re.MULTILINE) for one in found
    )


def test_guarantees_name_tests_that_exist() -> None:
    """Whatever README.md guarantees or detects names its tests, and every test that a document names is there."""
    missing = {
        f"{shown(path)}: {place}"
        for path in documents()
        for place in PROOF.findall(path.read_text(encoding="utf-8"))
        if not has_tests(place)
    }
    expect_none(missing, "holds no test")
    rows = [line for line in (ROOT / "README.md").read_text("utf-8").splitlines() if line.startswith("| guaranteed |")]
    rows += [line for line in (ROOT / "README.md").read_text("utf-8").splitlines() if line.startswith("| detected")]
    assert len(rows) > 20
    expect_none((row for row in rows if not PROOF.search(row)), "names no test")


def test_the_change_log_knows_this_version() -> None:
    """CHANGELOG.md has a section for the version in pyproject.toml, and the package reports that version."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert re.search(rf"^## {re.escape(version)}\b", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert importlib.import_module("accordant").__version__ == version


def test_every_dependency_has_its_reason() -> None:
    """Every line of a dependency list in pyproject.toml has a comment beside it or above it."""
    lists = re.findall(
        r"^(?:dependencies|\w+) = \[\n(.*?)^\]",
        (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("[project.scripts]")[0].split("classifiers")[1],
        re.MULTILINE | re.DOTALL,
    )
    assert len(lists) >= 3
    silent = []
    for block in lists:
        lines = block.splitlines()
        silent += [
            line.strip()
            for above, line in zip(["", *lines], lines, strict=False)
            if line.strip().startswith('"') and "#" not in line and not above.strip().startswith("#")
        ]
    expect_none((line for line in silent if not line.startswith('"accordant[')), "no reason given")


# -- what the project does not speak of ----------------------------------------------------------------------------

FOREIGN = {
    # Spelled in two halves, so that this file does not accuse itself.
    "a path of somebody's machine": re.compile(r"(?<![\w.])/(?:wo" + r"rk|ro" + r"ot|ho" + r"me|Us" + r"ers)/\w"),
    "a package index": re.compile(
        r"(?:index|extra-index|find)[-_]?(?:url|links)\s*[=:]\s*\S|_auth" + r"Token|npm_config_reg" + r"istry"
        r"|https?://[^\s/\"')]*(?:reg" + r"istry|artif" + r"actory|nex" + r"us|mirr" + r"or)[^\s\"')]*",
        re.IGNORECASE,
    ),
}


def test_the_project_speaks_of_itself_alone() -> None:
    """No file names a path of somebody's machine or the address of a package index."""
    guilty = []
    patterns = "*.py *.md *.toml *.json *.mjs *.js *.html *.css *.txt *.yml *.yaml *.lock Makefile .npmrc run"
    for path in files(*shlex.split(patterns)):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            guilty += [f"{shown(path, number)}: {what}" for what, pattern in FOREIGN.items() if pattern.search(line)]
    expect_none(guilty, "speaks of")


@pytest.mark.parametrize(
    "line",
    [
        "cd /wo" + "rk/main",
        'open("/ro' + 'ot/x")',
        "https://reg" + "istry.example/simple",
        "index" + "-url = https://x",
    ],
)
def test_the_search_for_foreign_words_finds_them(line: str) -> None:
    """The patterns match what they are for."""
    assert any(pattern.search(line) for pattern in FOREIGN.values())
