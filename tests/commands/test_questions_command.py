"""`yuruyuru questions`: what was asked, and why who was invited."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine.outbox import ChatContent, Intent, Kind, put
from engine.outbox import State as Outbox
from engine.ports import Lane
from engine.questions.rules import Heard
from engine.questions.store import Answer, Ask, Questions
from tests.terminal import BOARD

if TYPE_CHECKING:
    from engine.commands.office import Office
    from tests.terminal import Terminal

FIELDS = ["id", "message_id", "room_id", "state", "account_id", "asked_at", "answers", "asks"]
ASKED_AT = 1_700_000_000


def asked(terminal: Terminal, *asks: Ask, message_id: str = "1001", answers: tuple[Answer, ...] = ()) -> str:
    """A question of member 101; returns its id."""

    async def put_question(office: Office) -> str:
        commit = office.commit()
        store = Questions(commit)
        assert await store.of_message(BOARD, message_id) is None
        question = await store.add(BOARD, Heard(message_id, 101, ASKED_AT, reason="ends with a question mark"))
        store.put(question.model_copy(update={"asks": asks, "answers": answers}))
        await office.apply(commit)
        return question.id

    return terminal.does(put_question)


def invited(terminal: Terminal, question_id: str, account_id: int, state: Outbox) -> None:
    """The outbox has an invitation."""

    async def put_intent(office: Office) -> None:
        commit = office.commit()
        intent = Intent(
            id=f"ask-{question_id}-{account_id}",
            worker="nudge",
            kind=Kind.ASK,
            lane=Lane.NUDGE,
            subject=question_id,
            person=account_id,
            content=ChatContent(room_id=BOARD, body="秘密の本文"),
            created_at=commit.now,
            state=state,
        )
        assert await put(commit, intent)
        await office.apply(commit)

    terminal.does(put_intent)


def test_nothing_asked_is_said_plainly(terminal: Terminal) -> None:
    assert terminal.run("questions", "list").out == "No questions yet.\n"
    assert terminal.run("questions", "list", "--json").json == []


def test_questions_are_listed_oldest_first(terminal: Terminal) -> None:
    first, second = asked(terminal), asked(terminal, message_id="1002")
    rows = terminal.run("questions", "list", "--json").json
    assert [list(row) for row in rows] == [FIELDS, FIELDS]
    assert [row["id"] for row in rows] == [first, second]
    assert rows[0] | {"asked_at": ""} == {
        "id": first,
        "message_id": "1001",
        "room_id": BOARD,
        "state": "open",
        "account_id": 101,
        "asked_at": "",
        "answers": 0,
        "asks": 0,
    }
    assert [line.split()[0] for line in terminal.run("questions", "list").out.splitlines()] == ["id", first, second]


def test_a_message_id_stays_a_text_because_it_is_longer_than_a_number_may_be(terminal: Terminal) -> None:
    asked(terminal, message_id="1900000000000000001")
    assert terminal.run("questions", "list", "--json").json[0]["message_id"] == "1900000000000000001"


def test_why_tells_reason_answers_and_what_became_of_each_invitation(terminal: Terminal) -> None:
    asks = [
        Ask(account_id=account_id, at=ASKED_AT + 60, passed=account_id == 104) for account_id in (102, 103, 104, 105)
    ]
    question_id = asked(terminal, *asks, answers=(Answer(account_id=102, message_id="1005", at=ASKED_AT + 90),))
    invited(terminal, question_id, 102, Outbox.SENT)
    invited(terminal, question_id, 103, Outbox.DROPPED)
    invited(terminal, question_id, 104, Outbox.SENT)
    ran = terminal.run("questions", "why", question_id, "--json")
    assert list(ran.json) == [*FIELDS, "reason", "answered_by", "invitations", "decisions", "turns"]
    assert ran.json["reason"] == "ends with a question mark"
    assert ran.json["answered_by"] == [102]
    assert [(row["account_id"], row["became"]) for row in ran.json["invitations"]] == [
        (102, "sent"),
        (103, "dropped"),
        (104, "passed"),
        (105, "forgotten"),
    ]
    assert "秘密" not in ran.out


def test_why_can_be_read_at_the_terminal(terminal: Terminal) -> None:
    out = terminal.run("questions", "why", asked(terminal)).out
    assert "state        open\n" in out
    assert "invitations  []\n" in out


@pytest.mark.parametrize(
    "question_id",
    [
        pytest.param("q999", id="a question that nobody asked"),
        pytest.param("", id="nothing"),
        pytest.param("質問", id="a word"),
        pytest.param("q1\nq2", id="two lines"),
        pytest.param("*", id="a pattern"),
    ],
)
def test_an_unknown_question_is_answered_with_where_to_look(terminal: Terminal, question_id: str) -> None:
    ran = terminal.run("questions", "why", question_id)
    assert (ran.code, ran.err) == (1, f"yuruyuru: no question {question_id}; see: yuruyuru questions list\n")
