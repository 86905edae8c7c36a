"""`accordant check`: contradictions in a store, a Markdown file or on a server, with who wrote what having read what."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from accordant import CoherencePass, Engine
from accordant.cli.check import report_on
from accordant.coherence_pass import CoherenceReport
from accordant.coherence_pass.findings import Findings
from accordant.types.limits import CHECK_FILE_BYTES_MAX
from audited_store import KEY, TASK, Brief, answer, run, written
from judging_service import answering, says, service
from serving import serving

AGAINST = "# Brief\n\nThe churn rate was 4.1% in Q3.\n\nThe churn rate was 5.3% in Q3.\n"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("story") / "state.db")


def test_a_contradiction_between_two_agents_is_found(store: Path) -> None:
    """Both statements, both authors, both versions; exit code 4; the JSON is one CoherenceReport."""
    report = CoherenceReport.model_validate(answer("check", store, "--format", "json", exit_code=4))
    (found,) = report.contradictions
    assert (report.document_id, report.coherent) == (KEY, False)
    assert (found.a.authors, found.b.authors) == (["triage"], ["enrichment"])
    assert {found.a.text, found.b.text} == {"The churn rate was 4.1% in Q3.", "The churn rate was 5.3% in Q3."}


def test_each_side_says_what_its_author_had_read(store: Path) -> None:
    """The one who derived its statement from the account is shown to have read it, at which version."""
    (entry, _) = answer("log", store, "--path", "findings")["entries"]
    (found,) = answer("check", store, "--format", "json", exit_code=4)["contradictions"]
    assert found["b"]["read"] == entry["derived_from"]
    assert found["b"]["read"][0][0] == "account"
    assert found["b"]["written_at"] == entry["at_ms"]
    assert found["a"]["read"] == []


def test_json_is_asked_for_as_everywhere_else(store: Path) -> None:
    """`--json` means JSON, as with every other command."""
    assert answer("check", store, "--json", exit_code=4).keys() == CoherenceReport.model_fields.keys()


def test_fail_on_never_reports_and_ends_with_0(store: Path) -> None:
    """The findings are the same, the exit code is not."""
    assert len(answer("check", store, KEY, "--fail-on", "never")["contradictions"]) == 1


def test_text_names_both_authors(store: Path) -> None:
    """What a person reads has both statements' authors in it."""
    result = run("check", store, "--format", "text")
    assert result.exit_code == 4
    assert "triage" in result.stdout
    assert "enrichment" in result.stdout


def test_a_markdown_file_is_a_source(tmp_path: Path) -> None:
    """A contradicting file ends with 4, a coherent one with 0."""
    file = tmp_path / "brief.md"
    file.write_text(AGAINST, encoding="utf-8")
    assert len(answer("check", file, exit_code=4)["contradictions"]) == 1
    file.write_text(AGAINST.replace("5.3", "4.1"), encoding="utf-8")
    assert answer("check", file)["coherent"] is True


@pytest.mark.parametrize("how", ["--json", "--format=text"])
def test_a_terminal_that_knows_ascii_alone_is_served(how: str, tmp_path: Path) -> None:
    """What it cannot show is shown by number; nothing fails, and JSON stays JSON."""
    file = tmp_path / "brief.md"
    file.write_text("The Straße has 4 lanes.\n\nThe Straße has 5 lanes.\n", encoding="utf-8")
    words = [sys.executable, "-m", "accordant", "check", str(file), how, "--rules-only"]
    done = subprocess.run(words, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"}, check=False)
    assert (done.returncode, done.stderr) == (4, b"")
    if how == "--json":
        assert "Straße" in json.loads(done.stdout)["contradictions"][0]["a"]["text"]


def test_the_rules_alone_can_be_asked_for(store: Path) -> None:
    """--rules-only names no other tier."""
    assert answer("check", store, "--rules-only", exit_code=4)["checker"]["tiers"] == ["rule"]


def test_a_source_that_cannot_be_read_is_a_usage_error(tmp_path: Path) -> None:
    """No file, no UTF-8, too large, another format, a URL without a document: two lines, exit code 2."""
    latin = tmp_path / "latin.md"
    latin.write_bytes(b"caf\xe9")
    huge = tmp_path / "huge.md"
    with huge.open("wb") as file:
        file.truncate(CHECK_FILE_BYTES_MAX + 1)
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"\x89PNG\r\n")
    for source in (tmp_path / "none.md", latin, huge, picture, "ws://127.0.0.1:9", "http://127.0.0.1:9/sync/acme"):
        result = run("check", source)
        assert result.exit_code == 2, (source, result.output, result.exception)
        assert result.stderr.startswith("error: ")


