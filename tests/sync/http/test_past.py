"""Questions about the past over HTTP, and what a grant hides of the answers."""

from __future__ import annotations

from accordant import Engine
from http_served import BRIEF, http_world
from worlds import in_loop


@in_loop
async def test_the_past_is_asked_by_address() -> None:
    """Blame, why, trace and diff answer as JSON what the handle answers; junk is refused with a code."""
    async with Engine() as engine, http_world(engine) as (http, owner):
        await owner.draft.append("The rate is 4.1%.", why="from the report")
        before = owner.version
        await http.post(f"{BRIEF}/regions/draft", json={"op": "replace", "old": "4.1", "new": "5.3"})
        blamed = (await http.get(f"{BRIEF}/blame/draft")).json()
        assert [(run["text"], run["actor"]) for run in blamed["runs"]] == [
            ("The rate is ", "owner"),
            ("5.3", "ada"),
            ("%.", "owner"),
        ]
        old = (await http.get(f"{BRIEF}/blame/draft", params={"at": before})).json()
        assert (old["version"], [run["why"] for run in old["runs"]]) == (before, ["from the report"])
        why = (await http.get(f"{BRIEF}/why", params={"ref": "draft"})).json()
        assert (why["ref"], why["entry"]["actor"]) == (f"draft@{blamed['version']}", "ada")
        traced = (await http.get(f"{BRIEF}/trace", params={"text": "4.1%"})).json()
        assert [(one["since"], one["until"]) for one in traced["appearances"]] == [(before, blamed["version"])]
        changed = (await http.get(f"{BRIEF}/diff", params={"from": before})).json()
        assert [one["region"] for one in changed["changes"]] == ["draft"]
        for path, status, code in (
            ("why", 422, "bad_query"),
            ("trace", 422, "bad_query"),
            ("diff", 422, "bad_query"),
            ("why?ref=nowhere", 422, "unknown_ref"),
            ("diff?from=99999", 404, "unknown_version"),
            ("trace?text=" + "x" * 5_000, 422, "bad_question"),
            ("blame/account", 422, "wrong_kind"),
            ("blame/draft/deeper", 404, "unknown_route"),
        ):
            refused = await http.get(f"{BRIEF}/{path}")
            assert (refused.status_code, refused.json()["code"]) == (status, code), (path, refused.text)
