"""A copy on the real server: one moment of everything while commits go on, and all of it back, or nothing."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pytest

from engine import heartbeat
from engine.backups import store
from engine.backups.file import Reader, Writer
from engine.backups.lost import LostTime, lost_key
from engine.backups.store import Community
from engine.clock import Epoch
from engine.commit import Applied, Record
from engine.errors import Permanent, Refused
from engine.stream import Consumer, Publisher
from tests.server.test_commit_on_valkey import count_once, publish, total

if TYPE_CHECKING:
    from pathlib import Path

    from engine.backups.file import Sealed
    from engine.commit import Database
    from tests.fakes import FakeClock

pytestmark = pytest.mark.redis

PRESENT = Epoch(2_000_000_000.0)
"""When copies are made. Ends of lives are compared with the server's own clock, so they lie well ahead of it."""

NOW = Epoch(PRESENT + 60)
"""When they are put back."""


async def everything(redis: Any, base: str) -> dict[str, Any]:
    """What a community holds, by key: value and the moment of its end; of the stream, where its groups are."""
    found: dict[str, Any] = {}
    reads = {"string": "GET", "hash": "HGETALL", "set": "SMEMBERS", "list": "LRANGE", "zset": "ZRANGE"}
    for key in await redis.keys(f"{base}*"):
        kind = await redis.type(key)
        if kind == "stream":
            found[key] = await stream_of(redis, key)
        else:
            bounds = {"list": (0, -1), "zset": (0, -1, "WITHSCORES")}.get(kind, ())
            value = await redis.execute_command(reads[kind], key, *bounds)
            found[key] = (sorted(value) if kind == "set" else value, await redis.pexpiretime(key))
    return found


async def stream_of(redis: Any, key: str) -> dict[str, Any]:
    about = await redis.xinfo_stream(key)
    groups = {}
    for row in await redis.xinfo_groups(key):
        pending = await redis.xpending_range(key, row["name"], "-", "+", 1000)
        held = [(each["message_id"], each["consumer"], each["times_delivered"]) for each in pending]
        groups[row["name"]] = (row["last-delivered-id"], row["entries-read"], row["lag"], held)
    return {"last": about["last-generated-id"], "added": about["entries-added"], "groups": groups}


async def fill(redis: Any, base: str, dice: random.Random) -> None:
    """Keys of every type, some of them with an end."""
    for number in range(dice.randrange(5, 40)):
        key, text = f"{base}{dice.choice('abcdef')}:{number}", "診療所" * dice.randrange(1, 400)
        kind = dice.choice(["string", "hash", "set", "list", "zset"])
        many = range(dice.randrange(1, 200))
        match kind:
            case "string":
                await redis.set(key, text)
            case "hash":
                await redis.hset(key, mapping={"v": number, "d": text})
            case "set":
                await redis.sadd(key, *[f"m{each}" for each in many])
            case "list":
                await redis.rpush(key, *[f"{each}{text[:3]}" for each in many])
            case _:
                await redis.zadd(key, {f"z{each}": dice.random() * 1e9 for each in many})
        if dice.random() < 0.5:
            await redis.pexpireat(key, int(PRESENT * 1000) + dice.randrange(10**9))


async def copied(db: Database, folder: Path, name: str = "a") -> Sealed:
    return await Community(db).copy(folder / f"{name}.backup", PRESENT)


async def put_back(db: Database, made: Sealed, *, replace: bool = False) -> None:
    with Reader(made.path) as copy:
        await Community(db).put_back(copy, NOW, [1, 2], replace=replace)


async def without_marks(db: Database) -> dict[str, Any]:
    found = await everything(db.redis, db.keys(""))
    return {key: value for key, value in found.items() if key not in (db.keys("born"), lost_key(db.keys))}


