"""Listens where no webhook does: in the direct chats of those whom the engine asked. A pass said there counts.

Members hear there how their answer reaches the asker. Safe to run twice: what was read is published under its id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import Ignored, Permanent, Transient
from engine.events import MessageCreated
from engine.log import get_logger
from engine.outbox import ChatContent, Intent, Kind, put
from engine.ports import Lane
from engine.questions import direct, following, remarks, texts
from engine.questions.direct import AT_ONCE, Direct, direct_chat, put_direct_chat, spoken_to
from engine.questions.resting import rests_until, resumes
from engine.questions.store import Questions
from workers.resting import leave_in_peace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.commit import Commit
    from engine.questions.store import Question
    from workers.runtime import Deps, Job

log = get_logger()


async def hear_privately(_: str, commit: Commit, deps: Deps) -> str:
    """Read the direct chats of those who were asked lately, and publish what they wrote there."""
    people = await spoken_to(commit)
    rooms = await deps.chat.direct_rooms() if people else {}
    heard = 0
    for account_id in [person for person in people if person in rooms][:AT_ONCE]:
        try:
            heard += await _read(account_id, rooms[account_id], commit, deps)
        except (Transient, Permanent) as failure:
            log.warning("direct_chat_unread", account_id=account_id, reason=failure.reason)
    return f"heard: {heard}"


async def _read(account_id: int, room_id: int, commit: Commit, deps: Deps) -> int:
    """What stood there before the engine's first word of late is history, and all of it where there is none."""
    messages = await deps.chat.newest_messages(room_id, Lane.NUDGE)
    known = await direct_chat(commit, room_id)
    newest = max((int(each.message_id) for each in messages), default=0)
    lately = [each for each in messages if each.sent_at > commit.now - direct.LISTENING]
    ours = (int(each.message_id) for each in lately if each.account_id == deps.own_account_id)
    since = known.read_until if known else min(ours, default=newest)
    new = [each for each in messages if int(each.message_id) > since and each.account_id == account_id]
    for each in new:
        commit.publish(
            MessageCreated(
                room_id=room_id,
                message_id=each.message_id,
                account_id=each.account_id,
                body=each.body,
                sent_at=each.sent_at,
            )
        )
    if known is None or newest > known.read_until:
        put_direct_chat(commit, room_id, Direct(account_id=account_id, read_until=newest))
    return len(new)


async def on_private_message(event: MessageCreated, commit: Commit, deps: Deps) -> str:
    """Somebody answers in their direct chat: a pass and a wish for peace count, other words belong in the room."""
    chat = await direct_chat(commit, event.room_id)
    if chat is None or chat.account_id != event.account_id:
        raise Ignored("not a board")
    until = rests_until(event.body, event.sent_at, deps.hours.zone)
    asked = await _asked_and_silent(event.account_id, commit, deps)
    if until or resumes(event.body):
        passed = [following.record_pass(each, event.account_id, event.sent_at, commit) for each in asked if until]
        return ", ".join([*passed, await leave_in_peace(event, until or 0.0, commit, deps)])
    if not asked:
        raise Ignored("nothing was asked")
    if remarks.is_pass(event.body):
        return following.record_pass(asked[-1], event.account_id, event.sent_at, commit)
    if not remarks.substance(event.body):
        raise Ignored("nothing to pass on")
    return await _show_the_way(event, asked[-1], commit)


async def _asked_and_silent(account_id: int, commit: Commit, deps: Deps) -> list[Question]:
    """Questions about which somebody was asked and has not reacted, oldest first, to be changed."""
    questions = Questions(commit)
    found = [each for room_id in deps.community.rooms_of("board") for each in await questions.in_room(room_id)]
    silent = [each for each in found if each.known().silent(account_id)]
    fresh = [await questions.get(each.id) for each in sorted(silent, key=lambda each: each.asks_of(account_id)[-1].at)]
    return [each for each in fresh if each is not None]


async def _show_the_way(event: MessageCreated, question: Question, commit: Commit) -> str:
    """An answer here does not reach the asker, and what was said privately is not carried into the room."""
    intent = Intent(
        id=f"way-{question.id}-{event.account_id}",
        worker="nudge",
        kind=Kind.REPLY,
        lane=Lane.REPLY,
        subject=question.id,
        person=event.account_id,
        content=ChatContent(room_id=event.room_id, body=texts.way_to_the_room(question.room_id, question.message_id)),
        created_at=event.sent_at,
    )
    return "shown the way to the room" if await put(commit, intent) else "skipped: shown before"


JOBS: Mapping[str, Job] = {"hear_privately": hear_privately}
PERIODIC: Mapping[str, float] = {"hear_privately": direct.ROUND}
