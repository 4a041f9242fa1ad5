"""Why somebody is asked, in terms that they may read: only what they told or answered in the room themselves. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from engine.members.profiles import difference
from engine.questions.choosing import FAR_ENOUGH
from engine.questions.topics import named

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from engine.members.profiles import Profile


class Why(StrEnum):
    """The kinds of reasons; most have a word that goes with them."""

    STORY = "their own story is named"
    KNOWS = "answered about it before"
    COLLEAGUE = "has the asker's specialty"
    DIFFERENT = "differs from the asker"
    FRESH = "one of many voices"


@dataclass(frozen=True, slots=True)
class Because:
    """A reason and its word: a specialty, a place, a form of opening, a subject; empty where there is none."""

    why: Why
    word: str = ""


def because(
    person: Profile,
    asker: Profile,
    mentions: Collection[str],
    answered: Mapping[str, float],
    rarities: Mapping[str, float],
) -> Because:
    """The reason that says most. `mentions` are stories that the question names, `answered` answers by its nouns."""
    own = named(person, mentions)
    if own:
        return Because(Why.STORY, own)
    known = {noun: rarities[noun] for noun in answered if noun in rarities}
    if known:
        return Because(Why.KNOWS, max(known, key=lambda noun: (known[noun], noun)))
    shared = [each for each in person.specialties if each in asker.specialties]
    if shared:
        return Because(Why.COLLEAGUE, shared[0])
    return Because(Why.DIFFERENT if difference(person, asker) >= FAR_ENOUGH else Why.FRESH)
