"""What the nudge worker says of questions that wait long: a line a day to the room, a word to the admins.

Members see the waiting questions together, without a name. Safe to run twice: the room's day and the question stand in
what is written, and everything is looked at again in the moment of sending.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from engine.backups.lost import lost_time
from engine.chatwork.compose import message_link
from engine.clock import MINUTE, Epoch
from engine.outbox import ChatContent, Drop, Go, Intent, Kind, Later, Verdict, put
from engine.ports import Lane
from engine.questions import choosing, texts
from engine.questions.rules import WAITING
from engine.questions.store import LastLine, Questions
from workers.gathering import text_of, waiting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.commit import Commit
    from engine.questions.store import Question
    from workers.runtime import Deps, Guard, Job

AT_ONCE = 5
"""Questions that the admins hear of in one round: after a long sleep the rest follows in the next."""


async def remind(_: str, commit: Commit, deps: Deps) -> str:
    """Look for questions that have waited long, and say so where that is not said yet. Only in active hours."""
    if not deps.hours.is_active(commit.now):
        return "skipped: outside active hours"
    lost = await lost_time(commit)
    unread = lost.unread if lost else ()
    boards = [room_id for room_id in deps.community.rooms_of("board") if room_id not in unread]
    lines = [await _remind_room(room_id, commit, deps) for room_id in boards]
    told = sum([await _tell_admins(room_id, commit, deps) for room_id in boards])
    return f"lines: {sum(lines)}, told of: {told}"


async def _remind_room(room_id: int, commit: Commit, deps: Deps) -> bool:
    """Write today's line, unless it is written; False if there is nothing to say."""
    questions = Questions(commit)
    today = _today(commit, deps)
    last = await questions.last_line(room_id)
    if last is not None and last.on >= today:
        return False
    body = await _line(room_id, commit, deps)
    if body is None:
        return False
    intent = Intent(
        id=f"line-{room_id}-{int(commit.now)}",
        worker="nudge",
        kind=Kind.ROOM_LINE,
        lane=Lane.NUDGE,
        subject=str(room_id),
        content=ChatContent(room_id=room_id, body=body),
        created_at=commit.now,
    )
    questions.put_last_line(room_id, LastLine(on=today, intent=intent.id))
    return await put(commit, intent)


async def _line(room_id: int, commit: Commit, deps: Deps) -> str | None:
    """What the room would read now; None if no question has waited long enough."""
    asked_by = commit.now - deps.community.nudge.room_line_after
    quotes = []
    for question in await waiting(room_id, commit):
        text = await text_of(question, commit) if question.asked_at <= asked_by else ""
        if text:
            quotes.append((question.message_id, text))
    return texts.room_line(room_id, quotes) if quotes else None


def _today(commit: Commit, deps: Deps) -> str:
    return datetime.fromtimestamp(commit.now, deps.hours.zone).date().isoformat()


async def line_still_wanted(intent: Intent, commit: Commit, deps: Deps) -> Verdict:
    """At the moment of sending: the hour active, the room not just asked, and every question in it still waiting."""
    assert isinstance(intent.content, ChatContent)
    room_id, questions = intent.content.room_id, Questions(commit)
    if not deps.hours.is_active(commit.now):
        return await _drop_line(intent, room_id, "outside active hours", commit)
    if await _line(room_id, commit, deps) != intent.content.body:
        return await _drop_line(intent, room_id, "something changed", commit)
    free = choosing.next_free(await questions.last_ask(room_id, intent.id), commit.now)
    if free > commit.now:
        return Later(free, "the room was just asked")
    questions.put_last_ask(room_id, intent.id)
    return Go()


async def _drop_line(intent: Intent, room_id: int, reason: str, commit: Commit) -> Drop:
    """The next round writes another: the day has none yet."""
    questions = Questions(commit)
    last = await questions.last_line(room_id)
    if last is not None and last.intent == intent.id:
        questions.forget_last_line(room_id)
    return Drop(reason)


async def _tell_admins(room_id: int, commit: Commit, deps: Deps) -> int:
    """Tell the admins of questions that waited very long, each once; returns of how many."""
    told, asked_by = 0, commit.now - deps.community.nudge.admins_after
    for question in await waiting(room_id, commit):
        text = await text_of(question, commit) if question.asked_at <= asked_by else ""
        if text and told < AT_ONCE:
            told += any([await _tell(question, text, admins, commit) for admins in deps.community.rooms_of("admin")])
    return told


async def _tell(question: Question, text: str, admins: int, commit: Commit) -> bool:
    link = message_link(question.room_id, question.message_id)
    intent = Intent(
        id=f"admins-{question.id}-{admins}",
        worker="nudge",
        kind=Kind.ADMINS_WORD,
        lane=Lane.DIGEST,
        subject=question.id,
        content=ChatContent(
            room_id=admins,
            body=texts.admins_word(question.id, link, text, commit.now - question.asked_at, len(question.asks)),
        ),
        created_at=commit.now,
    )
    return await put(commit, intent)


async def word_still_wanted(intent: Intent, commit: Commit, deps: Deps) -> Verdict:
    """At the moment of sending: the hour active, and the question still open."""
    question = await Questions(commit).get(intent.subject)
    if question is None or question.state not in WAITING:
        return Drop("answered" if question else "forgotten")
    active = deps.hours.next_active(commit.now)
    return Go() if active == commit.now else Later(active or Epoch(commit.now + choosing.WEEK), "outside active hours")


JOBS: Mapping[str, Job] = {"remind": remind}
GUARDS: Mapping[Kind, Guard] = {Kind.ROOM_LINE: line_still_wanted, Kind.ADMINS_WORD: word_still_wanted}
PERIODIC: Mapping[str, float] = {"remind": 15 * MINUTE}
