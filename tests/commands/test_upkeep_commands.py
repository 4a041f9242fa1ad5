"""`yuruyuru dead` and `yuruyuru brake`: second chances, and the one switch that stops all sending."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from engine.dead import DeadLetter, bury
from engine.outbox import ChatContent, Intent, Kind, intent_key, put
from engine.outbox import State as Outbox
from engine.ports import Lane
from tests.terminal import BOARD

if TYPE_CHECKING:
    from engine.commands.office import Office
    from tests.terminal import Terminal

DIED_AT = 1_700_000_000.0


def buried(terminal: Terminal, **fields: Any) -> None:
    """A dead letter."""
    letter = {
        "id": "d1",
        "source": "event",
        "worker": "score",
        "subject": "{}",
        "reason": "KeyError: 'x'",
        "died_at": DIED_AT,
        "traceback": "Traceback (most recent call last):\n  …",
    }

    async def add(office: Office) -> None:
        commit = office.commit()
        await bury(commit, DeadLetter.model_validate(letter | fields))
        await office.apply(commit)

    terminal.does(add)


def intended(terminal: Terminal, state: Outbox) -> None:
    """Something to be sent that ended in `state`."""

    async def add(office: Office) -> None:
        commit = office.commit()
        intent = Intent(
            id="i1",
            worker="nudge",
            kind=Kind.ASK,
            lane=Lane.NUDGE,
            subject="q1",
            content=ChatContent(room_id=BOARD, body="本文"),
            created_at=commit.now,
            state=state,
            attempts=9,
            reason="given up",
        )
        assert await put(commit, intent)
        commit.sleep("nudge", "deliver", "i1")
        await office.apply(commit)

    terminal.does(add)


def wakes(terminal: Terminal, worker: str) -> list[str]:
    """What a worker has been told to do."""

    async def look(office: Office) -> list[str]:
        return await office.db.ranked(office.db.keys.wakes(worker))

    return terminal.does(look)


def ids(terminal: Terminal) -> list[str]:
    return [row["id"] for row in terminal.run("dead", "list", "--json").json]


class TestDead:
    def test_no_dead_letters_is_said_plainly(self, terminal: Terminal) -> None:
        assert terminal.run("dead", "list").out == "No dead letters.\n"
        assert terminal.run("dead", "list", "--json").json == []

    def test_letters_are_listed_oldest_first_and_their_subject_stays_inside(self, terminal: Terminal) -> None:
        buried(terminal, id="d2", died_at=DIED_AT + 1)
        buried(terminal, subject="患者さんの本文", trace="t1")
        rows = terminal.run("dead", "list", "--json").json
        assert [list(row) for row in rows] == [
            ["id", "source", "worker", "reason", "traceback", "died_at", "trace"]
        ] * 2
        assert [row["id"] for row in rows] == ["d1", "d2"]
        assert datetime.fromisoformat(rows[0]["died_at"]).timestamp() == DIED_AT
        assert rows[0]["traceback"].startswith("Traceback")
        ran = terminal.run("dead", "list")
        assert len(ran.out.splitlines()) == 3
        assert "患者" not in ran.out + terminal.run("dead", "list", "--json").out

    def test_an_event_is_handled_again_and_stays_listed_until_it_worked(self, terminal: Terminal) -> None:
        buried(terminal)
        row = terminal.run("dead", "redrive", "d1", "--json").json
        assert row == {"id": "d1", "outcome": "the worker will handle it again; it stays listed if it fails again"}
        assert wakes(terminal, "score") == ["redrive|d1"]
        assert ids(terminal) == ["d1"]

    def test_a_dead_intent_is_sent_after_all(self, terminal: Terminal) -> None:
        intended(terminal, Outbox.DEAD)
        buried(terminal, source="intent", worker="nudge", subject="i1")
        assert terminal.run("dead", "redrive", "d1").out == (
            "id       d1\noutcome  will be sent if it is still wanted\n"
        )
        assert wakes(terminal, "nudge") == ["deliver|i1"]
        assert ids(terminal) == []

        async def look(office: Office) -> Intent | None:
            return (await office.db.read(intent_key(office.db.keys, "i1"), Intent))[0]

        intent = terminal.does(look)
        assert intent is not None
        assert (intent.state, intent.attempts, intent.reason) == (Outbox.PENDING, 0, None)

    def test_a_job_runs_again(self, terminal: Terminal) -> None:
        buried(terminal, source="job", worker="keeper", subject="fill_gaps|567|890")
        assert terminal.run("dead", "redrive", "d1", "--json").json["outcome"] == "the job will run again"
        assert wakes(terminal, "keeper") == ["fill_gaps|567|890"]
        assert ids(terminal) == []

    @pytest.mark.parametrize(
        ("source", "intent"),
        [
            pytest.param("webhook", None, id="an unreadable webhook"),
            pytest.param("intent", None, id="an intent that is forgotten"),
            pytest.param("intent", Outbox.SENT, id="an intent that was sent after all"),
            pytest.param("intent", Outbox.PENDING, id="an intent that is on its way"),
        ],
    )
    def test_what_has_no_second_chance_says_how_to_let_go(
        self, terminal: Terminal, source: str, intent: Outbox | None
    ) -> None:
        if intent is not None:
            intended(terminal, intent)
        buried(terminal, source=source, worker="nudge", subject="i1", reason="unreadable")
        refusal = terminal.run("dead", "redrive", "d1").refusal
        assert refusal == "d1 cannot be redriven: unreadable; drop it with: yuruyuru dead drop d1"
        assert ids(terminal) == ["d1"]
        assert wakes(terminal, "nudge") == []

    def test_a_letter_is_let_go(self, terminal: Terminal) -> None:
        buried(terminal)
        buried(terminal, id="d2")
        assert terminal.run("dead", "drop", "d1", "--json").json == {"id": "d1", "outcome": "dropped"}
        assert ids(terminal) == ["d2"]

    @pytest.mark.parametrize("command", ["redrive", "drop"])
    def test_what_is_gone_is_gone(self, terminal: Terminal, command: str) -> None:
        buried(terminal)
        terminal.run("dead", "drop", "d1")
        assert terminal.run("dead", command, "d1").refusal == "no dead letter d1; see: yuruyuru dead list"


class TestBrake:
    def test_it_is_off_until_somebody_pulls_it(self, terminal: Terminal) -> None:
        assert terminal.run("brake", "status", "--json").json == {"brake": "off", "since": None, "by": None}

    def test_it_is_pulled_and_let_go(self, terminal: Terminal) -> None:
        row = terminal.run("brake", "on", "--json").json
        assert (row["brake"], row["by"]) == ("on", "cli")
        assert terminal.run("brake", "status", "--json").json == row
        assert terminal.run("brake", "off").out == "brake  off\nsince  –\nby     –\n"
        assert terminal.run("brake", "status", "--json").json["brake"] == "off"

    def test_pulling_it_twice_changes_nothing(self, terminal: Terminal) -> None:
        first = terminal.run("brake", "on", "--json").json
        assert terminal.run("brake", "on", "--json").json == first

    def test_letting_go_what_was_not_pulled_is_no_mistake(self, terminal: Terminal) -> None:
        assert terminal.run("brake", "off", "--json").json["brake"] == "off"

    def test_it_can_be_pulled_again(self, terminal: Terminal) -> None:
        for word in ("on", "off", "on"):
            assert terminal.run("brake", word, "--json").json["brake"] == word
