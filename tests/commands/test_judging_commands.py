"""`questions judge`, `moderation judge` and `moderation test`: one line out for each line in, without a database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path

BOTH = pytest.mark.parametrize("noun", ["questions", "moderation"])
SHELL = Terminal({"REDIS_URL": "redis://127.0.0.1:1"})
"""No database answers there."""


def line(text: str = "紹介状の書き方を教えてください？", **fields: object) -> str:
    return json.dumps({"id": "a-1", "text": text} | fields, ensure_ascii=False) + "\n"


def test_a_question_is_judged_with_exactly_three_fields() -> None:
    [row] = SHELL.run("questions", "judge", "-", stdin=line()).lines
    assert list(row) == ["id", "is_question", "confidence"]
    assert row["id"] == "a-1"
    assert row["is_question"] is True
    assert 0.5 < row["confidence"] <= 1


def test_a_remark_is_no_question() -> None:
    [row] = SHELL.run("questions", "judge", "-", stdin=line("おはようございます。")).lines
    assert row["is_question"] is False


def test_a_message_is_judged_with_exactly_six_fields() -> None:
    text = "素敵な事業計画書ですね、小説としてなら。電話は 090-1234-5678 です。"
    [row] = SHELL.run("moderation", "judge", "-", stdin=line(text, context=["計画書を作りました。"])).lines
    assert list(row) == ["id", "action", "category", "masked", "signals", "ms"]
    assert row["action"] in {"none", "review", "warn"}
    assert "090-1234-5678" not in row["masked"]
    assert row["signals"]
    assert row["ms"] >= 0


@BOTH
@pytest.mark.parametrize(
    "given",
    [
        pytest.param("001", id="digits in quotes stay a text"),
        pytest.param("日本語", id="Japanese"),
        pytest.param("", id="an empty text"),
        pytest.param(7, id="a number stays a number"),
        pytest.param(-1, id="a negative number"),
        pytest.param(10**30, id="a number of thirty digits"),
        pytest.param("\x1b", id="a control character"),
    ],
)
def test_ids_come_back_as_they_were_given(noun: str, given: object) -> None:
    [row] = SHELL.run(noun, "judge", "-", stdin=line(id=given)).lines
    assert row["id"] == given


@BOTH
def test_labels_are_not_looked_at(noun: str) -> None:
    labelled = SHELL.run(noun, "judge", "-", stdin=line(label={"is_question": False}, kind=[1])).lines
    plain = SHELL.run(noun, "judge", "-", stdin=line()).lines
    assert [row | {"ms": 0} for row in labelled] == [row | {"ms": 0} for row in plain]


@BOTH
def test_lines_are_judged_in_order_and_blank_ones_skipped(noun: str, tmp_path: Path) -> None:
    file = tmp_path / "文.jsonl"
    file.write_text("\ufeff" + line(id=1) + "\n  \n" + line(id=2) + line(id=3).rstrip("\n"), encoding="utf-8")
    ran = SHELL.run(noun, "judge", str(file), "--json")
    assert [row["id"] for row in ran.lines] == [1, 2, 3]
    assert ran.code == 0


@BOTH
def test_an_empty_file_says_nothing(noun: str) -> None:
    ran = SHELL.run(noun, "judge", "-", stdin="")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


@BOTH
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="no text"),
        pytest.param(" ", id="a space"),
        pytest.param("？", id="a question mark alone"),
        pytest.param("\0", id="a zero byte"),
        pytest.param("a\u2028b\x85c", id="line breaks of other alphabets"),
        pytest.param("\ufdfa" * 5000, id="one letter that becomes eighteen"),
        pytest.param("👩\u200d⚕️", id="a doctor made of three characters"),
        pytest.param("\u202e逆", id="text from right to left"),
    ],
)
def test_any_text_is_judged_in_one_line(noun: str, text: str) -> None:
    ran = SHELL.run(noun, "judge", "-", stdin=line(text))
    assert ran.code == 0
    assert ran.out.count("\n") == 1
    assert json.loads(ran.out)["id"] == "a-1"


@BOTH
@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        pytest.param("{", "Invalid JSON: EOF while parsing an object at column 1", id="half an object"),
        pytest.param("なに？", "Invalid JSON: expected value at column 1", id="no JSON at all"),
        pytest.param("[]", "Input should be an object", id="a list"),
        pytest.param("null", "Input should be an object", id="null"),
        pytest.param('{"text": "a"}', "id: Field required", id="no id"),
        pytest.param('{"id": 1}', "text: Field required", id="no text"),
        pytest.param('{"id": 1.0, "text": "a"}', "id: write a text or a whole number", id="an id with a fraction"),
        pytest.param('{"id": true, "text": "a"}', "id: write a text or a whole number", id="a claim as id"),
        pytest.param('{"id": null, "text": "a"}', "id: write a text or a whole number", id="null as id"),
        pytest.param('{"id": 1, "text": null}', "text: Input should be a valid string", id="null as text"),
        pytest.param('{"id": 1, "text": ["a"]}', "text: Input should be a valid string", id="a list as text"),
        pytest.param('{"id": 1, "text": "a", "context": [1]}', "context.0: Input should be", id="a number as context"),
        pytest.param('{"id": 1, "text": "\\ud800"}', "Invalid JSON: ", id="half a character"),
        pytest.param(b'{"id": 1, "text": "\xff"}', "is not text in UTF-8", id="bytes that are no text"),
        pytest.param("質問".encode("shift_jis"), "is not text in UTF-8", id="another encoding"),
        pytest.param("{" * 100_000, "Invalid JSON: ", id="a bomb of brackets"),
    ],
)
def test_a_bad_line_is_named_by_its_number(noun: str, bad: str | bytes, sentence: str) -> None:
    data = bad if isinstance(bad, bytes) else bad.encode()
    ran = SHELL.run(noun, "judge", "-", stdin=line().encode() + b"\n" + data + b"\n" + line().encode())
    assert ran.code == 1
    assert len(ran.lines) == 1
    [said] = ran.err.splitlines()
    assert said.startswith(f"yuruyuru: line 3: {sentence}")


@BOTH
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param(["none.jsonl"], "'none.jsonl': No such file or directory", id="a missing file"),
        pytest.param(["."], "'.': Is a directory", id="a folder"),
        pytest.param([], "Missing argument 'FILE'", id="no file named"),
        pytest.param(["-", "-"], "Got unexpected extra argument (-)", id="two files"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(noun: str, words: list[str], sentence: str) -> None:
    refusal = SHELL.run(noun, "judge", *words).refusal
    assert refusal.endswith(f"{sentence}; see: yuruyuru {noun} judge --help")


def test_one_text_is_judged_at_the_terminal() -> None:
    ran = SHELL.run("moderation", "test", "素敵な事業計画書ですね、小説としてなら。")
    assert ran.code == 0
    assert [row.split()[0] for row in ran.out.splitlines()] == ["action", "category", "masked", "signals", "ms"]


def test_one_text_is_judged_as_json() -> None:
    row = SHELL.run("moderation", "test", "電話は 090-1234-5678 です。", "--json").json
    assert list(row) == ["action", "category", "masked", "signals", "ms"]
    assert "090-1234-5678" not in row["masked"]


def test_lines_of_a_text_stay_one_line_at_the_terminal() -> None:
    out = SHELL.run("moderation", "test", "一行目\n二行目").out
    assert "masked    一行目⏎二行目\n" in out
