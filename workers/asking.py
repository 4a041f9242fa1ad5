"""What the nudge worker does by time: asks members by name when an answer does not come by itself.

Members see short invitations with a link and two ways out. Safe to run twice: an invitation's id names question and
person, and everything is looked at again in the moment of sending.
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
from engine.questions import choosing, following, texts
from engine.questions.hearing import own_words
from engine.questions.rules import State
from engine.questions.store import Question, Questions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.commit import Commit
    from workers.runtime import Deps, Guard, Job


async def staff_of(commit: Commit, deps: Deps) -> tuple[set[int], set[int]]:
    """Admins and vendors."""
    return await Members(commit).staff(deps.community.rooms_of("admin"), deps.community.rooms_of("vendor"))


def wake_next_wave(question: Question, commit: Commit, deps: Deps) -> None:
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
    wake_next_wave(question, commit, deps)
    members = Members(commit)
    roster = await members.in_rooms([question.room_id])
    caps = choosing.Caps(deps.community.nudge.asks_per_day, deps.community.nudge.asks_per_week)
    account_id = await _choose(question, await _candidates(roster, members, commit, deps), caps, commit)
    if account_id is None:
        commit.fact("ask_suppressed", question_id=question_id, reason="nobody free")
        return "skipped: nobody free"
    return await _invite(question, account_id, commit)


async def _choose(
    question: Question, candidates: list[choosing.Candidate], caps: choosing.Caps, commit: Commit
) -> int | None:
    """Whom to ask. Another question, due at the same moment, may have invited the chosen one since all were looked at.

    So the chosen one is looked at again, now to be changed; who is no longer as they were is considered anew.
    """
    while (chosen := choosing.choose(question.known(), candidates, caps, commit.now)) is not None:
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


async def _candidates(
    roster: Mapping[int, str], members: Members, commit: Commit, deps: Deps
) -> list[choosing.Candidate]:
    people = await members.look_up(roster)
    invited = await members.invitations(people)
    staff = set[int].union(*await staff_of(commit, deps), {deps.own_account_id})
    return [
        choosing.Candidate(
            account_id=account_id,
            asked_at=invited[account_id],
            paused_until=person.paused_until,
            may_be_asked=account_id not in staff and roster[account_id] != "readonly",
        )
        for account_id, person in people.items()
    ]


async def still_wanted(intent: Intent, commit: Commit, deps: Deps) -> Verdict:
    """At the moment of sending: still open, the person not paused, the hour active, the room not just asked."""
    questions = Questions(commit)
    question = await questions.get(intent.subject)
    if question is None or intent.person is None:
        return Drop("forgotten")
    person = await Members(commit).get(intent.person)
    reason = choosing.may_still_ask(
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
        return Later(active or Epoch(commit.now + choosing.WEEK), "outside active hours")
    free = choosing.next_free(await questions.last_ask(question.room_id), commit.now)
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
    """Caps count from when somebody is really asked, which may be long after it was decided."""
    members, questions = Members(commit), Questions(commit)
    for ask in question.asks_of(account_id):
        await members.take_back_invitation(account_id, ask.at)
    await members.invite(account_id)
    questions.put(question.without_asks_of(account_id).with_ask(account_id, commit.now))
    questions.put_last_ask(question.room_id)


JOBS: Mapping[str, Job] = {"ask": ask}
GUARDS: Mapping[Kind, Guard] = {Kind.ASK: still_wanted}