@pytest.mark.parametrize("seed", range(8))
async def test_what_comes_back_is_what_was_copied(
    real_db: Database, clock: FakeClock, tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    await fill(real_db.redis, real_db.keys(""), dice)
    await publish(real_db, clock, *range(dice.randrange(1, 60)))
    for group in ("nudge", "score", "keeper")[: dice.randrange(4)]:
        for name in ("a", "b"):
            consumer = Consumer(real_db, group, name)
            await consumer.ensure_group()
            for delivery in await consumer.read(dice.randrange(1, 20), None):
                if dice.random() < 0.5:
                    await real_db.apply(real_db.commit(clock.now()), delivery.entry)
        await Consumer(real_db, group, "b").claim(0, 3)
    before = await without_marks(real_db)
    made = await copied(real_db, tmp_path)
    await real_db.redis.flushall()
    await put_back(real_db, made)
    assert await without_marks(real_db) == before


async def test_a_group_goes_on_where_it_was(real_db: Database, clock: FakeClock, tmp_path: Path) -> None:
    """Two of five were counted, one is in somebody's hands, two are new: after the restore each counts once."""
    await publish(real_db, clock, *range(5))
    consumer = Consumer(real_db, "score", "a")
    await consumer.ensure_group()
    first, second, _ = await consumer.read(3, None)
    for delivery in (first, second):
        await count_once(real_db, clock, delivery)
    made = await copied(real_db, tmp_path)
    await real_db.redis.flushall()
    await put_back(real_db, made)
    again = Consumer(real_db, "score", "b")
    [left] = await again.claim(0, 10)
    assert left.times == 2
    new = await again.read(10, None)
    assert len(new) == 2
    outcomes = [await count_once(real_db, clock, delivery) for delivery in (first, second, left, *new)]
    assert outcomes == [Applied.ACKNOWLEDGED] * 2 + [Applied.DONE] * 3
    assert await total(real_db) == 5
    assert await publish(real_db, clock, 4, 5) == [False, True]


async def test_a_stream_of_many_pages_is_whole(
    real_db: Database, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.backups.store.PAGE", 7)
    await publish(real_db, clock, *range(50))
    await Consumer(real_db, "score", "a").ensure_group()
    before = await real_db.redis.xrange(real_db.keys.stream)
    made = await copied(real_db, tmp_path)
    await real_db.redis.flushall()
    await put_back(real_db, made)
    assert await real_db.redis.xrange(real_db.keys.stream) == before


class Purse(Record):
    """Something that is only ever moved."""

    coins: int = 0


async def move_coins(db: Database, stop: asyncio.Event, dice: random.Random) -> int:
    """Move coins between two purses, one commit each, until told to stop."""
    moved = 0
    while not stop.is_set():
        commit, coins = db.commit(PRESENT), dice.randrange(10)
        keys = [db.keys("purse", name) for name in dice.sample(("a", "b"), 2)]
        purses = [await commit.read(key, Purse) or Purse(coins=1000) for key in keys]
        for key, purse, change in zip(keys, purses, (-coins, coins), strict=True):
            commit.write(key, Purse(coins=purse.coins + change))
        moved += (await db.apply(commit))[0] is Applied.DONE
    return moved


async def test_every_copy_shows_one_moment_while_commits_go_on(real_db: Database, tmp_path: Path) -> None:
    """However the copies fall between the commits, no coin is there twice or not at all."""
    await fill(real_db.redis, real_db.keys(""), random.Random(1))
    stop = asyncio.Event()
    movers = [asyncio.create_task(move_coins(real_db, stop, random.Random(seed))) for seed in range(2)]
    made = [await copied(real_db, tmp_path, str(number)) for number in range(20)]
    stop.set()
    assert sum(await asyncio.gather(*movers)) > 3
    sums = set()
    for each in made:
        await real_db.redis.flushall()
        await put_back(real_db, each)
        purses = await real_db.read_many([real_db.keys("purse", name) for name in "ab"], Purse)
        if any(purses):
            sums.add(sum(purse.coins for purse in purses if purse))
    assert sums == {2000}


async def test_events_published_meanwhile_are_in_it_with_what_they_did_or_not_at_all(
    real_db: Database, clock: FakeClock, tmp_path: Path
) -> None:
    stop = asyncio.Event()

    async def work() -> None:
        consumer, number = Consumer(real_db, "score", "a"), 0
        await consumer.ensure_group()
        while not stop.is_set():
            await publish(real_db, clock, number)
            for delivery in await consumer.read(10, None):
                await count_once(real_db, clock, delivery)
            number += 1

    working = asyncio.create_task(work())
    made = [await copied(real_db, tmp_path, str(number)) for number in range(10)]
    stop.set()
    await working
    for each in made[1:]:
        await real_db.redis.flushall()
        await put_back(real_db, each)
        told = len(await real_db.redis.keys(real_db.keys.seen("*")))
        consumer = Consumer(real_db, "score", "b")
        for delivery in [*await consumer.claim(0, 10), *await consumer.read(10, None)]:
            await count_once(real_db, clock, delivery)
        assert await total(real_db) == told


async def test_what_has_ended_meanwhile_does_not_come_back(real_db: Database, tmp_path: Path) -> None:
    """The end is a moment, not a span: a restore prolongs no life."""
    for name in ("short", "long"):
        await real_db.redis.set(real_db.keys(name), "1", pxat=int(PRESENT * 1000))
    made = await copied(real_db, tmp_path)
    await real_db.redis.flushall()
    await put_back(real_db, aged(made, b"short"))
    assert await real_db.redis.exists(real_db.keys("short")) == 0
    assert (await everything(real_db.redis, real_db.keys("long")))[real_db.keys("long")] == ("1", PRESENT * 1000)


def aged(made: Sealed, name: bytes) -> Sealed:
    """The same copy as it would be if the life of a key had ended by now."""
    with Reader(made.path) as copy:
        writer = Writer(made.path.with_name("aged"), copy.head)
        for frame in copy.frames():
            if frame[0] not in (b"head", b"end"):
                writer.write([(*frame[:2], b"1", frame[3]) if frame[1] == name else frame])
        return writer.seal(made.contents.taken_at)


async def test_what_is_the_processes_own_is_left_out(real_db: Database, tmp_path: Path) -> None:
    await heartbeat.beat(real_db, "keeper", heartbeat.Beat(at=1.0))
    for name in ("arq:nudge", "arq:nudge:health-check", "limit:token", "kept"):
        await real_db.redis.set(real_db.keys(name), "1")
    made = await copied(real_db, tmp_path)
    assert made.contents.keys == 1
    await put_back(real_db, made, replace=True)
    assert await real_db.redis.exists(real_db.keys("arq:nudge"), real_db.keys("limit:token"), real_db.keys("kept")) == 3


async def test_another_community_is_neither_copied_nor_touched(real_db: Database, tmp_path: Path) -> None:
    await real_db.redis.set("{main-2}:a", "theirs")
    await real_db.redis.set("{mai}:a", "theirs")
    await real_db.redis.set(real_db.keys("a"), "ours")
    made = await copied(real_db, tmp_path)
    assert made.contents.keys == 1
    await real_db.redis.set(real_db.keys("b"), "later")
    await put_back(real_db, made, replace=True)
    found = await real_db.redis.mget(real_db.keys("a"), real_db.keys("b"), "{main-2}:a", "{mai}:a")
    assert found == ["ours", None, "theirs", "theirs"]


async def test_a_community_that_is_there_stays_as_it_is(real_db: Database, tmp_path: Path) -> None:
    await real_db.redis.set(real_db.keys("a"), "old")
    made = await copied(real_db, tmp_path)
    await real_db.redis.set(real_db.keys("a"), "new")
    before = await everything(real_db.redis, "")
    with pytest.raises(Refused, match=r"holds the community main already \(1 keys\); .* --replace"):
        await put_back(real_db, made)
    assert await everything(real_db.redis, "") == before


@pytest.mark.parametrize(("part", "ago"), [("keeper", 59), ("ingress", 0), ("nudge", -59)])
async def test_a_community_that_is_alive_is_left_alone(
    real_db: Database, tmp_path: Path, part: str, ago: float
) -> None:
    made = await copied(real_db, tmp_path)
    await heartbeat.beat(real_db, part, heartbeat.Beat(at=NOW - ago))
    with pytest.raises(Refused, match=f"still running within the last minute: {part}@.*; stop everything first"):
        await put_back(real_db, made, replace=True)


async def test_who_died_over_a_minute_ago_is_in_nobodys_way(real_db: Database, tmp_path: Path) -> None:
    made = await copied(real_db, tmp_path)
    await heartbeat.beat(real_db, "keeper", heartbeat.Beat(at=NOW - 61))
    await put_back(real_db, made)


@pytest.mark.parametrize("batches", range(4))
async def test_a_restore_cut_off_anywhere_left_nothing_and_can_be_made_again(
    real_db: Database, clock: FakeClock, tmp_path: Path, batches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the last step the engine would find an empty community, never half a one."""
    monkeypatch.setattr("engine.backups.store.BATCH", 3)
    await publish(real_db, clock, *range(5))
    await Consumer(real_db, "score", "a").ensure_group()
    before = await without_marks(real_db)
    made = await copied(real_db, tmp_path)
    await real_db.redis.flushall()
    await cut_off_after(batches, real_db, made, monkeypatch)
    waiting = real_db.keys("restoring", "")
    assert all(key.startswith(waiting) for key in await real_db.redis.keys("*"))
    await real_db.redis.set(f"{waiting}of another file", "1")
    await put_back(real_db, made)
    assert await without_marks(real_db) == before


async def cut_off_after(batches: int, db: Database, made: Sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    sent, send = 0, store.send

    async def failing(pipe: Any) -> None:
        nonlocal sent
        sent += 1
        if sent > batches:
            raise KeyboardInterrupt
        await send(pipe)

    with monkeypatch.context() as patch:
        patch.setattr(store, "send", failing)
        with pytest.raises(KeyboardInterrupt):
            await put_back(db, made)


async def test_a_copy_does_not_hold_what_a_restore_left_behind(real_db: Database, tmp_path: Path) -> None:
    await real_db.redis.set(real_db.keys("restoring", "a"), "1")
    assert (await copied(real_db, tmp_path)).contents.keys == 0


async def test_the_lost_time_is_written_down(real_db: Database, tmp_path: Path) -> None:
    made = await copied(real_db, tmp_path)
    await put_back(real_db, made)
    wanted = LostTime(taken_at=PRESENT, restored_at=NOW, unread=(1, 2))
    assert await real_db.read(lost_key(real_db.keys), LostTime) == (wanted, 1)
    assert await real_db.redis.get(real_db.keys("born")) == repr(NOW)
    await put_back(real_db, await copied(real_db, tmp_path, "b"), replace=True)
    assert await real_db.read(lost_key(real_db.keys), LostTime) == (wanted, 1)


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_too_much_is_refused_and_leaves_no_file(
    real_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.backups.store.MOST_BYTES", 1 << 20)
    await real_db.redis.set(real_db.keys("a"), random.Random(1).randbytes(1 << 20).hex())
    with pytest.raises(Permanent, match="holds more than 1 MB"):
        await copied(real_db, tmp_path)
    assert names_in(tmp_path) == []


async def test_a_copy_of_nothing_restores_nothing(real_db: Database, tmp_path: Path) -> None:
    made = await copied(real_db, tmp_path)
    await put_back(real_db, made)
    assert await without_marks(real_db) == {}


async def test_publishing_goes_on_after_a_restore_of_a_stream_that_held_nothing(
    real_db: Database, clock: FakeClock, tmp_path: Path
) -> None:
    """Ids are never given twice, even where every entry was trimmed."""
    await publish(real_db, clock, 1)
    await Consumer(real_db, "score", "a").ensure_group()
    await real_db.redis.xtrim(real_db.keys.stream, maxlen=0, approximate=False)
    before = await without_marks(real_db)
    made = await copied(real_db, tmp_path)
    await real_db.redis.flushall()
    await put_back(real_db, made)
    assert await without_marks(real_db) == before
    assert await Publisher(real_db, clock).publish_all([]) == []
