"""`/rooms`, their members and invitation links."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.chatwork.simulator import access, links, membership, notation, views
from engine.chatwork.simulator.errors import bad_request
from engine.chatwork.simulator.model import Role

if TYPE_CHECKING:
    from engine.chatwork.simulator.api.call import Answer, Call, Params

ICONS = (
    *("group", "check", "document", "meeting", "event", "project", "business", "study", "security", "star"),
    *("idea", "heart", "magcup", "beer", "music", "sports", "travel"),
)
LONGEST_NAME = 255
_LISTS = {
    Role.ADMIN: "members_admin_ids",
    Role.MEMBER: "members_member_ids",
    Role.READONLY: "members_readonly_ids",
}


def get_rooms(call: Call) -> Answer:
    """GET /rooms."""
    return [views.room(call.world, room, call.actor) for room in call.world.rooms_of(call.actor.account_id)]


def post_rooms(call: Call) -> Answer:
    """POST /rooms."""
    name = call.params.text("name", LONGEST_NAME)
    members = _members(call.params)
    icon_preset = call.params.choice("icon_preset", ICONS, "group")
    description = call.params.optional("description") or ""
    wants_link = call.params.flag("link")
    code = call.params.link_code("link_code")
    need_acceptance = call.params.flag("link_need_acceptance", default=True)
    room = membership.create(call.world, call.actor, name, members, description=description, icon_preset=icon_preset)
    if wants_link:
        links.create(call.world, room, code, need_acceptance=need_acceptance)
    return {"room_id": room.room_id}


def get_room(call: Call) -> Answer:
    """GET /rooms/{room}."""
    room = access.readable(call.world, call.actor, call.room_id)
    return {**views.room(call.world, room, call.actor), "description": room.description}


def put_room(call: Call) -> Answer:
    """PUT /rooms/{room}."""
    room = access.administered(call.world, call.actor, call.room_id)
    name = call.params.optional("name", LONGEST_NAME)
    description = call.params.optional("description")
    room.icon_preset = call.params.choice("icon_preset", ICONS, room.icon_preset)
    room.name = name or room.name
    room.description = room.description if description is None else description
    if name or description is not None:
        call.world.post(room, call.actor.account_id, notation.room_edited(name or None, description))
    return {"room_id": room.room_id}


def delete_room(call: Call) -> Answer:
    """DELETE /rooms/{room}: leave it, or end it for everybody."""
    if call.params.choice("action_type", ("leave", "delete")) == "leave":
        membership.leave(call.world, call.actor, access.group(call.world, call.actor, call.room_id))
    else:
        membership.close(call.world, access.administered(call.world, call.actor, call.room_id))
    return None


def get_members(call: Call) -> Answer:
    """GET /rooms/{room}/members."""
    room = access.readable(call.world, call.actor, call.room_id)
    return [views.member(call.world.account(who), role) for who, role in room.members.items()]


def put_members(call: Call) -> Answer:
    """PUT /rooms/{room}/members: replaces the whole list."""
    room = access.administered(call.world, call.actor, call.room_id)
    membership.replace(call.world, call.actor, room, _members(call.params))
    return {role.value: [who for who, has in room.members.items() if has is role] for role in Role}


def _members(params: Params) -> dict[int, Role]:
    params.text(_LISTS[Role.ADMIN])
    members: dict[int, Role] = {}
    for role, name in _LISTS.items():
        for account_id in params.ids(name):
            if members.setdefault(account_id, role) is not role:
                raise bad_request(f"Parameter '{name}' repeats account {account_id}")
    return members


def get_link(call: Call) -> Answer:
    """GET /rooms/{room}/link."""
    return views.link(access.group(call.world, call.actor, call.room_id).link)


def post_link(call: Call) -> Answer:
    """POST /rooms/{room}/link."""
    room = access.administered(call.world, call.actor, call.room_id)
    code, need_acceptance, description = _link(call.params)
    return views.link(links.create(call.world, room, code, need_acceptance=need_acceptance, description=description))


def put_link(call: Call) -> Answer:
    """PUT /rooms/{room}/link."""
    room = access.administered(call.world, call.actor, call.room_id)
    code, need_acceptance, description = _link(call.params)
    return views.link(links.change(call.world, room, code, need_acceptance=need_acceptance, description=description))


def _link(params: Params) -> tuple[str | None, bool, str]:
    code = params.link_code("code")
    return code, params.flag("need_acceptance", default=True), params.optional("description") or ""


def delete_link(call: Call) -> Answer:
    """DELETE /rooms/{room}/link."""
    room = access.administered(call.world, call.actor, call.room_id)
    links.remove(room)
    return views.link(room.link)
