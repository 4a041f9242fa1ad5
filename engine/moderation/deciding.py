"""An admin's verdict on a case, the same from the admin room, the command line and the policy.

Safe to run twice: the verdict only applies in the state it is meant for, and intents are named after the case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.chatwork.compose import doctor, to
from engine.clock import after
from engine.errors import Refused
from engine.events import StrikeIssued
from engine.moderation import texts
from engine.moderation.rules import State, Verdict, next_state
from engine.moderation.store import Case, Cases, Decided, Strike
from engine.outbox import ChatContent, Drop, Go, Intent, Kind, Later, intent_key, put
from engine.outbox import State as Outbox
from engine.outbox import Verdict as SendVerdict
from engine.ports import Lane

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from engine.commit import Commit

    NameOf = Callable[[int], Awaitable[str]]


async def decide(
    case_id: str, verdict: Verdict, *, by: str, name_of: NameOf, strike_expires: float, commit: Commit
) -> Case:
    """Apply a verdict: state, strike, and what the author is told. Raises `Refused` where it does not apply.

    `name_of` gives a member's name; `strike_expires` is in seconds.
    """
    cases = Cases(commit)
    case = await cases.get(case_id)
    state = next_state(case.state, verdict) if case else None
    if case is None or state is None:
        raise Refused(f"{case_id}: no such case, or it is decided already; see: yuruyuru cases list")
    decided = case.model_copy(
        update={"state": state, "history": (*case.history, Decided(state=state, by=by, at=commit.now))}
    )
    cases.put(decided)
    commit.fact("case_decided", case_id=case_id, state=state, by=by)
    if state is State.APPROVED:
        await _strike(decided, strike_expires, commit)
        body = texts.warning(case.category, case.room_id, case.message_id)
        await put(commit, _letter(decided, Kind.WARNING, body, await name_of(case.account_id)))
    if state is State.UNDONE:
        strikes = [strike for strike in await cases.strikes(case.account_id) if strike.case_id != case_id]
        cases.put_strikes(case.account_id, strikes)
        body = texts.withdrawal(case_id)
        await put(commit, _letter(decided, Kind.WITHDRAWAL, body, await name_of(case.account_id)))
    return decided


async def _strike(case: Case, expires: float, commit: Commit) -> None:
    cases = Cases(commit)
    strike = Strike(case_id=case.id, issued_at=commit.now, expires_at=commit.now + expires)
    cases.put_strikes(case.account_id, [*await cases.strikes(case.account_id), strike])
    commit.publish(StrikeIssued(case_id=case.id, account_id=case.account_id, issued_at=int(commit.now)))
    commit.fact("strike_issued", case_id=case.id, account_id=case.account_id)


def _letter(case: Case, kind: Kind, body: str, name: str) -> Intent:
    """Something the author is told: in a direct chat if there is one, which the channel finds out, else in the room."""
    return Intent(
        id=f"{kind}-{case.id}",
        worker="moderation",
        kind=kind,
        lane=Lane.MODERATION,
        subject=case.id,
        person=case.account_id,
        content=ChatContent(
            room_id=case.room_id, body=body, privately_to=case.account_id, salutation=to(case.account_id, doctor(name))
        ),
        created_at=case.history[-1].at,
    )


async def warning_still_wanted(intent: Intent, commit: Commit) -> SendVerdict:
    """At the moment of sending: nobody undid the approval meanwhile."""
    case = await Cases(commit).get(intent.subject)
    return Go() if case is not None and case.state is State.APPROVED else Drop("undone")


async def withdrawal_still_wanted(intent: Intent, commit: Commit) -> SendVerdict:
    """Only who got a warning is told that it was a mistake."""
    warning = await commit.read(intent_key(commit.db.keys, f"{Kind.WARNING}-{intent.subject}"), Intent)
    if warning is None or warning.state in (Outbox.DROPPED, Outbox.DEAD):
        return Drop("the warning was never sent")
    return Go() if warning.state is Outbox.SENT else Later(after(commit.now, 5), "the warning is on its way")
