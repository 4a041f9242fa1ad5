"""Chatwork's two limits on the real server: never exceeded, shared by all, fair to what matters."""

from __future__ import annotations

import asyncio
import sys
import textwrap
import uuid
from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import pytest
from fakeredis import FakeAsyncRedis, FakeServer
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.chatwork.limits import ROOM_POSTS, TOKEN_SHARE, Limiter
from engine.connect import connect
from engine.errors import Transient
from engine.keys import Keys
from engine.ports import Lane
from tests.fakes import FakeClock

if TYPE_CHECKING:
    from redis.asyncio import Redis

pytestmark = pytest.mark.redis

ROOM = 567890123
AT_ONCE = 25  # requests in flight together, as several processes would have
CHATWORKS_REQUESTS, CHATWORKS_SPAN = 300, 300.0
CHATWORKS_POSTS, CHATWORKS_ROOM_SPAN = 10, 10.0


class Wish(NamedTuple):
    """After `gap` seconds somebody wants `times` requests, posts if a room is named."""

    gap: float
    lane: Lane
    room: int | None
    times: int


class Admitted(NamedTuple):
    """A request that went out."""

    at: float
    lane: Lane
    room: int | None


wishes = st.builds(
    Wish,
    gap=st.sampled_from([0.0, 0.001, 0.3, 1.0, 9.9, 10.0, 10.5, 45.0, 299.0, 302.999, 303.0]),
    lane=st.sampled_from(list(Lane)),
    room=st.sampled_from([None, None, 1, 2]),
    times=st.sampled_from([1, 2, 11, 75, 300]),
)


async def asks(limiter: Limiter, lane: Lane, room: int | None = None) -> float:
    """0 if admitted, else the wait in seconds."""
    try:
        await limiter.admit(lane, post_to=room)
    except Transient as full:
        assert full.retry_after  # noqa: PT017 - a helper, the wait is its result
        return full.retry_after
    return 0.0


async def live(url: str, history: list[Wish]) -> list[Admitted]:
    """Live through a history in a community of its own; every refusal is checked on the way."""
    clock, admitted = FakeClock(), list[Admitted]()
    redis = connect(url)
    limiter = Limiter(redis, Keys(uuid.uuid4().hex), clock)
    try:
        for wish in history:
            clock.move(seconds=wish.gap)
            for _ in range(0, wish.times, AT_ONCE):
                at_once = min(AT_ONCE, wish.times)
                waits = await asyncio.gather(*[asks(limiter, wish.lane, wish.room) for _ in range(at_once)])
                admitted += [Admitted(clock.now(), wish.lane, wish.room)] * waits.count(0)
                for wait in filter(None, waits):
                    check_refusal(admitted, wish, clock.now(), wait)
                if any(waits):
                    break
    finally:
        await redis.aclose()
    return admitted


def check_refusal(admitted: list[Admitted], wish: Wish, now: float, wait: float) -> None:
    """Refused is only what finds a window full, and the wait is no longer than that window."""
    recent = [one for one in admitted if one.at > now - 303.01]
    in_room = [one for one in recent if one.room == wish.room and one.at > now - 10.51]
    token_full = len(recent) >= TOKEN_SHARE[wish.lane]
    room_full = wish.room is not None and len(in_room) >= ROOM_POSTS
    assert token_full or room_full
    assert 0 < wait <= (303.002 if token_full else 10.502)


def most_within(moments: list[float], span: float) -> int:
    """The largest number of moments in any half-open window of `span`."""
    ordered = sorted(moments)
    return max((index + 1 - bisect_right(ordered, end - span) for index, end in enumerate(ordered)), default=0)


@given(history=st.lists(wishes, max_size=10))
@settings(max_examples=25, deadline=None)
def test_no_history_exceeds_what_chatwork_allows(valkey_url: str, history: list[Wish]) -> None:
    admitted = asyncio.run(live(valkey_url, history))
    assert most_within([one.at for one in admitted], CHATWORKS_SPAN) <= CHATWORKS_REQUESTS
    for room in (1, 2):
        posts = [one.at for one in admitted if one.room == room]
        assert most_within(posts, CHATWORKS_ROOM_SPAN) <= CHATWORKS_POSTS


