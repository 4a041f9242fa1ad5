"""One handler, one atomic write.

A handler reads through a `Commit`, which remembers the versions of what it read, and collects what it wants written:
records, index entries, follow-up events, wakes. `Database.apply` then runs `commit.lua`: check the versions,
acknowledge the entry, write. So an event counts exactly once in Redis, whatever dies when: before the script nothing
has happened, after it everything has, and a second consumer of the same entry finds it acknowledged.

    {c}:<record>      hash  v = version, d = the record as JSON
    {c}:wakes:<worker> zset  due times; members `job|argument`
    {c}:seen:<id>     string  an event id that was published (expires)
    {c}:heard:<room>:<message>  string  something of a message was published (expires)
    {c}:told:<room>   string  how many messages of a room were published
    {c}:events:confirmed  string  written to be waited for (expires)
    {c}:events        stream  field e = envelope
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from importlib import resources
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ConfigDict

from engine.away import redis_errors
from engine.clock import DAY, Epoch
from engine.errors import Transient, Unconfirmed
from engine.events import AnyEvent, Envelope, MessageCreated, MessageDeleted, MessageUpdated, envelope
from engine.log import get_logger
from engine.ports import Wake, Wakes
from engine.replicas import Replicas

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from redis.asyncio import Redis

    from engine.keys import Keys

log = get_logger()

SEEN_FOR = 30 * DAY
"""How long a published id is remembered; webhooks older than `ingress.webhook.TOO_OLD` are not published any more."""


class Record(BaseModel):
    """A stored thing. Unknown fields are kept out, so that a changed shape is noticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


R = TypeVar("R", bound=Record)


class Applied(StrEnum):
    """How `Database.apply` ended."""

    DONE = "done"
    CONFLICT = "conflict"
    ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True, slots=True)
