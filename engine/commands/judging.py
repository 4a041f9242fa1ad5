"""JSON lines for `questions judge` and `moderation judge`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from pydantic import BaseModel, ConfigDict, StrictInt, StrictStr, ValidationError

from engine.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


JSON_LINES = click.File(encoding="utf-8-sig", errors="surrogateescape")
"""A file argument, `-` for standard input; a byte order mark is no mistake, bytes that are no text are found below."""


class Sentence(BaseModel):
    """One input; other fields (labels) are not looked at."""

    model_config = ConfigDict(extra="ignore")

    id: StrictStr | StrictInt
    text: str
    context: list[str] = []


def read_sentences(lines: Iterable[str]) -> Iterator[Sentence]:
    """Inputs in order. Raises `Refused` with the line's number."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield Sentence.model_validate_json(line.strip().encode())
        except UnicodeEncodeError:
            raise Refused(f"line {number}: is not text in UTF-8") from None
        except ValidationError as error:
            raise Refused(f"line {number}: {_explain(error)}") from None


def _explain(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    if first["loc"][:1] == ("id",) and first["type"] != "missing":
        return "id: write a text or a whole number"
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else first["msg"].replace(" at line 1 column", " at column")
