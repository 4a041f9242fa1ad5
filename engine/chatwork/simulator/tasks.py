"""Tasks: one for each assignee, each announced by a message of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.chatwork.simulator import notation
from engine.chatwork.simulator.errors import bad_request, not_found
from engine.chatwork.simulator.model import Room, Task

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.chatwork.simulator.model import Account
    from engine.chatwork.simulator.world import World


@dataclass(frozen=True, slots=True)
class Brief:
    """What is to be done, and until when."""

    body: str
    limit_time: int = 0
    limit_type: str = "none"


def add(world: World, actor: Account, room: Room, assignees: Iterable[int], brief: Brief) -> list[Task]:
    """Give the same task to each of the assignees."""
    assignees = list(dict.fromkeys(assignees))
    if not all(room.is_member(account_id) for account_id in assignees):
        raise bad_request("Parameter 'to_ids' contains an account that is not in the room")
    return [_add_one(world, actor, room, account_id, brief) for account_id in assignees]


def _add_one(world: World, actor: Account, room: Room, account_id: int, brief: Brief) -> Task:
    task = Task(
        task_id=world.next_id(),
        room_id=room.room_id,
        account_id=account_id,
        assigned_by=actor.account_id,
        message_id=0,
        body=brief.body,
        limit_time=brief.limit_time,
        limit_type=brief.limit_type,
    )
    task.message_id = world.post(room, actor.account_id, _notice("task_added", task)).message_id
    world.tasks[task.task_id] = task
    return task


def find(world: World, room: Room, task_id: int) -> Task:
    """Find a task of the room."""
    task = world.tasks.get(task_id)
    if task is None or task.room_id != room.room_id:
        raise not_found("Task")
    return task


def set_done(world: World, actor: Account, room: Room, task: Task, *, done: bool) -> None:
    """Tick it off, or open it again; the room is told when that changes anything."""
    if task.done is done:
        return
    task.done = done
    world.post(room, actor.account_id, _notice("task_done" if done else "task_reverted", task))


def _notice(key: str, task: Task) -> str:
    return notation.task_notice(
        key,
        account_id=task.account_id,
        done=task.done,
        limit_time=task.limit_time,
        limit_type=task.limit_type,
        body=task.body,
    )
