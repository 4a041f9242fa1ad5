"""Keeps who wants to be left in peace, and who is back; wherever they say so, they are told that it was heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.members.store import Member, Members
from engine.outbox import put
from engine.questions import following, texts

if TYPE_CHECKING:
    from engine.commit import Commit
    from engine.events import MessageCreated, MessageUpdated
    from workers.runtime import Deps


async def leave_in_peace(said: MessageCreated | MessageUpdated, until: float, commit: Commit, deps: Deps) -> str:
    """Keep the author's wish to be asked nothing until then, epoch seconds; 0: they may, and like to, be asked."""
    members = Members(commit)
    person = await members.get(said.account_id) or Member(account_id=said.account_id, name="")
    members.put(person.model_copy(update={"paused_until": until, "opted_in": not until}))
    if until:
        commit.fact("member_paused", account_id=said.account_id)
        body, outcome = texts.rest(until, said.sent_at, deps.hours.zone), "paused"
    else:
        commit.fact("member_resumed", account_id=said.account_id)
        body, outcome = texts.RESUMED, "resumed"
    await put(commit, following.answer_to("nudge", said, body, person.name, commit.now))
    return f"{outcome}: {said.account_id}"
