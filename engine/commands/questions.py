"""`yuruyuru questions`: what was asked, what became of it, and what the engine takes for a question."""

from __future__ import annotations

import json
from typing import Any, TextIO

import click

from engine.commands.judging import JSON_LINES, read_sentences
from engine.commands.office import as_json, asynchronous, json_anyway, opened, show_one, show_rows, when
from engine.errors import Refused
from engine.outbox import Intent, intent_key
from engine.questions.decisions import Decision, decisions_about
from engine.questions.detect import judge as judge_question
from engine.questions.following import ask_id
from engine.questions.store import Question, Questions, list_questions
from engine.questions.threads import Act


@click.group()
def questions() -> None:
    """What was asked and what became of it."""


@questions.command(name="list")
@as_json
@asynchronous
async def list_(as_json: bool) -> None:
    """Show all questions, oldest first."""
    async with opened() as office:
        rows = [_row(question) for question in await list_questions(office.db)]
    columns = ("id", "state", "asked_at", "answers", "asks", "room_id", "message_id")
    show_rows(rows, columns=columns, as_json=as_json, empty="No questions yet.")


@questions.command()
@click.argument("question_id")
@as_json
@asynchronous
async def why(question_id: str, as_json: bool) -> None:
    """Tell why a message is a question, who was asked why and when, who was not, and what became of each invitation."""
    async with opened() as office:
        commit = office.commit()
        question = await Questions(commit).get(question_id)
        if question is None:
            raise Refused(f"no question {question_id}; see: yuruyuru questions list")
        decisions = await decisions_about(commit, question_id)
        invitations = []
        for ask in question.asks:
            key = intent_key(office.db.keys, ask_id(question_id, ask.account_id))
            intent = await commit.read(key, Intent)
            became = "passed" if ask.passed else (intent.state if intent else "forgotten")
            invitations.append({"account_id": ask.account_id, "decided_at": when(ask.at), "became": became})
    row = _row(question) | {
        "reason": question.reason,
        "answered_by": [answer.account_id for answer in question.answers],
        "invitations": invitations,
        "decisions": [_decision(each) for each in decisions],
        "turns": [
            {
                "account_id": turn.account_id,
                "at": None if turn.act is Act.IS_DELETED else when(turn.at),
                "does": turn.act.value,
                "known_by": turn.link.value,
                "confidence": turn.confidence,
            }
            for turn in question.turns
        ],
    }
    show_one(row, as_json=as_json)


@questions.command()
@click.argument("file", type=JSON_LINES)
@json_anyway
def judge(file: TextIO) -> None:
    """Judge JSON lines with `id` and `text`: is it a question? Needs no database."""
    for sentence in read_sentences(file):
        found = judge_question(sentence.text)
        line = {"id": sentence.id, "is_question": found.is_question, "confidence": round(found.confidence, 3)}
        click.echo(json.dumps(line, ensure_ascii=False))


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "at": when(decision.at),
        "why_now": decision.now_because,
        "looked_at": decision.pool,
        "asked": [
            {"account_id": each.account_id, "why": each.why.value, "word": each.word, "at": when(each.at)}
            for each in decision.chosen
        ],
        "left_out": decision.left_out,
    }


def _row(question: Question) -> dict[str, Any]:
    return {
        "id": question.id,
        "message_id": question.message_id,
        "room_id": question.room_id,
        "state": question.state.value,
        "account_id": question.account_id,
        "asked_at": when(question.asked_at),
        "answers": len(question.answers),
        "asks": len(question.asks),
    }
