"""Words of a text: what a sentence is about, and what it says nothing about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.words import LONGEST, nouns, words


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("レセコンのリース期間は5年と7年のどちらが多いですか?", ["レセコン", "リース", "期間"]),
        ("今日、退職金の届出をしてきました。", ["退職金", "届け出"]),
        ("どうしたらいいのか悩みますね。", []),
        ("", []),
    ],
    ids=str,
)
def test_a_text_is_about_its_nouns(text: str, about: list[str]) -> None:
    assert [noun for noun in nouns(text) if noun != "こと"] == about


@given(st.text(max_size=200))
def test_any_text_is_cut_and_nothing_but_white_space_is_left_out(text: str) -> None:
    assert len("".join(word.surface for word in words(text))) <= len(text)


def test_a_very_long_text_is_cut_short() -> None:
    assert len(words("駅" * (LONGEST + 50_000))) <= LONGEST
