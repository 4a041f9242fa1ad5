"""Stories: who came and went, what arq forgot, who fell silent, which webhooks never came."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import structlog

from engine.dead import list_dead
from engine.errors import Permanent, Transient
from engine.members.store import Members
from engine.ports import Account, Wake
from tests.stories.community import ADMIN, ASKER, BOARD, COLLEAGUE, ENGINE, VENDOR_ROOM, Community

if TYPE_CHECKING:
    from engine.errors import EngineError
    from engine.members.store import Member

NEWCOMER = Account(555, "新井", "member")
RENAMED = Account(COLLEAGUE.account_id, "井上 結", "member")
QUESTION = "紹介状の書き方を教えてください。"


async def round_of(community: Community, job: str) -> str:
    """One round of the keeper's, now."""
    return await community.runtimes["keeper"].run_job(job, "")


async def member(community: Community, who: Account) -> Member | None:
    return await Members(community.db.commit(community.clock.now())).get(who.account_id)


# -- member lists -----------------------------------------------------------------------------------------------------


async def test_who_was_here_before_the_engine_has_not_joined_by_it(community: Community) -> None:
    known = await member(community, COLLEAGUE)
    assert known is not None
    assert known.joined_at is None


async def test_a_notice_is_only_a_hint_the_member_list_decides(community: Community) -> None:
    await community.says(ASKER, "[info][dtext:chatroom_chat_joined][/info]")
    assert await member(community, NEWCOMER) is None
    await community.joins(NEWCOMER)
    joined = await member(community, NEWCOMER)
    assert joined is not None
    assert joined.joined_at == int(community.clock.now())


async def test_a_hint_is_followed_soon_also_if_the_list_cannot_be_read_at_once(community: Community) -> None:
    """Found by the chaos bench: a newcomer waited five minutes because one answer of Chatwork's was cut short."""
    community.chat.unreadable[BOARD] = Transient("GET members: ClientPayloadError")
    await community.joins(NEWCOMER)
    del community.chat.unreadable[BOARD]
    await community.after(seconds=5)
    assert await member(community, NEWCOMER) is not None


async def test_a_hint_from_a_room_that_may_not_be_read_is_followed_no_further(community: Community) -> None:
    community.chat.unreadable[BOARD] = Permanent("403: not in this room")
    await community.joins(NEWCOMER)
    assert community.outcomes[-1] == "ignored: 403: not in this room"
    assert await list_dead(community.db) == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("[info][title][dtext:task_added][/title]TASK[/info]", id="a notice of a task"),
        pytest.param("参加しました！よろしくお願いします。", id="plain words"),
        pytest.param("[qt][info][dtext:chatroom_chat_joined][/info][/qt]", id="a quoted notice"),
    ],
)
async def test_nothing_else_is_a_hint(community: Community, body: str) -> None:
    community.chat.rosters[BOARD].append(NEWCOMER)
    await community.says(ASKER, body)
    assert await member(community, NEWCOMER) is None


async def test_who_came_without_a_notice_is_found_within_minutes(community: Community) -> None:
    community.chat.rosters[BOARD].append(NEWCOMER)
    await community.after(minutes=6)
    assert await member(community, NEWCOMER) is not None


async def test_who_left_and_comes_back_has_joined_again(community: Community) -> None:
    community.chat.rosters[BOARD].remove(COLLEAGUE)
    await community.after(minutes=6)
    assert COLLEAGUE.account_id not in await Members(community.db.commit(community.clock.now())).in_rooms([BOARD])
    community.chat.rosters[BOARD].append(COLLEAGUE)
    await community.after(minutes=6)
    known = await member(community, COLLEAGUE)
    assert known is not None
    assert known.joined_at == int(community.clock.now())


async def test_a_changed_role_or_name_is_no_joining(community: Community) -> None:
    others = [who for who in community.chat.rosters[BOARD] if who is not COLLEAGUE]
    community.chat.rosters[BOARD] = [*others, Account(COLLEAGUE.account_id, COLLEAGUE.name, "readonly")]
    await community.after(minutes=6)
    known = await member(community, COLLEAGUE)
    assert known is not None
    assert known.joined_at is None
    assert (await Members(community.db.commit(community.clock.now())).in_rooms([BOARD]))[102] == "readonly"


async def test_a_new_name_is_how_somebody_is_addressed_from_then_on(community: Community) -> None:
    community.chat.rosters[BOARD] = [ASKER, RENAMED, ADMIN, ENGINE]
    await community.after(minutes=6)
    await community.says(ASKER, QUESTION)
    await community.after(hours=3)
    assert community.transcript[0].startswith(f"[To:{RENAMED.account_id}]井上 結先生")


@pytest.mark.parametrize(
    "failure", [Transient("GET members: 500"), Permanent("GET members: 403")], ids=["for now", "for good"]
)
async def test_one_unreadable_list_stops_no_other_and_removes_nobody(
    community: Community, failure: EngineError
) -> None:
    community.chat.unreadable[VENDOR_ROOM] = failure
    community.chat.rosters[BOARD].append(NEWCOMER)
    await community.after(minutes=6)
    members = Members(community.db.commit(community.clock.now()))
    assert await member(community, NEWCOMER) is not None
    assert len(await members.in_rooms([VENDOR_ROOM])) == 3


# -- work that was forgotten ------------------------------------------------------------------------------------------


class Woken:
    """Whoever wakes jobs, writing down what it was asked."""

    def __init__(self) -> None:
        self.wakes: list[tuple[str, str, str]] = []

    async def wake(self, wake: Wake) -> None:
        self.wakes.append((wake.worker, wake.job, wake.argument))


async def test_work_whose_wake_was_lost_is_started_again(community: Community) -> None:
    await community.says(ASKER, QUESTION)
    woken = Woken()
    community.db._wakes = woken  # noqa: SLF001 - the seam to arq
    community.silent = {"nudge"}
    await community.after(hours=2)
    await round_of(community, "sweep")
    assert ("nudge", "ask", "q1") not in woken.wakes
    community.clock.move(seconds=11)
    await round_of(community, "sweep")
    assert ("nudge", "ask", "q1") in woken.wakes


async def test_work_that_stays_undone_is_an_error_in_the_log(community: Community) -> None:
    await community.says(ASKER, QUESTION)
    await community.after(hours=1, minutes=59)
    community.silent = {"nudge"}
    await community.after(minutes=10)
    with structlog.testing.capture_logs() as quiet:
        await round_of(community, "sweep")
    assert [line for line in quiet if line["event"] == "work_overdue"] == []
    community.clock.move(minutes=2)
    with structlog.testing.capture_logs() as loud:
        await round_of(community, "sweep")
    [line] = [line for line in loud if line["event"] == "work_overdue"]
    assert (line["of"], line["count"], line["oldest"]) == ("nudge", 1, "ask|q1")


# -- workers ----------------------------------------------------------------------------------------------------------


async def test_a_worker_that_stands_still_is_told_to_the_admins_in_their_words_once_an_hour(
    community: Community,
) -> None:
    community.silent = {"score", "referral"}
    await community.after(minutes=1)
    await community.after(minutes=1)
    assert community.admin_transcript == []
    for _ in range(10):
        await community.after(minutes=1)
    [told] = community.admin_transcript
    assert "score、referral" in told
    assert "お手数ですが" in told
    assert not community.transcript


async def test_a_worker_that_comes_back_in_time_is_not_told(community: Community) -> None:
    community.silent = {"score"}
    await community.after(minutes=1)
    await community.after(minutes=1)
    community.silent = set()
    for _ in range(5):
        await community.after(minutes=1)
    assert community.admin_transcript == []
