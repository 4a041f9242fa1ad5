"""Message notation as far as the simulator needs it: who is notified, and the bodies Chatwork writes by itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_BLOCKS = re.compile(r"\[code\].*?\[/code\]|\[qt\].*?\[/qt\]", re.DOTALL)
_NOTIFIES = re.compile(r"\[To:([1-9]\d*)\]|\[rp aid=([1-9]\d*) to=\d+-\d+\]")

DELETED = "[deleted]"
JOINED = "[info][dtext:chatroom_chat_joined][/info]"
CONTACT_ADDED = "[info][dtext:chatroom_contact_added][/info]"


def mentions(body: str) -> frozenset[int]:
    """Accounts that a body notifies by `[To:]` or `[rp]`; inside `[qt]` and `[code]` nobody is notified."""
    visible = _BLOCKS.sub("", body)
    return frozenset(int(to or reply) for to, reply in _NOTIFIES.findall(visible))


def _edited(change: str) -> str:
    return f"[info][title][dtext:chatroom_chat_edited][/title]{change}[/info]"


def _members(account_ids: Iterable[int], key: str) -> str:
    people = "".join(f"[piconname:{account_id}]" for account_id in account_ids)
    return f"[dtext:chatroom_member_is]{people}[dtext:{key}]"


def members_added(account_ids: Iterable[int]) -> str:
    """Tell that an admin added people."""
    return _edited(_members(account_ids, "chatroom_added"))


def members_removed(account_ids: Iterable[int]) -> str:
    """Tell that an admin removed people."""
    return _edited(_members(account_ids, "chatroom_deleted"))


def roles_changed(account_ids: Iterable[int]) -> str:
    """Tell that an admin changed what people may do."""
    return _edited(_members(account_ids, "chatroom_priv_changed"))


def member_left(account_id: int) -> str:
    """Somebody left by themselves."""
    return f"[info]{_members([account_id], 'chatroom_leaved')}[/info]"


def room_created(name: str, account_ids: Iterable[int]) -> str:
    """Tell of a new group."""
    named = f"[dtext:chatroom_chatname_is]{name}[dtext:chatroom_set]"
    people = _members(account_ids, "chatroom_added")
    return f"[info][title][dtext:chatroom_groupchat_created][/title]{named}{people}[/info]"


def room_edited(name: str | None, description: str | None) -> str:
    """Tell of a new name, a new description, or both."""
    named = f"[dtext:chatroom_chatname_is]{name}[dtext:chatroom_changed]" if name is not None else ""
    about = f"[dtext:chatroom_description_is]{description}[dtext:chatroom_changed]" if description is not None else ""
    return _edited(named + about)


def task_notice(key: str, *, account_id: int, done: bool, limit_time: int, limit_type: str, body: str) -> str:
    """Tell that a task is added, done or reopened."""
    attributes = f"aid={account_id} st={'done' if done else 'open'} lt={limit_time} ltype={limit_type}"
    return f"[info][title][dtext:{key}][/title][task {attributes}]{body}[/task][/info]"


def file_notice(file_id: int, filename: str, size: int, message: str) -> str:
    """Tell that a file is uploaded."""
    link = f"[download:{file_id}]{filename} ({size / 1024:.2f} KB)[/download]"
    return f"[info][title][dtext:file_uploaded][/title]{message}{link}[/info]"
