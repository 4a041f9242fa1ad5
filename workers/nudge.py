"""Finds questions and follows their answers; whom it asks when none comes by itself stands in `workers/asking.py`.

Safe to run twice: a message is a question at most once, and what was said is followed anew each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from engine.backups.lost import lost_time
from engine.clock import HOUR, after
from engine.errors import Ignored
from engine.events import MessageUpdated
from engine.members.store import Members
from engine.questions import following, rules, texts
from engine.questions.conversation import follow
from engine.questions.hearing import hear
from engine.questions.store import LastLine, Message, Question, Questions
from engine.questions.talk import listen, unhear
from engine.questions.threads import rewritten, without_message
from workers import asking, giving_back, learning, private, reminding
from workers.asking import wake_next_wave
from workers.explaining import explain
from workers.gathering import staff_of
from workers.private import on_private_message
from workers.resting import leave_in_peace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.commit import Commit
    from engine.events import MessageCreated, MessageDeleted
    from engine.outbox import Kind
    from engine.questions.threads import Thread
    from workers.runtime import Deps, Guard, Job

BOARD = "board"


@dataclass(frozen=True, slots=True)
class News:
    """A room's threads as they are kept and as they are now, what was said lately, and from when on that is news."""

    before: Sequence[Thread]
    now: Sequence[Thread]
    said: Sequence[rules.Heard]
    since: tuple[int, int]


async def on_message(event: MessageCreated, commit: Commit, deps: Deps) -> str:
    """A new message: question, answer, thanks, pass, or none of these; in the admin room 「なぜ q123」."""
    match deps.community.role_of(event.room_id):
        case "admin":
            return await explain(event, commit, deps)
        case None:
            return await on_private_message(event, commit, deps)
    heard, known_before = await _hear(event, 0, commit, deps)
    if known_before is not None:
        raise Ignored("known already")
    told = await _told_the_engine(event, heard, commit, deps)
    return _outcome([*told, *await _listen(event, heard, commit, deps)])


async def on_edit(event: MessageUpdated, commit: Commit, deps: Deps) -> str:
    """An edited message: it may have become something else to every question. An unknown one is heard as new."""
    heard, known_before = await _hear(event, event.updated_at, commit, deps)
    if known_before is None:
        told = await _told_the_engine(event, heard, commit, deps)
        return _outcome([*told, *await _listen(event, heard, commit, deps)])
    if known_before.updated_at >= event.updated_at:
        raise Ignored("a newer text is known")
    return _outcome(await _listen(event, heard, commit, deps))


async def on_deletion(event: MessageDeleted, commit: Commit, deps: Deps) -> str:
    """A deleted message: its words are forgotten for good. A question is withdrawn, an answer was none."""
    if deps.community.role_of(event.room_id) != BOARD:
        raise Ignored("not a board")
    questions = Questions(commit)
    await questions.forget_words(
        event.room_id, event.message_id, event.account_id, event.sent_at, deps.community.retention.messages
    )
    said = await unhear(commit, event.room_id, event.message_id)
    own = await questions.of_message(event.room_id, event.message_id)
    threads = await _threads(event.room_id, own, commit)
    gone = [without_message(each, event.message_id) for each in threads]
    since = (event.sent_at, int(event.message_id))
    return _outcome(await _follow(event.room_id, News(threads, gone, said, since), commit, deps))


async def on_own_message(event: MessageCreated, commit: Commit, deps: Deps) -> str:
    """Words of the engine's own. After a restore an invitation among them may be news: who was asked stands in it."""
    if texts.is_room_line(event.body):
        return await _recall_line(event, commit, deps)
    found = texts.read_invitation(event.body)
    if found is None or await lost_time(commit) is None:
        raise Ignored("nothing of ours is forgotten")
    account_id, room_id, message_id = found
    question = await Questions(commit).of_message(room_id, message_id)
    if question is None or question.room_id != event.room_id or question.asks_of(account_id):
        raise Ignored("known, or its question is not")
    await Members(commit).invite(account_id)
    if question.state in rules.WAITING:
        wake_next_wave(question, commit, deps)
    return await following.recall_invitation(question, account_id, event, commit)


async def _recall_line(event: MessageCreated, commit: Commit, deps: Deps) -> str:
    """The room's line of a day stands there; after a restore that may be news."""
    questions = Questions(commit)
    on = datetime.fromtimestamp(event.sent_at, deps.hours.zone).date().isoformat()
    last = await questions.last_line(event.room_id)
    if last is not None and last.on >= on:
        raise Ignored("known")
    questions.put_last_line(event.room_id, LastLine(on=on))
    return "recalled: the line of the day"


async def _hear(
    event: MessageCreated | MessageUpdated, updated_at: int, commit: Commit, deps: Deps
) -> tuple[rules.Heard, Message | None]:
    """What the message says, and what was known of it."""
    if deps.community.role_of(event.room_id) != BOARD:
        raise Ignored("not a board")
    heard = hear(
        message_id=event.message_id,
        author=event.account_id,
        sent_at=event.sent_at,
        body=event.body,
        room_id=event.room_id,
        can_answer=event.account_id not in (await staff_of(commit, deps))[1],
        zone=deps.hours.zone,
    )
    if heard is None:
        raise Ignored("a notice of Chatwork's")
    message = Message(account_id=event.account_id, body=event.body, sent_at=event.sent_at, updated_at=updated_at)
    known = await Questions(commit).remember(
        event.room_id, event.message_id, message, heard.replies_to, deps.community.retention.messages
    )
    return heard, known


