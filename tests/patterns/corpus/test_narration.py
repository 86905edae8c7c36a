"""The second stage of a corpus: tales of how something was found out are sent back, what was found out passes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accordant.patterns.corpus import narration
from minilm import HOSTILE

TALES = """I looked at the file and then I opened the config
I looked at the config file and then ran the tests.
Let me check the database schema first.
First, I ran the test suite. Then I fixed the import.
I'll now update the README and push the branch
We started by reading the docs, then we tried the example.
Okay, now I'm going to look into the failing test
Next I will inspect the Postgres logs
After checking the logs, I restarted the server
The user asked me to fix the login page
Here is what I did: edited main.py and ran pytest
I then proceeded to install numpy 2.0
I fixed the bug in auth.py by adding a lock
Looking at the code, I see a for loop in parser.py
My next step is to write the migration
Task complete. All tests pass now.""".split("\n")

FINDINGS = """Next.js Server Actions silently drop files larger than 1 MB.
I found that Supabase RLS policies run once per row.
We use Postgres 16 with pgvector for search.
Drizzle ORM dies on Vercel function restart
The scheduler reads the queue and then writes to the database.
Reading from a closed channel in Go returns the zero value at once.
Running pytest with -n 2 halves the time on CI.
Let's Encrypt certificates expire after 90 days.
First-party cookies survive in Safari 17 for 7 days.
We measured that p99 latency is 340 ms with 10 workers.
Users start with the free plan and get 3 seats.
Kubernetes restarts pods whose liveness probe fails.
I noticed that the exporter drops the last row.
服务器在端口八零八零上监听请求""".split("\n")


@pytest.mark.parametrize("text", TALES)
def test_process_talk_is_sent_back(text: str) -> None:
    """Who did what in which order is no knowledge; the reason says how to say it."""
    reason = narration(text)
    assert reason is not None
    assert "say what is so" in reason


@pytest.mark.parametrize("text", FINDINGS)
def test_findings_pass(text: str) -> None:
    """What is so passes, also where it says who found it, or speaks of reading, running and first things."""
    assert narration(text) is None


def test_one_tale_among_findings_passes() -> None:
    """Half of the sentences decide: a finding with an aside stays a finding."""
    told = "I ran the suite twice."
    assert narration(f"The parser drops tabs. The lexer keeps them. {told}") is None
    assert narration(f"The parser drops tabs. {told}") is not None


@pytest.mark.parametrize("text", HOSTILE.values())
def test_hostile_texts_get_an_answer(text: str) -> None:
    """Whatever is sent, a verdict comes."""
    narration(text[:4_000])


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400))
def test_any_text_gets_an_answer(text: str) -> None:
    """Any text at all."""
    assert narration(text) is None or narration(text)
