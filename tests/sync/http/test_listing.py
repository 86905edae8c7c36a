"""The list of documents: page by page, of what a caller may know of, and bounded."""

from __future__ import annotations

from accordant import DocumentKey, Engine, Namespace
from accordant.types.access import Grant
from accordant.types.limits import HTTP_DOCUMENTS_LIMIT_MAX
from http_served import http_world
from worlds import in_loop


@in_loop
async def test_pages_follow_each_other_without_gap_or_double() -> None:
    """`next` leads from page to page to null; one page holds at most `limit`; what fits in none is 422."""
    async with Engine() as engine, http_world(engine) as (http, _):
        for name in ("a", "b", "c", "d"):
            await engine.host(DocumentKey.of(Namespace.task("acme", "q4"), name))
        whole = (await http.get("/documents")).json()
        assert whole["next"] is None
        seen, after, sizes = [], "", []
        while after is not None:
            page = (await http.get("/documents", params={"after": after, "limit": 2})).json()
            seen += page["documents"]
            sizes.append(len(page["documents"]))
            after = page["next"]
        assert (seen, sizes) == (whole["documents"], [2, 2, 1])
        for query in ("limit=0", f"limit={HTTP_DOCUMENTS_LIMIT_MAX + 1}", "limit=x", "limit=1&limit=2"):
            answer = await http.get(f"/documents?{query}")
            assert (answer.status_code, answer.json()["code"]) == (422, "bad_query")


def test_a_namespace_inside_another_is_not_read_twice() -> None:
    """A bearer of a tenant and of one of its tasks has one prefix; one of everything has the empty one; one of nothing none."""
    tenant, task = ("acme",), ("acme", "task", "q3")
    assert Grant((tenant, task, ("acme2",))).outermost == {tenant, ("acme2",)}
    assert Grant().outermost == {()}
    assert Grant(()).outermost == set()
