"""`yuruyuru backup` and `yuruyuru restore`: a copy of the community as one file, and the community back from it."""

from __future__ import annotations

import time
from pathlib import Path

import click

from engine.backups.daily import free_place, name_of
from engine.backups.file import Reader
from engine.backups.store import Community, refuse_stranger
from engine.commands.office import as_json, asynchronous, opened, show_one, when
from engine.connect import refuse_forgetful


@click.command()
@click.option("--to", "place", type=click.Path(path_type=Path), help="A file, or a folder that is there.")
@as_json
@asynchronous
async def backup(place: Path | None, as_json: bool) -> None:
    """Copy the community as it is at one moment into DATA_DIR/backups, while everything runs."""
    began = time.monotonic()
    async with opened() as office:
        now = office.clock.now()
        name = name_of(office.community.community.id, now)
        path = free_place(place, office.environment.data_dir / "backups", name)
        made = await Community(office.db).copy(path, now)
    row = {
        "path": str(made.path),
        "keys": made.contents.keys,
        "entries": made.contents.entries,
        "bytes": made.size,
        "sha256": made.sha256,
        "taken_at": when(made.contents.taken_at),
        "seconds": round(time.monotonic() - began, 2),
    }
    show_one(row, as_json=as_json)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Erase what the database holds of this community.")
@as_json
@asynchronous
async def restore(file: Path, replace: bool, as_json: bool) -> None:
    """Put a copy back, all of it or nothing; every process of the engine must be stopped."""
    with Reader(file) as copy:
        async with opened() as office:
            refuse_stranger(copy, office.community.community.id)
            await refuse_forgetful(office.db.redis)
            rooms = [room.room_id for room in office.community.rooms if room.role != "vendor"]
            now = office.clock.now()
            await Community(office.db).put_back(copy, now, rooms, replace=replace)
        row = {
            "community": copy.head.community,
            "keys": copy.contents.keys,
            "entries": copy.contents.entries,
            "taken_at": when(copy.contents.taken_at),
            "lost_seconds": round(now - copy.contents.taken_at),
        }
    show_one(row, as_json=as_json)
