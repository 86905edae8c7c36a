"""When two texts may be one entry: never where anything that can make them different facts differs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accordant.patterns.corpus.agreement import contradiction, difference, why_apart
from accordant.patterns.corpus.spelling import normal
from accordant.patterns.corpus.wordings import WORDINGS, canonical, form
from corpora import PAIRS_APART, Calm
from minilm import HOSTILE, needs_minilm

SAME = [
    ("The API allows 100 requests per minute.", "the API allows 100 requests per minute"),
    ("Redis caches the sessions.", "Redis caches sessions."),
    ("The scheduler retries failed jobs three times.", "The scheduler retries failed jobs 3 times."),
    ("The exporter removes old rows.", "The exporter deletes old rows."),
    ("The config lives in the repository.", "The configuration lives in the repo."),
    ("The cache keeps entries for 30 seconds.", "the cache keeps entries for 30 s"),
    ("The exporter doesn't write empty rows.", "The exporter does not write empty rows."),
    ("You have to send the tenant header.", "You must send the tenant header."),
    ("**Redis** caches the sessions of the portal.", "- Redis caches the sessions of the portal"),
    ("The flag `--dry-run` prints the plan.", "The flag --dry-run prints the plan."),
    ("Next.js Server Actions drop files.", "Next.js server actions drop the files"),
    ("The gateway listens on port 8080.", "The gateway is listening on port 8080."),
    ("The limit is 5 GB per user.", "The limit is 5 gb per user."),
    ("The behaviour of the parser is documented.", "The behavior of the parser is documented."),
]
OTHER_WORDS = [
    ("Drizzle ORM dies on Vercel function restart", "Drizzle ORM crashes when a Vercel function restarts"),
    ("The API allows 100 requests per minute.", "The API permits 100 requests per minute."),
    (
        "Next.js Server Actions silently drop files larger than 1 MB.",
        "Next.js Server Actions silently discard files larger than 1 MB.",
    ),
    ("The webhook handler verifies the signature.", "The webhook handler checks the signature."),
    ("The runner picks the oldest job first.", "The runner selects the oldest job first."),
    ("The endpoint gives back the list of users.", "The endpoint returns the list of users."),
    ("The service requires a token for each call.", "The service needs a token for each call."),
]


@pytest.mark.parametrize("kind", PAIRS_APART)
def test_one_thing_that_differs_keeps_two_facts_apart(kind: str) -> None:
    """Even with a scorer that sees no contradiction anywhere, from both sides, with a reason."""
    a, b = PAIRS_APART[kind]
    assert why_apart(a, b, Calm())
    assert why_apart(b, a, Calm())


@pytest.mark.parametrize(("a", "b"), SAME)
def test_one_fact_in_another_dress_is_one(a: str, b: str) -> None:
    """Case, articles, number words, known synonyms: no scorer is needed."""
    assert why_apart(a, b, None) is None


@pytest.mark.parametrize(("a", "b"), OTHER_WORDS)
def test_other_words_need_a_learned_verdict(a: str, b: str) -> None:
    """Without one they stay two; with one that sees no contradiction they are one; with one that does, two."""
    assert "no learned verdict" in str(why_apart(a, b, None))
    assert why_apart(a, b, Calm()) is None

    class Stern(Calm):
        def score(self, pairs: object) -> list[float]:
            return [0.6]

    assert "may contradict" in str(why_apart(a, b, Stern()))


def test_a_word_is_in_one_group() -> None:
    """What is the same as what is never ambiguous, and a phrase is read as one."""
    split = [group.split("|") for group in WORDINGS]
    groups = [
        {tuple(form(word)[0] for word in said.split()) for said in [*words.split(), *more]} for words, *more in split
    ]
    assert sum(map(len, groups)) == len(set().union(*groups))
    assert all(len(canonical([form(word) for word in phrase.split()])) == 1 for _, *more in split for phrase in more)


@pytest.mark.parametrize("kind", PAIRS_APART)
def test_what_is_apart_has_no_common_form(kind: str) -> None:
    """What is merged unseen, since only case and blanks differ, is never a pair of different facts."""
    a, b = PAIRS_APART[kind]
    assert normal(a) != normal(b)


def test_words_that_mean_the_same_in_some_places_only_are_no_proof() -> None:
    """Clients and customers, workers and processes: the rules compare statements about them, a merge needs a verdict."""
    assert why_apart("The client signs the request twice.", "The customer signs the request twice.", None)


@needs_minilm
@pytest.mark.parametrize(("a", "b"), OTHER_WORDS)
def test_the_verdict_that_ships_knows_them(a: str, b: str) -> None:
    """The model of the package merges honest paraphrases."""
    from accordant.patterns.corpus.embedding import own_scorer

    assert why_apart(a, b, own_scorer()) is None


def test_each_sentence_is_judged() -> None:
    """A longer text hides no changed sentence: the scorer is asked about each pair of them."""
    asked: list[tuple[str, str]] = []

    class Noting(Calm):
        def score(self, pairs: list[tuple[str, str]]) -> list[float]:  # type: ignore[override]
            asked.extend(pairs)
            return [0.0] * len(pairs)

    a = "The parser accepts trailing commas. The exporter drops empty rows."
    b = "The parser accepts trailing commas. The exporter discards empty rows."
    assert why_apart(a, b, Noting()) is None
    assert len(asked) == 3


def test_what_a_rule_says_is_named() -> None:
    """The reason is the rule's, with both values."""
    a, b = PAIRS_APART["number"]
    assert contradiction(a, b) == "numeric: 100 requests per minute against 1000 requests per minute"
    assert contradiction(a, a) is None


_TELLING = "not 100 1000 Alice Bob from to staging disabled before Monday must".split()
_WORDS = st.lists(
    st.sampled_from(["the", "api", "cache", "reads", "writes", "and", "enabled", *_TELLING]), min_size=3, max_size=9
)


@settings(max_examples=300, deadline=None)
@given(_WORDS, _WORDS)
def test_the_answer_does_not_hang_on_the_side(left: list[str], right: list[str]) -> None:
    """Whether two texts may be one is the same from either side, and any text may be one with itself."""
    a, b = " ".join(left), " ".join(right)
    assert (why_apart(a, b, Calm()) is None) == (why_apart(b, a, Calm()) is None)
    assert difference(a, a) is None


@settings(max_examples=300, deadline=None)
@given(_WORDS, st.integers(0, 8), st.sampled_from(_TELLING))
def test_one_telling_word_more_is_another_fact(words: list[str], place: int, word: str) -> None:
    """Wherever a number, a name, a denial, a time, a direction or a scope is put in, the two are no longer one."""
    longer = [*words[:place], word, *words[place:]]
    assert why_apart(" ".join(words), " ".join(longer), Calm())


@pytest.mark.parametrize("text", HOSTILE.values())
def test_hostile_texts_get_an_answer(text: str) -> None:
    """Whatever is compared, an answer comes."""
    why_apart(text[:4_000], "The API allows 100 requests per minute.", Calm())
    assert normal(normal(text[:4_000])) == normal(text[:4_000])
