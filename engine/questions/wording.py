"""How a message is worded, as features that a linear model can weigh. Pure.

Names of things and deeds stand for themselves, so that 「教える」 may weigh something, and for their part of speech
where they stand beside others: the grammar of 「どこで買いましたか」 is that of 「どこで頼みましたか」.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from engine.chatwork.markup import parse
from engine.questions import grammar
from engine.sentences import hide_spoken, normalise, sentences
from engine.words import ADJECTIVE, NOUN, VERB, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.sentences import Sentence
    from engine.words import Word

LONGEST_ENDING = 4
"""Words at the end of a sentence that are weighed together; there Japanese says what it is for."""

MARKED_ENDING = 2
"""Words of it that are weighed together with the mark behind them."""

MOST_SENTENCES = 40
"""Sentences that are looked at, from the end; what is longer is no chat."""


def features(body: str) -> frozenset[str]:
    """What a message body shows; what its last sentence shows counts once more, as `last …`."""
    parsed = parse(body)
    own = sentences(hide_spoken(normalise(parsed.text)))
    found = {f"sentences {min(len(own), 4)}"}
    found |= {name for name, holds in (("reply", parsed.replies), ("quote", parsed.quotes)) if holds}
    for left, sentence in enumerate(reversed(own[-MOST_SENTENCES:])):
        spoken = words(sentence.text)
        shown = frozenset(_shown(sentence, spoken))
        found |= shown | {f"word {word.spelling}" for word in spoken}
        if left == 0:
            found |= {f"last {feature}" for feature in shown}
    return frozenset(found)


def _shown(sentence: Sentence, spoken: Sequence[Word]) -> Iterator[str]:
    yield "?" if sentence.asks else "no ?"
    if sentence.exclaims:
        yield "!"
    if grammar.asks_what(spoken):
        yield "asks what"
    if grammar.wants_to_be_told(spoken):
        yield "wants to be told"
    forms = [_form(word) for word in spoken]
    yield from {f"pair {one} {other}" for one, other in pairwise(forms)}
    mark = "?" if sentence.asks else "!" if sentence.exclaims else "."
    for length in range(1, min(LONGEST_ENDING, len(forms)) + 1):
        ending = " ".join(forms[-length:])
        yield f"ends {ending}"
        if length <= MARKED_ENDING:
            yield f"ends {ending} {mark}"


def _form(word: Word) -> str:
    """What helps the grammar as it stands; names, deeds and qualities by their part of speech and inflection."""
    if word.part == VERB and word.kind == "非自立可能":
        return f"{word.base}:{word.form[:3]}"
    if word.part in (VERB, ADJECTIVE):
        return f"{word.part}:{word.form[:3]}"
    return word.part if word.part in (NOUN, "形状詞", "副詞") else word.surface
