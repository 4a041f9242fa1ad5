"""Which line of a TOML file a key stands in, so that an error can say where to look. Pure."""

from __future__ import annotations

import re


def line_of(loc: tuple[int | str, ...], text: str) -> int:
    """The line of `(table, key)` or `(table, index, key)`; of the table where the key is not found, else 1."""
    table = str(loc[0])
    key = next((part for part in loc[1:] if isinstance(part, str)), None)
    which = loc[1] if key is not None and len(loc) > 1 and isinstance(loc[1], int) else 0
    seen, inside, found = 0, False, 1
    for number, row in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[+\s*([^\]\s]+)\s*\]", row)
        if header:
            inside = header[1] in (table, f"{table}.{key}") and seen == which
            seen += header[1] == table
            found = number if inside else found
        elif _sets(table, row) or (inside and key is not None and _sets(key, row)):
            return number
    return found


def _sets(key: str, row: str) -> bool:
    """True if a row gives `key`, or a part of it, a value."""
    return re.match(rf"""\s*["']?{re.escape(key)}["']?\s*[.=]""", row) is not None
