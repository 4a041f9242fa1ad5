"""Finds questions, follows their answers, and asks one member by name when an answer does not come by itself.

Members see short invitations with a link and two ways out. Safe to run twice: a message is a question at most once, an
invitation's id names question and person, and everything is looked at again in the moment of sending.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from engine.backups.lost import LISTENING, lost_time
from engine.clock import ActiveSeconds, Epoch, after
from engine.errors import Ignored
from engine.members.store import Members
from engine.moderation.store import Cases
from engine.outbox import Drop, Go, Intent, Kind, Later, Verdict, put
from engine.questions import following, rules, texts
from engine.questions.hearing import hear, own_words
from engine.questions.rules import State
from engine.questions.store import Message, Question, Questions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.commit import Commit
    from engine.events import MessageCreated, MessageDeleted, MessageUpdated
    from workers.runtime import Deps, Guard, Job

BOARD = "board"


async def on_message(event: MessageCreated, commit: Commit, deps: Deps) -> str:
    """A new message: question, answer, thanks, pass, or none of these."""
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
    found = texts.read_invitation(event.body)
    if found is None or await lost_time(commit) is None:
        raise Ignored("nothing of ours is forgotten")
    account_id, room_id, message_id = found
    question = await Questions(commit).of_message(room_id, message_id)
    if question is None or question.room_id != event.room_id or question.asks_of(account_id):
        raise Ignored("known, or its question is not")
    await Members(commit).invite(account_id)
    if question.state is State.OPEN:
        _wake_next_wave(question, commit, deps)
    return await following.recall_invitation(question, account_id, event, commit)


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
        can_answer=event.account_id not in (await _staff(commit, deps))[1],
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
    outcomes = [
        await _open(event, heard, commit, deps)
        if isinstance(decision, rules.OpenQuestion)
        else await _apply(decision, event, commit)
        for decision in decisions
    ]
    return ", ".join(outcomes) or "skipped: nothing to do"


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
    question = await following.begin(event, heard.reason, commit)
    _wake_next_wave(question, commit, deps)
    return f"opened: {question.id}, " + await _early_answers(question, commit, deps)


async def _early_answers(question: Question, commit: Commit, deps: Deps) -> str:
    """Webhooks come in any order: an answer may have arrived before its question."""
    questions = Questions(commit)
    _, vendors = await _staff(commit, deps)
    for reply_id, reply in await questions.replies(question.room_id, question.message_id):
        heard = hear(
            message_id=reply_id,
            author=reply.account_id,
            sent_at=reply.sent_at,
            body=reply.body,
            room_id=question.room_id,
            can_answer=reply.account_id not in vendors,
        )
        if heard is not None and rules.answered_by(heard, [question.known()], deps.own_account_id):
            return following.record_answer(question, reply.account_id, reply_id, reply.sent_at, commit)
    return "waiting"


def _wake_next_wave(question: Question, commit: Commit, deps: Deps) -> None:
    """Set the due time of the next wave; after the last one there is none."""
    for wave in deps.community.nudge.waves:
        due = deps.hours.add(Epoch(question.asked_at), ActiveSeconds(wave))
        if due is not None and due > commit.now:
            commit.wake("nudge", "ask", question.id, due)
            return


async def ask(question_id: str, commit: Commit, deps: Deps) -> str:
    """A wave is due: ask one member, unless the question no longer needs it."""
    questions = Questions(commit)
    question = await questions.get(question_id)
    if question is None or question.state is not State.OPEN:
        raise Ignored("needs no invitation any more")
    if await Cases(commit).is_case(question.room_id, question.message_id):
        commit.fact("ask_suppressed", question_id=question_id, reason="under moderation")
        return "skipped: under moderation"
    lost = await lost_time(commit)
    if lost is not None and question.room_id in lost.unread:
        commit.wake("nudge", "ask", question_id, after(commit.now, LISTENING))
        return "later: first the room is read again"
    active = deps.hours.next_active(commit.now)
    if active is None:
        raise Ignored("the calendar has no active hours")
    if active > commit.now:
        commit.wake("nudge", "ask", question_id, active)
        return "later: outside active hours"
    _wake_next_wave(question, commit, deps)
    members = Members(commit)
    roster = await members.in_rooms([question.room_id])
    caps = rules.Caps(deps.community.nudge.asks_per_day, deps.community.nudge.asks_per_week)
    account_id = await _choose(question, await _candidates(roster, members, commit, deps), caps, commit)
    if account_id is None:
        commit.fact("ask_suppressed", question_id=question_id, reason="nobody free")
        return "skipped: nobody free"
    return await _invite(question, account_id, commit)


async def _choose(
    question: Question, candidates: list[rules.Candidate], caps: rules.Caps, commit: Commit
) -> int | None:
    """Whom to ask. Another question, due at the same moment, may have invited the chosen one since all were looked at.

    So the chosen one is looked at again, now to be changed; who is no longer as they were is considered anew.
    """
    while (chosen := rules.choose(question.known(), candidates, caps, commit.now)) is not None:
        asked_at = await Members(commit).invited(chosen.account_id)
        if asked_at == chosen.asked_at:
            return chosen.account_id
        candidates = [replace(other, asked_at=asked_at) if other is chosen else other for other in candidates]
    return None


async def _invite(question: Question, account_id: int, commit: Commit) -> str:
    questions, members = Questions(commit), Members(commit)
    message = await questions.message(question.room_id, question.message_id)
    person = (await members.look_up([account_id])).get(account_id)
    if message is None or person is None:
        raise Ignored("its text or the member is forgotten")
    await members.invite(account_id)
    questions.put(question.with_ask(account_id, commit.now))
    body = texts.invitation(account_id, person.name, question.room_id, question.message_id, own_words(message.body))
    await put(commit, following.invitation(question, account_id, body, commit.now))
    return f"asked: {account_id}"


async def _candidates(roster: Mapping[int, str], members: Members, commit: Commit, deps: Deps) -> list[rules.Candidate]:
    people = await members.look_up(roster)
    invited = await members.invitations(people)
    staff = set[int].union(*await _staff(commit, deps), {deps.own_account_id})
    return [
        rules.Candidate(
            account_id=account_id,
            asked_at=invited[account_id],
            paused_until=person.paused_until,
            may_be_asked=account_id not in staff and roster[account_id] != "readonly",
        )
        for account_id, person in people.items()
    ]


async def _staff(commit: Commit, deps: Deps) -> tuple[set[int], set[int]]:
    """Admins and vendors."""
    return await Members(commit).staff(deps.community.rooms_of("admin"), deps.community.rooms_of("vendor"))


async def still_wanted(intent: Intent, commit: Commit, deps: Deps) -> Verdict:
    """At the moment of sending: still open, the person not paused, the hour active, the room not just asked."""
    questions = Questions(commit)
    question = await questions.get(intent.subject)
    if question is None or intent.person is None:
        return Drop("forgotten")
    person = await Members(commit).get(intent.person)
    reason = rules.may_still_ask(
        question.known(),
        intent.created_at,
        person.paused_until if person else 0.0,
        commit.now,
        under_moderation=await Cases(commit).is_case(question.room_id, question.message_id),
    )
    if reason is not None:
        await _uninvite(question, intent.person, commit)
        return Drop(reason)
    active = deps.hours.next_active(commit.now)
    if active != commit.now:
        return Later(active or Epoch(commit.now + rules.WEEK), "outside active hours")
    free = rules.next_free(await questions.last_ask(question.room_id), commit.now)
    if free > commit.now:
        return Later(free, "the room was just asked")
    await _date_invitation(question, intent.person, commit)
    return Go()


async def _uninvite(question: Question, account_id: int, commit: Commit) -> None:
    """What is not sent does not count: neither as an ask nor against the caps."""
    for ask in question.asks_of(account_id):
        await Members(commit).take_back_invitation(account_id, ask.at)
    Questions(commit).put(question.without_asks_of(account_id))


async def _date_invitation(question: Question, account_id: int, commit: Commit) -> None:
    """rules.Caps count from when somebody is really asked, which may be long after it was decided."""
    members, questions = Members(commit), Questions(commit)
    for ask in question.asks_of(account_id):
        await members.take_back_invitation(account_id, ask.at)
    await members.invite(account_id)
    questions.put(question.without_asks_of(account_id).with_ask(account_id, commit.now))
    questions.put_last_ask(question.room_id)


JOBS: Mapping[str, Job] = {"ask": ask}
GUARDS: Mapping[Kind, Guard] = {Kind.ASK: still_wanted}
