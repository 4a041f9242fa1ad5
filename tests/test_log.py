"""Logs: one JSON object a line, foreign loggers quiet, levels obeyed, nothing lost and nothing leaked."""

from __future__ import annotations

import io
import json
import logging
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from engine.log import QUIET, get_logger, setup_logs
from engine.questions.rules import State
from engine.settings import load_environment
from tests.terminal import logs_restored

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    with logs_restored():
        yield


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    assert captured.err == ""
    return [json.loads(line) for line in captured.out.splitlines()]


def test_a_line_says_when_how_grave_what_and_who(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logs("json", "info", worker="nudge")
    get_logger().info("ask_sent", question_id="q1", room_id=567)
    [line] = written(capsys)
    moment = datetime.fromisoformat(line.pop("ts"))
    assert moment.utcoffset() is not None
    assert not moment.utcoffset()
    assert line == {"level": "info", "event": "ask_sent", "worker": "nudge", "question_id": "q1", "room_id": 567}


def test_what_was_bound_once_arrives_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logs("json", "info", worker="nudge")
    with structlog.contextvars.bound_contextvars(event_id="e1", trace="t1"):
        get_logger().warning("inside")
    get_logger().warning("outside")
    inside, outside = written(capsys)
    assert (inside["event_id"], inside["trace"], inside["level"]) == ("e1", "t1", "warning")
    assert "event_id" not in outside


@pytest.mark.parametrize("foreign", [False, True], ids=["our own logger", "a foreign logger"])
def test_a_traceback_stays_in_one_line(capsys: pytest.CaptureFixture[str], *, foreign: bool) -> None:
    setup_logs("json", "info", worker="nudge")
    try:
        _ = {"x": 1}["x\ny"]
    except KeyError:
        if foreign:
            logging.getLogger("elsewhere").exception("job_failed")
        else:
            get_logger().exception("job_failed")
    [line] = written(capsys)
    assert (line["event"], line["level"], line["worker"]) == ("job_failed", "error", "nudge")
    assert line["exception"].startswith("Traceback (most recent call last):\n")
    assert "KeyError" in line["exception"]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("紹介状", id="Japanese"),
        pytest.param("a\nb\r\u2028c", id="line breaks"),
        pytest.param('"}{"', id="quotes and braces"),
        pytest.param("\udcff", id="half a character"),
        pytest.param("\x1b[31m", id="an escape sequence"),
        pytest.param({"a": [1, None]}, id="a table"),
    ],
)
def test_any_value_stays_in_one_line(value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(file, encoding="utf-8", write_through=True))
    setup_logs("json", "info", worker="nudge")
    get_logger().info("something", value=value)
    assert file.getvalue().count(b"\n") == 1
    assert json.loads(file.getvalue())["value"] == value


def test_what_json_does_not_know_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logs("json", "info", worker="nudge")
    get_logger().info("something", value={1, 2}.__class__)
    assert written(capsys)[0]["value"] == "<class 'set'>"


@pytest.mark.parametrize("name", QUIET)
@pytest.mark.parametrize("level", ["debug", "info"])
def test_a_talkative_library_is_heard_only_when_it_warns(
    name: str, level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    setup_logs("json", level, worker="nudge")
    for child in (name, f"{name}.worker"):
        logging.getLogger(child).debug("arguments: geheim")
        logging.getLogger(child).info("0.05s → run('deliver', 'geheim')")
        logging.getLogger(child).warning("lost")
    lines = written(capsys)
    assert [(line["event"], line["level"]) for line in lines] == [("lost", "warning")] * 2


def test_an_ordinary_library_speaks_in_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logs("json", "info", worker="nudge")
    logging.getLogger("elsewhere").info("hello %s", "world")
    logging.getLogger("elsewhere").debug("never")
    [line] = written(capsys)
    assert (line["event"], line["level"], line["worker"]) == ("hello world", "info", "nudge")
    assert "ts" in line


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        pytest.param("debug", ["debug", "info", "warning", "error"], id="debug lets everything through"),
        pytest.param("info", ["info", "warning", "error"], id="info leaves out debug"),
        pytest.param("warning", ["warning", "error"], id="warning leaves out what went well"),
        pytest.param("error", ["error"], id="error leaves out what was handled"),
    ],
)
def test_levels(level: str, heard: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    setup_logs("json", level, worker="nudge")
    for name in ("debug", "info", "warning", "error"):
        getattr(get_logger(), name)("something")
        logging.getLogger("elsewhere").log(logging.getLevelName(name.upper()), "something")
    assert [line["level"] for line in written(capsys)] == [each for name in heard for each in (name, name)]


def test_setting_up_twice_writes_once_and_the_second_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """A process's command sets up logs for its own errors first."""
    log = get_logger()
    setup_logs("json", "error", worker="cli", stderr=True)
    log.warning("not_heard")
    setup_logs("json", "info", worker="score")
    log.info("heard")
    [line] = written(capsys)
    assert (line["event"], line["worker"]) == ("heard", "score")


def test_a_commands_lines_go_where_its_errors_go(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logs("json", "warning", worker="cli", stderr=True)
    get_logger().warning("something")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["event"] == "something"


class Tty(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("log_format", "stream", "columns"),
    [
        pytest.param("auto", Tty, True, id="a person at a terminal gets columns"),
        pytest.param("auto", io.StringIO, False, id="a file gets JSON"),
        pytest.param("json", Tty, False, id="a terminal can have JSON"),
        pytest.param("console", io.StringIO, True, id="a file can have columns"),
    ],
)
def test_format(log_format: str, stream: type[io.StringIO], monkeypatch: pytest.MonkeyPatch, *, columns: bool) -> None:
    file = stream()
    monkeypatch.setattr(sys, "stdout", file)
    setup_logs(log_format, "info", worker="nudge")
    get_logger().info("ask_sent", question_id="q1")
    text = file.getvalue()
    assert text.startswith("{") is not columns
    assert "ask_sent" in text
    assert "q1" in text


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_settings_in_a_line_show_no_secret(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    names = ("CHATWORK_API_TOKEN", "CHATWORK_WEBHOOK_TOKENS", "ADMIN_TOKEN", "SMTP_URL")
    environment = load_environment(dict.fromkeys(names, "geheim") | {"REDIS_URL": "redis://:geheim@host"})
    setup_logs(log_format, "info", worker="nudge")
    get_logger().info("settings", environment=environment, token=environment.admin_token)
    assert "geheim" not in capsys.readouterr().out


def test_columns_show_what_an_enum_stands_for(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logs("console", "info", worker="nudge")
    get_logger().info("question_opened", reason=State.OPEN)
    line = capsys.readouterr().out
    assert "open" in line
    assert "State" not in line


def fails(token: str) -> int:
    """Something goes wrong while a secret is at hand."""
    return len(token) // 0


def test_a_traceback_in_columns_shows_no_local_variable(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logs("console", "info", worker="nudge")
    try:
        fails("-".join(["very", *"secret"]))
    except ZeroDivisionError:
        get_logger().exception("handler_failed")
    shown = capsys.readouterr().out
    assert "ZeroDivisionError" in shown
    assert "very-s-e-c" not in shown
