"""Everything that we know to break the CRDT library, or a document, or an honest peer: each meets the gate in its own process.

The payloads are in `hostile/hostile_payloads.py`, one function per class; the runner forks a child with bounded memory
for each, so that a crash is seen as one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HOSTILE = Path(__file__).parent / "hostile"
sys.path.insert(0, str(HOSTILE))
from hostile_payloads import ATTACKS  # noqa: E402

PEAK_KB_MAX = 400_000
SECONDS_MAX = 5.0


def run(*names: str) -> list[dict[str, Any]]:
    """What the runner reports of these attacks or seeds; of all attacks without a name."""
    done = subprocess.run(
        [sys.executable, str(HOSTILE / "hostile_runner.py"), *names], capture_output=True, timeout=55, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def outcomes() -> dict[str, list[dict[str, Any]]]:
    """One run of the whole matrix."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in ATTACKS}
    for line in run():
        found[line["name"]].append(line)
    return found


@pytest.mark.parametrize("name", ATTACKS)
def test_attack(name: str, outcomes: dict[str, list[dict[str, Any]]]) -> None:
    """The gate answers with the documented code; the process lives, the document is as it was, time and memory are bounded."""
    expected = ATTACKS[name].codes or {"accepted"}
    assert outcomes[name], "the attack sent nothing"
    for number, line in enumerate(outcomes[name]):
        assert line["code"] in expected, (number, line)
        assert line["sound"], (number, line)
        assert line["seconds"] < SECONDS_MAX, (number, line)
    assert outcomes[name][-1]["peak_kb"] < PEAK_KB_MAX


def test_chance_finds_nothing() -> None:
    """Mutated and invented updates are refused with a code, or let in and leave a document that equals its own rebuild."""
    lines = run("1", "2", "3", "4")
    assert len(lines) > 1000
    assert [line for line in lines if not line["sound"] or line["code"] in ("raised", "died")] == []
    assert sum(line["code"] == "accepted" for line in lines) > 20


def test_the_runner_sees_a_crash() -> None:
    """A child that is killed by what it met is reported as dead: the matrix cannot pass by dying quietly."""
    script = "import hostile_runner as r, os; r.attempt = lambda name: os.abort(); r.main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "controls"], cwd=HOSTILE, capture_output=True, timeout=30, check=False
    )
    assert json.loads(done.stdout)["code"] == "died"