@pytest.mark.parametrize("lane", list(Lane))
async def test_each_lane_has_its_share_of_an_idle_token(real_redis: Redis, keys: Keys, lane: Lane) -> None:
    limiter = Limiter(real_redis, keys, FakeClock())
    for _ in range(0, TOKEN_SHARE[lane], 5):
        assert await asyncio.gather(*[asks(limiter, lane) for _ in range(5)]) == [0] * 5
    assert await asks(limiter, lane) > 0


async def test_whatever_the_others_do_moderation_finds_room(real_redis: Redis, keys: Keys) -> None:
    limiter = Limiter(real_redis, keys, FakeClock())
    for lane in reversed(Lane):
        while lane is not Lane.MODERATION and await asks(limiter, lane) == 0:
            pass
    assert [await asks(limiter, lane) > 0 for lane in Lane] == [False, True, True, True, True]
    for _ in range(9):
        assert await asks(limiter, Lane.MODERATION) == 0


def test_the_more_important_the_larger_the_share_and_never_all_of_it() -> None:
    shares = [TOKEN_SHARE[lane] for lane in Lane]
    assert all(more > less for more, less in pairwise(shares))
    assert shares[0] < CHATWORKS_REQUESTS


async def test_importance_opens_no_full_room(real_redis: Redis, keys: Keys, clock: FakeClock) -> None:
    """Ten posts are Chatwork's own limit, so nothing could be kept free in it."""
    limiter = Limiter(real_redis, keys, clock)
    for _ in range(ROOM_POSTS):
        assert await asks(limiter, Lane.DIGEST, ROOM) == 0
    assert await asks(limiter, Lane.MODERATION, ROOM) > 0
    assert await asks(limiter, Lane.MODERATION, ROOM + 1) == 0


@pytest.mark.parametrize(("lane", "room"), [(Lane.KEEPER, None), (Lane.REPLY, ROOM)])
async def test_who_waits_as_told_is_admitted(
    real_redis: Redis, keys: Keys, clock: FakeClock, lane: Lane, room: int | None
) -> None:
    limiter = Limiter(real_redis, keys, clock)
    wait = 0.0
    while not wait:
        wait = await asks(limiter, lane, room)
        clock.move(seconds=0 if wait else 0.01)
    clock.move(seconds=wait - 0.01)
    assert await asks(limiter, lane, room) > 0, "not a moment earlier"
    clock.move(seconds=0.01)
    assert await asks(limiter, lane, room) == 0


async def test_a_refused_request_is_counted_nowhere(real_redis: Redis, keys: Keys) -> None:
    limiter = Limiter(real_redis, keys, FakeClock())
    for _ in range(ROOM_POSTS):
        await limiter.admit(Lane.REPLY, post_to=ROOM)
    for _ in range(3):
        assert await asks(limiter, Lane.REPLY, ROOM) > 0
    assert await real_redis.zcard(keys("limit", "token")) == ROOM_POSTS
    assert await real_redis.zcard(keys("limit", "room", ROOM)) == ROOM_POSTS


async def test_a_pause_stops_everybody_and_counts_nothing(real_redis: Redis, keys: Keys, clock: FakeClock) -> None:
    one, other = Limiter(real_redis, keys, clock), Limiter(real_redis, keys, clock)
    await one.obey(120)
    for lane in Lane:
        assert await asks(other, lane, ROOM) == pytest.approx(120, abs=0.002)
    assert await real_redis.exists(keys("limit", "token"), keys("limit", "room", ROOM)) == 0
    clock.move(seconds=119.9)
    assert await asks(one, Lane.MODERATION) > 0
    clock.move(seconds=0.2)
    assert await asks(one, Lane.KEEPER) == 0


async def test_a_rooms_pause_stops_posts_to_it_and_nothing_else(
    real_redis: Redis, keys: Keys, clock: FakeClock
) -> None:
    one, other = Limiter(real_redis, keys, clock), Limiter(real_redis, keys, clock)
    await one.obey(10, room_id=ROOM)
    assert await asks(other, Lane.MODERATION, ROOM) == pytest.approx(10, abs=0.002)
    assert await asks(other, Lane.KEEPER) == 0
    assert await asks(other, Lane.KEEPER, ROOM + 1) == 0
    clock.move(seconds=10.01)
    assert await asks(other, Lane.KEEPER, ROOM) == 0


