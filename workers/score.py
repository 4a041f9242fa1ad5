"""Keeps each member's responsiveness and giving, from what `nudge` found out. Members never see any of it.

Safe to run twice: an event counts once, also when it is replayed; an opportunity remembers whether its ask and its end
were counted, whichever event came first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import Ignored
from engine.members.rules import Tally, answered, asked, faded, passed, responded, thanked
from engine.members.store import Members, Opportunity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from engine.commit import Commit
    from engine.events import AskPassed, Event, MemberAsked, QuestionAnswered, ThanksGiven
    from workers.runtime import Deps, Job

JOBS: Mapping[str, Job] = {}


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
    await _count(members, event.account_id, commit, deps, *steps)
    return "counted: answered"


async def on_thanks_given(event: ThanksGiven, commit: Commit, deps: Deps) -> str:
    """The asker is content: thanks for everybody who helped."""
    members = await _counting(event, commit)
    for account_id in event.helpers:
        await _count(members, account_id, commit, deps, thanked)
    return f"counted: thanks for {len(event.helpers)}"


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
