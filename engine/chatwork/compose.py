"""Building Chatwork's message notation: what we send. Reading it is `engine.chatwork.markup`."""

from __future__ import annotations

from engine.chatwork.markup import is_name_line

_FULL_WIDTH = str.maketrans("[]", "［］")


def to(account_id: int, name: str) -> str:
    """Return a mention with its name line, without a line break behind it."""
    return f"[To:{account_id}]{_with_honorific(name)}"


def reply(account_id: int, room_id: int, message_id: str, name: str) -> str:
    """Return a reply tag with the name line of the author answered, without a line break behind it."""
    return f"[rp aid={account_id} to={room_id}-{message_id}]{_with_honorific(name)}"


def info(title: str, body: str) -> str:
    """Return a box. `body` is notation and may hold tags of ours; what members typed goes through `escape` first."""
    return f"[info][title]{escape(title)}[/title]{body}[/info]"


def quote(text: str, account_id: int, time: int | None = None) -> str:
    """Return a quote of somebody's words, escaped; `time` in epoch seconds."""
    when = "" if time is None else f" time={time}"
    return f"[qt][qtmeta aid={account_id}{when}]{escape(text)}[/qt]"


def doctor(name: str) -> str:
    """Return a member's name as one addresses a doctor, without doubling a title that is there already."""
    name = " ".join(name.split())
    return name if name.endswith(("先生", "さん", "様")) else f"{name}先生"


def message_link(room_id: int, message_id: str) -> str:
    """Return the address that opens a message in Chatwork."""
    return f"https://www.chatwork.com/#!rid{room_id}-{message_id}"


def escape(text: str) -> str:
    """Make brackets full-width, so that nothing in `text` acts as a tag. Chatwork knows no escape character."""
    return text.translate(_FULL_WIDTH)


def _with_honorific(name: str) -> str:
    name = escape(" ".join(name.split()))
    return name if is_name_line(name) else f"{name}さん"