def test_a_running_server_is_a_source(tmp_path: Path) -> None:
    """Over a websocket the report is the one of the file: same findings, same authors, same readings."""

    async def over_the_wire() -> CoherenceReport:
        async with Engine(tmp_path / "state.db") as engine, serving(engine) as address:
            assert (await report_on(f"{address}/sync/{KEY}", None, 0)).coherent is False
            return await report_on(address.replace("ws:", "http:"), KEY, 0)

    written(tmp_path / "state.db")
    from_file = asyncio.run(report_on(str(tmp_path / "state.db"), KEY, 0))
    from_wire = asyncio.run(over_the_wire())
    assert from_wire.contradictions == from_file.contradictions
    assert from_wire.document_id == KEY


def test_a_store_that_a_server_holds_can_be_checked(tmp_path: Path) -> None:
    """The file is read beside the engine that has it open."""

    async def beside() -> CoherenceReport:
        async with Engine(tmp_path / "state.db") as engine:
            await engine.open(Brief, TASK, "brief", agent="triage")
            return await report_on(str(tmp_path / "state.db"), None, 0)

    written(tmp_path / "state.db")
    assert len(asyncio.run(beside()).contradictions) == 1


def test_a_server_that_does_not_answer_is_told() -> None:
    """Exit code 6, and what to do, where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    result = run("check", f"ws://127.0.0.1:{port}/sync/{KEY}")
    assert result.exit_code == 6, (result.output, result.exception)
    assert str(port) in result.stderr


def test_sarif_has_both_sides_and_their_places(store: Path) -> None:
    """SARIF 2.1.0: a rule per kind, the newer side in front, the other side and its author related, the id as fingerprint."""
    report = answer("check", store, "--format", "json", "--rules-only", exit_code=4)
    log = answer("check", store, "--format", "sarif", "--rules-only", exit_code=4)
    (run_,) = log["runs"]
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (result,) = [one for one in run_["results"] if one["level"] == "error"]
    (found,) = report["contradictions"]
    assert (
        run_["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == f"coherence/{found['kind']}"
    )
    assert result["partialFingerprints"] == {"accordantFinding/v1": found["id"]}
    (place,), (related,) = result["locations"], result["relatedLocations"]
    texts = [one["physicalLocation"]["region"]["snippet"]["text"] for one in (place, related)]
    assert texts == [found["b"]["text"], found["a"]["text"]]
    assert place["logicalLocations"][0]["fullyQualifiedName"] == f"{KEY}/{found['b']['path']}"
    assert set(found["a"]["authors"]) <= {*result["properties"]["authors"]}
    assert related["message"]["text"].startswith('"')


def test_new_findings_alone_can_fail(tmp_path: Path) -> None:
    """--fail-on new: what an earlier report has is not new; what it lacks is."""
    file, last = tmp_path / "brief.md", tmp_path / "last.json"
    file.write_text(AGAINST, encoding="utf-8")
    assert run("check", file, "--fail-on", "new").exit_code == 4
    last.write_text(run("check", file, "--json", "--rules-only").stdout, encoding="utf-8")
    assert run("check", file, "--fail-on", "new", "--baseline", last).exit_code == 0
    assert run("check", file, "--fail-on", "open", "--baseline", last).exit_code == 4
    file.write_text(f"{AGAINST}\nThe gateway has 4 lanes.\n\nThe gateway has 5 lanes.\n", encoding="utf-8")
    assert run("check", file, "--fail-on", "new", "--baseline", last).exit_code == 4
    last.write_text("{}", encoding="utf-8")
    assert run("check", file, "--fail-on", "new", "--baseline", last).exit_code == 2


def test_findings_that_the_document_holds_are_not_new(tmp_path: Path) -> None:
    """What a sidecar has published is not new to --fail-on new, and what somebody has dismissed is not told."""
    path = written(tmp_path / "state.db")

    async def published(dismiss: bool) -> None:
        async with Engine(path) as engine:
            brief = await engine.open(Brief, TASK, "brief", agent="checker")
            report = await CoherencePass(brief).run_once()
            if dismiss:
                await Findings(brief).dismiss(report.contradictions[0].id, "two markets")

    assert run("check", path, "--fail-on", "new").exit_code == 4
    asyncio.run(published(False))
    assert run("check", path, "--fail-on", "new").exit_code == 0
    assert run("check", path).exit_code == 4
    asyncio.run(published(True))
    assert answer("check", path, "--rules-only")["n_suppressed"] == 1


def test_markdown_comes_in_a_pipe_too() -> None:
    """- is standard input."""
    words = [sys.executable, "-m", "accordant", "check", "-", "--rules-only"]
    done = subprocess.run(words, input=AGAINST.encode(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (4, b"")
    assert json.loads(done.stdout)["document_id"] == "stdin"


def test_without_the_extra_it_says_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing learned is installed the rules work alone, and standard error has one line about it."""
    monkeypatch.setattr("accordant.cli.check_tiers.MODULE", "accordant.semantic_that_is_not_there")
    file = tmp_path / "brief.md"
    file.write_text(AGAINST, encoding="utf-8")
    result = run("check", file)
    assert result.exit_code == 4
    assert result.stderr.count("accordant[semantic]") == len(result.stderr.splitlines()) == 1
    assert run("check", file, "--rules-only").stderr == ""


