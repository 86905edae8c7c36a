"""Layer-4 token states of many texts at once, by torch, for training only: what `Encoder` gives, in larger batches."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from accordant.semantic.encoder import STATE_LAYER
from accordant.semantic.weights import encoder_folder, tensors
from accordant.semantic.wordpiece import Pieces, WordPiece

__all__ = ["States"]


class States:
    """Texts by number: pieces of each, and all states in one array (half precision: 0.8 kB a piece)."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.number = {text: number for number, text in enumerate(dict.fromkeys(texts))}
        words = WordPiece((encoder_folder() / "vocab.txt").read_text(encoding="utf-8").splitlines())
        self.pieces: list[Pieces] = [words.pieces(text) for text in self.number]
        lengths = [len(pieces.ids) - 2 for pieces in self.pieces]
        self.starts = np.concatenate([[0], np.cumsum(lengths)])
        self.array: NDArray[np.float16] = np.zeros((int(self.starts[-1]), 384), np.float16)
        model = _model()
        order = sorted(range(len(self.pieces)), key=lambda number: lengths[number])
        begun = time.monotonic()
        start = 0
        while start < len(order):
            size = max(1, 4096 // (lengths[order[min(len(order), start + 64) - 1]] + 2))
            chunk = order[start : start + size]
            start += size
            self._fill(model, chunk)
            if (start // size) % 50 == 0:
                print(
                    f"\r{min(start, len(order)):,} of {len(order):,} texts, {time.monotonic() - begun:.0f} s",
                    end="",
                    file=sys.stderr,
                )
        print(file=sys.stderr)

    def _fill(self, model: nn.Module, chunk: Sequence[int]) -> None:
        longest = max(len(self.pieces[number].ids) for number in chunk)
        ids = torch.zeros((len(chunk), longest), dtype=torch.long)
        for row, number in enumerate(chunk):
            ids[row, : len(self.pieces[number].ids)] = torch.tensor(self.pieces[number].ids)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            states = model(ids).float().numpy()
        for row, number in enumerate(chunk):
            self.array[self.starts[number] : self.starts[number + 1]] = states[
                row, 1 : len(self.pieces[number].ids) - 1
            ]

    def of(self, number: int) -> NDArray[np.float16]:
        """The states of one text."""
        return self.array[self.starts[number] : self.starts[number + 1]]


class _Bert(nn.Module):
    """The first layers of the installed MiniLM; id 0 is padding."""

    def __init__(self) -> None:
        super().__init__()
        self.w = {
            name: torch.tensor(np.asarray(array))
            for name, array in tensors(encoder_folder() / "model.safetensors").items()
        }

    def _linear(self, rows: torch.Tensor, name: str) -> torch.Tensor:
        return nn.functional.linear(rows, self.w[f"{name}.weight"], self.w[f"{name}.bias"])

    def _norm(self, rows: torch.Tensor, name: str) -> torch.Tensor:
        return nn.functional.layer_norm(rows.float(), (384,), self.w[f"{name}.weight"], self.w[f"{name}.bias"], 1e-12)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """States after STATE_LAYER layers."""
        w = self.w
        rows = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: ids.shape[1]]
        rows = self._norm(rows + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        mask = (ids != 0)[:, None, None, :]
        for number in range(STATE_LAYER):
            at = f"encoder.layer.{number}."
            parts = [
                self._linear(rows, f"{at}attention.self.{one}").unflatten(-1, (12, 32)).transpose(1, 2)
                for one in ("query", "key", "value")
            ]
            seen = nn.functional.scaled_dot_product_attention(*parts, attn_mask=mask).transpose(1, 2).flatten(2)
            rows = self._norm(
                self._linear(seen, f"{at}attention.output.dense") + rows, f"{at}attention.output.LayerNorm"
            )
            inner = nn.functional.gelu(self._linear(rows, f"{at}intermediate.dense"))
            rows = self._norm(self._linear(inner, f"{at}output.dense") + rows, f"{at}output.LayerNorm")
        return rows


def _model() -> nn.Module:
    return _Bert().eval()
