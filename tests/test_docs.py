"""What the documents show a reader to run, runs."""

from __future__ import annotations

from pathlib import Path

import pytest

import doc_blocks
from doc_blocks import Block, DocFailure, run_document
from source_tree import ROOT

DOCUMENTS = [path for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))] if path.exists()]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_runs(path: Path, tmp_path: Path) -> None:
    """Every Python block and every `$ accordant` line of a document runs, in a folder with nothing in it."""
    run_document(path.read_text(encoding="utf-8"), path.name, tmp_path)


def test_the_readme_shows_something_to_run() -> None:
    """README.md has Python that is executed: two minutes to a running document, and they are true."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert any(block.language == "python" for block in doc_blocks.blocks(text))


def test_names_are_shared_and_await_stands_alone(tmp_path: Path) -> None:
    """The blocks of a file are one session; `<!-- fresh -->` starts another, `no-run` is left out."""
    text = (
        "```python\nimport asyncio\nx = await asyncio.sleep(0, 41)\n```\n"
        "```python\nx += 1\nassert x == 42\n```\n"
        "```python no-run\nraise SystemExit\n```\n"
        "<!-- fresh -->\n```python\nassert 'x' not in globals()\n```\n"
        "1. in a list\n\n   ```python\n   if True:\n       y = 1\n   ```\n"
    )
    assert run_document(text, "example.md", tmp_path) == 4


def test_blocks_and_commands_run_in_their_order(tmp_path: Path) -> None:
    """A command sees what the Python before it wrote, and the Python after it runs after it."""
    text = (
        "```python\nfrom pathlib import Path\nPath('m.json').write_text('[')\n```\n"
        "```console\n$ accordant probe json:m.json  # exit 2\n```\n"
        "```python\nPath('m.json').write_text('{}')\n```\n"
        "```console\n$ accordant probe json:m.json  # exit 4\n```\n"
    )
    assert run_document(text, "example.md", tmp_path) == 4


def test_a_document_runs_in_a_folder_of_its_own(tmp_path: Path) -> None:
    """What a block writes lands in the document's folder, and the current folder is as before."""
    before = Path.cwd()
    run_document("```python\nopen('here', 'x').close()\n```\n", "example.md", tmp_path)
    assert (tmp_path / "here").exists()
    assert Path.cwd() == before


def test_a_failing_block_is_named(tmp_path: Path) -> None:
    """A block that raises fails with file and line, also where it does not even compile."""
    for wrong in ("1 / 0", "assert False", "x ="):
        with pytest.raises(DocFailure, match=r"^example\.md:4: "):
            run_document(f"# Title\n\n```python\n{wrong}\n```\n", "example.md", tmp_path)


def test_a_command_ends_as_the_document_says(tmp_path: Path) -> None:
    """A command that ends with another status than 0, or than its `# exit N`, fails with its line."""
    run_document("```console\n$ accordant probe dict  # exit 4\n{\n```\n", "example.md", tmp_path)
    for wrong in ("$ accordant probe dict", "$ accordant probe accordant  # exit 4", "$ accordant no-such-command"):
        with pytest.raises(DocFailure, match=r"^example\.md:3: "):
            run_document(f"\n```console\n{wrong}\n```\n", "example.md", tmp_path)


def test_only_our_commands_run() -> None:
    """Other lines of a console block are shown, not run."""
    block = Block("console", "$ pip install accordant\n$ accordant log a.db --json # exit 2\noutput\n", 7)
    assert list(doc_blocks.commands(block)) == [doc_blocks.Command(("accordant", "log", "a.db", "--json"), 2, 8)]
