"""`yuruyuru moderation` and `yuruyuru cases`: what the rules say of a text, and the admins' verdicts."""

from __future__ import annotations

import json
import time
from typing import Any, TextIO

import click

from engine.commands.judging import JSON_LINES, Sentence, read_sentences
from engine.commands.office import as_json, asynchronous, json_anyway, opened, plain, show_one, show_rows, when
from engine.errors import Refused
from engine.members.store import Members
from engine.moderation import detect
from engine.moderation.deciding import decide
from engine.moderation.rules import Verdict
from engine.moderation.store import Case, Cases, list_cases


@click.group()
def moderation() -> None:
    """What the rules say of a text."""


@moderation.command()
@click.argument("text")
@as_json
def test(text: str, as_json: bool) -> None:
    """Judge one text. Needs no database."""
    row = _judged(Sentence(id="text", text=text))
    del row["id"]
    show_one(row, as_json=as_json)


@moderation.command()
@click.argument("file", type=JSON_LINES)
@json_anyway
def judge(file: TextIO) -> None:
    """Judge JSON lines with `id`, `text` and optional `context`. Needs no database."""
    for sentence in read_sentences(file):
        click.echo(json.dumps(_judged(sentence), ensure_ascii=False))


def _judged(sentence: Sentence) -> dict[str, Any]:
    began = time.perf_counter()
    found = detect.judge(sentence.text, sentence.context)
    return {
        "id": sentence.id,
        "action": found.action.value,
        "category": found.category.value,
        "masked": found.masked,
        "signals": [signal.name for signal in found.signals],
        "ms": round((time.perf_counter() - began) * 1000, 3),
    }


@click.group()
def cases() -> None:
    """Messages before the admins, and their verdicts."""


@cases.command(name="list")
@as_json
@asynchronous
async def list_(as_json: bool) -> None:
    """Show all cases, oldest first."""
    async with opened() as office:
        rows = [_row(case) for case in await list_cases(office.db)]
    columns = ("id", "state", "category", "action", "account_id", "opened_at", "reason")
    show_rows(rows, columns=columns, as_json=as_json, empty="No cases.")


@cases.command()
@click.argument("case_id")
@as_json
@asynchronous
async def show(case_id: str, as_json: bool) -> None:
    """Show a case with its evidence (personal data masked) and verdicts."""
    async with opened() as office:
        case = await Cases(office.commit()).get(case_id)
    if case is None:
        raise Refused(f"no case {case_id}; see: yuruyuru cases list")
    history = [plain(decided) for decided in case.history]
    show_one(_row(case) | {"evidence": case.masked, "history": history}, as_json=as_json)


@cases.command()
@click.argument("case_id")
@as_json
@asynchronous
async def approve(case_id: str, as_json: bool) -> None:
    """Send the warning; it counts as a strike."""
    await _decide(case_id, Verdict.APPROVE, as_json=as_json)


@cases.command()
@click.argument("case_id")
@as_json
@asynchronous
async def reject(case_id: str, as_json: bool) -> None:
    """Send nothing."""
    await _decide(case_id, Verdict.REJECT, as_json=as_json)


@cases.command()
@click.argument("case_id")
@as_json
@asynchronous
async def undo(case_id: str, as_json: bool) -> None:
    """Take a verdict back: the strike no longer counts, and who was warned is told so."""
    await _decide(case_id, Verdict.UNDO, as_json=as_json)


async def _decide(case_id: str, verdict: Verdict, *, as_json: bool) -> None:
    async with opened() as office:
        commit = office.commit()
        case = await decide(
            case_id,
            verdict,
            by="cli",
            name_of=Members(commit).name_of,
            strike_expires=office.community.moderation.strike_expires,
            commit=commit,
        )
        await office.apply(commit)
    show_one(_row(case), as_json=as_json)


def _row(case: Case) -> dict[str, Any]:
    return {
        "id": case.id,
        "state": case.state.value,
        "category": case.category,
        "action": case.action,
        "reason": case.reason,
        "account_id": case.account_id,
        "room_id": case.room_id,
        "message_id": case.message_id,
        "opened_at": when(case.opened_at),
    }
