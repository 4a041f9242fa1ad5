"""Taking somebody's words out of what others wrote. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_EDGE = re.compile(r"\[/?qt\]")
_AUTHOR = re.compile(r"\[qt\]\s*\[qtmeta [^\]\n]*\baid=(\d{1,19})(?!\d)")


def without_quotes_of(account_id: int, body: str) -> str:
    """The body without the quotes that name this author, and all that stands in them. Linear in the length."""
    pieces, position = [], 0
    for start, end in _outermost(account_id, body):
        pieces.append(body[position:start])
        position = end
    return "".join([*pieces, body[position:]])


def _outermost(account_id: int, body: str) -> Iterator[tuple[int, int]]:
    """Where quotes of this author stand that are not within one another, in order."""
    found: list[tuple[int, int]] = []
    waiting: list[int] = []
    for edge in _EDGE.finditer(body):
        if edge[0] == "[qt]":
            waiting.append(edge.start())
        elif waiting:
            start = waiting.pop()
            author = _AUTHOR.match(body, start)
            if author is not None and int(author[1]) == account_id:
                while found and found[-1][0] > start:
                    found.pop()
                found.append((start, edge.end()))
    yield from found
