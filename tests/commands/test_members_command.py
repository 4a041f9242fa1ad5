"""`yuruyuru members`: who is here, how they respond, and a pause; for admins only."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from engine.clock import DAY, HOUR
from engine.members.rules import Tally, answered, asked, responded
from engine.members.store import Member, Members

if TYPE_CHECKING:
    from pathlib import Path

    from engine.commands.office import Office
    from tests.terminal import Terminal

FIELDS = [
    "account_id",
    "name",
    "joined_at",
    "paused_until",
    "asks",
    "responses",
    "responsiveness",
    "typical_delay_seconds",
    "answers",
    "thanks",
]


def known(terminal: Terminal, account_id: int = 101, name: str = "青木", joined_at: int | None = None) -> None:
    """Somebody whom the keeper found in a room's list."""

    async def put(office: Office) -> None:
        commit = office.commit()
        await Members(commit).get(account_id)
        Members(commit).put(Member(account_id=account_id, name=name, joined_at=joined_at))
        await office.apply(commit)

    terminal.does(put)


def counted(terminal: Terminal, account_id: int, *, age: float = 0) -> None:
    """They were asked twice and answered once, an hour later, `age` seconds ago."""

    async def put(office: Office) -> None:
        commit = office.commit()
        await Members(commit).tally(account_id)
        tally = answered(responded(asked(asked(Tally(at=commit.now - age))), HOUR))
        Members(commit).put_tally(account_id, tally)
        await office.apply(commit)

    terminal.does(put)


def test_an_empty_community_says_who_will_fill_it(terminal: Terminal) -> None:
    assert terminal.run("members", "list").out == "No members known yet; the keeper reads the rooms' lists.\n"
    assert terminal.run("members", "list", "--json").json == []


def test_who_was_never_asked_is_unknown_and_not_bad(terminal: Terminal) -> None:
    known(terminal)
    [row] = terminal.run("members", "list", "--json").json
    assert list(row) == FIELDS
    assert (row["account_id"], row["name"]) == (101, "青木")
    assert row["responsiveness"] is row["typical_delay_seconds"] is row["paused_until"] is row["joined_at"] is None


def test_the_longest_known_come_first_and_nobody_is_ranked(terminal: Terminal) -> None:
    known(terminal, 103, "上田", joined_at=300)
    known(terminal, 102, "井上", joined_at=200)
    known(terminal, 101, "青木")
    counted(terminal, 103)
    assert [row["account_id"] for row in terminal.run("members", "list", "--json").json] == [101, 102, 103]
    assert [line.split()[0] for line in terminal.run("members", "list").out.splitlines()] == [
        "account_id",
        "101",
        "102",
        "103",
    ]


def test_one_member_is_shown_with_what_counts(terminal: Terminal) -> None:
    known(terminal, joined_at=1_700_000_000)
    counted(terminal, 101)
    row = terminal.run("members", "show", "101", "--json").json
    assert list(row) == FIELDS
    assert datetime.fromisoformat(row["joined_at"]).timestamp() == 1_700_000_000
    assert (row["asks"], row["responses"], row["answers"], row["thanks"]) == (2.0, 1.0, 1.0, 0.0)
    assert (row["responsiveness"], row["typical_delay_seconds"]) == (0.5, 3600)
    assert "responsiveness         0.5\n" in terminal.run("members", "show", "101").out


def test_after_a_half_life_everything_counts_half(terminal: Terminal) -> None:
    known(terminal)
    counted(terminal, 101, age=30 * DAY)
    row = terminal.run("members", "show", "101", "--json").json
    assert (row["asks"], row["responses"], row["responsiveness"]) == (1.0, 0.5, 0.5)


def test_a_pause_lasts_a_week_unless_told(terminal: Terminal) -> None:
    known(terminal)
    before = datetime.now().astimezone().timestamp()
    row = terminal.run("members", "pause", "101", "--json").json
    assert list(row) == ["account_id", "paused_until"]
    assert 7 * DAY - 1 <= datetime.fromisoformat(row["paused_until"]).timestamp() - before < 7 * DAY + 60
    assert terminal.run("members", "show", "101", "--json").json["paused_until"] == row["paused_until"]


