"""One copy a day, the newest two weeks kept: `<community>-<date and time, UTC>.backup`, so that names sort by date."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from engine.backups.file import PARTIAL, failing
from engine.clock import DAY, Epoch
from engine.errors import Refused

if TYPE_CHECKING:
    from pathlib import Path
    from zoneinfo import ZoneInfo

KEPT_COPIES = 14
AT = time(4)
"""When nobody writes; local time. A machine that was off makes its copy when it is on again."""

ENDING = ".backup"


def name_of(community: str, at: Epoch) -> str:
    """How a copy of this moment is called."""
    stamp = datetime.fromtimestamp(at, UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    return f"{community}-{stamp.translate({ord('-'): None, ord(':'): None})}Z{ENDING}"


def free_place(wanted: Path | None, folder: Path, name: str) -> Path:
    """Where a copy goes: the file that is wanted, or `name` in the folder that is. Raises `Refused` if one is there."""
    path = folder / name if wanted is None else wanted / name if wanted.is_dir() else wanted
    if path.exists():
        raise Refused(f"{path} is there already; name another file")
    return path


def copies(folder: Path, community: str) -> list[Path]:
    """A community's copies, oldest first; one that was never finished does not count."""
    name = re.compile(rf"{re.escape(community)}-\d{{8}}T\d{{6}}\.\d{{3}}Z{re.escape(ENDING)}")
    return sorted(path for path in folder.glob("*") if name.fullmatch(path.name))


def is_due(folder: Path, community: str, now: Epoch, zone: ZoneInfo) -> bool:
    """True if there is no copy since the last time the clock showed `AT`. Raises `Permanent`."""
    local = datetime.fromtimestamp(now, zone)
    last = datetime.combine(local.date() - timedelta(days=local.time() < AT), AT, zone)
    with failing(folder / ENDING):
        newest = copies(folder, community)[-1:]
    return not newest or newest[0].name < name_of(community, Epoch(last.timestamp()))


def tidy(folder: Path, community: str, now: Epoch) -> int:
    """Remove copies older than the newest `KEPT_COPIES`, and what was begun long ago. Returns how many; `Permanent`."""
    with failing(folder / ENDING):
        begun = folder.glob(f"{community}-*{ENDING}{PARTIAL}")
        gone = [path for path in begun if path.stat().st_mtime < now - DAY]
        gone += copies(folder, community)[:-KEPT_COPIES]
        for path in gone:
            path.unlink(missing_ok=True)
    return len(gone)
