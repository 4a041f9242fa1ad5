"""JSON lines for `questions judge` and `moderation judge`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from engine.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Sentence(BaseModel):
    """One input; other fields (labels) are not looked at."""

    model_config = ConfigDict(extra="ignore")

    id: str | int
    text: str
    context: list[str] = []


def read_sentences(lines: Iterable[str]) -> Iterator[Sentence]:
    """Inputs in order. Raises `Refused` with the line's number."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield Sentence.model_validate_json(line)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise Refused(f"line {number}: {f'{where}: ' if where else ''}{first['msg']}") from None
