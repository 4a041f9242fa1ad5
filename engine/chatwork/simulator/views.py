"""How things look in answers: the object shapes of REST API v2. Ids are numbers, except the message's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.chatwork.simulator.model import Account, ContactRequest, File, Link, Message, Role, Room, RoomType, Task

if TYPE_CHECKING:
    from engine.chatwork.simulator.api.call import Object
    from engine.chatwork.simulator.world import World

_AVATAR = "https://appdata.chatwork.com/avatar/ico_default_blue.png"
_ICONS = "https://appdata.chatwork.com/icon"


def brief(account: Account) -> Object:
    """Show the account as part of something else."""
    return {"account_id": account.account_id, "name": account.name, "avatar_image_url": _AVATAR}


def _person(account: Account) -> Object:
    return {
        "name": account.name,
        "chatwork_id": account.chatwork_id,
        "organization_id": account.organization_id,
        "organization_name": account.organization_name,
        "department": account.department,
        "avatar_image_url": _AVATAR,
    }


def me(account: Account) -> Object:
    """Show the caller."""
    blank = ("title", "url", "tel_organization", "tel_extension", "tel_mobile", "skype", "facebook", "twitter")
    return {
        "account_id": account.account_id,
        "room_id": account.room_id,
        **_person(account),
        **dict.fromkeys(blank, ""),
        "introduction": account.introduction,
        "mail": account.mail,
        "login_mail": account.mail,
    }


def contact(account: Account, room_id: int) -> Object:
    """Somebody's contact, with the direct chat."""
    return {"account_id": account.account_id, "room_id": room_id, **_person(account)}


def member(account: Account, role: Role) -> Object:
    """Somebody in a room."""
    return {"account_id": account.account_id, "role": role.value, **_person(account)}


def contact_request(world: World, request: ContactRequest) -> Object:
    """Somebody who would like to be a contact."""
    sender = world.account(request.from_id)
    return {
        "request_id": request.request_id,
        "account_id": sender.account_id,
        "message": request.message,
        **_person(sender),
    }


def unread(room: Room, account: Account) -> dict[str, int]:
    """Show what is left to read for somebody."""
    messages = room.unread(account.account_id)
    mentioned = [message for message in messages if account.account_id in message.mentions]
    return {"unread_num": len(messages), "mention_num": len(mentioned)}


def room_name(world: World, room: Room, reader: Account) -> str:
    """Name a room for its reader: a direct chat is called after the other person."""
    if room.type is not RoomType.DIRECT:
        return room.name
    return next(world.account(who).name for who in room.members if who != reader.account_id)


def room(world: World, room: Room, reader: Account) -> Object:
    """Show a room as its member sees it."""
    tasks = [task for task in world.tasks.values() if task.room_id == room.room_id]
    mine = [task for task in tasks if task.account_id == reader.account_id and not task.done]
    files = [file for file in world.files.values() if file.room_id == room.room_id]
    return {
        "room_id": room.room_id,
        "name": room_name(world, room, reader),
        "type": room.type.value,
        "role": room.members[reader.account_id].value,
        "sticky": False,
        **unread(room, reader),
        "mytask_num": len(mine),
        "message_num": len(room.messages),
        "file_num": len(files),
        "task_num": len(tasks),
        "icon_path": _icon(room),
        "last_update_time": room.messages[-1].send_time if room.messages else room.created,
    }


def _icon(room: Room) -> str:
    return f"{_ICONS}/ico_{room.icon_preset}.png"


def message(world: World, message: Message) -> Object:
    """Show a message with who wrote it."""
    return {
        "message_id": str(message.message_id),
        "account": brief(world.account(message.account_id)),
        "body": message.body,
        "send_time": message.send_time,
        "update_time": message.update_time,
    }


def _task(world: World, task: Task, place: Object) -> Object:
    return {
        "task_id": task.task_id,
        **place,
        "assigned_by_account": brief(world.account(task.assigned_by)),
        "message_id": str(task.message_id),
        "body": task.body,
        "limit_time": task.limit_time,
        "status": "done" if task.done else "open",
        "limit_type": task.limit_type,
    }


def task(world: World, task: Task) -> Object:
    """Show a task in its room."""
    return _task(world, task, {"account": brief(world.account(task.account_id))})


def my_task(world: World, task: Task, reader: Account) -> Object:
    """Show a task among one's own: the room is named in place of the assignee."""
    place = world.room(task.room_id)
    room = {"room_id": place.room_id, "name": room_name(world, place, reader), "icon_path": _icon(place)}
    return _task(world, task, {"room": room})


def file(world: World, file: File) -> Object:
    """Show a file, without its content."""
    return {
        "file_id": file.file_id,
        "account": brief(world.account(file.account_id)),
        "message_id": str(file.message_id),
        "filename": file.filename,
        "filesize": len(file.content),
        "upload_time": file.upload_time,
    }


def link(link: Link | None) -> Object:
    """Show the invitation link, or that there is none."""
    if link is None:
        return {"public": False}
    return {
        "public": True,
        "url": f"https://www.chatwork.com/g/{link.code}",
        "need_acceptance": link.need_acceptance,
        "description": link.description,
    }
