"""A member list is never harmed, whoever comes, goes or fails while it is written.

The real client, over HTTP, with the simulated Chatwork; what happens in between is done there directly.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from engine.chatwork.client import ChatworkClient, SilentChat
from engine.chatwork.limits import Limiter
from engine.chatwork.simulator import membership, notation
from engine.chatwork.simulator.faults import Fault, FaultKind
from engine.chatwork.simulator.model import Role
from engine.chatwork.simulator.server import listening
from engine.chatwork.simulator.world import World
from engine.errors import Ignored, Permanent, Transient
from engine.members.rules import Unsafe, rewritten
from engine.members.store import Members
from engine.members.writing import MemberList, Written, thrown_out
from engine.ports import PostedMessage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from redis.asyncio import Redis

    from engine.chatwork.simulator.model import Account, Room
    from engine.commit import Database
    from engine.keys import Keys
    from tests.fakes import FakeClock

OWN, ANN, BEN, EVE = 1, 2, 3, 4
MANY, NO_ADMIN = "more than one person would go", "our own account is no admin of the room"
ROOM = {OWN: "admin", ANN: "member", BEN: "member", EVE: "readonly"}


# -- the rule ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("account_id", "role", "new"),
    [
        pytest.param(ANN, "readonly", {**ROOM, ANN: "readonly"}, id="somebody is muted"),
        pytest.param(EVE, "member", {**ROOM, EVE: "member"}, id="somebody may write again"),
        pytest.param(BEN, None, {OWN: "admin", ANN: "member", EVE: "readonly"}, id="somebody goes"),
        pytest.param(5, "member", {**ROOM, 5: "member"}, id="somebody is put back"),
        pytest.param(5, None, ROOM, id="somebody who is not there goes"),
    ],
)
def test_one_person_changes_and_everybody_else_stays(account_id: int, role: str | None, new: Mapping[int, str]) -> None:
    assert rewritten(ROOM, ROOM, OWN, account_id, role) == new


@pytest.mark.parametrize(
    ("listed", "known", "account_id", "role", "refusal"),
    [
        pytest.param({}, ROOM, ANN, None, NO_ADMIN, id="an empty list"),
        pytest.param({ANN: "admin"}, {}, ANN, None, NO_ADMIN, id="without ourselves"),
        pytest.param({**ROOM, OWN: "member"}, ROOM, ANN, None, NO_ADMIN, id="no admin"),
        pytest.param(ROOM, ROOM, OWN, None, "our own account stays as it is", id="ourselves out"),
        pytest.param(ROOM, ROOM, OWN, "readonly", "our own account stays as it is", id="ourselves muted"),
        pytest.param({OWN: "admin", ANN: "member"}, ROOM, ANN, "readonly", MANY, id="half a list"),
        pytest.param(
            {OWN: "admin", ANN: "member", BEN: "member"}, ROOM, ANN, None, MANY,
            id="one goes, another has gone",
        ),
        pytest.param({OWN: "admin"}, ROOM, 5, "member", MANY, id="nobody left but ourselves"),
    ],
)  # fmt: skip
def test_a_list_that_would_do_harm_is_not_written(
    listed: dict[int, str], known: dict[int, str], account_id: int, role: str | None, refusal: str
) -> None:
    unsafe = rewritten(listed, known, OWN, account_id, role)
    assert isinstance(unsafe, Unsafe)
    assert unsafe.reason == refusal


ROLES = st.sampled_from(["admin", "member", "readonly"])
LISTS = st.dictionaries(st.integers(1, 9), ROLES)


@given(LISTS, LISTS, st.integers(1, 9), st.one_of(st.none(), ROLES))
def test_whatever_is_listed_at_most_one_person_goes_and_never_ourselves(
    listed: dict[int, str], known: dict[int, str], account_id: int, role: str | None
) -> None:
    new = rewritten(listed, known, OWN, account_id, role)
    if not isinstance(new, Unsafe):
        assert len((listed.keys() | known.keys()) - new.keys()) <= 1
        assert new[OWN] == "admin"
        assert new.get(account_id) == role
        assert {who: has for who, has in new.items() if who != account_id} == {
            who: has for who, has in listed.items() if who != account_id
        }


def message(author: int, body: str) -> PostedMessage:
    return PostedMessage("1", author, body, 0, 0)


JOINED = "[info][dtext:chatroom_chat_joined][/info]"
REMOVED = "[info][dtext:chatroom_member_is][piconname:5][dtext:chatroom_deleted][/info]"
LEFT = "[info][dtext:chatroom_member_is][piconname:5][dtext:chatroom_leaved][/info]"


@pytest.mark.parametrize(
    ("recent", "out"),
    [
        pytest.param([message(5, JOINED)], {5}, id="who joined since"),
        pytest.param([message(5, "はじめまして")], {5}, id="who wrote and was not there before"),
        pytest.param([message(OWN, REMOVED)], {5}, id="whom our own notice names"),
        pytest.param([message(ANN, "こんにちは")], set(), id="who was there before"),
        pytest.param([message(5, JOINED), message(ANN, REMOVED)], set(), id="who was removed by an admin"),
        pytest.param([message(5, JOINED), message(5, LEFT)], set(), id="who left again"),
        pytest.param([message(ANN, REMOVED)], set(), id="whom somebody else's words name"),
        pytest.param([message(ANN, "[info][dtext:chatroom_added][piconname:5][/info]")], set(), id="a typed welcome"),
        pytest.param([message(OWN, "お待ちしております")], set(), id="ourselves"),
        pytest.param([], set(), id="silence"),
    ],
)
def test_who_was_thrown_out_is_read_from_what_stands_in_the_room(recent: list[PostedMessage], out: set[int]) -> None:
    assert thrown_out(recent, OWN, {OWN, ANN}) == out


# -- for real ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Room200:
    """A room of five, and what happens between our reading and our writing."""

    world: World
    room: Room
    engine: Account
    people: dict[str, Account]
    chat: ChatworkClient
    writer: MemberList
    clock: FakeClock
    between: list[Callable[[], object]] = field(default_factory=list)

    def joins(self, name: str, *, contact: bool) -> Account:
        """Somebody comes by the invitation link."""
        account = self.world.add_account(name)
        if contact:
            self.world.connect(self.engine, account)
        self.room.members[account.account_id] = Role.MEMBER
        self.world.post(self.room, account.account_id, notation.JOINED)
        return account

    def names(self) -> set[str]:
        return {self.world.account(who).name for who in self.room.members}

    def order(self, kind: FaultKind, method: str) -> None:
        self.world.faults.order(Fault(kind=kind, count=1, method=method))

    def puts(self) -> int:
        """How often a list was written."""
        return sum(request.startswith("PUT") for request in self.requests)

    requests: list[str] = field(default_factory=list)


class Interrupted(ChatworkClient):
    """The real client, and others who act right after a member list was read."""

    stage: Room200

    async def members(self, room_id: int) -> list:  # type: ignore[type-arg]
        listed = await super().members(room_id)
        if self.stage.between:
            self.stage.between.pop(0)()
        return listed

    async def put_members(self, room_id: int, roles: Mapping[int, str]) -> dict[int, str]:
        self.stage.requests.append("PUT")
        return await super().put_members(room_id, roles)


@pytest.fixture
async def stage(redis: Redis, db: Database, keys: Keys, clock: FakeClock) -> AsyncIterator[Room200]:
    async with opened(redis, db, keys, clock) as ready:
        yield ready


@asynccontextmanager
async def opened(redis: Redis, db: Database, keys: Keys, clock: FakeClock) -> AsyncIterator[Room200]:
    world = World(clock.now)
    engine, *others = (world.add_account(name) for name in ("案内係", "青木", "井上", "上田", "江口"))
    people = {account.name: account for account in others}
    members = {engine.account_id: Role.ADMIN, **{account.account_id: Role.MEMBER for account in others}}
    room = world.add_room("談話室", members)
    async with (
        listening(world, "127.0.0.1", 0) as url,
        Interrupted(url, SecretStr(engine.token), Limiter(redis, keys, clock)) as chat,
    ):
        writer = MemberList(room.room_id, chat, db, clock, engine.account_id)
        chat.stage = Room200(world, room, engine, people, chat, writer, clock)
        yield chat.stage


EVERYBODY = {"案内係", "青木", "井上", "上田", "江口"}


async def test_somebody_is_muted_and_nobody_else_is_touched(stage: Room200) -> None:
    who = stage.people["青木"].account_id
    assert await stage.writer.change(who, "readonly") == Written(changed=True)
    assert stage.room.members[who] is Role.READONLY
    assert stage.names() == EVERYBODY


async def test_somebody_is_removed_and_nobody_else(stage: Room200) -> None:
    await stage.writer.change(stage.people["井上"].account_id, None)
    assert stage.names() == EVERYBODY - {"井上"}


async def test_what_is_so_already_is_not_written(stage: Room200) -> None:
    assert await stage.writer.change(stage.people["青木"].account_id, "member") == Written(changed=False)
    assert stage.puts() == 0


async def test_who_joins_in_between_and_was_thrown_out_is_put_back(stage: Room200) -> None:
    stage.between.append(lambda: stage.joins("加藤", contact=True))
    written = await stage.writer.change(stage.people["青木"].account_id, None)
    assert stage.names() == EVERYBODY - {"青木"} | {"加藤"}
    assert [stage.world.account(who).name for who in written.put_back] == ["加藤"]


async def test_who_cannot_be_put_back_is_reported(stage: Room200) -> None:
    stage.between.append(lambda: stage.joins("加藤", contact=False))
    written = await stage.writer.change(stage.people["青木"].account_id, None)
    assert stage.names() == EVERYBODY - {"青木"}
    assert [stage.world.account(who).name for who in written.lost] == ["加藤"]
    assert written.put_back == ()


async def test_who_joins_while_somebody_is_put_back_is_put_back_too(stage: Room200) -> None:
    stage.between += [
        lambda: stage.joins("加藤", contact=True),
        lambda: None,
        lambda: None,
        lambda: stage.joins("木村", contact=True),
    ]
    await stage.writer.change(stage.people["青木"].account_id, None)
    assert stage.names() == EVERYBODY - {"青木"} | {"加藤", "木村"}


async def test_who_leaves_in_between_is_not_dragged_back(stage: Room200) -> None:
    leaver = stage.people["上田"]
    stage.between += [lambda: None, lambda: membership.leave(stage.world, leaver, stage.room)]
    await stage.writer.change(stage.people["青木"].account_id, "readonly")
    assert stage.names() == EVERYBODY - {"上田"}


async def test_an_answer_that_is_lost_is_made_up_for_by_looking(stage: Room200) -> None:
    stage.order(FaultKind.RESET, "PUT")
    stage.between.append(lambda: stage.joins("加藤", contact=True))
    written = await stage.writer.change(stage.people["青木"].account_id, None)
    assert written.changed
    assert stage.puts() == 2  # the list, and the one with 加藤 on it again: nothing is repeated blindly
    assert stage.names() == EVERYBODY - {"青木"} | {"加藤"}


async def test_a_list_that_chatwork_did_not_take_is_written_later(stage: Room200) -> None:
    stage.order(FaultKind.BROKEN, "PUT")
    with pytest.raises(Transient):
        await stage.writer.change(stage.people["青木"].account_id, None)
    assert stage.names() == EVERYBODY
    await stage.writer.change(stage.people["青木"].account_id, None)
    assert stage.names() == EVERYBODY - {"青木"}


async def test_a_run_that_was_cut_off_after_writing_is_made_up_for(stage: Room200) -> None:
    began = stage.clock.now()
    stage.between.append(lambda: stage.joins("加藤", contact=True))
    stage.between.append(lambda: stage.order(FaultKind.TOO_MANY, "GET"))
    with pytest.raises(Transient) as cut_off:
        await stage.writer.change(stage.people["青木"].account_id, None)
    assert stage.names() == EVERYBODY - {"青木"}
    stage.clock.move(seconds=cut_off.value.retry_after or 5)
    written = await stage.writer.change(stage.people["青木"].account_id, None, since=began)
    assert stage.names() == EVERYBODY - {"青木"} | {"加藤"}
    assert not written.changed


async def test_a_list_cut_off_on_its_way_is_never_written_back(stage: Room200, db: Database) -> None:
    """Chatwork shows half of the members for once: the others would be thrown out."""
    commit = db.commit(stage.clock.now())
    await Members(commit).roster(stage.room.room_id)
    roles = {who: role.value for who, role in stage.room.members.items()}
    Members(commit).put_roster(stage.room.room_id, None, roles)
    await db.apply(commit)
    hidden = {stage.people[name].account_id for name in ("井上", "上田")}
    everybody = dict(stage.room.members)
    for who in hidden:
        del stage.room.members[who]
    with pytest.raises(Transient, match=MANY) as refused:
        await stage.writer.change(stage.people["青木"].account_id, "readonly")
    assert refused.value.retry_after is not None
    assert stage.puts() == 0
    stage.room.members = everybody


async def test_without_the_right_to_it_nothing_is_tried(stage: Room200) -> None:
    stage.room.members[stage.engine.account_id] = Role.MEMBER
    with pytest.raises(Permanent, match="no admin"):
        await stage.writer.change(stage.people["青木"].account_id, None)
    assert stage.puts() == 0


async def test_a_room_has_one_writer(stage: Room200) -> None:
    first = asyncio.create_task(stage.writer.change(stage.people["青木"].account_id, None))
    second = asyncio.create_task(stage.writer.change(stage.people["井上"].account_id, None))
    endings = await asyncio.gather(first, second, return_exceptions=True)
    assert sorted(type(ending).__name__ for ending in endings) == ["Transient", "Written"]
    assert len(EVERYBODY - stage.names()) == 1


async def test_who_lost_the_room_meanwhile_writes_nothing(stage: Room200, redis: Redis, keys: Keys) -> None:
    """The machine slept between reading and writing, and another writer came."""
    key = keys("writing", stage.room.room_id)

    async def somebody_else() -> None:
        await redis.set(key, "another writer")

    stage.between.append(lambda: asyncio.ensure_future(somebody_else()))
    with pytest.raises(Transient, match="lease ran out"):
        await stage.writer.change(stage.people["青木"].account_id, None)
    assert stage.puts() == 0
    assert await redis.get(key) == "another writer"


async def test_a_writer_that_died_blocks_the_room_for_a_while_only(stage: Room200, redis: Redis, keys: Keys) -> None:
    await redis.lock(keys("writing", stage.room.room_id), timeout=90, blocking=False).acquire()
    with pytest.raises(Transient, match="somebody else"):
        await stage.writer.change(stage.people["青木"].account_id, None)
    assert 0 < await redis.ttl(keys("writing", stage.room.room_id)) <= 90


async def test_a_dry_run_writes_nothing(stage: Room200, db: Database, clock: FakeClock) -> None:
    silent = SilentChat(stage.chat)
    writer = MemberList(stage.room.room_id, silent, db, clock, stage.engine.account_id)
    with pytest.raises(Ignored, match="dry run"):
        await writer.change(stage.people["青木"].account_id, None)
    assert stage.names() == EVERYBODY
