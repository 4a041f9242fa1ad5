"""Japanese chat text cut into sentences, in one spelling.

Judging what a message means starts here: full-width and half-width forms become one, addresses, emoticons and laughter
go, and what somebody else said in 「」 is hidden, so that only the writer's own sentences remain.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from engine.chatwork.markup import without_emoticons

_ADDRESS = re.compile(r"(?:https?://|www\.)[!-~]+|[\w.+-]{1,64}@[A-Za-z0-9.-]{1,253}")
_DOUBT = re.compile(r"\(\?+\)")
_SPOKEN = re.compile("「[^「」]*」|『[^『』]*』")
_SENTENCE = re.compile(r"[^。!?\n]+[。!?]*|[!?]+")
_LAUGHTER = re.compile(r"\((?:笑|爆笑|泣|汗|涙|苦笑|[^()0-9A-Za-zぁ-んァ-ヶ一-龠]{1,12}|m\(?_ ?_\)?m)\)")
_ASIDE = re.compile(r"\([^()]{0,40}\)$")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence without its closing marks: `text`, and whether a `?` or a `!` closed it."""

    text: str
    asks: bool = False
    exclaims: bool = False


def normalise(text: str) -> str:
    """Return `text` in NFKC, without addresses, emoticons, laughter and doubting `(?)`."""
    plain = unicodedata.normalize("NFKC", without_emoticons(text))
    for noise in (_ADDRESS, _DOUBT, _LAUGHTER):
        plain = noise.sub("", plain)
    return plain.strip()


def hide_spoken(text: str) -> str:
    """Empty every pair of Japanese quotation marks: what stands in them is mentioned, not said."""
    return _SPOKEN.sub("「」", text)


def sentences(text: str) -> tuple[Sentence, ...]:
    """Cut normalised text at 。, `!`, `?` and line ends, and trim each sentence to its last word."""
    found = (_sentence(match[0]) for match in _SENTENCE.finditer(text))
    return tuple(sentence for sentence in found if sentence.text)


def _sentence(raw: str) -> Sentence:
    core = raw.rstrip("。!? 、")
    marks = raw[len(core) :]
    return Sentence(_trim(_ASIDE.sub("", _trim(core))), asks="?" in marks, exclaims="!" in marks)


def _trim(core: str) -> str:
    return core.strip("・-* \t\u3000").rstrip("〜~ー.、,…^_;♪☆★♡❤🙏")
