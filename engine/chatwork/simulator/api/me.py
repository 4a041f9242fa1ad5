"""`/me`, `/my/…`, `/contacts` and `/incoming_requests`: what belongs to the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.chatwork.simulator import contacts, views
from engine.chatwork.simulator.model import PAGE

if TYPE_CHECKING:
    from engine.chatwork.simulator.api.call import Answer, Call

TASK_STATUS = ("open", "done")


def get_me(call: Call) -> Answer:
    """GET /me."""
    return views.me(call.actor)


def get_status(call: Call) -> Answer:
    """GET /my/status."""
    rooms = call.world.rooms_of(call.actor.account_id)
    unread = [views.unread(room, call.actor) for room in rooms]
    mine = [task for task in call.world.tasks.values() if task.account_id == call.actor.account_id and not task.done]
    return {
        "unread_room_num": sum(1 for one in unread if one["unread_num"]),
        "mention_room_num": sum(1 for one in unread if one["mention_num"]),
        "mytask_room_num": len({task.room_id for task in mine}),
        "unread_num": sum(one["unread_num"] for one in unread),
        "mention_num": sum(one["mention_num"] for one in unread),
        "mytask_num": len(mine),
    }


def get_my_tasks(call: Call) -> Answer:
    """GET /my/tasks."""
    assigned_by = call.params.number("assigned_by_account_id")
    done = call.params.choice("status", TASK_STATUS, "open") == "done"
    mine = [
        task
        for task in call.world.tasks.values()
        if task.account_id == call.actor.account_id and task.done is done and assigned_by in {None, task.assigned_by}
    ]
    return [views.my_task(call.world, task, call.actor) for task in mine[-PAGE:]]


def get_contacts(call: Call) -> Answer:
    """GET /contacts."""
    return [views.contact(call.world.account(who), room) for who, room in call.actor.contacts.items()]


def get_incoming_requests(call: Call) -> Answer:
    """GET /incoming_requests."""
    waiting = contacts.incoming(call.world, call.actor)[:PAGE]
    return [views.contact_request(call.world, request) for request in waiting]


def put_incoming_request(call: Call) -> Answer:
    """PUT /incoming_requests/{request}: accept."""
    sender = contacts.accept(call.world, call.actor, call.path["request"])
    return views.contact(sender, call.actor.contacts[sender.account_id])


def delete_incoming_request(call: Call) -> Answer:
    """DELETE /incoming_requests/{request}: reject."""
    contacts.reject(call.world, call.actor, call.path["request"])
    return None
