"""Is this message a question that expects an answer? Rules and a model judge it, and both go by Japanese grammar.

The rules look at each of the writer's own sentences by itself, mostly at its end, where Japanese says what a sentence
is for. What only looks like a question (a greeting, an echo, advice, a sigh) is told apart first. A message asks when
one of its sentences does, unless the message as a whole takes that back: it is solved, an advert, an announcement.

The model weighs how all of it is worded, and what the rules found (`engine/questions/weighing.py`). It sees less far
than a rule, but knows more ways to ask and to sigh than rules can name; together they are right more often.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from engine.chatwork.markup import Parsed, parse
from engine.questions import grammar, phrases, weighing
from engine.sentences import Sentence, hide_spoken, normalise, sentences
from engine.words import words

if TYPE_CHECKING:
    from collections.abc import Sequence

ASKS_FROM = 0.6
"""More than one half: to invite somebody to answer what nobody asked is worse than to miss a question."""

_CERTAIN = (0.0, 1.0)
"""Confidences of what is marked, empty, no chat, or taken back as a whole."""


class Reason(StrEnum):
    """Why a message counts as a question, or does not."""

    TAGGED = "tagged"
    TOLD = "asks to be told"
    ENDING = "ends like a question"
    MARK = "question mark"
    TROUBLE = "seeks advice"
    SHORT = "short question"
    WORDED = "worded like a question"

    RETRACTED = "tagged as no question"
    SYSTEM = "system message"
    GREETING = "greeting"
    ECHO = "echoes what was said"
    SUGGESTION = "suggests"
    HEDGE = "hedged opinion"
    RHETORICAL = "rhetorical"
    SELF_TALK = "talks to oneself"
    REPORTED = "reports a question"
    REQUEST = "asks to do something"
    OFFER = "offers help"
    REPEATED = "repeats the question it answers"
    SOLVED = "already solved"
    ADVERT = "advert"
    ANNOUNCEMENT = "announcement"
    WORDED_OTHERWISE = "worded like no question"
    STATEMENT = "asks nothing"


@dataclass(frozen=True, slots=True)
class Judgement:
    """`confidence` from 0 (surely none) to 1 (surely a question); `is_question` from `ASKS_FROM` on."""

    is_question: bool
    confidence: float
    reason: Reason


@dataclass(frozen=True, slots=True)
class _Finding:
    reason: Reason
    confidence: float

    @property
    def asks(self) -> bool:
        return self.confidence >= ASKS_FROM


_NOTHING = _Finding(Reason.STATEMENT, 0.05)
_SILENCE = _Finding(Reason.STATEMENT, 0.0)

# In this order: who asks to be told something asks, however softly it is put.
_NOT_ASKING = (
    (Reason.GREETING, phrases.GREETING),
    (Reason.ECHO, phrases.ECHO),
    (Reason.SUGGESTION, phrases.SUGGESTION),
    (Reason.HEDGE, phrases.HEDGE),
    (Reason.RHETORICAL, phrases.RHETORICAL),
    (Reason.REQUEST, phrases.REQUEST),
    (Reason.SUGGESTION, phrases.INVITATION),
)
_WHOLE = (
    (Reason.ADVERT, phrases.ADVERT),
    (Reason.ANNOUNCEMENT, phrases.ANNOUNCEMENT),
)


def judge(body: str) -> Judgement:
    """Judge a message body as Chatwork gives it, notation included."""
    ruled = by_rules(body)
    if ruled.confidence in _CERTAIN:
        return ruled
    return _weighed(ruled, weighing.shipped().likely(weighing.shows(body), ruled.reason))


def by_rules(body: str) -> Judgement:
    """What the rules alone say; a confidence of exactly 0 or 1 leaves nothing to weigh."""
    parsed = parse(body)
    text = normalise(parsed.text)
    finding = _by_tag(text) or _by_frame(parsed) or _by_whole(text) or _by_sentences(text, answers=_answers(parsed))
    return Judgement(finding.asks, finding.confidence, finding.reason)


def _weighed(ruled: Judgement, likely: float) -> Judgement:
    """The rules' judgement with the model's confidence; the reason is the rules' where they prevail."""
    asks = likely >= ASKS_FROM
    overruled = Reason.WORDED if asks else Reason.WORDED_OTHERWISE
    return Judgement(asks, round(likely, 3), ruled.reason if asks == ruled.is_question else overruled)


def _answers(parsed: Parsed) -> bool:
    return bool(parsed.replies or parsed.quotes)


def _by_tag(text: str) -> _Finding | None:
    if phrases.NO_QUESTION_TAG.search(text):
        return _Finding(Reason.RETRACTED, 0.0)
    if phrases.QUESTION_TAG.search(text):
        return _Finding(Reason.TAGGED, 1.0)
    return None


def _by_frame(parsed: Parsed) -> _Finding | None:
    return _Finding(Reason.SYSTEM, 0.0) if parsed.is_system else None


def _by_whole(text: str) -> _Finding | None:
    return next((_Finding(reason, 0.0) for reason, pattern in _WHOLE if pattern.search(text)), None)


