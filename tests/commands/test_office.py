"""What commands share: which database they open, how long they wait for it, and what they do to a stranger's change."""

from __future__ import annotations

import os
import socket
import time
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from engine.commands.office import plain, show_one, when
from engine.embedded import DataDir, EmbeddedValkey, answers, socket_path
from engine.errors import Refused
from engine.members.store import Member, Members
from tests.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engine.commands.office import Office

COMMANDS = [
    pytest.param(words.split(), id=words)
    for words in ("vendors add x", "members show 1", "questions list", "cases approve c1", "referrals list", "brake on")
]


@contextmanager
def silent_server() -> Iterator[int]:
    """Somebody who picks up the telephone and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("words", COMMANDS)
def test_a_database_that_is_away_is_one_sentence(words: list[str]) -> None:
    refusal = Terminal({"REDIS_URL": "unix:///nowhere/valkey.sock"}).run(*words).refusal
    assert refusal == "the database does not answer (redis_away: ConnectionError); is REDIS_URL right?"


def test_nobody_waits_long_for_a_silent_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.commands.office.ANSWER_SECONDS", 0.2)
    with silent_server() as port:
        began = time.monotonic()
        refusal = Terminal({"REDIS_URL": f"redis://127.0.0.1:{port}"}).run("vendors", "list").refusal
    assert refusal == "the database does not answer (silent for 0 s); is REDIS_URL right?"
    assert time.monotonic() - began < 3


def test_a_wrong_password_is_not_shown(terminal: Terminal) -> None:
    url = terminal.environment["REDIS_URL"].replace("unix://", "unix://nobody:geheim@")
    refusal = terminal.having(REDIS_URL=url).run("vendors", "list").refusal
    assert refusal.startswith("the database does not answer")
    assert "geheim" not in refusal


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(terminal: Terminal) -> None:
    async def collide(office: Office) -> None:
        mine, theirs = office.commit(), office.commit()
        for commit in (mine, theirs):
            await Members(commit).get(101)
            Members(commit).put(Member(account_id=101, name="青木"))
        await office.apply(theirs)
        await office.apply(mine)

    with pytest.raises(Refused, match="somebody else changed it at the same moment; try again"):
        terminal.does(collide)
    assert len(terminal.run("members", "list", "--json").json) == 1


class TestEmbedded:
    """Without REDIS_URL the database in DATA_DIR is meant; who finds it stopped starts it for a moment."""

    def test_a_command_starts_it_and_leaves_nothing_running(self, tmp_path: Path) -> None:
        terminal = Terminal({"DATA_DIR": str(tmp_path)})
        assert terminal.run("brake", "on", "--json").json["brake"] == "on"
        assert not answers(socket_path(tmp_path))
        assert terminal.run("brake", "status", "--json").json["brake"] == "on"

    def test_it_is_stopped_too_when_the_command_is_refused(self, tmp_path: Path) -> None:
        assert Terminal({"DATA_DIR": str(tmp_path)}).run("members", "show", "5").refusal.startswith("no member 5")
        assert not answers(socket_path(tmp_path))
        DataDir(tmp_path).release()

    def test_a_running_one_is_used_and_left_running(self, tmp_path: Path) -> None:
        with EmbeddedValkey(tmp_path) as server:
            held = DataDir(tmp_path)
            assert Terminal({"DATA_DIR": str(tmp_path)}).run("brake", "on", "--json").json["brake"] == "on"
            assert server.pid is not None
            held.release()

    def test_a_directory_that_another_process_holds_is_said_with_its_number(self, tmp_path: Path) -> None:
        held = DataDir(tmp_path)
        refusal = Terminal({"DATA_DIR": str(tmp_path)}).run("vendors", "list").refusal
        assert refusal == f"process {os.getpid()} holds the data directory {tmp_path}; stop it first"
        held.release()

    def test_a_directory_that_cannot_be_used(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        refusal = Terminal({"DATA_DIR": str(tmp_path / "file" / "data")}).run("vendors", "list").refusal
        assert refusal == f"DATA_DIR {tmp_path}/file/data: cannot be used: Not a directory"


class Shape(BaseModel):
    """A record."""

    at: float


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(None, "–", id="nothing is a dash"),
        pytest.param("", "–", id="an empty text is a dash"),
        pytest.param(0, "0", id="nought is a number"),
        pytest.param([], "[]", id="an empty list is a list"),
        pytest.param(True, "yes", id="true is yes"),
        pytest.param(False, "no", id="false is no"),
        pytest.param({"名": "青木"}, '{"名": "青木"}', id="Japanese stays Japanese"),
        pytest.param("青木　誠一", "青木　誠一", id="a wide space is a space"),
        pytest.param("👩‍⚕️", "👩‍⚕️", id="a doctor stays whole"),
        pytest.param("a\nb", "a⏎b", id="a line break is drawn"),
        pytest.param("a\x1b[2Jb\x00\x9b", "a�[2Jb��", id="escape sequences are taken apart"),
    ],
)
def test_what_a_person_sees_of_a_value(value: Any, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    show_one({"x": value}, as_json=False)
    assert capsys.readouterr().out == f"x  {shown}\n"


def test_records_become_json() -> None:
    assert plain(Shape(at=1.5)) == {"at": 1.5}
    assert plain("text") == "text"


def test_a_moment_is_local_time_with_its_offset() -> None:
    assert when(None) is None
    shown = when(1_700_000_000)
    assert shown is not None
    assert datetime.fromisoformat(shown).timestamp() == 1_700_000_000
