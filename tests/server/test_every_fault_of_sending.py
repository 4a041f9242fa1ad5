"""Whatever Chatwork does to a post, and however often: afterwards the room holds exactly one copy."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import pytest
from fakeredis import FakeAsyncRedis, FakeServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from engine.chatwork import client as client_module
from engine.chatwork.channel import ChatChannel
from engine.chatwork.client import ChatworkClient
from engine.chatwork.limits import Limiter
from engine.chatwork.simulator.faults import Fault, FaultKind
from engine.chatwork.simulator.testing import START, open_house
from engine.clock import Epoch
from engine.commit import Database
from engine.errors import Ignored, Transient
from engine.keys import Keys
from engine.outbox import CHAT_DELAYS, ChatContent, Intent, Kind, State, intent_key, put
from engine.ports import Lane
from engine.sender import Sender
from tests.fakes import FakeClock, NoWakes

if TYPE_CHECKING:
    from collections.abc import Iterator

BODY = "お知恵を貸していただけないでしょうか。"
FAULTS = [kind for kind in FaultKind if kind is not FaultKind.DROP]


@pytest.fixture(autouse=True, scope="module")
def _impatient() -> Iterator[None]:
    """Nobody waits twenty seconds for a server that hangs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client_module, "TIMEOUT", aiohttp.ClientTimeout(total=0.2))
        yield


async def deliver_through(faults: list[tuple[FaultKind, str]], chatter: int) -> tuple[int, State, int]:
    """Post once through faults of POST and GET, others talking meanwhile: copies, the intent's end, attempts."""
    redis = FakeAsyncRedis(server=FakeServer(), decode_responses=True)
    db, clock = Database(redis, Keys("main"), NoWakes()), FakeClock(Epoch(START))
    async with open_house() as house:
        engine, member = house.person("ユルユル案内係"), house.person("井上")
        room = house.room("談話室", engine, member)
        commit = db.commit(clock.now())
        intent = Intent(
            id="ask-q1-102", worker="nudge", kind=Kind.CASE_CARD, lane=Lane.MODERATION, subject="q1",
            content=ChatContent(room_id=room.room_id, body=BODY), created_at=clock.now(),
        )  # fmt: skip
        await put(commit, intent)
        await db.apply(commit)
        for kind, method in faults:
            house.world.faults.order(Fault(kind=kind, count=1, method=method))
        limiter = Limiter(redis, db.keys, clock)
        async with ChatworkClient(house.url, SecretStr(engine.token), limiter) as client:
            sender = Sender(db, clock, {"chat": ChatChannel(client, engine.account_id)}, {})
            for _ in range(60):
                due = await redis.zscore(db.keys.wakes("nudge"), f"deliver|{intent.id}")
                if due is None:
                    break
                waited = max(0.0, due - clock.now())
                clock.move(seconds=waited + 0.001)
                house.clock.now = clock.now()
                for number in range(chatter):
                    house.world.post(room, member.account_id, f"{number}件目です")
                await attempt(sender, intent.id, db, clock)
        found, _ = await db.read(intent_key(db.keys, intent.id), Intent)
        assert found is not None
        copies = sum(message.body == BODY for message in room.messages)
    await redis.aclose()
    return copies, found.state, found.attempts


async def attempt(sender: Sender, intent_id: str, db: Database, clock: FakeClock) -> None:
    """As the runtime does it: what failed for now is due again."""
    try:
        await sender.deliver(intent_id)
    except Ignored:
        return
    except Transient as failure:
        commit = db.commit(clock.now())
        commit.wake("nudge", "deliver", intent_id, Epoch(clock.now() + (failure.retry_after or 2)))
        await db.apply(commit)


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_one_fault(kind: FaultKind, method: str) -> None:
    copies, state, _ = await deliver_through([(FaultKind.RESET, "POST"), (kind, method)], chatter=0)
    assert (copies, state) == (1, State.SENT)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    faults=st.lists(st.tuples(st.sampled_from(FAULTS), st.sampled_from(["POST", "GET"])), max_size=len(CHAT_DELAYS)),
    chatter=st.sampled_from([0, 0, 3, 40]),
)
def test_any_faults(faults: list[tuple[FaultKind, str]], chatter: int) -> None:
    copies, state, attempts = asyncio.run(deliver_through(faults, chatter))
    assert copies <= 1
    if state is State.SENT:
        assert copies == 1
    else:
        assert state is State.DEAD, f"neither sent nor given up after {attempts} attempts"


async def test_a_hundred_others_between_an_unknown_end_and_the_look_make_it_an_admins_matter() -> None:
    copies, state, _ = await deliver_through([(FaultKind.RESET, "POST")], chatter=120)
    assert (copies, state) == (1, State.DEAD)


async def test_a_server_that_never_works_is_given_up_and_nothing_was_posted() -> None:
    faults = [(FaultKind.TOO_MANY, "POST")] * (len(CHAT_DELAYS) + 5)
    copies, state, attempts = await deliver_through(faults, chatter=0)
    assert (copies, state, attempts) == (0, State.DEAD, len(CHAT_DELAYS) + 1)
