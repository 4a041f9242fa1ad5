#!/usr/bin/env python3
"""How long it takes to decide whom to ask, in communities of three sizes, on the embedded server.

ops/bench/deciding.py --sizes 10000 100000 1000000 --decisions 300
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import structlog
from town import REGIONS, SPECIALTIES

from engine.calendar import build_hours
from engine.clock import DAY, MINUTE, Epoch
from engine.commit import Database, Record
from engine.connect import connect
from engine.embedded import EmbeddedValkey
from engine.keys import Keys
from engine.members.directory import Directory, ProfileRecord
from engine.members.habits import fading
from engine.members.profiles import Profile
from engine.members.rules import Tally
from engine.members.store import Member, TallyRecord
from engine.questions.hearing import hear
from engine.questions.pool import place
from engine.questions.store import Message, Questions
from engine.questions.topics import topics
from engine.settings import Community
from tests.fakes import FakeClock, NoWakes
from workers import asking
from workers.runtime import Deps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis.asyncio import Redis

    from engine.ports import Chat

ROOM = 5
NOW = Epoch(1_798_776_000.0)  # 2027-01-01 13:00 in Tokyo
BATCH = 2_000
SUBJECTS = ("レセコン", "床材", "駐車場", "助成金", "採用", "往診", "看板", "空調", "制服", "会計")
QUESTION = "{}と{}について、皆さまはどうされていますか？"
KNOWERS = 200
"""People remembered for one noun, as many as there may be."""


def told(account_id: int, draw: random.Random) -> Profile:
    """Half of the members told something about themselves."""
    if draw.random() < 0.5:
        return Profile()
    return Profile(specialties=(draw.choice(SPECIALTIES),), region=draw.choice(REGIONS), opened=1980 + account_id % 45)


def commands(account_id: int, keys: Keys, draw: random.Random) -> Iterator[tuple[str, ...]]:
    """What the database holds of a member, written as the product writes it."""

    def record(kind: str, content: Record) -> tuple[str, ...]:
        return "HSET", keys(kind, account_id), "v", "1", "d", content.model_dump_json()

    profile, ring = told(account_id, draw), str(place(account_id))
    yield record("member", Member(account_id=account_id, name=f"医師{account_id}"))
    yield record("tally", TallyRecord(tally=Tally(at=NOW, asks=draw.random() * 9, responses=draw.random() * 4)))
    yield "ZADD", keys("in", ROOM), ring, str(account_id)
    for hour in draw.sample(range(168), 6):
        yield "HINCRBYFLOAT", keys("habits", account_id), str(hour), repr(fading(NOW))
    if profile != Profile():
        yield record("profile", ProfileRecord(profile=profile, told_at=NOW))
        yield "ZADD", keys("who", "specialty", profile.specialties[0]), ring, str(account_id)
        yield "ZADD", keys("who", "region", str(profile.region)), ring, str(account_id)


async def fill(redis: Redis, keys: Keys, size: int, draw: random.Random) -> None:
    """A community of `size` members who told and answered things."""
    await redis.flushall()
    for batch in _batches(size):
        pipe = redis.pipeline(transaction=False)
        for account_id in batch:
            for command in commands(account_id, keys, draw):
                pipe.execute_command(*command)  # type: ignore[no-untyped-call]
        await pipe.execute()
    database = Database(redis, keys, NoWakes())
    commit = database.commit(NOW)
    for subject in SUBJECTS:
        for account_id in draw.sample(range(1, size + 1), min(KNOWERS, size)):
            Directory(commit).note_answer(account_id, topics(subject), NOW, 400 * DAY)
        Directory(commit).note_question(topics(subject), 400 * DAY)
    await database.apply(commit)


def _batches(size: int) -> Iterator[range]:
    return (range(start, min(start + BATCH, size + 1)) for start in range(1, size + 1, BATCH))


async def ask_something(deps: Deps, number: int, size: int, draw: random.Random) -> str:
    """A question that waits; returns its id."""
    text = QUESTION.format(*draw.sample(SUBJECTS, 2))
    asked_at, asker = int(NOW - 30 * MINUTE), draw.randint(1, size)
    heard = hear(
        message_id=str(number), author=asker, sent_at=asked_at, body=text, room_id=ROOM, can_answer=True,
        zone=deps.hours.zone,
    )  # fmt: skip
    assert heard is not None
    commit = deps.db.commit(NOW)
    questions = Questions(commit)
    assert await questions.of_message(ROOM, heard.message_id) is None
    question = await questions.add(ROOM, heard)
    await questions.remember(ROOM, heard.message_id, Message(account_id=asker, body=text, sent_at=asked_at), (), DAY)
    await deps.db.apply(commit)
    return question.id


async def decide(deps: Deps, question_id: str) -> float:
    """Milliseconds from nothing read to everything kept."""
    began = time.perf_counter()
    commit = deps.db.commit(NOW)
    outcome = await asking.ask(question_id, commit, deps)
    await deps.db.apply(commit)
    assert outcome.startswith("asked: "), outcome
    return (time.perf_counter() - began) * 1000


async def keep_one_thing(deps: Deps, number: int) -> float:
    """Milliseconds of the smallest commit there is: the reference of this machine."""
    began = time.perf_counter()
    commit = deps.db.commit(NOW)
    await Questions(commit).last_ask(number, "")
    Questions(commit).put_last_ask(number, "")
    await deps.db.apply(commit)
    return (time.perf_counter() - began) * 1000


async def measure(redis: Redis, size: int, decisions: int) -> tuple[list[float], list[float]]:
    """Milliseconds of decisions, and of smallest commits between them."""
    draw, keys = random.Random(size), Keys("main")
    await fill(redis, keys, size, draw)
    settings = Community.model_validate(
        {"rooms": [{"room_id": ROOM, "role": "board"}], "active_hours": {"always": True, "quiet": "none"}}
    )
    deps = Deps(
        db=Database(redis, keys, NoWakes()),
        clock=FakeClock(NOW),
        community=settings,
        chat=cast("Chat", None),  # deciding posts nothing
        hours=build_hours(settings),
        own_account_id=0,
    )
    ids = [await ask_something(deps, number, size, draw) for number in range(1, decisions + 11)]
    for question_id in ids[:10]:
        await decide(deps, question_id)
    deciding, keeping = [], []
    for number, question_id in enumerate(ids[10:]):
        deciding.append(await decide(deps, question_id))
        keeping.append(await keep_one_thing(deps, number))
    return deciding, keeping


def at(values: list[float], share: float) -> float:
    """The value below which such a share of them lies."""
    return statistics.quantiles(values, n=1000, method="inclusive")[int(share * 1000) - 1]


async def main(sizes: list[int], decisions: int) -> None:
    """Print one row for each size."""
    print("members     decisions   median ms    99 % ms   times a smallest commit (median)   server MB")
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder, EmbeddedValkey(Path(folder)) as server:
            redis = connect(server.url)
            deciding, keeping = await measure(redis, size, decisions)
            used = int((await redis.info("memory"))["used_memory"]) / 2**20
            ratio = statistics.median(deciding) / statistics.median(keeping)
            median, slow = at(deciding, 0.5), at(deciding, 0.99)
            print(f"{size:<12,}{decisions:<12}{median:>9.1f}  {slow:>9.1f}{ratio:>21.1f}{used:>27.0f}", flush=True)
            await redis.aclose()


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--decisions", type=int, default=300)
    chosen = parser.parse_args()
    asyncio.run(main(chosen.sizes, chosen.decisions))
