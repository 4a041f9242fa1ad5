"""Whose question was solved is shown, at most once a week, one that waits for somebody like them. GIVE & GIVEN.

Only in a direct chat: in the room it would be a public reminder. Safe to run twice: the week stands in the member's
record, and everything is looked at again in the moment of sending.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.chatwork.compose import doctor
from engine.clock import DAY
from engine.errors import Ignored
from engine.members.directory import Directory
from engine.members.store import Member, Members
from engine.moderation.store import Cases
from engine.outbox import ChatContent, Drop, Intent, Kind, Verdict, put
from engine.ports import Lane
from engine.questions import texts
from engine.questions.choosing import WEEK
from engine.questions.hearing import own_words
from engine.questions.rules import WAITING
from engine.questions.store import Question, Questions
from engine.questions.threads import rests
from engine.questions.topics import named, relevance
from workers.asking import still_wanted, uninvite
from workers.gathering import staff_of, subject_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.commit import Commit
    from workers.runtime import Deps, Guard, Job

LOOKED_AT = 30
"""Waiting questions that are looked at, the newest."""


async def give_back(account_id: str, commit: Commit, deps: Deps) -> str:
    """Choose the waiting question that somebody could best answer, and show it to them."""
    who = int(account_id)
    person = await Members(commit).get(who)
    reason = await _reason_against(who, person, commit, deps)
    if reason is not None or person is None:
        raise Ignored(reason or "nobody known")
    active = deps.hours.next_active(commit.now)
    if active is None or active > commit.now:
        commit.wake("nudge", "give_back", account_id, active or commit.now)
        return "later: outside active hours"
    fits = [await _fit(question, who, commit) for question in await _waiting(who, commit, deps)]
    found = [fit for fit in fits if fit[3]]
    if not found:
        raise Ignored("nothing waits that they could answer")
    _, _, question, text = max(found, key=lambda each: each[:2])
    Members(commit).put(person.model_copy(update={"given_back_at": commit.now}))
    await Members(commit).invite(who)
    asked = await Questions(commit).get(question.id)
    if asked is None:
        raise Ignored("forgotten")
    Questions(commit).put(asked.with_ask(who, commit.now))
    await put(commit, _word(question, who, person, text, commit))
    return f"shown: {question.id} to {who}"


async def _reason_against(who: int, person: Member | None, commit: Commit, deps: Deps) -> str | None:
    """Why somebody is shown nothing, from a closed list."""
    admins, vendors = await staff_of(commit, deps)
    if person is None or who in admins | vendors:
        return "vendor or staff"
    if person.paused_until > commit.now:
        return "paused"
    if person.given_back_at > commit.now - WEEK:
        return "shown one this week"
    nudge, invited = deps.community.nudge, await Members(commit).invited(who)
    if sum(at > commit.now - DAY for at in invited) >= nudge.asks_per_day or len(invited) >= nudge.asks_per_week:
        return "at the cap"
    return None if who in await deps.chat.direct_rooms() else "no direct chat"


async def _waiting(who: int, commit: Commit, deps: Deps) -> list[Question]:
    """Questions of others that wait and that they were not asked about."""
    at_odds = await Cases(commit).at_odds_with(who)
    found = [
        question
        for room_id in deps.community.rooms_of("board")
        for question in await Questions(commit).in_room(room_id)
        if question.state in WAITING
        and question.account_id not in {who, *at_odds}
        and not question.asks_of(who)
        and rests(question.turns, commit.now) is None
        and not await Cases(commit).is_case(room_id, question.message_id)
    ]
    return found[-LOOKED_AT:]


async def _fit(question: Question, who: int, commit: Commit) -> tuple[float, int, Question, str]:
    """How near a question is to what somebody knows, and that the oldest goes first; with its text."""
    directory = Directory(commit)
    message = await Questions(commit).message(question.room_id, question.message_id)
    text = own_words(message.body) if message is not None else ""
    subject = await subject_of(text, directory, commit.now)
    known = await directory.look_up([who], question.room_id)
    is_named = named(known[who].profile, subject.mentions) is not None
    return relevance(subject.knowledge(who), is_named=is_named), -question.asked_at, question, text


def _word(question: Question, who: int, person: Member, text: str, commit: Commit) -> Intent:
    return Intent(
        id=f"ask-{question.id}-{who}",
        worker="nudge",
        kind=Kind.SHOWN,
        lane=Lane.NUDGE,
        subject=question.id,
        person=who,
        content=ChatContent(
            room_id=question.room_id,
            body=texts.shown(question.room_id, question.message_id, text),
            privately_to=who,
            private_salutation=doctor(person.name),
            only_privately=True,
        ),
        created_at=commit.now,
    )


async def still_to_be_shown(intent: Intent, commit: Commit, deps: Deps) -> Verdict:
    """At the moment of sending: as for an invitation, and there is a direct chat."""
    if intent.person is None or intent.person not in await deps.chat.direct_rooms():
        question = await Questions(commit).get(intent.subject)
        if question is not None and intent.person is not None:
            await uninvite(question, intent.person, commit)
        return Drop("no direct chat")
    return await still_wanted(intent, commit, deps)


JOBS: Mapping[str, Job] = {"give_back": give_back}
GUARDS: Mapping[Kind, Guard] = {Kind.SHOWN: still_to_be_shown}
