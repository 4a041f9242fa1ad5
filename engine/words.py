"""Japanese text cut into words, with their grammar and their dictionary form, by SudachiPy. Pure.

The dictionary (sudachidict-core) is a file of 200 MB that every process maps, so its memory is shared; it is opened at
the first use. Text is expected in NFKC (see `engine.sentences.normalise`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from sudachipy import Dictionary, SplitMode

if TYPE_CHECKING:
    from sudachipy import Tokenizer

LONGEST = 10_000
"""Characters that are looked at; Sudachi takes no more than 49,149 bytes at once."""

NOUN, VERB, ADJECTIVE, PARTICLE, AUXILIARY = "名詞", "動詞", "形容詞", "助詞", "助動詞"
"""The parts of speech that rules ask for, as the dictionary names them."""

_NO_TOPIC = {"助数詞可能", "副詞可能", "非自立可能", "助動詞語幹", "サ変形状詞可能", "人名"}
"""Kinds of noun that are no subject: numbers, counters, 今日, こと, よう, and people's names."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word: as it stands, in its dictionary form, in its usual spelling, and what it is.

    `part` is the part of speech (名詞, 動詞 …), `kind` its finer class (終助詞, 普通名詞 …), `form` how it is inflected
    (終止形-一般 …; empty for what is not).
    """

    surface: str
    base: str
    spelling: str
    part: str
    kind: str
    finer: str
    form: str


@cache
def _tokenizer() -> Tokenizer:
    return Dictionary(dict="core").tokenizer(mode=SplitMode.C)


@lru_cache(maxsize=64)  # a message's few sentences are looked at by one rule after the other
def words(text: str) -> tuple[Word, ...]:
    """The words of a text, longest units first, without white space."""
    found = []
    for morpheme in _tokenizer().tokenize(text[:LONGEST]):
        part, kind, finer, _, _, form = morpheme.part_of_speech()
        if part != "空白":
            found.append(
                Word(
                    surface=morpheme.surface(),
                    base=morpheme.dictionary_form(),
                    spelling=morpheme.normalized_form(),
                    part=part,
                    kind=kind,
                    finer=finer,
                    form="" if form == "*" else form,
                )
            )
    return tuple(found)


def nouns(text: str) -> tuple[str, ...]:
    """What a text is about: its nouns in their usual spelling, in order, repeated ones too."""
    return tuple(
        word.spelling
        for word in words(text)
        if word.part == NOUN and word.kind in ("普通名詞", "固有名詞") and word.finer not in _NO_TOPIC
    )
