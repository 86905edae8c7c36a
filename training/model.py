"""The head in torch, for training: the same arithmetic as src/accordant/semantic/head.py, which runs what this one learned."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from accordant.semantic.flags import PAIR_FLAGS, WORD_FLAGS

__all__ = ["HeadModel"]

WIDTH, HEADS, COMPARED, INNER, LAST = 128, 4, 192, 256, 160


class HeadModel(nn.Module):
    """Each side looks at the other, then at itself; both are pooled, and what does not depend on their order is judged."""

    def __init__(self, dropout: float = 0.1) -> None:
        super().__init__()
        self.state = nn.Linear(384, WIDTH)
        self.flag = nn.Linear(len(WORD_FLAGS), WIDTH, bias=False)
        self.norm0 = nn.LayerNorm(WIDTH)
        self.cross = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.compare1 = nn.Linear(4 * WIDTH, COMPARED)
        self.compare2 = nn.Linear(COMPARED, WIDTH)
        self.norm1 = nn.LayerNorm(WIDTH)
        self.own = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.mix = nn.Linear(WIDTH, WIDTH)
        self.norm2 = nn.LayerNorm(WIDTH)
        self.inner1 = nn.Linear(WIDTH, INNER)
        self.inner2 = nn.Linear(INNER, WIDTH)
        self.norm3 = nn.LayerNorm(WIDTH)
        self.last1 = nn.Linear(4 * WIDTH + len(PAIR_FLAGS), LAST)
        self.last2 = nn.Linear(LAST, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: Tensor, flags: Tensor, mask: Tensor, pair: Tensor) -> Tensor:
        """Logits of n pairs from 2n rows: the n first sides, then the n second sides."""
        rows = self.norm0(self.state(states) + self.flag(flags))
        rows = self.dropout(rows)
        swap = torch.cat([torch.arange(len(pair), len(rows)), torch.arange(len(pair))])
        query, key, value = (_heads(part) for part in self.cross(rows).chunk(3, dim=-1))
        seen = _attend(query, key[swap], value[swap], mask[swap])
        beside = torch.cat([rows, seen, rows - seen, rows * seen], dim=-1)
        rows = self.norm1(rows + self.compare2(self.dropout(functional.relu(self.compare1(beside)))))
        query, key, value = (_heads(part) for part in self.own(rows).chunk(3, dim=-1))
        rows = self.norm2(rows + self.mix(_attend(query, key, value, mask)))
        rows = self.norm3(rows + self.inner2(self.dropout(functional.relu(self.inner1(rows)))))
        kept = mask[:, :, None]
        most = rows.masked_fill(~kept, -1e4).amax(dim=1)
        mean = (rows * kept).sum(dim=1) / kept.sum(dim=1)
        pooled = torch.cat([most, mean], dim=-1)
        one, other = pooled.split(len(pair))
        last = torch.cat([one + other, (one - other).abs(), pair], dim=-1)
        return self.last2(self.dropout(functional.relu(self.last1(last)))).squeeze(-1)


def _heads(rows: Tensor) -> Tensor:
    return rows.unflatten(-1, (HEADS, WIDTH // HEADS)).transpose(1, 2)


def _attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
    return seen.transpose(1, 2).flatten(2)
