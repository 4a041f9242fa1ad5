"""`yuruyuru cases`: an admin's verdicts at the terminal, with the same effect as in the admin room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine.moderation.rules import State
from engine.moderation.store import Case, Cases, Strike
from engine.outbox import ChatContent, Intent, intent_key
from tests.terminal import BOARD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.commands.office import Office
    from tests.terminal import Terminal

FIELDS = [
    "id",
    "state",
    "category",
    "action",
    "reason",
    "account_id",
    "room_id",
    "message_id",
    "opened_at",
]


def opened(
    terminal: Terminal, *, masked: str = "素敵な計画ですね、\n小説としてなら。", message_id: str = "1001"
) -> str:
    """A case about member 101; returns its id."""

    async def add(office: Office) -> str:
        commit = office.commit()
        cases = Cases(commit)
        assert not await cases.is_case(BOARD, message_id)
        case = Case(
            id=await cases.new_id(),
            room_id=BOARD,
            message_id=message_id,
            account_id=101,
            category="sarcasm",
            action="warn",
            reason="praise taken back",
            masked=masked,
            opened_at=commit.now,
        )
        await cases.add(case)
        await office.apply(commit)
        return case.id

    return terminal.does(add)


def strikes(terminal: Terminal) -> Sequence[Strike]:
    """What counts against member 101."""

    async def look(office: Office) -> Sequence[Strike]:
        return await Cases(office.commit()).strikes(101)

    return terminal.does(look)


def letter(terminal: Terminal, kind: str, case_id: str) -> Intent | None:
    """What is to be said to the author."""

    async def look(office: Office) -> Intent | None:
        return (await office.db.read(intent_key(office.db.keys, f"{kind}-{case_id}"), Intent))[0]

    return terminal.does(look)


def test_no_cases_is_said_plainly(terminal: Terminal) -> None:
    assert terminal.run("cases", "list").out == "No cases.\n"
    assert terminal.run("cases", "list", "--json").json == []


def test_cases_are_listed_oldest_first(terminal: Terminal) -> None:
    first, second = opened(terminal), opened(terminal, message_id="1002")
    rows = terminal.run("cases", "list", "--json").json
    assert [list(row) for row in rows] == [FIELDS, FIELDS]
    assert [row["id"] for row in rows] == [first, second]
    assert [line.split()[:2] for line in terminal.run("cases", "list").out.splitlines()[1:]] == [
        [first, "open"],
        [second, "open"],
    ]


def test_a_case_is_shown_with_its_evidence_and_every_verdict(terminal: Terminal) -> None:
    case_id = opened(terminal)
    terminal.run("cases", "reject", case_id)
    row = terminal.run("cases", "show", case_id, "--json").json
    assert list(row) == [*FIELDS, "evidence", "history"]
    assert row["evidence"] == "素敵な計画ですね、\n小説としてなら。"
    assert [(verdict["state"], verdict["by"]) for verdict in row["history"]] == [("rejected", "cli")]
    assert "evidence    素敵な計画ですね、⏎小説としてなら。\n" in terminal.run("cases", "show", case_id).out


def test_an_approval_warns_and_counts(terminal: Terminal) -> None:
    case_id = opened(terminal)
    assert terminal.run("cases", "approve", case_id, "--json").json["state"] == State.APPROVED
    assert [strike.case_id for strike in strikes(terminal)] == [case_id]
    warning = letter(terminal, "warning", case_id)
    assert warning is not None
    assert isinstance(warning.content, ChatContent)
    assert warning.content.privately_to == 101


def test_a_rejection_sends_nothing_and_counts_nothing(terminal: Terminal) -> None:
    case_id = opened(terminal)
    assert terminal.run("cases", "reject", case_id).out.splitlines()[1] == "state       rejected"
    assert strikes(terminal) == ()
    assert letter(terminal, "warning", case_id) is None


def test_an_approval_can_be_undone(terminal: Terminal) -> None:
    case_id = opened(terminal)
    terminal.run("cases", "approve", case_id)
    assert terminal.run("cases", "undo", case_id, "--json").json["state"] == State.UNDONE
    assert strikes(terminal) == ()
    assert letter(terminal, "withdrawal", case_id) is not None


def test_a_rejection_can_be_undone_and_decided_anew(terminal: Terminal) -> None:
    case_id = opened(terminal)
    terminal.run("cases", "reject", case_id)
    assert terminal.run("cases", "undo", case_id, "--json").json["state"] == State.OPEN
    assert terminal.run("cases", "approve", case_id, "--json").json["state"] == State.APPROVED


@pytest.mark.parametrize(
    ("before", "verdict"),
    [
        pytest.param(["approve"], "approve", id="nobody is warned twice for one message"),
        pytest.param(["approve"], "reject", id="an approval is not rejected but undone"),
        pytest.param(["reject"], "approve", id="a rejection must be undone first"),
        pytest.param([], "undo", id="nothing decided is nothing to undo"),
        pytest.param(["approve", "undo"], "approve", id="what was undone stays undone"),
        pytest.param(["approve", "undo"], "undo", id="nothing is undone twice"),
    ],
)
def test_a_verdict_that_does_not_apply_changes_nothing(terminal: Terminal, before: list[str], verdict: str) -> None:
    case_id = opened(terminal)
    for word in before:
        assert terminal.run("cases", word, case_id).code == 0
    count = len(strikes(terminal))
    refusal = terminal.run("cases", verdict, case_id, "--json").refusal
    assert refusal == f"{case_id}: no such case, or it is decided already; see: yuruyuru cases list"
    assert len(strikes(terminal)) == count


@pytest.mark.parametrize("command", ["show", "approve", "reject", "undo"])
@pytest.mark.parametrize("case_id", ["c999", "", "全部", "C1"])
def test_an_unknown_case_is_answered_with_where_to_look(terminal: Terminal, command: str, case_id: str) -> None:
    refusal = terminal.run("cases", command, case_id).refusal
    assert "no " in refusal
    assert refusal.endswith("; see: yuruyuru cases list")
