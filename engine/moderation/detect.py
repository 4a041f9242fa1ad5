"""Does this message hurt the community? Signals are found sentence by sentence, added up, and shown with the verdict.

Members see nothing of this. `review` puts a message before an admin without a verdict; `warn` puts a ready warning
before one. Precision comes first: questions, however naive or often repeated, blunt answers, disagreement, jokes about
oneself and rude words that are only reported are none of our business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from engine.chatwork.markup import parse
from engine.moderation import lexicon, people
from engine.moderation.abuse import DISCRIMINATION, HARASSMENT, INSULTS
from engine.moderation.lexicon import Category, Rule
from engine.moderation.mounting import MOUNTING
from engine.moderation.personal_data import Found, Kind, mask
from engine.moderation.sarcasm import SARCASM
from engine.moderation.solicitation import SOLICITATION
from engine.questions.detect import judge as judge_question
from engine.sentences import hide_spoken, normalise, sentences

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WARN_FROM = 1.0
_REVIEW_FROM = 0.5
_EXCERPT = 40

_SPEECH = (*HARASSMENT, *DISCRIMINATION, *INSULTS, *MOUNTING, *SARCASM)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_SPACED = re.compile(r"(?<![^\s・._*-])(\S)[ ・._*-]+(?=\S(?:[ ・._*-]|$))")
_LINK = re.compile(r"https?://|0120-?\d|0800-?\d")
_INITIALS = re.compile(r"[A-Z. ]+")


class Action(StrEnum):
    """What should happen: nothing, a look by an admin, or a warning ready for an admin to approve."""

    NONE = "none"
    REVIEW = "review"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing that speaks for a category, with the words it was seen in (personal data masked)."""

    name: str
    category: Category
    weight: float
    excerpt: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """`category` is the one the signals weigh most for; `masked` is the message with personal data replaced."""

    action: Action
    category: Category
    signals: tuple[Signal, ...]
    masked: str


def judge(body: str, context: Sequence[str] = ()) -> Judgement:
    """Judge a message body as Chatwork gives it; `context` are the messages it answers, oldest first."""
    masked, found = mask(body)
    own = _INVISIBLE.sub("", parse(masked).text)
    text = normalise(own)
    signals = (*_personal_data(found, own), *_speech(text, context), *_solicitation(text, own))
    category, total = _heaviest(signals)
    action = _action(total)
    if action is Action.NONE:
        return Judgement(action, Category.NONE, signals, masked)
    return Judgement(action, category, signals, masked)


def _action(total: float) -> Action:
    if total >= _WARN_FROM:
        return Action.WARN
    return Action.REVIEW if total >= _REVIEW_FROM else Action.NONE


def _heaviest(signals: Sequence[Signal]) -> tuple[Category, float]:
    """Return the category with the greatest sum of weights, the graver one where two are equal."""
    totals = {category: round(sum(s.weight for s in signals if s.category is category), 2) for category in Category}
    category = max(totals, key=lambda each: totals[each])
    return category, totals[category]


# --- speech ----------------------------------------------------------------------------------------------------------


def _speech(text: str, context: Sequence[str]) -> Iterator[Signal]:
    """Yield each rule's signal once, from the first sentence that is the writer's own about somebody else."""
    if lexicon.SIGNED_BY_ADMINS.search(text):
        return
    seen: set[str] = set()
    for sentence in _judged_sentences(text):
        about_self = _is_about_oneself(sentence)
        for rule in _SPEECH:
            if rule.name not in seen and (rule.on_self or not about_self) and (match := rule.pattern.search(sentence)):
                seen.add(rule.name)
                yield _signal(rule, match)
    is_put_down = any(rule.name in seen for rule in MOUNTING)
    if is_put_down and context and judge_question(context[-1]).is_question:
        yield Signal("answers a question", Category.MOUNTING, 0.2, "")


def _judged_sentences(text: str) -> Iterator[str]:
    for sentence in sentences(hide_spoken(text)):
        if not lexicon.REPORTED.search(sentence.text) and not lexicon.REMINDER.search(sentence.text):
            yield _SPACED.sub(r"\1", sentence.text)


def _is_about_oneself(sentence: str) -> bool:
    return bool(lexicon.ON_ONESELF.search(sentence)) and not lexicon.ABOUT_OTHERS.search(sentence)


def _signal(rule: Rule, match: re.Match[str]) -> Signal:
    return Signal(rule.name, rule.category, rule.weight, match[0][:_EXCERPT])


# --- solicitation ----------------------------------------------------------------------------------------------------


def _solicitation(text: str, own: str) -> Iterator[Signal]:
    """Yield what makes an advert; a link or a free-dial number counts only beside something else."""
    text = lexicon.OWN_REFERRAL_CODE.sub("", text)
    found = [_signal(rule, match) for rule in SOLICITATION if (match := rule.pattern.search(text))]
    if found and _LINK.search(own):
        found.append(Signal("link or free-dial number", Category.SOLICITATION, 0.3, ""))
    yield from found


# --- personal data ---------------------------------------------------------------------------------------------------

_PIECES = {
    Kind.NAME: 1.0,
    Kind.CHART: 1.0,
    Kind.INSURANCE: 1.0,
    Kind.INDIVIDUAL: 1.0,
    Kind.BIRTH: 0.7,
    Kind.ADDRESS: 0.7,
    Kind.PHONE: 0.3,
}


def _personal_data(found: Sequence[Found], own: str) -> Iterator[Signal]:
    kinds = {piece.kind: piece for piece in found}
    for kind, piece in kinds.items():
        weight = 0.4 if kind is Kind.NAME and _INITIALS.fullmatch(piece.text) else _PIECES[kind]
        yield Signal(kind.name.lower(), Category.PERSONAL_DATA, weight, kind.value)
    about_patient = bool(people.MEDICAL.search(own) or people.VISIT.search(own))
    if about_patient and kinds.keys() & {Kind.BIRTH, Kind.ADDRESS, Kind.PHONE}:
        yield Signal("beside an illness or a visit", Category.PERSONAL_DATA, 0.3, "")
    circumstances = people.CIRCUMSTANCES.search(own)
    if circumstances and people.MEDICAL.search(own):
        yield Signal("known by circumstances", Category.PERSONAL_DATA, 0.5, circumstances[0][:_EXCERPT])
