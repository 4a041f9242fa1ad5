"""Finds questions and follows their answers; whom it asks when none comes by itself stands in `workers/asking.py`.

Safe to run twice: a message is a question at most once, and a question's state is only left once.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from engine.backups.lost import lost_time
from engine.errors import Ignored
from engine.members.store import Member, Members
from engine.outbox import put
from engine.questions import following, rules, texts
from engine.questions.hearing import hear
from engine.questions.rules import State
from engine.questions.store import LastLine, Message, Question, Questions
from workers import asking, learning, reminding
from workers.asking import wake_next_wave
from workers.explaining import explain
from workers.gathering import staff_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.commit import Commit
    from engine.events import MessageCreated, MessageDeleted, MessageUpdated
    from engine.outbox import Kind
    from workers.runtime import Deps, Guard, Job

BOARD = "board"


async def on_message(event: MessageCreated, commit: Commit, deps: Deps) -> str:
    """A new message: question, answer, thanks, pass, or none of these; in the admin room 「なぜ q123」."""
    if deps.community.role_of(event.room_id) == "admin":
        return await explain(event, commit, deps)
    heard, known_before = await _hear(event, 0, commit, deps)
    if known_before is not None:
        raise Ignored("known already")
    return await _decide(event, heard, commit, deps)


async def on_edit(event: MessageUpdated, commit: Commit, deps: Deps) -> str:
    """An edited message: it may have become a question, or no longer be one. An unknown one is heard as new."""
    heard, known_before = await _hear(event, event.updated_at, commit, deps)
    if known_before is None:
        return await _decide(event, heard, commit, deps)
    if known_before.updated_at >= event.updated_at:
        raise Ignored("a newer text is known")
    questions = Questions(commit)
    question = await questions.of_message(event.room_id, event.message_id)
    if question is None and heard.is_question:
        return await _open(event, heard, commit, deps)
    if question is not None and question.state is State.OPEN and not heard.is_question:
        return await _apply(rules.Withdraw(question.id), event, commit)
    return "skipped: nothing changed"


async def on_deletion(event: MessageDeleted, commit: Commit, deps: Deps) -> str:
    """A deleted message: its words are forgotten for good, and if it was a question, nobody is asked any more."""
    if deps.community.role_of(event.room_id) != BOARD:
        raise Ignored("not a board")
    questions = Questions(commit)
    await questions.forget_words(
        event.room_id, event.message_id, event.account_id, event.sent_at, deps.community.retention.messages
    )
    question = await questions.of_message(event.room_id, event.message_id)
    if question is None or question.state not in (State.OPEN, State.ANSWERED):
        return "skipped: no question that waits"
    return following.withdraw(question, commit)


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
    if question.state is State.OPEN:
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


async def _decide(event: MessageCreated | MessageUpdated, heard: rules.Heard, commit: Commit, deps: Deps) -> str:
    questions = await Questions(commit).in_room(event.room_id)
    decisions = rules.on_message(heard, [question.known() for question in questions], deps.own_account_id)
    outcomes = [await _carry_out(decision, event, heard, commit, deps) for decision in decisions]
    return ", ".join(outcomes) or "skipped: nothing to do"


async def _carry_out(
    decision: rules.Decision,
    event: MessageCreated | MessageUpdated,
    heard: rules.Heard,
    commit: Commit,
    deps: Deps,
) -> str:
    match decision:
        case rules.OpenQuestion():
            return await _open(event, heard, commit, deps)
        case rules.Rest(until):
            return await _rest(event, until, commit, deps)
        case _:
            return await _apply(decision, event, commit)


async def _rest(event: MessageCreated | MessageUpdated, until: float, commit: Commit, deps: Deps) -> str:
    """Keep the author's wish, and tell them that it was understood."""
    members = Members(commit)
    person = await members.get(event.account_id) or Member(account_id=event.account_id, name="")
    members.put(person.model_copy(update={"paused_until": until}))
    if until:
        commit.fact("member_paused", account_id=event.account_id)
        body, outcome = texts.rest(until, event.sent_at, deps.hours.zone), "paused"
    else:
        commit.fact("member_resumed", account_id=event.account_id)
        body, outcome = texts.RESUMED, "resumed"
    await put(commit, following.answer_to("nudge", event, body, person.name, commit.now))
    return f"{outcome}: {event.account_id}"


async def _apply(
    decision: rules.RecordAnswer | rules.RecordPass | rules.CloseThanked | rules.Withdraw,
    event: MessageCreated | MessageUpdated,
    commit: Commit,
) -> str:
    question = await Questions(commit).get(decision.question_id)
    if question is None:
        return "skipped: question forgotten"
    match decision:
        case rules.RecordAnswer():
            return following.record_answer(question, event.account_id, event.message_id, event.sent_at, commit)
        case rules.RecordPass():
            return following.record_pass(question, event.account_id, event.sent_at, commit)
        case rules.CloseThanked():
            return following.close_thanked(question, event.account_id, event.sent_at, commit)
        case rules.Withdraw():
            return following.withdraw(question, commit)


async def _open(event: MessageCreated | MessageUpdated, heard: rules.Heard, commit: Commit, deps: Deps) -> str:
    questions = Questions(commit)
    if await questions.of_message(event.room_id, event.message_id) is not None:
        return "skipped: is a question already"
    question = await asking.begin_waiting(await following.begin(event, heard.reason, commit), commit, deps)
    return f"opened: {question.id}, " + await _early_answers(question, commit, deps)


async def _early_answers(question: Question, commit: Commit, deps: Deps) -> str:
    """Webhooks come in any order: an answer may have arrived before its question."""
    questions = Questions(commit)
    _, vendors = await staff_of(commit, deps)
    for reply_id, reply in await questions.replies(question.room_id, question.message_id):
        heard = hear(
            message_id=reply_id,
            author=reply.account_id,
            sent_at=reply.sent_at,
            body=reply.body,
            room_id=question.room_id,
            can_answer=reply.account_id not in vendors,
            zone=deps.hours.zone,
        )
        if heard is not None and rules.answered_by(heard, [question.known()], deps.own_account_id):
            return following.record_answer(question, reply.account_id, reply_id, reply.sent_at, commit)
    return "waiting"


JOBS: Mapping[str, Job] = {**asking.JOBS, **reminding.JOBS, **learning.JOBS}
GUARDS: Mapping[Kind, Guard] = {**asking.GUARDS, **reminding.GUARDS}
PERIODIC: Mapping[str, float] = {**reminding.PERIODIC, **learning.PERIODIC}
