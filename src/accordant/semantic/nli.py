"""Other people's verdicts: any sentence-transformers `CrossEncoder` with a contradiction class, as a `Scorer`.

Runs torch, which only this module's first use loads. Names on the hub that fit: `cross-encoder/nli-deberta-v3-small`,
`cross-encoder/nli-deberta-v3-base`, `cross-encoder/nli-MiniLM2-L6-H768`, `cross-encoder/nli-roberta-base`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from accordant.semantic.encoder import Encoder
from accordant.semantic.weights import missing_extra
from accordant.types.coherence_limits import ENCODED_CHARS_MAX, NLI_BATCH_PAIRS, NLI_SCORES_MAX
from accordant.types.errors import Invalid

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

__all__ = ["NliModel"]


class NliModel:
    """A cross-encoder by its hub name or folder. Its probabilities are a ranking, not calibrated: the thresholds are yours.

    `embed` finds near statements with the shipped MiniLM. A pair is read in both directions, and the two are averaged.
    """

    calibrated_on: str | None = None

    def __init__(
        self,
        name_or_folder: str,
        *,
        report: float = 0.95,
        possible: float = 0.7,
        device: str = "cpu",
        local_files_only: bool = False,
    ) -> None:
        if not 0 < possible <= report <= 1:
            raise Invalid("the thresholds are 0 < possible <= report <= 1", code="bad_config", field="report")
        self._model = _loaded(name_or_folder, device, local_files_only)
        config: Any = self._model.model.config
        self._class = _contradiction(dict(config.id2label))
        self.name = f"cross-encoder:{name_or_folder}"
        known = json.dumps(config.to_dict(), sort_keys=True, default=str)
        self.version = str(getattr(config, "_commit_hash", None) or hashlib.sha256(known.encode()).hexdigest()[:12])
        self.report, self.possible = report, possible
        self._encoder: Encoder | None = None
        self._scores: dict[tuple[str, str], float] = {}

    def embed(self, texts: Sequence[str]) -> Any:
        """(n, 384) vectors of unit length, by MiniLM."""
        if self._encoder is None:
            self._encoder = Encoder()
        return self._encoder.embed(texts)

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """The mean of both directions' p(contradiction), in the pairs' order."""
        keys = [(min(pair)[:ENCODED_CHARS_MAX], max(pair)[:ENCODED_CHARS_MAX]) for pair in pairs]
        fresh = list(dict.fromkeys(key for key in keys if key not in self._scores))
        found = dict(zip(fresh, self._predicted(fresh), strict=True))
        scores = [found[key] if key in found else self._scores[key] for key in keys]
        if len(self._scores) + len(found) > NLI_SCORES_MAX:
            self._scores.clear()
        self._scores.update(found)
        return scores

    def _predicted(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        if not pairs:
            return []
        both = [*pairs, *((other, one) for one, other in pairs)]
        answers: Any = self._model.predict(
            [_shown(pair) for pair in both], batch_size=NLI_BATCH_PAIRS, apply_softmax=True, show_progress_bar=False
        )
        column = [float(row[self._class]) for row in answers]
        return [round((one + other) / 2, 6) for one, other in zip(column, column[len(pairs) :], strict=False)]


def _shown(pair: tuple[str, str]) -> tuple[str, str]:
    """Halves of characters, which no tokenizer takes, as question marks."""
    one, other = (text.encode("utf-8", "replace").decode("utf-8") for text in pair)
    return one, other


def _loaded(name_or_folder: str, device: str, local_files_only: bool) -> CrossEncoder:
    try:
        from sentence_transformers import CrossEncoder
    except ImportError as missing:
        raise missing_extra("sentence-transformers") from missing
    try:
        return CrossEncoder(name_or_folder, device=device, local_files_only=local_files_only)
    except (OSError, ValueError) as failed:
        raise Invalid(f"{name_or_folder!r} is no cross-encoder that can be loaded", code="no_model") from failed


def _contradiction(labels: Mapping[Any, str]) -> int:
    """Which class says that two texts contradict, by its name in the model's own configuration."""
    found = [int(number) for number, label in labels.items() if str(label).lower().startswith("contradict")]
    if len(found) != 1:
        raise Invalid(
            f"the model names no class `contradiction`: its classes are {sorted(map(str, labels.values()))}",
            code="no_contradiction_class",
            hint="take a model trained for natural language inference, such as cross-encoder/nli-deberta-v3-small",
        )
    return found[0]
