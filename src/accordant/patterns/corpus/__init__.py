"""A corpus: knowledge that many contribute to, each fact once, with everybody who found it."""

from accordant.patterns.corpus.embedding import Embedder
from accordant.patterns.corpus.narration import narration
from accordant.patterns.corpus.pattern import Corpus
from accordant.patterns.corpus.personal_data import personal_data
from accordant.patterns.corpus.settings import STAGES, CorpusSettings, Stage, corpus
from accordant.patterns.corpus.specificity import specificity
from accordant.patterns.corpus.values import Collapsed, Counts, Entry, Hit, Known, Link, Tally, Verdict

__all__ = [
    "STAGES",
    "Collapsed",
    "Corpus",
    "CorpusSettings",
    "Counts",
    "Embedder",
    "Entry",
    "Hit",
    "Known",
    "Link",
    "Stage",
    "Tally",
    "Verdict",
    "corpus",
    "narration",
    "personal_data",
    "specificity",
]
