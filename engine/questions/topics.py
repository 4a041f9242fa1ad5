"""What a question is about, and who has shown to know it: weights of nouns, learnt from who answered what. Pure.

A noun that stands in few questions says much (inverse document frequency); of what somebody answered about it, the
first answers count most. https://en.wikipedia.org/wiki/Tf-idf
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from engine.words import nouns

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from engine.members.profiles import Profile

_HIRAGANA = re.compile("[ぁ-んー]+")
"""Nouns written so (こと, ところ, みなさん) hold sentences together and are no subject."""

MOST_NOUNS = 12
"""Nouns of one question that are looked at, those first that stand first."""

BASE, BY_TOPIC, BY_PROFILE = 0.4, 0.4, 0.2
"""Relevance of anybody, of who answered about exactly this, and of whose own story the question names."""


def topics(text: str) -> tuple[str, ...]:
    """The nouns a question is about, each once, in order."""
    found = (noun for noun in nouns(text) if len(noun) > 1 and not _HIRAGANA.fullmatch(noun))
    return tuple(dict.fromkeys(found))[:MOST_NOUNS]


def rarity(stands_in: float, questions: float) -> float:
    """How much a noun says that stands in so many of all questions; least for one in all of them."""
    return math.log1p((questions + 1) / (min(stands_in, questions) + 1))


def knowledge(weights: Mapping[str, float], rarities: Mapping[str, float]) -> float:
    """How much of what a question is about somebody has answered about, 0 to 1. `weights` counts answers by noun."""
    whole = sum(rarities.values())
    if whole <= 0:
        return 0.0
    return sum(rare * _enough(weights.get(noun, 0.0)) for noun, rare in rarities.items()) / whole


def _enough(answers: float) -> float:
    return answers / (answers + 1)


def named(profile: Profile, mentions: Collection[str]) -> str | None:
    """What of their own story a question mentions: a form of opening, specialty or region; None if nothing."""
    own = (profile.form, *profile.specialties, profile.region)
    return next((word for word in own if word in mentions), None)


def relevance(known: float, *, is_named: bool) -> float:
    """How near a question is to somebody, 0 to 1."""
    return BASE + BY_TOPIC * known + BY_PROFILE * is_named
