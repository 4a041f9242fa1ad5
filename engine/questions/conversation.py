"""What a message is to the questions of its room: an answer, a question back, thanks, or nothing. Pure.

Found anew for all that was said lately whenever something arrives, in the order in which it was said: the order in
which webhooks come does not matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.clock import HOUR, MINUTE
from engine.questions.detect import Reason
from engine.questions.rules import WAITING, Known, State
from engine.questions.threads import Act, Link, Thread, Turn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from engine.questions.rules import Heard

SURE = 0.7
"""From this confidence on a message counts as an answer."""

LIKELY = 0.4
"""From here on it may be one: nobody is asked for a while, but the question stays open."""

NEAR = 15 * MINUTE
LATE = 12 * HOUR
"""Words without any mark are about something said less than this long ago."""

ENOUGH = 8
"""Characters that words without any mark must say to be an answer."""


MARKED = {Link.REPLY: 1.0, Link.TO_ENGINE: 0.95, Link.QUOTE: 0.9, Link.THREAD: 0.9, Link.MENTION: 0.8}


def follow(
    threads: Sequence[Thread], said: Iterable[Heard], engine: int, since: tuple[int, int] = (0, 0)
) -> list[Thread]:
    """The threads after everything in `said`; behind them new ones, without a number, for what asks and is in none.

    What messages are to the threads is found anew from `since` on: what was said before something new cannot depend
    on it, and may no longer have all its context.
    """
    messages = sorted(said, key=lambda heard: heard.order)
    anew = frozenset(heard.message_id for heard in messages if heard.order >= since)
    now = [each.heard_anew(anew) for each in threads]
    for position, heard in enumerate(messages):
        if heard.message_id in anew:
            now = _after(heard, now, messages[:position], engine)
    return now


def _after(heard: Heard, threads: Sequence[Thread], earlier: Sequence[Heard], engine: int) -> list[Thread]:
    """The threads after one more message."""
    before = sorted((each.until(heard) for each in threads if each.begins < heard.order), key=lambda each: each.begins)
    parts = _parts(heard, before, earlier, engine)
    belongs = any(_belongs(heard, act, link) for act, link, _ in parts.values())
    after = []
    for each in threads:
        part = parts.get(each.known.message_id)
        if part is not None:
            act, link, confidence = part
            turn = Turn(heard.message_id, heard.author, heard.sent_at, act, link, round(confidence, 2))
            after.append(each.with_turn(turn))
        elif belongs and each.known.message_id == heard.message_id:
            after.append(each.with_turn(Turn(heard.message_id, heard.author, heard.sent_at, Act.BELONGS, Link.OWN)))
        else:
            after.append(each)
    if heard.is_question and not belongs and all(each.known.message_id != heard.message_id for each in threads):
        after.append(Thread(Known("", heard.message_id, heard.author, heard.sent_at, State.OPEN), heard.nouns))
    return after


def _belongs(heard: Heard, act: Act, link: Link) -> bool:
    """Whether what a message asks is part of its answer to another's question, or of what it says of its own."""
    return act in (Act.ASKS_BACK, Act.NOT_YET) or (act is Act.ANSWERS and not _asks_for_itself(heard, link))


def _asks_for_itself(heard: Heard, link: Link) -> bool:
    return heard.reason == Reason.TAGGED or heard.asks_everybody or link is Link.TO_ENGINE


Part = tuple[str, tuple[Act, Link, float]]
"""A question's message, and what another message does to the question, by what mark, how surely."""


def _parts(
    heard: Heard, threads: Sequence[Thread], earlier: Sequence[Heard], engine: int
) -> dict[str, tuple[Act, Link, float]]:
    """What a message is to the threads, as they were when it was said."""
    found = dict(_of_asker(heard, threads, earlier))
    if heard.can_answer and not (heard.is_pass or heard.is_withdrawn or heard.rests_until or heard.resumes):
        found |= dict(_of_others(heard, threads, earlier, engine))
    return found


# -- the asker --------------------------------------------------------------------------------------------------------


def _of_asker(heard: Heard, threads: Sequence[Thread], earlier: Sequence[Heard]) -> Iterator[Part]:
    """What the asker's own word does to one question of theirs."""
    own = [each for each in threads if each.known.asker == heard.author and each.state is not State.WITHDRAWN]
    act, states = _own_act(heard)
    if act is None:
        return
    fitting = [each for each in own if each.state in states]
    meant = [each for each in fitting if heard.replies_to & each.messages]
    meant = meant or [each for each in fitting if heard.mentions & {turn.account_id for turn in each.turns}]
    if act is Act.EXPLAINS and (heard.mentions or heard.replies_to):
        fitting = []
    if act is Act.THANKS and not meant:
        meant = [each for each in fitting if any(turn.account_id != heard.author for turn in each.turns)]
    if act is Act.THANKS and not heard.is_settled:
        fitting = [each for each in fitting if _others_spoke(each, earlier)]
    for each in (meant or fitting)[-1:]:
        yield each.known.message_id, (act, Link.OWN, 1.0)


def _others_spoke(thread: Thread, earlier: Iterable[Heard]) -> bool:
    """Whether anybody else said anything since the question: before that, thanks are thanks in advance."""
    return any(heard.author != thread.known.asker and heard.order > thread.begins for heard in earlier)


