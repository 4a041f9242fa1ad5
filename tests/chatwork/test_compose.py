"""What we build reads back as what we meant, and nothing members typed acts in our name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.chatwork import compose
from engine.chatwork.markup import Parsed, Quote, Reply, parse

TYPED = st.text(max_size=30) | st.lists(
    st.sampled_from(
        ["[To:1]", "[toall]", "[qt]", "[/qt]", "[code]", "[/code]", "[rp aid=1 to=2-3]", "[/title]", "さん"]
    )
    | st.sampled_from(["[info]", "[dtext:chatroom_chat_joined]", "チャットに参加しました。", "[", "]", "\n"])
).map("".join)
IDS = st.integers(1, 10**15)


def test_a_mention_reads_back() -> None:
    assert compose.to(11, "野口") == "[To:11]野口さん"
    assert parse(compose.to(11, "野口") + "\nどうぞ") == Parsed("どうぞ", mentions=(11,))


def test_an_honorific_is_not_doubled() -> None:
    assert compose.to(11, "野口先生") == "[To:11]野口先生"


def test_a_reply_reads_back() -> None:
    body = compose.reply(11, 5, "1789012345678901248", "野口") + "\nどうぞ"
    assert parse(body) == Parsed("どうぞ", replies=(Reply(11, 5, "1789012345678901248"),))


@pytest.mark.parametrize(
    ("name", "addressed"),
    [
        pytest.param("青木", "青木先生", id="a name"),
        pytest.param("青木先生", "青木先生", id="a title that is there already"),
        pytest.param("青木さん", "青木さん", id="another honorific"),
        pytest.param("青木 様", "青木 様", id="a third"),
        pytest.param(" 青木　太郎 ", "青木 太郎先生", id="blanks of all widths"),
    ],
)
def test_a_doctor_is_addressed_once(name: str, addressed: str) -> None:
    assert compose.doctor(name) == addressed


def test_a_box_reads_back() -> None:
    assert parse(compose.info("お願い", compose.to(11, "野口"))) == Parsed("お願い", mentions=(11,))


def test_a_quote_reads_back() -> None:
    assert parse(compose.quote("何時？", 11, 9)).quotes == (Quote(11, 9, "何時？"),)
    assert parse(compose.quote("何時？", 11)).quotes == (Quote(11, None, "何時？"),)


def test_a_message_has_an_address() -> None:
    assert compose.message_link(5, "77") == "https://www.chatwork.com/#!rid5-77"


def test_escaping_changes_brackets_only() -> None:
    assert compose.escape("[To:1] (bow)") == "［To:1］ (bow)"


@given(TYPED)
def test_escaped_words_are_only_words(text: str) -> None:
    assert parse(compose.escape(text)) == Parsed(compose.escape(text).strip())


@given(TYPED)
def test_a_quote_cannot_be_broken_out_of(text: str) -> None:
    parsed = parse(compose.quote(text, 11) + "以上")
    assert parsed == Parsed("以上", quotes=(Quote(11, None, compose.escape(text).strip()),))


@given(IDS, TYPED)
def test_a_member_s_name_cannot_act(account_id: int, name: str) -> None:
    parsed = parse(compose.to(account_id, name) + "\n以上")
    assert (parsed.mentions, parsed.replies, parsed.to_all, parsed.is_system) == ((account_id,), (), False, False)


@given(TYPED)
def test_a_title_cannot_act(title: str) -> None:
    parsed = parse(compose.info(title, "以上"))
    assert (parsed.mentions, parsed.quotes, parsed.code, parsed.to_all) == ((), (), (), False)
