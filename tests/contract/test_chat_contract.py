"""What the engine may rely on whoever stands behind `Chat`: the fake of the stories, or Chatwork over HTTP."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from engine.chatwork.client import ChatworkClient
from engine.chatwork.limits import Limiter
from engine.chatwork.simulator.faults import Fault, FaultKind
from engine.chatwork.simulator.model import Role
from engine.chatwork.simulator.server import listening
from engine.chatwork.simulator.world import World
from engine.errors import Permanent, Transient
from engine.keys import Keys
from engine.ports import Account, Lane
from tests.fakes import FakeChat, FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from redis.asyncio import Redis

    from engine.ports import Chat, PostedMessage

NOWHERE = 1
LONGEST = 65_535


@dataclass(frozen=True, slots=True)
class Stage:
    """A room of three (the engine as its admin, a member, a reader), a contact with a direct chat, a stranger."""

    chat: Chat
    clock: FakeClock
    own: Account
    member: Account
    reader: Account
    stranger: Account
    room: int
    direct: int
    says: Callable[[int, int, str], str]
    breaks: Callable[[], None]  # the next post is refused for a while, certainly not done
    loses: Callable[[str], None]  # the next request of this HTTP method is done, and its answer lost

    async def last(self) -> PostedMessage:
        return (await self.chat.newest_messages(self.room, Lane.REPLY))[-1]


@asynccontextmanager
async def the_fake(_: Redis) -> AsyncIterator[Stage]:
    clock = FakeClock()
    member, reader, stranger = Account(101, "青木"), Account(102, "井上", "readonly"), Account(103, "上田")
    chat = FakeChat(clock, contacts={member.account_id: 300})
    chat.rosters = {200: [chat.own, member, reader]}
    chat.people = [member]
    yield Stage(
        chat, clock, chat.own, member, reader, stranger, room=200, direct=300,
        says=chat.put,
        breaks=lambda: chat.failures.append(Transient("429", retry_after=5)),
        loses=lambda _: chat.after.append(Transient("reset", maybe_done=True)),
    )  # fmt: skip


@asynccontextmanager
async def the_real_client(redis: Redis) -> AsyncIterator[Stage]:
    clock = FakeClock()
    world = World(clock.now)
    engine, aoki, inoue, ueda = (world.add_account(name) for name in ("ユルユル案内係", "青木", "井上", "上田"))
    room = world.add_room(
        "談話室",
        {engine.account_id: Role.ADMIN, aoki.account_id: Role.MEMBER, inoue.account_id: Role.READONLY},
    )
    direct = world.connect(engine, aoki)

    def says(room_id: int, account_id: int, body: str) -> str:
        return str(world.post(world.room(room_id), account_id, body).message_id)

    def order(kind: FaultKind, method: str = "POST") -> None:
        world.faults.order(Fault(kind=kind, count=1, method=method))

    limiter = Limiter(redis, Keys("main"), clock)
    async with (
        listening(world, "127.0.0.1", 0) as url,
        ChatworkClient(url, SecretStr(engine.token), limiter) as chat,
    ):
        yield Stage(
            chat, clock, Account(engine.account_id, engine.name, "admin"),
            Account(aoki.account_id, aoki.name), Account(inoue.account_id, inoue.name, "readonly"),
            Account(ueda.account_id, ueda.name), room=room.room_id, direct=direct.room_id,
            says=says,
            breaks=lambda: order(FaultKind.TOO_MANY),
            loses=lambda method: order(FaultKind.RESET, method),
        )  # fmt: skip


@pytest.fixture(
    params=[pytest.param(the_fake, id="the fake"), pytest.param(the_real_client, id="the real client")],
)
async def stage(request: pytest.FixtureRequest, redis: Redis) -> AsyncIterator[Stage]:
    build: Callable[[Redis], AbstractAsyncContextManager[Stage]] = request.param
    async with build(redis) as opened:
        yield opened


class TestChat:
    async def test_me_is_the_engines_own_account(self, stage: Stage) -> None:
        me = await stage.chat.me()
        assert (me.account_id, me.name) == (stage.own.account_id, stage.own.name)

    async def test_members_come_with_their_roles(self, stage: Stage) -> None:
        members = await stage.chat.members(stage.room)
        assert {member.account_id: member for member in members} == {
            who.account_id: who for who in (stage.own, stage.member, stage.reader)
        }

    async def test_a_contact_has_a_direct_room(self, stage: Stage) -> None:
        assert (await stage.chat.direct_rooms())[stage.member.account_id] == stage.direct

    @pytest.mark.parametrize("who", ["reader", "stranger", "own"])
    async def test_somebody_who_is_no_contact_has_none(self, stage: Stage, who: str) -> None:
        account: Account = getattr(stage, who)
        assert account.account_id not in await stage.chat.direct_rooms()

    async def test_a_room_in_which_nobody_spoke_is_empty(self, stage: Stage) -> None:
        assert await stage.chat.newest_messages(stage.room, Lane.REPLY) == []

    async def test_what_is_posted_stands_in_the_room_as_ours(self, stage: Stage) -> None:
        message_id = await stage.chat.post(stage.room, "はじめまして", Lane.REPLY)
        message = await stage.last()
        assert (message.message_id, message.account_id) == (message_id, stage.own.account_id)
        assert (message.sent_at, message.updated_at) == (int(stage.clock.now()), 0)

    async def test_a_direct_chat_takes_posts_too(self, stage: Stage) -> None:
        message_id = await stage.chat.post(stage.direct, "内緒のお話です", Lane.NUDGE)
        [message] = await stage.chat.newest_messages(stage.direct, Lane.REPLY)
        assert message.message_id == message_id
        assert await stage.chat.newest_messages(stage.room, Lane.REPLY) == []

    @pytest.mark.parametrize("lane", list(Lane))
    async def test_every_lane_leads_into_the_room(self, stage: Stage, lane: Lane) -> None:
        await stage.chat.post(stage.room, "どうぞ", lane)
        assert (await stage.last()).body == "どうぞ"

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param("一行目\n\n三行目", id="line breaks"),
            pytest.param("[To:101]青木さん\n[rp aid=1 to=2-3] [info][title]題[/title]文[/info]", id="notation"),
            pytest.param("a=b&body=c;d+e%20f #g ?h", id="signs that mean something in a form"),
            pytest.param("<b>&amp;&lt;</b> \"'\\", id="signs that mean something in HTML and JSON"),
            pytest.param("🏥👩‍⚕️ 𠮟る 葛\U000e0100", id="characters beyond the basic plane"),
            pytest.param("が と が", id="composed and decomposed"),
            pytest.param("あ" * LONGEST, id="the longest body there may be"),
        ],
    )
    async def test_a_body_arrives_as_it_was_written(self, stage: Stage, body: str) -> None:
        await stage.chat.post(stage.room, body, Lane.REPLY)
        assert (await stage.last()).body == body

    async def test_ids_are_text_that_no_float_can_hold_and_grow(self, stage: Stage) -> None:
        ids = [await stage.chat.post(stage.room, "はい", Lane.REPLY) for _ in range(3)]
        assert all(one.isdigit() and int(one) > 2**53 for one in ids)
        assert ids == sorted(set(ids), key=int)

    async def test_messages_come_oldest_first_whoever_wrote_them(self, stage: Stage) -> None:
        said = []
        for who in (stage.member, stage.own, stage.member):
            said.append((who.account_id, stage.says(stage.room, who.account_id, "はい")))
            stage.clock.move(seconds=1)
        newest = await stage.chat.newest_messages(stage.room, Lane.REPLY)
        assert [(message.account_id, message.message_id) for message in newest] == said

    async def test_messages_of_one_second_keep_their_order(self, stage: Stage) -> None:
        said = [stage.says(stage.room, stage.member.account_id, str(number)) for number in range(20)]
        assert [message.message_id for message in await stage.chat.newest_messages(stage.room, Lane.REPLY)] == said

    async def test_of_many_messages_only_the_newest_hundred_are_shown(self, stage: Stage) -> None:
        said = [stage.says(stage.room, stage.member.account_id, str(number)) for number in range(103)]
        assert [message.message_id for message in await stage.chat.newest_messages(stage.room, Lane.REPLY)] == said[3:]

    async def test_reading_takes_nothing_away_from_the_next_reader(self, stage: Stage) -> None:
        stage.says(stage.room, stage.member.account_id, "こんにちは")
        assert (
            await stage.chat.newest_messages(stage.room, Lane.REPLY)
            == await stage.chat.newest_messages(stage.room, Lane.REPLY)
            != []
        )

    async def test_a_room_that_is_not_ours_has_no_members_to_show(self, stage: Stage) -> None:
        with pytest.raises(Permanent):
            await stage.chat.members(NOWHERE)

    async def test_a_room_that_is_not_ours_has_no_messages_to_show(self, stage: Stage) -> None:
        with pytest.raises(Permanent):
            await stage.chat.newest_messages(NOWHERE, Lane.REPLY)

    async def test_a_room_that_is_not_ours_takes_no_post(self, stage: Stage) -> None:
        with pytest.raises(Permanent):
            await stage.chat.post(NOWHERE, "どなたか", Lane.REPLY)

    @pytest.mark.parametrize("body", [pytest.param("", id="empty"), pytest.param("あ" * (LONGEST + 1), id="too long")])
    async def test_a_body_that_chatwork_refuses_will_never_work(self, stage: Stage, body: str) -> None:
        with pytest.raises(Permanent):
            await stage.chat.post(stage.room, body, Lane.REPLY)
        assert await stage.chat.newest_messages(stage.room, Lane.REPLY) == []

    async def test_what_was_refused_for_a_while_was_not_posted(self, stage: Stage) -> None:
        stage.breaks()
        with pytest.raises(Transient) as refused:
            await stage.chat.post(stage.room, "どうぞ", Lane.REPLY)
        assert not refused.value.maybe_done
        assert refused.value.retry_after is not None
        stage.clock.move(seconds=refused.value.retry_after)
        assert await stage.chat.newest_messages(stage.room, Lane.REPLY) == []
        await stage.chat.post(stage.room, "どうぞ", Lane.REPLY)
        assert len(await stage.chat.newest_messages(stage.room, Lane.REPLY)) == 1

    async def test_a_post_whose_answer_was_lost_may_have_been_done(self, stage: Stage) -> None:
        stage.loses("POST")
        with pytest.raises(Transient) as lost:
            await stage.chat.post(stage.room, "どうぞ", Lane.REPLY)
        assert lost.value.maybe_done
        assert (await stage.last()).body == "どうぞ"

    # -- the member list ----------------------------------------------------------------------------------------------

    async def roles(self, stage: Stage) -> dict[int, str]:
        return {member.account_id: member.role for member in await stage.chat.members(stage.room)}

    async def test_a_list_replaces_the_whole_list(self, stage: Stage) -> None:
        wanted = {stage.own.account_id: "admin", stage.member.account_id: "readonly"}
        assert await stage.chat.put_members(stage.room, wanted) == wanted
        assert await self.roles(stage) == wanted

    async def test_a_contact_can_be_put_on_the_list_again(self, stage: Stage) -> None:
        alone = {stage.own.account_id: "admin"}
        await stage.chat.put_members(stage.room, alone)
        both = alone | {stage.member.account_id: "member"}
        assert await stage.chat.put_members(stage.room, both) == both

    async def test_a_stranger_cannot_and_nothing_changes(self, stage: Stage) -> None:
        before = await self.roles(stage)
        with pytest.raises(Permanent):
            await stage.chat.put_members(stage.room, before | {stage.stranger.account_id: "member"})
        assert await self.roles(stage) == before

    async def test_a_list_without_an_admin_is_refused(self, stage: Stage) -> None:
        before = await self.roles(stage)
        with pytest.raises(Permanent):
            await stage.chat.put_members(stage.room, dict.fromkeys(before, "member"))
        assert await self.roles(stage) == before

    async def test_a_room_that_is_not_ours_takes_no_list(self, stage: Stage) -> None:
        with pytest.raises(Permanent):
            await stage.chat.put_members(NOWHERE, {stage.own.account_id: "admin"})

    async def test_a_list_whose_answer_was_lost_may_have_been_written(self, stage: Stage) -> None:
        stage.loses("PUT")
        wanted = {stage.own.account_id: "admin", stage.member.account_id: "readonly"}
        with pytest.raises(Transient) as lost:
            await stage.chat.put_members(stage.room, wanted)
        assert lost.value.maybe_done
        assert await self.roles(stage) == wanted
