"""`/rooms/{room}/tasks` and `/rooms/{room}/files`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.chatwork.simulator import access, files, tasks, views, writing
from engine.chatwork.simulator.api.me import TASK_STATUS
from engine.chatwork.simulator.errors import bad_request, missing
from engine.chatwork.simulator.model import PAGE

if TYPE_CHECKING:
    from engine.chatwork.simulator.api.call import Answer, Call


def get_tasks(call: Call) -> Answer:
    """GET /rooms/{room}/tasks."""
    room = access.readable(call.world, call.actor, call.room_id)
    assignee = call.params.number("account_id")
    assigned_by = call.params.number("assigned_by_account_id")
    done = call.params.choice("status", TASK_STATUS, "open") == "done"
    found = [
        task
        for task in call.world.tasks.values()
        if task.room_id == room.room_id
        and task.done is done
        and assignee in {None, task.account_id}
        and assigned_by in {None, task.assigned_by}
    ]
    return [views.task(call.world, task) for task in found[-PAGE:]]


def post_task(call: Call) -> Answer:
    """POST /rooms/{room}/tasks."""
    room = access.writable(call.world, call.actor, call.room_id)
    body = call.params.text("body")
    assignees = call.params.ids("to_ids")
    if not assignees:
        raise missing("to_ids")
    brief = tasks.Brief(body, *_limit(call))
    writing.count_post(call.world, room)
    added = tasks.add(call.world, call.actor, room, assignees, brief)
    return {"task_ids": [task.task_id for task in added]}


def _limit(call: Call) -> tuple[int, str]:
    limit_type = call.params.choice("limit_type", ("none", "date", "time"), "time")
    limit_time = call.params.number("limit")
    return (limit_time, limit_type) if limit_time and limit_type != "none" else (0, "none")


def get_task(call: Call) -> Answer:
    """GET /rooms/{room}/tasks/{task}."""
    room = access.readable(call.world, call.actor, call.room_id)
    return views.task(call.world, tasks.find(call.world, room, call.path["task"]))


def put_task_status(call: Call) -> Answer:
    """PUT /rooms/{room}/tasks/{task}/status."""
    room = access.writable(call.world, call.actor, call.room_id)
    task = tasks.find(call.world, room, call.path["task"])
    done = call.params.choice("body", TASK_STATUS) == "done"
    tasks.set_done(call.world, call.actor, room, task, done=done)
    return {"task_id": task.task_id}


def get_files(call: Call) -> Answer:
    """GET /rooms/{room}/files."""
    room = access.readable(call.world, call.actor, call.room_id)
    uploader = call.params.number("account_id")
    found = [
        file
        for file in call.world.files.values()
        if file.room_id == room.room_id and uploader in {None, file.account_id}
    ]
    return [views.file(call.world, file) for file in found[-PAGE:]]


def post_file(call: Call) -> Answer:
    """POST /rooms/{room}/files."""
    room = access.writable(call.world, call.actor, call.room_id)
    upload = call.params.upload("file")
    if not upload.content:
        raise bad_request("Parameter 'file' is empty")
    message = call.params.optional("message", 1000) or ""
    file = files.upload(call.world, call.actor, room, filename=upload.filename, content=upload.content, message=message)
    return {"file_id": file.file_id}


def get_file(call: Call) -> Answer:
    """GET /rooms/{room}/files/{file}."""
    room = access.readable(call.world, call.actor, call.room_id)
    file = files.find(call.world, room, call.path["file"])
    answer = views.file(call.world, file)
    if call.params.flag("create_download_url"):
        answer["download_url"] = f"{call.origin}/_files/{files.ticket(call.world, file)}"
    return answer
