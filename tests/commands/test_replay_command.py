"""`yuruyuru replay`: events handled again, or shown first."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from engine.events import MemberAsked, MessageCreated, envelope
from engine.stream import Publisher
from tests.fakes import TOKYO

if TYPE_CHECKING:
    from engine.commands.office import Office
    from tests.terminal import Terminal

SAID = MessageCreated(room_id=1, message_id="10", account_id=101, body="ひみつ", sent_at=0)
ASKED = MemberAsked(question_id="q1", account_id=101)


def published(terminal: Terminal) -> None:
    async def publish(office: Office) -> None:
        now = office.clock.now()
        for event in (SAID, ASKED):
            await Publisher(office.db, office.clock).publish(envelope(event, now=now))
        await office.db.redis.xadd(office.db.keys.stream, {"e": "{}"})  # what nobody can read is nobody's

    terminal.does(publish)


def due(terminal: Terminal) -> dict[str, list[str]]:
    """Jobs set for each worker."""

    async def look(office: Office) -> dict[str, list[str]]:
        workers = ("nudge", "score", "referral", "moderation", "keeper")
        return {worker: await office.db.ranked(office.db.keys.wakes(worker)) for worker in workers}

    return terminal.does(look)


def test_a_dry_run_shows_who_would_handle_what_and_changes_nothing(terminal: Terminal) -> None:
    published(terminal)
    rows = terminal.run("replay", "--from", "1h", "--dry-run", "--json").json
    assert [(row["event_id"], row["worker"], row["handler"]) for row in rows] == [
        (SAID.event_id, "nudge", "on_message"),
        (SAID.event_id, "score", "on_message"),
        (SAID.event_id, "referral", "on_message"),
        (SAID.event_id, "moderation", "on_message"),
        (SAID.event_id, "keeper", "on_hint"),
        (ASKED.event_id, "score", "on_member_asked"),
    ]
    assert set(map(len, due(terminal).values())) == {0}


def test_no_word_of_a_member_is_shown(terminal: Terminal) -> None:
    published(terminal)
    for words in (("--json",), ()):
        assert "ひみつ" not in terminal.run("replay", "--from", "1h", "--dry-run", *words).out


def test_each_worker_is_woken_for_its_events(terminal: Terminal) -> None:
    published(terminal)
    rows = terminal.run("replay", "--from", "1h", "--json").json
    assert len(rows) == 6
    entries = {row["entry"] for row in rows if row["worker"] == "score"}
    assert set(due(terminal)["score"]) == {f"replay|{entry}" for entry in entries}
    assert sum(map(len, due(terminal).values())) == 6


def test_one_worker_alone(terminal: Terminal) -> None:
    published(terminal)
    terminal.run("replay", "--from", "1h", "--worker", "nudge")
    assert {worker: len(jobs) for worker, jobs in due(terminal).items() if jobs} == {"nudge": 1}


def test_a_time_without_a_zone_is_the_communitys(terminal: Terminal) -> None:
    published(terminal)
    tokyo = datetime.now(TOKYO)
    early, late = ((tokyo + timedelta(minutes=m)).replace(tzinfo=None).isoformat() for m in (-5, 5))
    assert len(terminal.run("replay", "--from", early, "--to", late, "--dry-run", "--json").json) == 6
    assert terminal.run("replay", "--from", early, "--to", early, "--dry-run", "--json").json == []


def test_nothing_in_a_time_says_why(terminal: Terminal) -> None:
    assert terminal.run("replay", "--from", "2h", "--dry-run").out.startswith("No events in that time;")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param(("--from", "yesterday"), 'yesterday: write "2h"', id="words are no time"),
        pytest.param(("--from", "2026-13-01"), '2026-13-01: write "2h"', id="a month too many"),
        pytest.param(("--from", "-2h"), '-2h: write "2h"', id="the future"),
        pytest.param(("--from", "30d"), "events older than 29 days are not replayed", id="longer than it remembers"),
        pytest.param(("--from", "2001-01-01"), "events older than 29 days are not replayed", id="another century"),
        pytest.param(("--from", "2h", "--to", "soon"), 'soon: write "2h"', id="no end"),
        pytest.param((), "Missing option '--from'", id="no beginning"),
        pytest.param(("--from", "2h", "--worker", "nobody"), "Invalid value for '--worker'", id="nobody"),
    ],
)
def test_what_cannot_be_replayed_is_refused_in_a_sentence(
    terminal: Terminal, words: tuple[str, ...], sentence: str
) -> None:
    published(terminal)
    assert terminal.run("replay", *words).refusal.startswith(sentence)
    assert set(map(len, due(terminal).values())) == {0}