def test_a_pause_of_nothing_ends_it(terminal: Terminal) -> None:
    known(terminal)
    terminal.run("members", "pause", "101", "--for", "30d")
    assert terminal.run("members", "pause", "101", "--for", "0d").out == "account_id    101\npaused_until  –\n"
    assert terminal.run("members", "show", "101", "--json").json["paused_until"] is None


def test_a_pause_of_a_century_can_still_be_shown(terminal: Terminal) -> None:
    known(terminal)
    terminal.run("members", "pause", "101", "--for", "36500d")
    assert terminal.run("members", "list", "--json").json[0]["paused_until"].startswith("21")


@pytest.mark.parametrize(
    ("span", "sentence"),
    [
        pytest.param("a week", "a duration is a number and a unit", id="words are no duration"),
        pytest.param("-1d", "a duration is a number and a unit", id="a pause does not go backwards"),
        pytest.param("", "a duration is a number and a unit", id="nothing is no duration"),
        pytest.param("7", "a duration is a number and a unit", id="a number without a unit"),
        pytest.param("99999999999d", "a duration is at most", id="longer than the calendar"),
    ],
)
def test_a_pause_that_is_no_duration_changes_nothing(terminal: Terminal, span: str, sentence: str) -> None:
    known(terminal)
    assert terminal.run("members", "pause", "101", f"--for={span}").refusal.startswith(sentence)
    assert terminal.run("members", "show", "101", "--json").json["paused_until"] is None


@pytest.mark.parametrize("command", ["show", "pause"])
@pytest.mark.parametrize(
    ("account_id", "sentence"),
    [
        pytest.param("5", "no member 5; see: yuruyuru members list", id="nobody with this number"),
        pytest.param("9" * 40, f"no member {'9' * 40}; see: yuruyuru members list", id="a number far too long"),
        pytest.param("青木", "'青木' is not a valid integer; see: yuruyuru members", id="a name instead of a number"),
        pytest.param("", "'' is not a valid integer; see: yuruyuru members", id="nothing instead of a number"),
        pytest.param("1.5", "'1.5' is not a valid integer; see: yuruyuru members", id="a fraction"),
    ],
)
def test_an_unknown_member_is_answered_with_where_to_look(
    terminal: Terminal, command: str, account_id: str, sentence: str
) -> None:
    assert sentence in terminal.run("members", command, "--json", account_id).refusal


def test_a_forgotten_member_is_gone_and_what_stays_is_told(terminal: Terminal) -> None:
    known(terminal)
    counted(terminal, 101)
    ran = terminal.run("members", "forget", "101", "--json").json
    assert ran["account_id"] == 101
    assert ran["erased"] == {"profile": 2}
    assert {"what", "why"} == set(ran["stays"][0])
    assert terminal.run("members", "list", "--json").json == []


def test_forgetting_reads_as_sentences(terminal: Terminal) -> None:
    known(terminal)
    first, *stays = terminal.run("members", "forget", "101").out.splitlines()
    assert first == "Account 101: erased 1 profile."
    assert stays
    assert all(line.startswith("Stays: ") and line.endswith(".") for line in stays)


def test_who_was_never_here_cannot_be_forgotten_but_is_told_so(terminal: Terminal) -> None:
    assert terminal.run("members", "forget", "5").out.startswith("Account 5: erased nothing: nothing was known.\n")


def test_backups_are_named_because_they_still_hold_the_words(terminal: Terminal, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "backups"
    folder.mkdir(parents=True)
    (folder / "main-20261124T190000Z.backup").touch()
    stays = terminal.run("members", "forget", "101", "--json").json["stays"]
    assert [one["what"] for one in stays if "backup" in one["what"]] == [f"backups in {folder}"]