_ASKS_ANEW = frozenset({Reason.TAGGED, Reason.ENDING, Reason.MARK, Reason.SHORT})
"""Kinds of question that ask something else, whatever is said of the one before."""


def _own_act(heard: Heard) -> tuple[Act | None, frozenset[State]]:
    """What the asker does, and to a question in which state."""
    closed = frozenset({State.ANSWERED, State.THANKED, State.PARKED})
    if heard.is_withdrawn:
        return Act.WITHDRAWS, WAITING | {State.ANSWERED, State.PARKED}
    if heard.is_unsolved and heard.reason not in _ASKS_ANEW:
        return Act.NOT_YET, closed
    if heard.is_question:
        return None, frozenset()
    if heard.is_parked:
        return Act.PARKS, WAITING | {State.ANSWERED}
    if heard.is_thanks or heard.is_solved:
        return Act.THANKS, WAITING | {State.ANSWERED, State.PARKED}
    return (Act.EXPLAINS, frozenset({State.CLARIFY})) if heard.substance else (None, frozenset())


# -- the others -------------------------------------------------------------------------------------------------------


def _of_others(heard: Heard, threads: Sequence[Thread], earlier: Sequence[Heard], engine: int) -> Iterator[Part]:
    """What a message is to questions of other people."""
    others = [each for each in threads if each.known.asker != heard.author and each.state is not State.WITHDRAWN]
    link, meant = _marked(heard, others, engine)
    if link is not None:
        act = _marked_act(heard, link)
        yield from ((each.known.message_id, (act, link, MARKED[link])) for each in meant if act is not None)
    elif not (heard.mentions or heard.replies_to or heard.quotes):
        yield from _unmarked(heard, others, earlier)


def _marked(heard: Heard, others: Sequence[Thread], engine: int) -> tuple[Link | None, Sequence[Thread]]:
    """By which mark a message belongs to which threads; the surest mark counts."""
    waiting = [each for each in others if each.state in WAITING]
    silent = [each for each in others if engine in heard.mentions and each.waits_for(heard)]
    quoted = [each for each in others if (each.known.asker, each.known.asked_at) in heard.quotes]
    about = [each for each in others if heard.replies_to & each.messages and each.known.asker in heard.mentions]
    ways: tuple[tuple[Link, Sequence[Thread]], ...] = (
        (Link.REPLY, [each for each in others if each.known.message_id in heard.replies_to]),
        (Link.QUOTE, quoted),
        (Link.THREAD, about[-1:]),
        (Link.TO_ENGINE, silent[-1:]),
        (Link.MENTION, [each for each in waiting if each.known.asker in heard.mentions][-1:]),
    )
    return next(((link, meant) for link, meant in ways if meant), (None, ()))


def _marked_act(heard: Heard, link: Link) -> Act | None:
    if heard.is_question and not heard.tells:
        return None if _asks_for_itself(heard, link) else Act.ASKS_BACK
    return Act.ANSWERS if heard.substance else None


def _unmarked(heard: Heard, others: Sequence[Thread], earlier: Sequence[Heard]) -> Iterator[Part]:
    """Words to nobody in particular: the next substantive thing that is said may well be the answer."""
    recent = [each for each in others if heard.sent_at - each.last_at <= LATE]
    waiting = [each for each in recent if each.state in WAITING]
    if heard.is_question:
        asks_back = heard.asks_back and not _asks_for_itself(heard, Link.NEXT)
        for each in [each for each in waiting if asks_back and _follows(heard, each, earlier)][-1:]:
            yield each.known.message_id, (Act.ASKS_BACK, Link.NEXT, LIKELY)
        return
    if heard.substance < ENOUGH or not waiting:
        return
    about = [each for each in waiting if heard.nouns & each.nouns] or waiting
    scores = {
        each.known.message_id: _score(heard, each, earlier, alone=len(about) == 1 and each in about) for each in waiting
    }
    best = max(reversed(waiting), key=lambda each: scores[each.known.message_id])
    confidence = scores[best.known.message_id]
    about_it = heard.tells or bool(heard.nouns & best.nouns)
    if confidence >= LIKELY:
        act = Act.ANSWERS if confidence >= SURE and about_it else Act.MAY_ANSWER
        yield best.known.message_id, (act, Link.NEXT, min(confidence, MARKED[Link.MENTION]))


def _follows(heard: Heard, thread: Thread, earlier: Sequence[Heard]) -> bool:
    return heard.sent_at - thread.last_at <= NEAR and _between(thread, earlier) == 0


def _between(thread: Thread, earlier: Sequence[Heard]) -> int:
    """Messages that were said since the last one about it."""
    about_it = thread.messages
    last = max((position for position, heard in enumerate(earlier) if heard.message_id in about_it), default=-1)
    return len(earlier) - last - 1


def _score(heard: Heard, thread: Thread, earlier: Sequence[Heard], *, alone: bool) -> float:
    """How likely words without a mark answer a question: who spoke before, how long ago, about the same words."""
    between, waited = _between(thread, earlier), heard.sent_at - thread.last_at
    near = 0.3 if between == 0 else 0.2 if between <= 2 else 0.1 if between <= 6 else 0.0
    soon = 0.15 if waited <= NEAR else 0.1 if waited <= 2 * HOUR else 0.0
    shared = len(heard.nouns & thread.nouns)
    words = 0.4 if shared > 1 else 0.25 if shared else 0.0
    return near + soon + words + 0.2 * heard.tells + 0.1 * alone
