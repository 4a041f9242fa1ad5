"""Where members are looked for without looking at everybody, and what is known of those who were found.

{c}:in:<room>          zset    who may be asked in a room, by their place on the ring
{c}:who:<kind>:<name>  zset    members by their place on the ring, for each specialty and region told
{c}:profile:<account>  record  what a member told about themselves
{c}:topic:<mark>       zset    who answered about a noun, by faded count (expires by retention)
{c}:noun:<mark>        string  how many questions named it (expires by retention)
{c}:habits:<account>   hash    faded messages by hour of the week; `all` for everybody's (expires after half a year)

A noun stands in a key as a mark that cannot be read: words live in messages alone, and are forgotten with them.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.away import redis_errors
from engine.clock import DAY
from engine.commit import Record
from engine.erasure import keys_of
from engine.members.habits import fading, hour_of_week
from engine.members.profiles import Profile
from engine.questions.pool import place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from engine.clock import Clock
    from engine.commit import Commit, Database

HABITS_KEPT = 183 * DAY
KNOWERS_KEPT = 200
"""People remembered for one noun: those who answered most."""

EVERYBODY = "all"


class ProfileRecord(Record):
    """What a member told, the newest of it at `told_at` (epoch seconds)."""

    profile: Profile
    told_at: float


@dataclass(frozen=True, slots=True)
class Familiar:
    """A member as the directory knows them: is in the room; habits by hour of the week, see `engine.members.habits`."""

    is_here: bool
    profile: Profile
    habits: Mapping[int, float]


class Directory:
    """Reads and writes through one commit; what it reads is to look at, only profiles are read to be changed."""

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._db = commit.db
        self._keys = commit.db.keys

    # -- what is noted ------------------------------------------------------------------------------------------------

    def note_message(self, account_id: int, sent_at: int, zone: ZoneInfo) -> None:
        """Somebody wrote at this time."""
        for whose in (account_id, EVERYBODY):
            key = self._keys("habits", whose)
            hour = str(hour_of_week(sent_at, zone))
            self._commit.writes.append(("HINCRBYFLOAT", key, hour, repr(fading(sent_at))))
            self._commit.expire(key, HABITS_KEPT)

    def note_question(self, nouns: Iterable[str], ttl: float) -> None:
        """A question named these nouns."""
        for noun in nouns:
            key = self._keys("noun", _mark(noun))
            self._commit.writes.append(("INCR", key))
            self._commit.expire(key, ttl)

    def note_answer(self, account_id: int, nouns: Iterable[str], at: float, ttl: float) -> None:
        """Somebody answered a question that named these nouns."""
        for noun in nouns:
            key = self._keys("topic", _mark(noun))
            self._commit.writes.append(("ZINCRBY", key, repr(fading(at)), str(account_id)))
            self._commit.writes.append(("ZREMRANGEBYRANK", key, "0", str(-KNOWERS_KEPT - 1)))
            self._commit.expire(key, ttl)

    async def profile(self, account_id: int) -> ProfileRecord | None:
        """What somebody told, to be changed."""
        return await self._commit.read(self._keys("profile", account_id), ProfileRecord)

    def put_profile(self, account_id: int, old: Profile, new: ProfileRecord) -> None:
        """Write a profile that `profile` gave (`old`), and where its member is found by it."""
        self._commit.write(self._keys("profile", account_id), new)
        before, after = set(_entries(old)), set(_entries(new.profile))
        for kind, name in sorted(before - after):
            self._commit.unrank(self._keys("who", kind, name), str(account_id))
        for kind, name in sorted(after - before):
            self._commit.rank(self._keys("who", kind, name), str(account_id), place(account_id))

    # -- who is found -------------------------------------------------------------------------------------------------

    async def rarities(self, nouns: Sequence[str]) -> tuple[dict[str, int], int]:
        """In how many questions each noun stood, and how many questions there were."""
        with redis_errors():
            keys = [self._keys("noun", _mark(noun)) for noun in nouns]
            *counts, questions = await self._db.redis.mget([*keys, self._keys("number", "question")])
        return {noun: int(count or 0) for noun, count in zip(nouns, counts, strict=True)}, int(questions or 0)

    async def knowers(self, nouns: Sequence[str], most: int, now: float) -> dict[int, dict[str, float]]:
        """Those who answered most about each noun: account id -> noun -> how often, as it counts now."""
        with redis_errors():
            pipe = self._db.redis.pipeline(transaction=False)
            for noun in nouns:
                pipe.zrange(self._keys("topic", _mark(noun)), 0, most - 1, desc=True, withscores=True)
            found = await pipe.execute() if nouns else []
        weights: dict[int, dict[str, float]] = {}
        for noun, members in zip(nouns, found, strict=True):
            for account_id, weight in members:
                weights.setdefault(int(account_id), {})[noun] = weight / fading(now)
        return weights

    async def draw(self, wanted: Sequence[tuple[Sequence[str | int], int]], point: int) -> list[list[int]]:
        """From each set (the parts of its key, how many): members from a point of the ring on, and around its end."""
        with redis_errors():
            pipe = self._db.redis.pipeline(transaction=False)
            for parts, count in wanted:
                pipe.zrangebyscore(self._keys(*parts), point, "+inf", start=0, num=count)
                pipe.zrangebyscore(self._keys(*parts), "-inf", f"({point}", start=0, num=count)
            found = iter(await pipe.execute())
        return [
            [int(each) for each in itertools.islice(itertools.chain(ahead, around), count)]
            for (_, count), ahead, around in zip(wanted, found, found, strict=True)
        ]

    async def look_up(self, account_ids: Sequence[int], room_id: int) -> dict[int, Familiar]:
        """What is known of members."""
        with redis_errors():
            pipe = self._db.redis.pipeline(transaction=False)
            for account_id in account_ids:
                pipe.zscore(self._keys("in", room_id), str(account_id))
                pipe.hget(self._keys("profile", account_id), "d")
                pipe.hgetall(self._keys("habits", account_id))
            found = iter(await pipe.execute() if account_ids else ())
        return {
            account_id: Familiar(is_here=here is not None, profile=_profile(told), habits=_hours(habits))
            for account_id, here, told, habits in zip(account_ids, found, found, found, strict=True)
        }

    async def everybody(self) -> Mapping[int, float]:
        """When the community writes."""
        with redis_errors():
            return _hours(await self._db.redis.hgetall(self._keys("habits", EVERYBODY)))  # type: ignore[misc]  # redis-py types both of its clients at once


def _mark(noun: str) -> str:
    return hashlib.blake2s(noun.encode(), digest_size=8).hexdigest()


def _entries(profile: Profile) -> list[tuple[str, str]]:
    region = [("region", profile.region)] if profile.region else []
    return [*(("specialty", each) for each in profile.specialties), *region]


def _profile(told: str | None) -> Profile:
    return ProfileRecord.model_validate_json(told).profile if told is not None else Profile()


def _hours(habits: Mapping[str, str]) -> dict[int, float]:
    return {int(hour): float(weight) for hour, weight in habits.items()}


async def forget_familiar(db: Database, clock: Clock, account_id: int) -> int:
    """Erase what the directory knows of a person but who is in which room. Returns how many entries there were."""
    commit, erased = db.commit(clock.now()), 0
    for kind in ("topic", "who"):
        async for key in keys_of(db, kind):
            with redis_errors():
                erased += await db.redis.zscore(key, str(account_id)) is not None
            commit.unrank(key, str(account_id))
    own = [db.keys("habits", account_id), db.keys("profile", account_id)]
    with redis_errors():
        erased += int(await db.redis.exists(*own))
    for key in own:
        commit.erase(key)
    await db.apply(commit)
    return erased