def _by_sentences(text: str, *, answers: bool) -> _Finding:
    """Return the strongest finding; a sentence that says "solved" closes what was asked before it."""
    own = sentences(hide_spoken(text))
    if not own:
        return _SILENCE
    found = [_NOTHING]
    agrees = any(phrases.AGREES.search(sentence.text) for sentence in own)
    for position, sentence in enumerate(own):
        if phrases.SELF_SOLVED.search(sentence.text):
            found = [_Finding(Reason.SOLVED, 0.1)]
            continue
        if agrees and phrases.RIGHT.search(sentence.text):
            continue
        found.append(_sentence(sentence, own[position + 1 :][:1], answers=answers, first=position == 0))
    if len(own) == 1 and not found[-1].asks and found[-1].reason is Reason.STATEMENT:
        found.append(_alone(own[0]))
    return max(found, key=lambda finding: finding.confidence)


def _sentence(sentence: Sentence, following: Sequence[Sentence], *, answers: bool, first: bool) -> _Finding:
    if sentence.asks and any(phrases.REPORTED.match(after.text) for after in following):
        return _Finding(Reason.REPORTED, 0.15)
    if phrases.OFFER.search(sentence.text):
        return _Finding(Reason.OFFER, 0.1)
    if _wants_to_be_told(sentence.text):
        return _Finding(Reason.TOLD, 0.9)
    return _seeming(sentence, following) or _repeating(sentence, following if first else (), answers=answers)


def _seeming(sentence: Sentence, following: Sequence[Sentence]) -> _Finding | None:
    """What only looks like a question, by itself or by how the writer goes on."""
    for reason, pattern in _NOT_ASKING:
        if pattern.search(sentence.text):
            return _Finding(reason, 0.2)
    if phrases.OFFER_TO_ACT.search(sentence.text) and not _asks_what(sentence.text):
        return _Finding(Reason.SUGGESTION, 0.2)
    for after in following:
        if phrases.CARES_ABOUT.search(sentence.text) and phrases.CARES.search(after.text):
            return _Finding(Reason.GREETING, 0.2)
        if phrases.CONTRADICTS.match(after.text) and not after.asks:
            return _Finding(Reason.RHETORICAL, 0.2)
    return _Finding(Reason.ECHO, 0.3) if _marvels(sentence, following) else None


def _repeating(sentence: Sentence, following: Sequence[Sentence], *, answers: bool) -> _Finding:
    if _repeats(sentence, following, answers=answers):
        return _Finding(Reason.REPEATED, 0.3)
    return _ending(sentence)


def _wants_to_be_told(text: str) -> bool:
    if phrases.ME_TOO.search(text):
        return False
    calls = phrases.CALL.search(text) is not None and phrases.NO_CALL.search(text) is None
    return calls or grammar.wants_to_be_told(words(text))


def _asks_what(text: str) -> bool:
    return grammar.asks_what(words(text))


def _ending(sentence: Sentence) -> _Finding:
    asks_what = _asks_what(sentence.text)
    if sentence.exclaims and not asks_what and _is_surprise(sentence):
        return _Finding(Reason.ECHO, 0.3)
    judge_ending = _marked if sentence.asks else _unmarked
    return judge_ending(sentence.text, asks_what=asks_what)


def _is_surprise(sentence: Sentence) -> bool:
    if sentence.asks:
        return phrases.OH.search(sentence.text) is not None or not phrases.POLITE_ENDING.search(sentence.text)
    return phrases.SURPRISE.search(sentence.text) is not None


def _unmarked(text: str, *, asks_what: bool) -> _Finding:
    if phrases.TO_ONESELF.search(text) or (phrases.GUESS.search(text) and not asks_what):
        return _Finding(Reason.SELF_TALK, 0.4)
    if phrases.POLITE_ENDING.search(text):
        return _Finding(Reason.ENDING, 0.85)
    if asks_what and phrases.OPEN_ENDING.search(text):
        return _Finding(Reason.ENDING, 0.75)
    if phrases.TROUBLE.search(text):
        return _Finding(Reason.TROUBLE, 0.6)
    return _Finding(Reason.SELF_TALK, 0.3) if phrases.SELF_TALK.search(text) else _NOTHING


def _marked(text: str, *, asks_what: bool) -> _Finding:
    if phrases.WISH_TO_ONESELF.search(text):
        return _Finding(Reason.SELF_TALK, 0.4)
    if phrases.TAG_ENDING.search(text) and not asks_what:
        return _Finding(Reason.RHETORICAL, 0.4)
    return _Finding(Reason.MARK, 0.95 if asks_what or phrases.POLITE_ENDING.search(text) else 0.8)


def _alone(sentence: Sentence) -> _Finding:
    """Judge a message of one bare sentence, such as `床材はどこで買う`: chat leaves the question mark out."""
    pattern = phrases.BARE if _asks_what(sentence.text) else phrases.BARE_NO
    return _Finding(Reason.SHORT, 0.6) if pattern.search(sentence.text) and not sentence.exclaims else _NOTHING


def _marvels(sentence: Sentence, following: Sequence[Sentence]) -> bool:
    """Whether it says `外国ですか。` or `もう着いたんですか？` to go on with `すごいですね`."""
    echoes = phrases.WONDER if sentence.asks else phrases.SURPRISE
    reacts = any(phrases.REACTION.search(after.text) and not after.asks for after in following)
    return reacts and echoes.search(sentence.text) is not None and not _asks_what(sentence.text)


def _repeats(sentence: Sentence, following: Sequence[Sentence], *, answers: bool) -> bool:
    """Whether a message opens with `床材ですか？` only to answer it in the next sentence."""
    if following and phrases.OWN_CASE_ASKED.search(sentence.text):
        return True
    if not (following and phrases.REPEATS.search(sentence.text)) or _asks_what(sentence.text):
        return False
    after = following[0]
    return not after.asks and (answers or bool(phrases.OWN_CASE.match(after.text)))
