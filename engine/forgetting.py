"""A person's words on their way through the engine: in the stream, the outbox, and among what failed."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

from pydantic import ValidationError
from redis.exceptions import RedisError

from engine.away import redis_errors
from engine.chatwork.redaction import without_quotes_of
from engine.dead import DeadLetter, list_dead, unbury
from engine.erasure import Records
from engine.errors import Refused
from engine.events import MessageCreated, MessageUpdated, NewerVersion, parse_envelope
from engine.outbox import KEPT, ChatContent, Intent, State, intent_key
from engine.stream import read_entries

if TYPE_CHECKING:
    from collections.abc import Collection

    from engine.clock import Clock
    from engine.commit import Commit, Database
LATEST = 2.0**40
"""A time, epoch seconds, after everything."""


async def forget_entries(db: Database, account_id: int, links: Collection[str]) -> int:
    """Drop a person's messages, others' that quote them, and our own posts about them, which link to theirs.

    Raises `Refused` while one of them still waits for a worker: dropped now, it would be lost.
    """
    doomed = [
        entry_id
        async for entry_id, data in read_entries(db, 0, LATEST)
        if _carries_words_of(account_id, data) or any(link in data for link in links)
    ]
    waiting = await _unhandled(db, doomed)
    if waiting:
        raise Refused(f"{len(waiting)} messages still wait for a worker; try again in a minute")
    with redis_errors():
        return int(await db.redis.xdel(db.keys.stream, *doomed)) if doomed else 0


def _carries_words_of(account_id: int, data: str) -> bool:
    try:
        event = parse_envelope(data).event
    except (ValidationError, NewerVersion):
        return _names(account_id, data)
    if not isinstance(event, MessageCreated | MessageUpdated):
        return False
    return event.account_id == account_id or without_quotes_of(account_id, event.body) != event.body


async def _unhandled(db: Database, entry_ids: Collection[str]) -> set[str]:
    """Those of the entries that some group has not read or not finished."""
    waiting: set[str] = set()
    if not entry_ids:
        return waiting
    with redis_errors():
        for group in await db.redis.xinfo_groups(db.keys.stream):
            read = _order(group["last-delivered-id"])
            waiting |= {entry_id for entry_id in entry_ids if _order(entry_id) > read}
            for entry_id in entry_ids:
                rows = await db.redis.xpending_range(db.keys.stream, group["name"], entry_id, entry_id, 1)
                waiting |= {entry_id for _ in rows}
    return waiting


def _order(entry_id: str) -> tuple[int, int]:
    left, _, right = entry_id.partition("-")
    return int(left), int(right or 0)


async def forget_intents(
    db: Database, clock: Clock, account_id: int, subjects: Collection[str], links: Collection[str]
) -> int:
    """Empty what was said to a person, about their questions and cases, or with a link to one of these.

    What was not said yet never will be.

    Raises `Refused` while one of them is on its way.
    """
    now = clock.now()

    def meant(intent: Intent) -> bool:
        if not isinstance(intent.content, ChatContent):
            return False
        links_there = any(link in intent.content.body for link in links)
        return intent.person == account_id or intent.subject in subjects or links_there

    def wordless(intent: Intent) -> Intent:
        if not meant(intent) or not isinstance(intent.content, ChatContent) or not intent.content.body:
            return intent
        if intent.state is State.SENDING and (intent.lease_until or 0.0) > now:
            raise Refused("a message to this person is being sent at this moment; try again in half a minute")
        ended = intent.state in (State.SENT, State.DEAD, State.DROPPED)
        update = {} if ended else {"state": State.DROPPED, "reason": "forgotten", "lease_until": None}
        content = intent.content.model_copy(update={"body": "", "salutation": "", "privately_to": None})
        return intent.model_copy(update={"person": None, "content": content, **update})

    def end(commit: Commit, intent: Intent) -> None:
        commit.sleep(intent.worker, "deliver", intent.id)
        commit.expire(intent_key(db.keys, intent.id), KEPT)

    return await Records(db, clock).change("intent", Intent, wordless, end)


async def forget_dead_letters(db: Database, clock: Clock, account_id: int) -> int:
    """Drop the dead letters that are about a person."""
    doomed = [letter for letter in await list_dead(db) if _is_about(account_id, letter)]
    commit = db.commit(clock.now())
    for letter in doomed:
        unbury(commit, letter.id)
    await db.apply(commit)
    return len(doomed)


def _is_about(account_id: int, letter: DeadLetter) -> bool:
    """Whether a dead letter carries a person's words or, where nobody can read it, their number."""
    if letter.source == "event":
        return _carries_words_of(account_id, letter.subject)
    if letter.source == "webhook":
        return _names(account_id, base64.b64decode(letter.subject).decode(errors="replace"))
    return _names(account_id, letter.subject)


def _names(account_id: int, text: str) -> bool:
    return re.search(rf"(?<!\d){account_id}(?!\d)", text) is not None


async def compact(db: Database) -> bool:
    """Let the server write its file anew, in which the erased still stands until then; False if it may not be asked."""
    try:
        with redis_errors():
            await db.redis.execute_command("BGREWRITEAOF")  # type: ignore[no-untyped-call]
    except RedisError:
        return False
    return True
