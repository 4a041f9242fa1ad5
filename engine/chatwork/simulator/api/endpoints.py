"""The 32 operations, written out. The order of the table is the order in which paths are tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from engine.chatwork.simulator.api import me, messages, rooms, tasks
from engine.chatwork.simulator.api.call import Answer, Call

Operation: TypeAlias = Callable[[Call], Answer]


class Endpoint(NamedTuple):
    """A method, a path whose names in braces are numbers, and what answers there."""

    method: str
    path: str
    operation: Operation


ENDPOINTS = (
    Endpoint("GET", "/me", me.get_me),
    Endpoint("GET", "/my/status", me.get_status),
    Endpoint("GET", "/my/tasks", me.get_my_tasks),
    Endpoint("GET", "/contacts", me.get_contacts),
    Endpoint("GET", "/rooms", rooms.get_rooms),
    Endpoint("POST", "/rooms", rooms.post_rooms),
    Endpoint("GET", "/rooms/{room}", rooms.get_room),
    Endpoint("PUT", "/rooms/{room}", rooms.put_room),
    Endpoint("DELETE", "/rooms/{room}", rooms.delete_room),
    Endpoint("GET", "/rooms/{room}/members", rooms.get_members),
    Endpoint("PUT", "/rooms/{room}/members", rooms.put_members),
    Endpoint("GET", "/rooms/{room}/messages", messages.get_messages),
    Endpoint("POST", "/rooms/{room}/messages", messages.post_message),
    Endpoint("PUT", "/rooms/{room}/messages/read", messages.put_read),
    Endpoint("PUT", "/rooms/{room}/messages/unread", messages.put_unread),
    Endpoint("GET", "/rooms/{room}/messages/{message}", messages.get_message),
    Endpoint("PUT", "/rooms/{room}/messages/{message}", messages.put_message),
    Endpoint("DELETE", "/rooms/{room}/messages/{message}", messages.delete_message),
    Endpoint("GET", "/rooms/{room}/tasks", tasks.get_tasks),
    Endpoint("POST", "/rooms/{room}/tasks", tasks.post_task),
    Endpoint("GET", "/rooms/{room}/tasks/{task}", tasks.get_task),
    Endpoint("PUT", "/rooms/{room}/tasks/{task}/status", tasks.put_task_status),
    Endpoint("GET", "/rooms/{room}/files", tasks.get_files),
    Endpoint("POST", "/rooms/{room}/files", tasks.post_file),
    Endpoint("GET", "/rooms/{room}/files/{file}", tasks.get_file),
    Endpoint("GET", "/rooms/{room}/link", rooms.get_link),
    Endpoint("POST", "/rooms/{room}/link", rooms.post_link),
    Endpoint("PUT", "/rooms/{room}/link", rooms.put_link),
    Endpoint("DELETE", "/rooms/{room}/link", rooms.delete_link),
    Endpoint("GET", "/incoming_requests", me.get_incoming_requests),
    Endpoint("PUT", "/incoming_requests/{request}", me.put_incoming_request),
    Endpoint("DELETE", "/incoming_requests/{request}", me.delete_incoming_request),
)