def _outcome(outcomes: Sequence[str]) -> str:
    return ", ".join(outcomes) or "skipped: nothing to do"


async def _told_the_engine(
    event: MessageCreated | MessageUpdated, heard: rules.Heard, commit: Commit, deps: Deps
) -> list[str]:
    """Carry out what the author wishes of the engine: to pass, or to be left in peace."""
    if not (heard.rests_until or heard.resumes or heard.is_pass):
        return []
    questions = Questions(commit)
    known = [question.known() for question in await questions.in_room(event.room_id)]
    outcomes = []
    for wish in rules.to_the_engine(heard, known, deps.own_account_id):
        match wish:
            case rules.Rest(until):
                outcomes.append(await leave_in_peace(event, until, commit, deps))
            case rules.RecordPass(question_id):
                question = await questions.get(question_id)
                if question is not None:
                    outcomes.append(following.record_pass(question, heard.author, heard.sent_at, commit))
    return outcomes


async def _listen(event: MessageCreated | MessageUpdated, heard: rules.Heard, commit: Commit, deps: Deps) -> list[str]:
    """What the message is to the room's questions, and what that makes of those said after it."""
    said = await listen(commit, event.room_id, heard)
    own = await Questions(commit).of_message(event.room_id, event.message_id)
    before = await _threads(event.room_id, own, commit)
    spoken = [rewritten(each, heard, _said_at(event)) for each in before]
    return await _follow(event.room_id, News(before, spoken, said, heard.order), commit, deps)


async def _follow(room_id: int, news: News, commit: Commit, deps: Deps) -> list[str]:
    """Follow what was said, begin the questions that are new, and keep what became of the others."""
    before, now = list(news.before), list(news.now)
    followed = follow(now, news.said, deps.own_account_id, news.since)
    begun, early = await _begin_all(room_id, followed[len(before) :], news.said, commit, deps)
    if begun:
        fresh = [question.thread() for question in begun]
        before, now = [*before, *fresh], [*now, *fresh]
        followed = follow(now, [*news.said, *early], deps.own_account_id, news.since)
    return [*(f"opened: {question.id}" for question in begun), *await _move_on(before, followed, commit, deps)]


async def _begin_all(
    room_id: int, threads: Sequence[Thread], said: Sequence[rules.Heard], commit: Commit, deps: Deps
) -> tuple[list[Question], list[rules.Heard]]:
    """Begin questions; also returns replies to them that came before them: webhooks come in any order."""
    known = {heard.message_id: heard for heard in said}
    begun: list[Question] = []
    early: dict[str, rules.Heard] = {}
    for thread in threads:
        heard = known[thread.known.message_id]
        if await Questions(commit).of_message(room_id, heard.message_id) is None:
            question = await following.begin(heard, room_id, commit)
            begun.append(await asking.begin_waiting(question, commit, deps))
            early |= {reply.message_id: reply for reply in await _early_replies(question, commit, deps)}
    return begun, [reply for message_id, reply in early.items() if message_id not in known]


async def _move_on(before: Sequence[Thread], after: Sequence[Thread], commit: Commit, deps: Deps) -> list[str]:
    """Keep what became of the questions; those that wait again are due again."""
    outcomes = []
    for old, new in zip(before, after, strict=False):
        question = await Questions(commit).get(new.known.question_id) if new != old else None
        if question is None:
            continue
        moved = following.move_on(question, new, commit)
        outcomes.append(f"{moved.state}: {moved.id}")
        if moved.state is not question.state:
            _wake_after(moved, commit, deps)
    return outcomes


def _wake_after(question: Question, commit: Commit, deps: Deps) -> None:
    """A question that waits is due again; whose was solved may be shown another a little later."""
    if question.state in rules.WAITING:
        asking.wake_again(question, commit, deps)
    if question.state is rules.State.THANKED:
        commit.wake("nudge", "give_back", str(question.account_id), after(commit.now, HOUR))


async def _threads(room_id: int, own: Question | None, commit: Commit) -> list[Thread]:
    """What is said about a room's questions, and about the one that the message itself is."""
    found = {question.id: question for question in await Questions(commit).in_room(room_id)}
    if own is not None:
        found[own.id] = own
    return [question.thread() for question in found.values()]


def _said_at(event: MessageCreated | MessageUpdated) -> int:
    return event.updated_at if isinstance(event, MessageUpdated) else event.sent_at


async def _early_replies(question: Question, commit: Commit, deps: Deps) -> list[rules.Heard]:
    _, vendors = await staff_of(commit, deps)
    found = [
        hear(
            message_id=reply_id,
            author=reply.account_id,
            sent_at=reply.sent_at,
            body=reply.body,
            room_id=question.room_id,
            can_answer=reply.account_id not in vendors,
            zone=deps.hours.zone,
        )
        for reply_id, reply in await Questions(commit).replies(question.room_id, question.message_id)
    ]
    return [each for each in found if each is not None]


JOBS: Mapping[str, Job] = {
    **asking.JOBS,
    **reminding.JOBS,
    **learning.JOBS,
    **private.JOBS,
    **giving_back.JOBS,
}
GUARDS: Mapping[Kind, Guard] = {**asking.GUARDS, **reminding.GUARDS, **giving_back.GUARDS}
PERIODIC: Mapping[str, float] = {**reminding.PERIODIC, **learning.PERIODIC, **private.PERIODIC}