class Entry:
    """A stream entry that a commit acknowledges."""

    group: str
    entry_id: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A log line that is true only once the commit is."""

    name: str
    fields: dict[str, object]
    needs_a_person: bool = False


@dataclass(slots=True)
class Commit:
    """What one handler read and wants written. Nothing happens before `Database.apply`."""

    db: Database
    now: Epoch
    trace: str | None = None
    versions: dict[str, int] = field(default_factory=dict)
    writes: list[tuple[str, ...]] = field(default_factory=list)
    events: list[Envelope] = field(default_factory=list)
    wakes: list[Wake] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    written: dict[str, Record] = field(default_factory=dict)
    due: tuple[str, str, float] | None = None

    async def read(self, key: str, model: type[R]) -> R | None:
        """Read a record (as this commit wrote it, if it did) and remember its version; None if there is none."""
        if key in self.written:
            return self.written[key]  # type: ignore[return-value]  # a key holds one kind of record
        record, version = await self.db.read(key, model)
        self.versions.setdefault(key, version)
        return record

    def write(self, key: str, record: Record, *, ttl: float | None = None) -> None:
        """Replace a record that was read in this commit; `ttl` in seconds, None keeps it for good."""
        version = self.versions[key] + 1
        self.written[key] = record
        self.writes.append(("HSET", key, "v", str(version), "d", record.model_dump_json()))
        if ttl is not None:
            self.expire(key, ttl)

    def erase(self, key: str) -> None:
        """Delete a key."""
        self.writes.append(("DEL", key))

    def expire(self, key: str, seconds: float) -> None:
        """Let a key go after a while."""
        self.writes.append(("PEXPIRE", key, str(int(seconds * 1000))))

    def rank(self, key: str, member: str, score: float) -> None:
        """Put into a sorted set."""
        self.writes.append(("ZADD", key, repr(float(score)), member))

    def unrank(self, key: str, member: str) -> None:
        """Take out of a sorted set."""
        self.writes.append(("ZREM", key, member))

    def publish(self, event: AnyEvent) -> None:
        """Add a follow-up event; it inherits the trace."""
        self.events.append(envelope(event, now=self.now, trace=self.trace))

    def wake(self, worker: str, job: str, argument: str, at: Epoch) -> None:
        """Have `worker` run `job(argument)` at `at`; the due time is part of the commit, so it cannot be lost."""
        self.rank(self.db.keys.wakes(worker), f"{job}|{argument}", at)
        self.wakes.append(Wake(worker, job, argument, at))

    def sleep(self, worker: str, job: str, argument: str) -> None:
        """Take a due time back."""
        self.unrank(self.db.keys.wakes(worker), f"{job}|{argument}")

    def expect_due(self, worker: str, job: str, argument: str, at: float) -> None:
        """Write nothing unless the job is still due since `at`: of two runs at once one counts."""
        self.due = (self.db.keys.wakes(worker), f"{job}|{argument}", at)

    def fact(self, name: str, **fields: object) -> None:
        """Log `name` once this commit has happened."""
        self.facts.append(Fact(name, fields))

    def alarm(self, name: str, **fields: object) -> None:
        """Log `name` as something that a person must look at, once this commit has happened."""
        self.facts.append(Fact(name, fields, needs_a_person=True))


class Database:
    """Records and commits on Redis. Raises `Transient` while Redis is away."""

    def __init__(self, redis: Redis, keys: Keys, wakes: Wakes, replicas: Replicas | None = None) -> None:
        self.redis = redis
        self.keys = keys
        self.replicas = replicas or Replicas()
        self._wakes = wakes
        self._script = redis.register_script(resources.files("engine").joinpath("commit.lua").read_text())

    async def read(self, key: str, model: type[R]) -> tuple[R | None, int]:
        """Return a record and its version (None, 0 if there is none)."""
        with redis_errors():
            version, data = await self.redis.hmget(key, ["v", "d"])  # type: ignore[misc]  # redis-py types both of its clients at once
        return (model.model_validate_json(data), int(version)) if data is not None else (None, 0)

    async def read_many(self, keys: Sequence[str], model: type[R]) -> list[R | None]:
        """Read records without their versions, in the order of `keys`: to look at, not to change."""
        if not keys:
            return []
        with redis_errors():
            pipe = self.redis.pipeline(transaction=False)
            for key in keys:
                pipe.hget(key, "d")
            found = await pipe.execute()
        return [model.model_validate_json(data) if data is not None else None for data in found]

    async def ranked(self, key: str, *, low: float | None = None, high: float | None = None) -> list[str]:
        """Members of a sorted set by score, lowest first."""
        with redis_errors():
            found = await self.redis.zrangebyscore(
                key, "-inf" if low is None else low, "+inf" if high is None else high
            )
        return [str(member) for member in found]

    async def published(self, event_ids: Sequence[str]) -> set[str]:
        """Those of the ids that were published before."""
        if not event_ids:
            return set()
        with redis_errors():
            marks = await self.redis.mget([self.keys.seen(event_id) for event_id in event_ids])
        return {event_id for event_id, mark in zip(event_ids, marks, strict=True) if mark is not None}

    async def told_of(self, room_ids: Sequence[int]) -> dict[int, int]:
        """How many messages of each room were published, ever."""
        if not room_ids:
            return {}
        with redis_errors():
            counted = await self.redis.mget([self.keys("told", room_id) for room_id in room_ids])
        return {room_id: int(count or 0) for room_id, count in zip(room_ids, counted, strict=True)}

    async def next_number(self, name: str) -> int:
        """Return a number that was never given out under this name; a commit that fails leaves a hole."""
        with redis_errors():
            return int(await self.redis.incr(self.keys("number", name)))

    def commit(self, now: Epoch, trace: str | None = None) -> Commit:
        """Begin collecting."""
        return Commit(self, now, trace)

    async def apply(self, commit: Commit, ack: Entry | None = None) -> tuple[Applied, list[bool]]:
        """Run the atomic script. Returns how it ended and, for each event, whether it was new.

        Raises `Unconfirmed` for what was done but may be undone by a failover.
        """
        words = [*_versions(commit), *_due(commit), ack.group if ack else "", ack.entry_id if ack else ""]
        words += [*_writes(commit), *self._events(commit)]
        with redis_errors():
            reply, counts = await self.replicas.run(self._script, self.keys.stream, words)
        applied = Applied(_text(reply[0]))
        if applied is Applied.DONE:
            for fact in commit.facts:
                (log.error if fact.needs_a_person else log.info)(fact.name, **fact.fields)
            await self.start(commit.wakes)
        if not counts:
            raise Unconfirmed("no replica has it yet")
        return applied, [flag == 1 for flag in reply[1:]]

    async def start(self, wakes: Sequence[Wake]) -> None:
        """Hand the wakes over; one that is lost here is found again by the sweep, so the commit stands either way."""
        try:
            for wake in wakes:
                await self._wakes.wake(wake)
        except Transient as away:
            log.warning("wakes_left_to_sweep", reason=away.reason)

    def _events(self, commit: Commit) -> Iterator[str]:
        yield str(int(SEEN_FOR * 1000))
        yield str(len(commit.events))
        for event in commit.events:
            yield self.keys.seen(event.event_id)
            yield event.model_dump_json()
            yield from self._count(event)

    def _count(self, told: Envelope) -> tuple[str, str]:
        """Where a message is counted once, by its first event: an edit whose message no webhook told tells of it, too.

        An edit of one so old that its mark is forgotten counts nothing: it was counted when it was new.
        """
        match told.event:
            case MessageUpdated(sent_at=sent_at) | MessageDeleted(sent_at=sent_at) if (
                sent_at < told.recorded_at - SEEN_FOR
            ):
                pass
            case MessageCreated() | MessageUpdated() | MessageDeleted() as event:
                return self.keys("heard", event.room_id, event.message_id), self.keys("told", event.room_id)
        return "", ""


def _text(word: str | bytes) -> str:
    return word.decode() if isinstance(word, bytes) else word


def _versions(commit: Commit) -> Iterator[str]:
    yield str(len(commit.versions))
    for key, version in commit.versions.items():
        yield key
        yield str(version)


def _due(commit: Commit) -> Iterator[str]:
    key, member, at = commit.due or ("", "", None)
    yield from (key, member, "" if at is None else repr(float(at)))


def _writes(commit: Commit) -> Iterator[str]:
    yield str(len(commit.writes))
    for write in commit.writes:
        yield str(len(write))
        yield from write
