"""How people come and go, and what the room hears of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine.chatwork.simulator import membership
from engine.chatwork.simulator.errors import ApiError
from engine.chatwork.simulator.model import Account, Role, Room
from engine.chatwork.simulator.testing import House, Reply, open_house

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as opened:
        yield opened


def heard(room: Room) -> list[str]:
    return [message.body for message in room.messages]


async def replace(
    house: House, room: Room, admin: Account, *members: Account, readonly: Account | None = None
) -> Reply:
    form = {
        "members_admin_ids": str(admin.account_id),
        "members_member_ids": ",".join(str(member.account_id) for member in members),
        "members_readonly_ids": str(readonly.account_id) if readonly else "",
    }
    return await house.call(admin, "PUT", f"/rooms/{room.room_id}/members", form)


def frame(key: str, *people: Account) -> str:
    names = "".join(f"[piconname:{person.account_id}]" for person in people)
    return (
        f"[info][title][dtext:chatroom_chat_edited][/title]"
        f"[dtext:chatroom_member_is]{names}[dtext:chatroom_{key}][/info]"
    )


async def test_the_whole_list_is_replaced_and_every_change_announced(house: House) -> None:
    admin, stays, goes, comes = (house.person(name) for name in ("管理", "残る", "去る", "来る"))
    house.world.connect(admin, comes)
    room = house.room("談話室", admin, stays, goes)
    reply = await replace(house, room, admin, comes, readonly=stays)
    assert reply.json == {"admin": [admin.account_id], "member": [comes.account_id], "readonly": [stays.account_id]}
    assert heard(room) == [frame("added", comes), frame("deleted", goes), frame("priv_changed", stays)]
    assert {message.account_id for message in room.messages} == {admin.account_id}


async def test_who_joined_between_reading_and_writing_is_thrown_out(house: House) -> None:
    admin, stays, late = (house.person(name) for name in ("管理", "残る", "遅刻"))
    room = house.room("談話室", admin, stays, late)
    await replace(house, room, admin, stays)
    assert late.account_id not in room.members


async def test_a_list_that_changes_nothing_is_not_announced(house: House) -> None:
    admin, stays = house.person("管理"), house.person("残る")
    room = house.room("談話室", admin, stays)
    await replace(house, room, admin, stays)
    assert heard(room) == []


async def test_a_room_that_hides_its_members_announces_no_change(house: House) -> None:
    admin, goes = house.person("管理"), house.person("去る")
    room = house.room("談話室", admin, goes)
    room.show_members = False
    assert (await replace(house, room, admin)).status == 200
    assert heard(room) == []


async def test_a_stranger_cannot_be_put_in(house: House) -> None:
    admin, stranger = house.person("管理"), house.person("他人")
    room = house.room("談話室", admin)
    assert (await replace(house, room, admin, stranger)).status == 400
    assert room.members == {admin.account_id: Role.ADMIN}


async def test_an_unknown_account_cannot_be_put_in(house: House) -> None:
    admin = house.person("管理")
    room = house.room("談話室", admin)
    form = {"members_admin_ids": f"{admin.account_id},1"}
    assert (await house.call(admin, "PUT", f"/rooms/{room.room_id}/members", form)).status == 400


async def test_a_colleague_can_be_put_in(house: House) -> None:
    admin = house.person("管理", organization=(7, "医院"))
    colleague = house.person("同僚", organization=(7, "医院"))
    room = house.room("談話室", admin)
    assert (await replace(house, room, admin, colleague)).status == 200


async def test_two_people_without_an_organisation_are_no_colleagues(house: House) -> None:
    admin, other = house.person("管理"), house.person("他人")
    assert not admin.knows(other)


async def test_who_came_by_link_may_be_kept_and_muted(house: House) -> None:
    admin, guest = house.person("管理"), house.person("客")
    room = house.room("談話室", admin, guest)
    assert (await replace(house, room, admin, readonly=guest)).status == 200
    assert room.members[guest.account_id] is Role.READONLY


async def test_a_list_without_an_admin_is_refused(house: House) -> None:
    admin = house.person("管理")
    room = house.room("談話室", admin)
    form = {"members_member_ids": admin.account_id}
    reply = await house.call(admin, "PUT", f"/rooms/{room.room_id}/members", form)
    assert (reply.status, reply.error) == (400, "Parameter 'members_admin_ids' is required")
    assert (
        await house.call(admin, "PUT", f"/rooms/{room.room_id}/members", form | {"members_admin_ids": ","})
    ).status == 400


async def test_nobody_has_two_roles(house: House) -> None:
    admin = house.person("管理")
    room = house.room("談話室", admin)
    assert (await replace(house, room, admin, admin)).status == 400


async def test_a_member_cannot_replace_the_list(house: House) -> None:
    admin, member = house.person("管理"), house.person("会員")
    room = house.room("談話室", admin, member)
    form = {"members_admin_ids": member.account_id}
    assert (await house.call(member, "PUT", f"/rooms/{room.room_id}/members", form)).status == 403


async def test_who_leaves_says_so_and_takes_their_tasks_along(house: House) -> None:
    admin, goes = house.person("管理"), house.person("去る")
    room = house.room("談話室", admin, goes)
    form = {"body": "名簿", "to_ids": f"{admin.account_id},{goes.account_id}"}
    await house.call(admin, "POST", f"/rooms/{room.room_id}/tasks", form)
    await house.call(goes, "DELETE", f"/rooms/{room.room_id}", {"action_type": "leave"})
    leaves = f"[info][dtext:chatroom_member_is][piconname:{goes.account_id}][dtext:chatroom_leaved][/info]"
    assert (room.messages[-1].body, room.messages[-1].account_id) == (leaves, goes.account_id)
    assert [task.account_id for task in house.world.tasks.values()] == [admin.account_id]
    assert (await house.call(goes, "GET", f"/rooms/{room.room_id}")).status == 403


async def test_a_link_without_approval_lets_in_at_once_and_the_newcomer_is_the_sender(house: House) -> None:
    admin, guest = house.person("管理"), house.person("客")
    room = house.room("談話室", admin)
    await house.call(admin, "POST", f"/rooms/{room.room_id}/link", {"code": "yuru", "need_acceptance": 0})
    assert membership.join(house.world, guest, "yuru") is True
    assert heard(room) == ["[info][dtext:chatroom_chat_joined][/info]"]
    assert room.messages[0].account_id == guest.account_id
    assert room.members[guest.account_id] is Role.MEMBER


async def test_a_link_with_approval_waits_for_an_admin(house: House) -> None:
    admin, guest = house.person("管理"), house.person("客")
    room = house.room("談話室", admin)
    await house.call(admin, "POST", f"/rooms/{room.room_id}/link", {"code": "yuru"})
    assert membership.join(house.world, guest, "yuru") is False
    assert guest.account_id not in room.members
    membership.approve(house.world, admin, room.room_id, guest.account_id)
    assert heard(room) == ["[info][dtext:chatroom_chat_joined][/info]"]
    with pytest.raises(ApiError):
        membership.approve(house.world, admin, room.room_id, guest.account_id)


async def test_a_changed_link_is_dead_for_those_who_have_the_old_one(house: House) -> None:
    admin, guest = house.person("管理"), house.person("客")
    room = house.room("談話室", admin)
    await house.call(admin, "POST", f"/rooms/{room.room_id}/link", {"code": "yuru", "need_acceptance": 0})
    await house.call(admin, "PUT", f"/rooms/{room.room_id}/link", {"need_acceptance": 0})
    with pytest.raises(ApiError):
        membership.join(house.world, guest, "yuru")


async def test_a_member_does_not_join_twice(house: House) -> None:
    admin = house.person("管理")
    room = house.room("談話室", admin)
    await house.call(admin, "POST", f"/rooms/{room.room_id}/link", {"code": "yuru"})
    with pytest.raises(ApiError):
        membership.join(house.world, admin, "yuru")


async def test_contacts_are_made_once_and_never_with_oneself(house: House) -> None:
    admin, guest = house.person("管理"), house.person("客")
    assert house.world.connect(admin, guest) is house.world.connect(guest, admin)
    with pytest.raises(ApiError):
        house.world.connect(admin, admin)