def test_a_model_that_was_asked_for_has_to_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--model without its extra ends with 3 and names it; beside --rules-only it is a mistake."""
    monkeypatch.setattr("accordant.cli.check_tiers.MODULE", "accordant.semantic_that_is_not_there")
    file = tmp_path / "brief.md"
    file.write_text(AGAINST, encoding="utf-8")
    result = run("check", file, "--model", "some/cross-encoder")
    assert (result.exit_code, "accordant[semantic]" in result.stderr) == (3, True)
    assert run("check", file, "--model", "own", "--rules-only").exit_code == 2


HEDGED = "# Brief\n\nThe churn rate was 4.1% in Q3.\n\nThe churn rate may have been 5.3% in Q3.\n"


@pytest.mark.parametrize(
    ("verdict", "code", "reported", "possible"), [("contradiction", 4, 1, 0), ("paraphrase", 0, 0, 0)]
)
def test_a_judge_is_asked_about_what_is_only_possible(
    verdict: str, code: int, reported: int, possible: int, tmp_path: Path
) -> None:
    """Its word reports the pair or drops it; the report says that there was a judge."""
    file = tmp_path / "brief.md"
    file.write_text(HEDGED)
    with service(answering(says(json.dumps({"verdict": verdict})))) as seen:
        options = ("--rules-only", "--judge", seen.url, "--judge-model", "m", "--json")
        report = answer("check", file, *options, exit_code=code)
        assert (len(report["contradictions"]), len(report["possible"])) == (reported, possible)
        assert report["checker"]["tiers"] == ["rule", "judge"]
        assert len(seen.bodies) == 1
    without = answer("check", file, "--rules-only", "--json")
    assert len(without["possible"]) == 1


@pytest.mark.parametrize("half", [("--judge", "http://127.0.0.1:9/v1"), ("--judge-model", "m")])
def test_half_a_judge_is_refused(half: tuple[str, ...], tmp_path: Path) -> None:
    """An address without a model, or the other way round, is a mistake in usage."""
    (tmp_path / "a.md").write_text(AGAINST)
    result = run("check", tmp_path / "a.md", "--rules-only", *half)
    assert result.exit_code == 2
    assert "--judge-model NAME" in result.stderr


def test_a_judge_that_is_away_leaves_it_possible(tmp_path: Path) -> None:
    """Nobody at its address: the pass ends all the same, what was possible still is, and standard error says why."""
    file = tmp_path / "brief.md"
    file.write_text(HEDGED)
    result = run("check", file, "--rules-only", "--judge", "http://127.0.0.1:9/v1", "--judge-model", "m", "--json")
    report = json.loads(result.stdout)
    assert (result.exit_code, report["coherent"], len(report["possible"])) == (0, True, 1)
    assert "undecided" in result.stderr
