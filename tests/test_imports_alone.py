"""Every module by itself, in a fresh interpreter's eyes: slower than what `make check` may take, so it stands apart."""

from __future__ import annotations

import subprocess
import sys

import pytest

from source_tree import importable

SHARES = 16
"""Importing each module anew is quadratic in their number: in shares, side by side."""


@pytest.mark.parametrize("share", range(SHARES))
def test_every_module_can_be_imported_alone(share: int) -> None:
    """No module needs another one to have been imported before it: no hidden circle, no import-time side effect."""
    program = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    for loaded in [m for m in sys.modules if m == 'accordant' or m.startswith('accordant.')]:\n"
        "        del sys.modules[loaded]\n"
        "    importlib.import_module(name)\n"
    )
    command = [sys.executable, "-W", "error", "-c", program, *list(importable())[share::SHARES]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
