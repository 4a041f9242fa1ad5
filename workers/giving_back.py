"""Whose question was solved is shown, at most once a week, one that waits for somebody like them. GIVE & GIVEN.

Only in a direct chat: in the room it would be a public reminder. Safe to run twice: the week stands in the member's
record, and everything is looked at again in the moment of sending.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from engine.chatwork.compose import doctor
from engine.errors import Ignored
from engine.members.directory import Directory
from engine.members.store import Member, Members
from engine.moderation.store import Cases
from engine.outbox import ChatContent, Drop, Intent, Kind, Verdict, put
from engine.ports import Lane
from engine.questions import texts
from engine.questions.choosing import WEEK, Candidate, Caps, left_out
from engine.questions.following import ask_id
from engine.questions.store import Question, Questions
from engine.questions.topics import named, relevance
from workers.asking import still_wanted, uninvite
from workers.gathering import staff_of, subject_of, text_of, waiting

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
    if person is None or person.given_back_at > commit.now - WEEK:
        raise Ignored("shown one this week")
    if who not in await deps.chat.direct_rooms():
        raise Ignored("no direct chat")
    active = deps.hours.next_active(commit.now)
    if active is None:
        raise Ignored("the calendar has no active hours")
    if active > commit.now:
        commit.wake("nudge", "give_back", account_id, active)
        return "later: outside active hours"
    fits = [await _fit(question, who, commit) for question in await _fitting(person, commit, deps)]
    _, _, chosen, text = max((fit for fit in fits if fit[3]), key=lambda each: each[:2], default=(0.0, 0, None, ""))
    question = await Questions(commit).get(chosen.id) if chosen is not None else None
    if question is None:
        raise Ignored("nothing waits that they could answer")
    Members(commit).put(person.model_copy(update={"given_back_at": commit.now}))
    await Members(commit).invite(who)
    Questions(commit).put(question.with_ask(who, commit.now))
    await put(commit, _word(question, who, person, text, commit))
    return f"shown: {question.id} to {who}"


async def _fitting(person: Member, commit: Commit, deps: Deps) -> list[Question]:
    """Waiting questions about which somebody might be asked, by the rules of asking; the newest."""
    who, nudge = person.account_id, deps.community.nudge
    admins, vendors = await staff_of(commit, deps)
    at_odds = await Cases(commit).at_odds_with(who)
    candidate = Candidate(
        account_id=who,
        asked_at=await Members(commit).invited(who),
        paused_until=person.paused_until,
        may_be_asked=who not in admins | vendors,
    )
    caps = Caps(nudge.asks_per_day, nudge.asks_per_week)
    found = [
        question
        for room_id in deps.community.rooms_of("board")
        for question in await waiting(room_id, commit)
        if left_out(replace(candidate, at_odds=question.account_id in at_odds), question.known(), caps, commit.now)
        is None
    ]
    return found[-LOOKED_AT:]


async def _fit(question: Question, who: int, commit: Commit) -> tuple[float, int, Question, str]:
    """How near a question is to what somebody knows, and that the oldest goes first; with its text."""
    directory, text = Directory(commit), await text_of(question, commit)
    subject = await subject_of(text, directory, commit.now)
    known = await directory.look_up([who], question.room_id)
    is_named = named(known[who].profile, subject.mentions) is not None
    return relevance(subject.knowledge(who), is_named=is_named), -question.asked_at, question, text


def _word(question: Question, who: int, person: Member, text: str, commit: Commit) -> Intent:
    return Intent(
        id=ask_id(question.id, who),
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
