"""`accordant token`: make, list, show and take back the tokens that `accordant serve --token-file` asks for."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from accordant.cli.output import AsJson, console, moment, plain, print_json, wants_json
from accordant.sync.server.tokens import TokenFile, claims_unproven, create, revoke
from accordant.types.access import ANY, READ, Allowance, Grant, Principal
from accordant.types.errors import Invalid
from accordant.types.namespaces import segment

__all__ = ["token"]


class Act(StrEnum):
    """What to do."""

    NEW = "new"
    LIST = "list"
    SHOW = "show"
    REVOKE = "revoke"


def token(
    act: Annotated[Act, typer.Argument(help="new, list, show TOKEN, or revoke ID.")],
    what: Annotated[str | None, typer.Argument(metavar="[TOKEN|ID]", help="For show and revoke.")] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="The keys; new makes the file when it is missing, for its owner alone.")
    ] = None,
    agent: Annotated[str | None, typer.Option(help="Whose token it is.")] = None,
    namespace: Annotated[list[str] | None, typer.Option(help="acme, or acme/task/q3: whole segments.")] = None,
    allow: Annotated[
        list[str] | None, typer.Option(help="REGION:OPERATION,... ; '*' for all. Without it: everything.")
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Reading everything, and nothing else.")] = False,
    role: Annotated[list[str] | None, typer.Option(help="A role that regions' rules name.")] = None,
    expires: Annotated[str, typer.Option(help="Its life in days.")] = "30d",
    as_json: AsJson = False,
) -> None:
    """Tokens: signed, expiring, scoped. A new one is printed once and kept nowhere.

    Examples:

    accordant token new --agent triage --namespace acme/task/q3 --allow 'draft:read,insert' --token-file keys.json

    accordant token revoke 1f2e3d4c5b6a7988 --token-file keys.json
    """
    if act is Act.SHOW:
        print_json(claims_unproven(_given(what, "show needs the token")))
        return
    if token_file is None:
        raise Invalid("name the file that holds the keys", code="usage", hint="--token-file FILE")
    if act is Act.NEW:
        principal = Principal(agent and segment(agent), grant=_grant(namespace, allow, read_only))
        principal = Principal(principal.agent, principal.auth, principal.grant, frozenset(role or ()))
        made, token_id = create(token_file, principal, _days(expires))
        if wants_json(as_json):
            print_json({"id": token_id, "token": made})
        else:
            print(made)
            console(stderr=True).print(plain(f"id {token_id}: keep the token now, it is not shown again"))
    elif act is Act.REVOKE:
        token_id = _given(what, "revoke needs the token's id")
        revoke(token_file, token_id)
        print_json({"revoked": token_id})
    else:
        _list(TokenFile.read(token_file), wants_json(as_json))


def _list(known: TokenFile, is_json: bool) -> None:
    rows = [dict(said) | {"revoked": token_id in known.revoked} for token_id, said in known.issued.items()]
    if is_json:
        print_json({"tokens": rows})
        return
    for row in rows:
        scopes = " ".join("/".join(one) for one in row["ns"])
        state = "revoked" if row["revoked"] else f"until {moment(row['exp'] * 1000)}"
        console().print(plain(f"{row['jti']}  {row['sub']}  {scopes}  {state}"), soft_wrap=True)


def _grant(namespace: list[str] | None, allow: list[str] | None, read_only: bool) -> Grant:
    if not namespace:
        raise Invalid("a token is for a namespace", code="token_scope", hint="--namespace acme/task/q3")
    if read_only and allow:
        raise Invalid("--read-only and --allow say different things", code="token_scope", hint="choose one")
    scopes = tuple(tuple(segment(part) for part in one.split("/")) for one in namespace)
    if read_only:
        return Grant(scopes, (Allowance(ANY, frozenset({READ})),))
    return Grant(scopes, None if not allow else tuple(_allowance(one) for one in allow))


def _allowance(text: str) -> Allowance:
    region, colon, operations = text.rpartition(":")
    words = frozenset(word.strip() for word in operations.split(",") if word.strip())
    if not (region and colon and words):
        raise Invalid(f"{text!r} is not REGION:OPERATION,...", code="token_scope", hint="--allow 'draft:read,insert'")
    return Allowance(region, words)


def _days(text: str) -> int:
    number = text.removesuffix("d")
    if not (number.isascii() and number.isdigit() and len(number) <= 5):
        raise Invalid(f"{text!r} is no number of days", code="token_lifetime", hint="--expires 30d")
    return int(number)


def _given(what: str | None, needs: str) -> str:
    if what is None:
        raise Invalid(needs, code="usage", hint="accordant token --help")
    return what
