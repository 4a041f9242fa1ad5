"""Keeps what is to be known of members: who answers, who knows what, who is there when, and what they told themselves.

Members never see a score; what they told about themselves is shown back to them.

Safe to run twice: an event counts once, also when it is replayed; an opportunity remembers whether its ask and its end
were counted, whichever event came first.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from engine.errors import Ignored
from engine.events import MessageCreated, MessageUpdated
from engine.members.directory import Directory, ProfileRecord
from engine.members.profiles import UNKNOWN, changed, read_profile
from engine.members.rules import Tally, answered, asked, faded, passed, responded, thanked, took_back
from engine.members.store import Members, Opportunity
from engine.members.texts import profile_shown
from engine.outbox import put
from engine.questions.following import answer_to
from engine.questions.hearing import own_words
from engine.questions.store import Questions
from engine.questions.topics import topics
from workers.gathering import staff_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from engine.commit import Commit
    from engine.events import (
        AnswerTakenBack,
        AskPassed,
        Event,
        MemberAsked,
        QuestionAnswered,
        QuestionAsked,
        ThanksGiven,
    )
    from engine.members.profiles import Profile
    from workers.runtime import Deps, Job

JOBS: Mapping[str, Job] = {}


async def on_message(event: MessageCreated | MessageUpdated, commit: Commit, deps: Deps) -> str:
    """Somebody is there at this hour; and may tell who they are."""
    if deps.community.role_of(event.room_id) != "board":
        raise Ignored("not a board")
    members = await _counting(event, commit)
    if isinstance(event, MessageCreated):
        Directory(commit).note_message(event.account_id, event.sent_at, deps.hours.zone)
    year = datetime.fromtimestamp(event.sent_at, deps.hours.zone).year
    told = read_profile(own_words(event.body), year)
    if told is None or event.account_id in (await staff_of(commit, deps))[1]:
        return "counted: was there"
    return await _introduce(event, told, await members.name_of(event.account_id), commit)


async def _introduce(event: MessageCreated | MessageUpdated, told: Profile, name: str, commit: Commit) -> str:
    """Keep what somebody told about themselves, and show it to them; an older telling does not change a newer one."""
    directory = Directory(commit)
    known = await directory.profile(event.account_id)
    told_at = event.updated_at if isinstance(event, MessageUpdated) else event.sent_at
    if known is not None and known.told_at > told_at:
        return "counted: told something newer since"
    old = known.profile if known else UNKNOWN
    new = changed(old, told)
    if new == old:
        return "counted: nothing new about them"
    directory.put_profile(event.account_id, old, ProfileRecord(profile=new, told_at=told_at))
    commit.fact("profile_changed", account_id=event.account_id)
    await put(commit, answer_to("score", event, profile_shown(new), name, told_at))
    return "introduced"


async def on_question_asked(event: QuestionAsked, commit: Commit, deps: Deps) -> str:
    """A question: its nouns say less the more questions name them."""
    await _counting(event, commit)
    Directory(commit).note_question(await _nouns(event.question_id, commit), deps.community.retention.messages)
    return "counted: its nouns"


async def on_member_asked(event: MemberAsked, commit: Commit, deps: Deps) -> str:
    """An invitation was posted: an opportunity begins."""
    members = await _counting(event, commit)
    known = await members.opportunity(event.question_id, event.account_id)
    if known is not None:
        return "skipped: counted with its response"
    members.put_opportunity(event.question_id, event.account_id, Opportunity(at=commit.now))
    await _count(members, event.account_id, commit, deps, asked)
    return "counted: asked"


async def on_ask_passed(event: AskPassed, commit: Commit, deps: Deps) -> str:
    """They said "not me": the opportunity is taken back."""
    members = await _counting(event, commit)
    known = await members.opportunity(event.question_id, event.account_id)
    if known is not None and known.ended:
        return "skipped: ended before"
    ended = Opportunity(at=known.at if known else float(event.passed_at), ended=True)
    members.put_opportunity(event.question_id, event.account_id, ended)
    if known is not None:
        await _count(members, event.account_id, commit, deps, passed)
    return "counted: passed"


async def on_question_answered(event: QuestionAnswered, commit: Commit, deps: Deps) -> str:
    """An answer: giving; and a response, if the engine had asked this member."""
    members = await _counting(event, commit)
    steps: list[Callable[[Tally], Tally]] = [answered]
    if event.was_asked:
        known = await members.opportunity(event.question_id, event.account_id)
        if known is None:
            steps.append(asked)
        if known is None or not known.ended:
            delay = max(0.0, event.answered_at - known.at) if known else 0.0
            steps.append(lambda tally: responded(tally, delay))
            ended = Opportunity(at=known.at if known else float(event.answered_at), ended=True)
            members.put_opportunity(event.question_id, event.account_id, ended)
    nouns, kept = await _nouns(event.question_id, commit), deps.community.retention.messages
    Directory(commit).note_answer(event.account_id, nouns, event.answered_at, kept)
    await _count(members, event.account_id, commit, deps, *steps)
    return "counted: answered"


async def on_answer_taken_back(event: AnswerTakenBack, commit: Commit, deps: Deps) -> str:
    """What counted as an answer was none. If it was not counted yet, it never will be."""
    members = await _counting(event, commit)
    told = f"question_answered:{event.question_id}:{event.message_id}"  # the id of `QuestionAnswered`
    counted_at = await members.counted_at(told)
    if await members.count_once(told) or counted_at is None:
        return "skipped: will not be counted"
    left = 0.5 ** (max(0.0, commit.now - counted_at) / deps.community.score.half_life)
    await _count(members, event.account_id, commit, deps, lambda tally: took_back(tally, left))
    return "counted: taken back"


async def on_thanks_given(event: ThanksGiven, commit: Commit, deps: Deps) -> str:
    """The asker is content: thanks for everybody who helped."""
    members = await _counting(event, commit)
    for account_id in event.helpers:
        await _count(members, account_id, commit, deps, thanked)
    return f"counted: thanks for {len(event.helpers)}"


async def _nouns(question_id: str, commit: Commit) -> tuple[str, ...]:
    """What a question is about; nothing if it is forgotten."""
    questions = Questions(commit)
    question = await questions.look(question_id)
    message = await questions.message(question.room_id, question.message_id) if question else None
    return topics(own_words(message.body)) if message else ()


async def _counting(event: Event, commit: Commit) -> Members:
    if not await Members(commit).count_once(event.event_id):
        raise Ignored("counted before")
    return Members(commit)


async def _count(
    members: Members, account_id: int, commit: Commit, deps: Deps, *steps: Callable[[Tally], Tally]
) -> None:
    tally = faded(await members.tally(account_id), commit.now, deps.community.score.half_life)
    for step in steps:
        tally = step(tally)
    members.put_tally(account_id, tally)
    commit.fact("score_updated", account_id=account_id)
