"""How people come and go. Everything that the room is told about it is told here.

`PUT members` replaces the whole list without any condition: who joined a moment ago and is not on it, is out again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.chatwork.simulator import access, notation
from engine.chatwork.simulator.errors import bad_request, not_found
from engine.chatwork.simulator.model import Role, Room

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.chatwork.simulator.model import Account, File, Task
    from engine.chatwork.simulator.world import World


def create(
    world: World, actor: Account, name: str, members: Mapping[int, Role], *, description: str, icon_preset: str
) -> Room:
    """Found a group."""
    _check(world, actor, members, already=frozenset({actor.account_id}))
    room = world.add_room(name, members, description=description, icon_preset=icon_preset)
    world.post(room, actor.account_id, notation.room_created(name, members))
    return room


def replace(world: World, actor: Account, room: Room, members: Mapping[int, Role]) -> None:
    """Replace the whole list, and announce it unless the room hides its members."""
    _check(world, actor, members, already=frozenset(room.members))
    before, room.members = room.members, dict(members)
    if not room.show_members:
        return
    added = members.keys() - before.keys()
    removed = before.keys() - members.keys()
    changed = {who for who in members.keys() & before.keys() if members[who] is not before[who]}
    for people, notice in (
        (added, notation.members_added),
        (removed, notation.members_removed),
        (changed, notation.roles_changed),
    ):
        if people:
            world.post(room, actor.account_id, notice(sorted(people)))


def _check(world: World, actor: Account, members: Mapping[int, Role], already: frozenset[int]) -> None:
    """Only contacts and colleagues can be put into a room; who is in it already may stay."""
    for account_id in members:
        account = world.accounts.get(account_id)
        if account is None or (account_id not in already and not actor.knows(account)):
            raise bad_request(f"Account {account_id} is neither a contact nor in the same organization.")


def leave(world: World, actor: Account, room: Room) -> None:
    """Leave a group; one's tasks and files there go too."""
    del room.members[actor.account_id]
    _drop_belongings(world, room, actor.account_id)
    world.post(room, actor.account_id, notation.member_left(actor.account_id))


def close(world: World, room: Room) -> None:
    """Delete a group with everything in it."""
    del world.rooms[room.room_id]
    _drop_belongings(world, room, None)


def _drop_belongings(world: World, room: Room, account_id: int | None) -> None:
    def belongs(thing: Task | File) -> bool:
        return thing.room_id == room.room_id and account_id in {None, thing.account_id}

    world.tasks = {key: task for key, task in world.tasks.items() if not belongs(task)}
    world.files = {key: file for key, file in world.files.items() if not belongs(file)}


def join(world: World, actor: Account, code: str) -> bool:
    """Follow an invitation link. True when in at once, False when an admin must agree first."""
    room = next((room for room in world.rooms.values() if room.link and room.link.code == code), None)
    if room is None or room.link is None:
        raise not_found("Link")
    if room.is_member(actor.account_id):
        raise bad_request("The account is in the room already")
    if room.link.need_acceptance:
        room.link.waiting.append(actor.account_id)
        return False
    _enter(world, room, actor.account_id)
    return True


def approve(world: World, admin: Account, room_id: int, account_id: int) -> None:
    """Let in somebody who followed a link that asks for it."""
    room = access.administered(world, admin, room_id)
    if room.link is None or account_id not in room.link.waiting:
        raise not_found("Request to join")
    room.link.waiting.remove(account_id)
    _enter(world, room, account_id)


def _enter(world: World, room: Room, account_id: int) -> None:
    room.members[account_id] = Role.MEMBER
    world.post(room, account_id, notation.JOINED)
