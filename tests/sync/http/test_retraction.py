"""Taking back over HTTP: one operation of every region, its outcome and its marks as JSON."""

from __future__ import annotations

from accordant import Engine
from http_served import BRIEF, http_world
from worlds import in_loop


@in_loop
async def test_an_item_is_taken_back_and_shows_it() -> None:
    """The answer names what became suspect and who had read it; the region shows the marks; so does the log."""
    async with Engine() as engine, http_world(engine) as (http, owner):
        posted = await http.post(f"{BRIEF}/regions/findings", json="4.1%")
        [ref] = posted.json()["refs"]
        denied = await http.post(
            f"{BRIEF}/regions/findings", json={"op": "retract", "ref": ref}, headers={"X-Agent": "eve"}
        )
        assert (denied.status_code, denied.json()["code"]) == (403, "not_permitted")
        tag = (await owner.open_questions.add("why?", derived_from=await owner.findings.read())).refs[0][0]
        body = {"op": "retract", "ref": ref, "why": "a mock-up", "value": "1.4%"}
        answer = await http.post(f"{BRIEF}/regions/findings", json=body)
        assert answer.status_code == 200, answer.text
        told = answer.json()["retraction"]
        assert (told["suspects"], told["readers"][ref]) == ([[tag, ref]], ["owner"])
        assert told["replacement"] == answer.json()["refs"][0]
        shown = (await http.get(f"{BRIEF}/regions/findings")).json()
        assert shown["value"] == ["4.1%", "1.4%"]
        assert shown["marks"] == {ref: {"status": "retracted", "because": told["replacement"]}}
        assert (await http.get(f"{BRIEF}/regions/open_questions")).json()["marks"][tag]["status"] == "suspect"
        [entry] = (await http.get(f"{BRIEF}/log", params={"kind": "retraction"})).json()["entries"]
        assert (entry["actor"], entry["why"]) == ("ada", "a mock-up")
        counted = 'accordant_retractions_total{act="retract",region="findings"} 1.0'
        assert counted in (await http.get("/metrics")).text
        twice = await http.post(f"{BRIEF}/regions/findings", json=body)
        assert (twice.status_code, twice.json()["code"]) == (412, "retracted_already")


@in_loop
async def test_a_field_is_corrected_and_junk_is_refused() -> None:
    """The correction is the field's next version; unknown refs and junk are 422 with their code."""
    async with Engine() as engine, http_world(engine) as (http, owner):
        wrong = await http.put(f"{BRIEF}/regions/tasks/7", json={"done": True}, headers={"If-None-Match": "*"})
        body = {"op": "retract", "ref": f"tasks/7@{wrong.json()['version']}", "value": {"done": False}}
        answer = await http.post(f"{BRIEF}/regions/tasks/7", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["value"] == {"done": False}
        assert (await owner.tasks.read("7")).value == {"done": False}
        for ref, code in (("tasks/7@999", "unknown_ref"), ("x", "bad_ref"), (7, "bad_ref"), (None, "bad_ref")):
            refused = await http.post(f"{BRIEF}/regions/tasks/7", json={"op": "retract", "ref": ref})
            assert (refused.status_code, refused.json()["code"]) == (422, code), refused.text
