"""A commit that was done but that no replica has yet: nobody promises it, nobody posts on it, nothing is done twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from engine.errors import Unconfirmed
from engine.replicas import Replicas
from engine.sender import SENDING_LEASE
from tests.ingress.test_vendor_api import house
from tests.test_sender import Desk
from tests.workers.test_runtime import Bench, message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.commands.core import AsyncScript

    from engine.commit import Database
    from tests.fakes import FakeClock
    from tests.ingress.test_vendor_api import House
    from tests.terminal import Terminal

__all__ = ["house"]


class Silent(Replicas):
    """A replica that does not answer in time."""

    async def run(self, script: AsyncScript, stream: str, words: Sequence[str]) -> tuple[Any, bool]:
        reply, _ = await super().run(script, stream, words)
        return reply, False


async def test_an_intent_is_not_posted_before_its_attempt_is_confirmed(db: Database, clock: FakeClock) -> None:
    desk = Desk(db, clock)
    await desk.put()
    db.replicas = Silent()
    with pytest.raises(Unconfirmed):
        await desk.deliver()
    assert desk.chat.posted == []
    db.replicas = Replicas()
    clock.move(seconds=SENDING_LEASE + 1)
    assert await desk.deliver_when_due() == "sent"
    assert len(desk.chat.posted) == 1


async def test_a_post_whose_ending_is_not_confirmed_is_not_made_again(db: Database, clock: FakeClock) -> None:
    desk = Desk(db, clock)
    await desk.put()
    with pytest.MonkeyPatch.context() as patch:
        reopen = desk.sender._reopen  # noqa: SLF001 - the replica goes silent between the two commits

        async def reopened(*args: Any, **options: Any) -> Any:
            db.replicas = Silent()
            return await reopen(*args, **options)

        patch.setattr(desk.sender, "_reopen", reopened)
        with pytest.raises(Unconfirmed):
            await desk.deliver()
    db.replicas = Replicas()
    assert len(desk.chat.posted) == 1
    assert await db.redis.zscore(db.keys.wakes("nudge"), "deliver|ask-q1-102") is None


async def test_a_handlers_commit_stands_is_logged_and_is_not_run_again(db: Database, clock: FakeClock) -> None:
    bench = Bench(db, clock)
    delivery = await bench.hear(message())
    db.replicas = Silent()
    with pytest.raises(Unconfirmed):
        await bench.runtime.handle(delivery)
    assert (await bench.counted(), await bench.pending()) == (1, 0)
    db.replicas = Replicas()
    assert await bench.runtime.handle(delivery) == "done by somebody else"


async def test_a_job_that_is_done_is_not_due_again(db: Database, clock: FakeClock) -> None:
    bench = Bench(db, clock)
    await bench.plan("remind")
    db.replicas = Silent()
    with pytest.raises(Unconfirmed):
        await bench.runtime.run_job("remind", "q1", clock.now())
    assert await bench.counted() == 1
    assert await bench.due_in("remind") is None


async def test_a_fact_is_told_also_when_it_is_not_confirmed(db: Database, clock: FakeClock) -> None:
    commit = db.commit(clock.now())
    commit.fact("question_opened", question_id="q1")
    db.replicas = Silent()
    with capture_logs() as logs, pytest.raises(Unconfirmed):
        await db.apply(commit)
    assert [line["event"] for line in logs] == ["question_opened"]


async def test_a_vendor_is_not_promised_a_referral_that_may_be_lost_however_often_it_asks(house: House) -> None:
    house.db.replicas = Silent()
    for _ in range(2):
        assert (await house.refer("k1")).status == 503
    house.db.replicas = Replicas()
    assert (await house.refer("k1")).status == 200
    assert len(await house.db.redis.keys("{main}:referral:*")) == 1


def test_a_person_is_told_to_look(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.commands.office.replicas_of", lambda _: Silent())
    ran = terminal.run("vendors", "add", "みほん商事")
    assert ran.refusal == "it was done, but no replica has it yet; look before you do it again"
