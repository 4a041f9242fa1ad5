"""Stories: a clock that is set and a machine that sleeps cause no burst of posts, no silence, and no post at night."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine.clock import Drift
from engine.members.store import Members
from engine.outbox import set_brake
from engine.questions.decisions import decisions_about
from engine.stream import Consumer
from tests.fakes import FakeClock, tokyo
from tests.stories.community import ADMIN, ADMIN_ROOM, ASKER, BOARD, COLLEAGUE, Community
from tests.stories.test_questions_are_answered import QUESTION, asked
from workers.keeper import PERIODIC

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from redis.asyncio import Redis

    from engine.ports import Account

NAMES = "青井上江小川木倉佐清鈴高田"
PUT_DOWN = "そんなことも知らないで開業するんですか？研修医でも知ってますよ。"


async def sleeps(community: Community, *, hours: float) -> None:
    """The machine is suspended: nothing runs, then everything wakes at once."""
    community.clock.move(hours=hours)
    for runtime in community.runtimes.values():
        await runtime.due_times.after_step(hours * 3600)
        await runtime.due_times.wind_up()
    await community.settle()


async def clock_is_set_back(community: Community, *, hours: float) -> None:
    community.clock.move(hours=-hours)
    for runtime in community.runtimes.values():
        await runtime.due_times.after_step(-hours * 3600)
        await runtime.due_times.wind_up()
    await community.settle()


async def many_questions(community: Community, count: int) -> None:
    crowd = [type(ASKER)(200 + number, name, "member") for number, name in enumerate(NAMES)]
    community.chat.rosters[BOARD] += crowd
    await community.after(minutes=6)
    await have_been_here_for_long(crowd, community)
    for number in range(count):
        await community.says(crowd[number], f"{QUESTION}（その{number}）")


async def have_been_here_for_long(people: Sequence[Account], community: Community) -> None:
    """A newcomer's first question would not wait."""
    commit = community.db.commit(community.clock.now())
    for person in people:
        known = await Members(commit).get(person.account_id)
        assert known is not None
        Members(commit).put(known.model_copy(update={"joined_at": None}))
    await community.db.apply(commit)


async def test_a_machine_that_slept_does_not_pour_out_what_it_missed(community: Community) -> None:
    await many_questions(community, 8)
    await sleeps(community, hours=7.2)
    assert len(community.transcript) == 1
    await community.after(minutes=3)
    assert len(community.transcript) == 4
    await community.after(minutes=20)
    assert len(community.transcript) == 8
    assert len(set(asked(community))) == 8


async def test_a_machine_that_wakes_at_night_asks_nobody_until_the_day(community: Community) -> None:
    await many_questions(community, 3)
    await sleeps(community, hours=11)
    assert community.clock.now() > tokyo("2026-11-24 23:00")
    await community.after(hours=10)
    assert community.transcript == []
    await community.after(hours=3, minutes=20)
    assert len(community.invitations) == 3


async def test_what_waited_behind_the_brake_for_more_than_a_day_is_dropped_and_counts_against_nobody(
    redis: Redis, tmp_path: Path
) -> None:
    async with Community.opened(redis, tmp_path, nudge={"waves": ["2h"]}) as community:
        await community.says(ASKER, QUESTION)
        community.clock.move(hours=2)
        assert (await community.runtimes["nudge"].run_job("ask", "q1")).startswith("asked")
        await pull_brake(community, pull=True)
        await community.after(hours=25)
        await pull_brake(community, pull=False)
        await community.after(minutes=2)
        assert community.transcript == []
        assert "dropped: too late" in community.outcomes
        invited = await Members(community.db.commit(community.clock.now())).invitations([102, 103])
        assert invited == {102: (), 103: ()}


async def test_while_the_brake_is_on_nobody_is_chosen_and_afterwards_somebody_is(community: Community) -> None:
    await community.says(ASKER, QUESTION)
    community.clock.move(hours=1, minutes=59)
    await pull_brake(community, pull=True)
    await community.after(minutes=30)
    assert await decisions_about(community.db.commit(community.clock.now()), "q1") == ()
    assert "later: brake" in community.outcomes
    await pull_brake(community, pull=False)
    await community.after(hours=6)
    assert len(community.invitations) == 1


async def pull_brake(community: Community, *, pull: bool) -> None:
    commit = community.db.commit(community.clock.now())
    await set_brake(commit, pull=pull, by="cli")
    await community.db.apply(commit)


async def test_the_cap_counts_from_when_somebody_was_really_asked(community: Community) -> None:
    community.chat.rosters[BOARD].pop(2)
    await community.after(minutes=6)
    await community.says(ASKER, QUESTION)
    community.clock.move(hours=1, minutes=53, seconds=55)
    await pull_brake(community, pull=True)
    await community.after(minutes=5)
    await community.after(hours=20)
    await pull_brake(community, pull=False)
    await community.after(hours=6)
    assert asked(community) == [COLLEAGUE.account_id]
    posted_at = community.clock.now()
    await community.says(ASKER, "駐車場は何台分ありますか？")
    await community.after(hours=20)
    assert asked(community) == [COLLEAGUE.account_id], f"asked again within a day of {posted_at}"


async def test_an_answer_to_a_command_of_long_ago_is_not_given_any_more(community: Community) -> None:
    await community.says(COLLEAGUE, PUT_DOWN)
    community.silent = {"moderation"}
    await community.says(ADMIN, "却下 c1", room=ADMIN_ROOM)
    community.silent = set()
    said = len(community.admin_transcript)
    community.clock.move(minutes=50)
    await community.settle()
    assert len(community.admin_transcript) == said + 1


@pytest.mark.parametrize("hours", [1, 12])
async def test_after_the_clock_was_set_back_everything_goes_on_at_once(community: Community, hours: float) -> None:
    community.clock.move(hours=hours)
    await community.settle()
    community.silent = {"moderation"}
    await community.says(COLLEAGUE, PUT_DOWN)
    community.silent = set()
    moderation = community.runtimes["moderation"]
    for delivery in await Consumer(community.db, "moderation", "story").read(100, None):
        await moderation.handle(delivery)
    assert community.admin_transcript == []
    await clock_is_set_back(community, hours=hours)
    assert len(community.admin_transcript) == 1
    await community.after(minutes=2)
    keeper = await community.db.redis.zrange(community.db.keys.wakes("keeper"), 0, -1, withscores=True)
    assert all(score <= community.clock.now() + PERIODIC[job.partition("|")[0]] for job, score in keeper)


async def test_a_clock_set_forward_an_hour_asks_one_after_the_other(community: Community) -> None:
    await many_questions(community, 6)
    await community.after(hours=1, minutes=4)
    await sleeps(community, hours=1)
    assert len(community.transcript) <= 1
    await community.after(minutes=10)
    assert len(community.transcript) == 6


def test_a_step_is_what_the_clock_moved_beyond_the_time_that_passed() -> None:
    clock, passed = FakeClock(), [100.0]
    drift = Drift(clock, lambda: passed[0])
    clock.move(seconds=10)
    passed[0] += 10
    assert drift.step() == 0
    clock.move(hours=-1)
    assert drift.step() == -3600
    clock.move(hours=2)
    passed[0] += 3600
    assert drift.step() == 3600
    assert drift.step() == 0
