"""`accordant token` makes a token once, lists what it made without secrets, and takes it back."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from accordant.cli.main import app


def test_new_list_show_revoke(tmp_path: Path) -> None:
    """The whole life of a token."""
    keys = str(tmp_path / "keys.json")
    said = ["token", "new", "--agent", "triage", "--namespace", "acme/task/q3", "--allow", "draft:read,insert"]
    runner = CliRunner()
    made = json.loads(runner.invoke(app, [*said, "--token-file", keys]).stdout)
    shown = json.loads(runner.invoke(app, ["token", "show", made["token"]]).stdout)
    assert (shown["sub"], shown["ns"], shown["allow"]) == (
        "triage",
        [["acme", "task", "q3"]],
        [["draft", ["insert", "read"]]],
    )
    assert runner.invoke(app, ["token", "revoke", made["id"], "--token-file", keys]).exit_code == 0
    listed = runner.invoke(app, ["token", "list", "--token-file", keys]).stdout
    assert json.loads(listed)["tokens"][0]["revoked"] is True
    assert made["token"] not in listed
    assert not any(secret in listed for secret in json.loads(Path(keys).read_text())["keys"].values())


def test_a_token_needs_a_scope_and_an_end(tmp_path: Path) -> None:
    """No namespace, or a life that never ends, makes none."""
    keys = str(tmp_path / "keys.json")
    said = ["token", "new", "--agent", "triage", "--token-file", keys]
    runner = CliRunner()
    assert runner.invoke(app, said).exit_code == 2
    assert runner.invoke(app, [*said, "--namespace", "acme", "--expires", "9999d"]).exit_code == 2
    assert not Path(keys).exists()