async def test_a_shorter_pause_ends_no_longer_one(real_redis: Redis, keys: Keys, clock: FakeClock) -> None:
    limiter = Limiter(real_redis, keys, clock)
    await limiter.obey(200)
    await limiter.obey(5)
    clock.move(seconds=10)
    assert await asks(limiter, Lane.MODERATION) == pytest.approx(190, abs=0.002)
    await limiter.obey(250)
    assert await asks(limiter, Lane.MODERATION) == pytest.approx(250, abs=0.002)


async def test_the_longer_of_window_and_pause_is_the_wait(real_redis: Redis, keys: Keys, clock: FakeClock) -> None:
    limiter = Limiter(real_redis, keys, clock)
    for _ in range(ROOM_POSTS):
        await limiter.admit(Lane.REPLY, post_to=ROOM)
    await limiter.obey(3)
    assert await asks(limiter, Lane.REPLY, ROOM) > 10
    await limiter.obey(30)
    assert await asks(limiter, Lane.REPLY, ROOM) == pytest.approx(30, abs=0.002)


async def test_nothing_of_it_stays_for_ever(real_redis: Redis, keys: Keys) -> None:
    limiter = Limiter(real_redis, keys, FakeClock())
    await limiter.admit(Lane.REPLY, post_to=ROOM)
    await limiter.obey(1)
    found = await real_redis.keys()
    assert len(found) == 3
    assert all([await real_redis.ttl(key) > 0 for key in found])


async def test_two_communities_on_one_server_count_apart(real_redis: Redis, clock: FakeClock) -> None:
    one, other = (Limiter(real_redis, Keys(name), clock) for name in ("main", "second"))
    await one.obey(60)
    assert await asks(one, Lane.REPLY) > 0
    assert await asks(other, Lane.REPLY) == 0


async def test_two_processes_share_what_there_is(real_redis: Redis, valkey_url: str) -> None:
    program = textwrap.dedent("""
        import asyncio, sys
        from engine.chatwork.limits import Limiter
        from engine.connect import connect
        from engine.errors import Transient
        from engine.keys import Keys
        from engine.ports import Lane
        from tests.fakes import FakeClock

        async def main() -> None:
            redis = connect(sys.argv[1])
            limiter, admitted = Limiter(redis, Keys("main"), FakeClock()), 0
            print("ready", flush=True)
            sys.stdin.readline()
            for _ in range(250):
                try:
                    await limiter.admit(Lane.MODERATION)
                except Transient:
                    continue
                admitted += 1
            print(admitted)
            await redis.aclose()

        asyncio.run(main())
    """)
    pipe = asyncio.subprocess.PIPE
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", program, valkey_url, stdin=pipe, stdout=pipe)
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    told = await asyncio.gather(*[process.communicate(b"go\n") for process in processes])
    admitted = [int(out) for out, _ in told]
    assert sum(admitted) == TOKEN_SHARE[Lane.MODERATION]


async def test_without_redis_nothing_goes_out(keys: Keys) -> None:
    """Who cannot count must not ask; the work is tried again later."""
    server = FakeServer()
    redis = FakeAsyncRedis(server=server, decode_responses=True)
    limiter = Limiter(redis, keys, FakeClock())
    server.connected = False
    with pytest.raises(Transient, match="redis_away"):
        await limiter.admit(Lane.MODERATION)
    with pytest.raises(Transient, match="redis_away"):
        await limiter.obey(5)
    await redis.aclose()


async def test_after_the_clock_was_set_back_an_hour_nobody_waits_an_hour(real_redis: Redis) -> None:
    clock = FakeClock()
    limiter = Limiter(real_redis, Keys("main"), clock)
    for _ in range(ROOM_POSTS):
        assert await asks(limiter, Lane.MODERATION, ROOM) == 0
    await limiter.obey(300)
    clock.move(hours=-1)
    assert await asks(limiter, Lane.MODERATION, ROOM) == 0


async def test_a_clock_a_little_behind_another_processs_still_counts_with_it(real_redis: Redis) -> None:
    clock, behind = FakeClock(), FakeClock()
    behind.move(seconds=-5)
    keys = Keys("main")
    for _ in range(ROOM_POSTS):
        assert await asks(Limiter(real_redis, keys, clock), Lane.MODERATION, ROOM) == 0
    assert await asks(Limiter(real_redis, keys, behind), Lane.MODERATION, ROOM) > 0
