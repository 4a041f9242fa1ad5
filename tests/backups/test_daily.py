"""One copy a day, two weeks of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from engine.backups.daily import copies, free_place, is_due, name_of, tidy
from engine.clock import DAY
from engine.errors import Permanent, Refused
from tests.fakes import TOKYO, tokyo

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("newest", "now", "due"),
    [
        pytest.param(None, "2026-11-24 12:00", True, id="there is none"),
        pytest.param("2026-11-24 04:00", "2026-11-24 04:05", False, id="it was just made"),
        pytest.param("2026-11-24 04:00", "2026-11-25 03:59", False, id="it is not four o'clock again"),
        pytest.param("2026-11-24 12:00", "2026-11-24 23:00", False, id="made late, it is of today"),
        pytest.param("2026-11-24 12:00", "2026-11-25 00:00", False, id="midnight is nothing"),
        pytest.param("2026-11-24 12:00", "2026-11-25 04:00", True, id="it is four o'clock again"),
        pytest.param("2026-11-24 03:59", "2026-11-24 04:00", True, id="a minute old, but of yesterday"),
        pytest.param("2026-11-20 04:00", "2026-11-24 15:00", True, id="the machine was off for days"),
        pytest.param("2026-11-25 04:00", "2026-11-24 15:00", False, id="the clock was set back"),
    ],
)
def test_when_a_copy_is_due(tmp_path: Path, newest: str | None, now: str, *, due: bool) -> None:
    if newest is not None:
        (tmp_path / name_of("main", tokyo(newest))).touch()
    assert is_due(tmp_path, "main", tokyo(now), TOKYO) is due


def test_four_o_clock_is_the_communitys(tmp_path: Path) -> None:
    (tmp_path / name_of("main", tokyo("2026-11-24 12:00"))).touch()
    assert not is_due(tmp_path, "main", tokyo("2026-11-24 15:00"), ZoneInfo("Asia/Tokyo"))
    assert is_due(tmp_path, "main", tokyo("2026-11-24 15:00"), ZoneInfo("Atlantic/Azores"))


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert is_due(tmp_path / "backups", "main", tokyo("2026-11-24 12:00"), TOKYO)
    assert tidy(tmp_path / "backups", "main", tokyo("2026-11-24 12:00")) == 0


def test_names_sort_by_date_whatever_the_zone() -> None:
    assert name_of("main", tokyo("2026-11-24 12:30")) == "main-20261124T033000.000Z.backup"


OTHERS = (
    "main-2-20261124T033000.000Z.backup", "other-20261124T033000.000Z.backup", "main-20261124T033000.000Z.backup.gz",
    "main-before-upgrade.backup", "notes.txt", "main-20261124T033000.000Z.backup.partial",
)  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_copy_of_this_community_neither_counts_nor_goes(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    now = tokyo("2026-11-24 12:30")
    os.utime(tmp_path / name, (now, now))
    for day in range(20):
        (tmp_path / name_of("main", tokyo(f"2026-12-{day + 1:02} 04:00"))).touch()
    assert name not in [path.name for path in copies(tmp_path, "main")]
    assert tidy(tmp_path, "main", now) == 6
    assert (tmp_path / name).exists()


def test_the_newest_two_weeks_stay(tmp_path: Path) -> None:
    for day in range(16):
        (tmp_path / name_of("main", tokyo(f"2026-11-{day + 1:02} 04:00"))).touch()
    assert tidy(tmp_path, "main", tokyo("2026-11-17 04:00")) == 2
    kept = copies(tmp_path, "main")
    assert (len(kept), kept[0].name) == (14, name_of("main", tokyo("2026-11-03 04:00")))


def test_what_a_killed_process_began_goes_the_next_day(tmp_path: Path) -> None:
    begun = tmp_path / (name_of("main", tokyo("2026-11-24 04:00")) + ".partial")
    begun.touch()
    now = tokyo("2026-11-24 04:00")
    os.utime(begun, (now, now))
    assert tidy(tmp_path, "main", now) == 0, "another process may be at it"
    assert tidy(tmp_path, "main", type(now)(now + DAY + 1)) == 1


def test_what_cannot_be_removed_is_said(tmp_path: Path) -> None:
    for day in range(15):
        (tmp_path / name_of("main", tokyo(f"2026-11-{day + 1:02} 04:00"))).mkdir()
    with pytest.raises(Permanent, match=r"cannot be written: (EISDIR|EPERM)"):
        tidy(tmp_path, "main", tokyo("2026-11-24 04:00"))


def test_where_a_copy_goes(tmp_path: Path) -> None:
    folder, name = tmp_path / "data", "main-1.backup"
    assert free_place(None, folder, name) == folder / name
    assert free_place(tmp_path, folder, name) == tmp_path / name
    assert free_place(tmp_path / "mine", folder, name) == tmp_path / "mine"


def test_a_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(Refused, match="mine is there already; name another file"):
        free_place(tmp_path / "mine", tmp_path, "main-1.backup")
