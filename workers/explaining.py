"""Answers an admin's 「なぜ q123」: why these people were asked, and why not the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.chatwork.markup import parse
from engine.errors import Ignored
from engine.members.store import Members
from engine.outbox import ChatContent, Intent, Kind, put
from engine.ports import Lane
from engine.questions.decisions import decisions_about
from engine.questions.explaining import Look, explained, read_why, unknown
from engine.questions.store import Questions

if TYPE_CHECKING:
    from engine.commit import Commit
    from engine.events import MessageCreated
    from engine.questions.decisions import Decision
    from workers.runtime import Deps


async def explain(event: MessageCreated, commit: Commit, deps: Deps) -> str:
    """Answer in the admin room; any other word there is not for us."""
    question_id = read_why(parse(event.body).text)
    if question_id is None:
        raise Ignored("no question about a question")
    body = await _explanation(question_id, commit, deps)
    await put(
        commit,
        Intent(
            id=f"why-{event.room_id}-{event.message_id}",
            worker="nudge",
            kind=Kind.REPLY,
            lane=Lane.REPLY,
            subject=question_id,
            content=ChatContent(room_id=event.room_id, body=body),
            created_at=event.sent_at,
        ),
    )
    return f"explained: {question_id}"


async def _explanation(question_id: str, commit: Commit, deps: Deps) -> str:
    question = await Questions(commit).look(question_id)
    if question is None:
        return unknown(question_id)
    looks = tuple(_look(each) for each in await decisions_about(commit, question_id))
    people = {who for look in looks for group in (look.chosen, *look.left_out.values()) for who in group}
    names = {who: member.name for who, member in (await Members(commit).look_up(sorted(people))).items()}
    return explained(question_id, question.state, looks, names, deps.hours.zone)


def _look(decision: Decision) -> Look:
    return Look(
        at=decision.at,
        now_because=decision.now_because,
        pool=decision.pool,
        chosen={each.account_id: each.because for each in decision.chosen},
        left_out=decision.left_out,
    )
