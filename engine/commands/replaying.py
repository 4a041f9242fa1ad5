"""`yuruyuru replay`: have events handled again, for example after a mended rule. What counted before does not again."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click
from pydantic import ValidationError

from engine.clock import DAY
from engine.commands.office import as_json, asynchronous, opened, show_rows, when
from engine.errors import Refused
from engine.events import NewerVersion, parse_envelope
from engine.routes import WORKERS, handler_for
from engine.spans import parse_duration
from engine.stream import read_entries

if TYPE_CHECKING:
    from engine.commands.office import Office

LONGEST = 29 * DAY
"""Seconds for which it is remembered what counted and what was sent; what is older could happen twice."""


@click.command()
@click.option("--from", "start", required=True, help='Since when: "2h" (ago), or a time like 2026-11-24T09:00.')
@click.option("--to", "end", default=None, help="Until when; now, unless given.")
@click.option("--worker", "only", type=click.Choice(WORKERS), help="Only this worker; all, unless given.")
@click.option("--dry-run", is_flag=True, help="Show what would be handled again, and change nothing.")
@as_json
@asynchronous
async def replay(start: str, end: str | None, only: str | None, dry_run: bool, as_json: bool) -> None:
    """Have the events of a time handled again; what counted or was sent before is not repeated."""
    async with opened() as office:
        now = office.clock.now()
        since, until = _moment(start, office), _moment(end, office) if end else now
        if since < now - LONGEST:
            raise Refused("events older than 29 days are not replayed: what counted then is no longer remembered")
        rows = [
            {"entry": entry_id, **row}
            async for entry_id, data in read_entries(office.db, since, until)
            for row in _rows(data)
            if only in (None, row["worker"])
        ]
        if not dry_run:
            await _wake(rows, office)
    empty = "No events in that time; the record keeps those that wait, and about a thousand that are done."
    show_rows(rows, columns=("recorded_at", "event_id", "worker", "handler"), as_json=as_json, empty=empty)


def _rows(data: str) -> list[dict[str, Any]]:
    """Who handles an entry; what this code cannot read, nobody."""
    try:
        told = parse_envelope(data)
    except (ValidationError, NewerVersion):
        return []
    handlers = {worker: handler_for(worker, told.event) for worker in WORKERS}
    return [
        {"recorded_at": when(told.recorded_at), "event_id": told.event_id, "worker": worker, "handler": handler}
        for worker, handler in handlers.items()
        if handler is not None
    ]


async def _wake(rows: list[dict[str, Any]], office: Office) -> None:
    """Due at once, one after the other in each worker, beside what comes in."""
    commit = office.commit()
    for row in rows:
        commit.wake(row["worker"], "replay", row["entry"], commit.now)
    await office.apply(commit)


def _moment(text: str, office: Office) -> float:
    """A time, or how long ago. Without a zone it is the community's time."""
    try:
        return office.clock.now() - parse_duration(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f'{text}: write "2h" for two hours ago, or a time like 2026-11-24T09:00') from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(office.community.community.timezone))
    return moment.timestamp()
