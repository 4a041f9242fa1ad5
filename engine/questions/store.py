"""What is remembered about questions.

{c}:question:<id>            record  a question
{c}:question_of:<room>:<msg> record  which question a message is
{c}:questions                zset    all ids by time of asking
{c}:questions_in:<room>      zset    ids of a room's questions, by time of asking (at most a month back is looked at)
{c}:message:<room>:<msg>     record  a message's author and text (expires by retention)
{c}:last_ask:<room>          record  when a room last read an invitation (expires after a day)
{c}:last_line:<room>         record  the day of a room's last line about waiting questions (expires after a week)
{c}:patience                 record  when a question's first wave is due, as learnt
{c}:replies:<room>:<msg>     record  ids of messages that reply to a message (expires by retention)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.clock import DAY
from engine.commit import Commit, Database, Record
from engine.questions.rules import Known, State
from engine.questions.threads import Act, Link, Thread, Turn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from engine.questions.rules import Heard

LOOK_BACK = 31 * DAY
"""Older questions are not looked at when somebody answers or thanks without a reply tag."""


FOR_GOOD = 2**53
"""The time of the last edit there can be: nothing is newer than a deletion."""


NO_MESSAGE = "0"
"""Stands where an older version did not keep which message it was."""


class Answer(Record):
    """Somebody's answer."""

    account_id: int
    message_id: str
    at: int


class Ask(Record):
    """The engine's invitation to one member: decided at `at`; whether it was posted stands in the outbox."""

    account_id: int
    at: float
    passed: bool = False


class Question(Record):
    """A question with what happened to it."""

    id: str
    room_id: int
    message_id: str
    account_id: int
    asked_at: int
    state: State = State.OPEN
    answers: tuple[Answer, ...] = ()
    asks: tuple[Ask, ...] = ()
    reason: str = ""
    waves: int = 0  # waves that were decided
    first_after: float | None = None  # active seconds until the first wave is due; None: as the settings say
    nouns: tuple[str, ...] = ()  # what it is about
    turns: tuple[Turn, ...] = ()  # what was said about it, in order

    def asks_of(self, account_id: int) -> tuple[Ask, ...]:
        """The invitation of a member, if there is one."""
        return tuple(ask for ask in self.asks if ask.account_id == account_id)

    def with_ask(self, account_id: int, at: float) -> Question:
        """The question with one more invitation."""
        return self.model_copy(update={"asks": (*self.asks, Ask(account_id=account_id, at=at))})

    def without_asks_of(self, account_id: int) -> Question:
        """The question as if a member had not been invited."""
        return self.model_copy(update={"asks": tuple(ask for ask in self.asks if ask.account_id != account_id)})

    def thread(self) -> Thread:
        """With what was said about it; of a question of an older version, with what is known of that."""
        invited_at = {ask.account_id: ask.at for ask in self.asks}
        return Thread(self.known(), frozenset(self.nouns), self.turns or tuple(_turns_of_old(self)), invited_at)

    def after(self, thread: Thread) -> Question:
        """As it is after a thread: its turns, state and answers, the first of everybody; the forgotten stay apart."""
        answers: dict[int | str, Answer] = {}
        for turn in thread.turns:
            if turn.act is Act.ANSWERS:
                answer = Answer(account_id=turn.account_id, message_id=turn.message_id, at=turn.at)
                answers.setdefault(turn.account_id or turn.message_id, answer)
        update = {"turns": thread.turns, "state": thread.state, "answers": tuple(answers.values())}
        return self.model_copy(update=update)

    def known(self) -> Known:
        """As the rules see it."""
        return Known(
            question_id=self.id,
            message_id=self.message_id,
            asker=self.account_id,
            asked_at=self.asked_at,
            state=self.state,
            answerers=frozenset(answer.account_id for answer in self.answers),
            asked=frozenset(ask.account_id for ask in self.asks),
            passed=frozenset(ask.account_id for ask in self.asks if ask.passed),
        )


def _turns_of_old(question: Question) -> Iterator[Turn]:
    """What version 0.1.0 remembered: answers, and how it ended."""
    for answer in question.answers:
        yield Turn(answer.message_id, answer.account_id, answer.at, Act.ANSWERS, Link.REPLY)
    ending = {State.THANKED: Act.THANKS, State.WITHDRAWN: Act.WITHDRAWS}.get(question.state)
    if ending is not None:
        at = max((answer.at for answer in question.answers), default=question.asked_at)
        yield Turn(NO_MESSAGE, question.account_id, at, ending, Link.OWN)


class LastAsk(Record):
    """When a room last read an invitation, and which: one that did not arrive has its turn still."""

    at: float
    intent: str | None = None


class LastLine(Record):
    """The local date (2026-11-27) for which a room has its line, and the intent that says it, empty if read there."""

    on: str
    intent: str = ""


class Patience(Record):
    """From so many questions was learnt after how many active seconds somebody is asked; None: that is not known."""

    questions: int
    first_after: float | None = None


class QuestionOf(Record):
    """Which question a message is."""

    question_id: str


class Replies(Record):
    """Messages that reply to one."""

    message_ids: tuple[str, ...] = ()


class Message(Record):
    """A message as last seen."""

    account_id: int
    body: str
    sent_at: int
    updated_at: int = 0


class Questions:
    """Reads and writes through one commit."""

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._db = commit.db
        self._keys = commit.db.keys

    async def get(self, question_id: str) -> Question | None:
        """A question, to be changed."""
        return await self._commit.read(self._keys("question", question_id), Question)

    async def look(self, question_id: str) -> Question | None:
        """A question, to look at."""
        return (await self._db.read(self._keys("question", question_id), Question))[0]

    def put(self, question: Question) -> None:
        """Write a question that `get` or `add` gave."""
        self._commit.write(self._keys("question", question.id), question)

    async def last_ask(self, room_id: int, intent_id: str) -> float | None:
        """When a room last read another invitation than this one, to be followed by it."""
        found = await self._commit.read(self._keys("last_ask", room_id), LastAsk)
        return None if found is None or found.intent == intent_id else found.at

    def put_last_ask(self, room_id: int, intent_id: str) -> None:
        """The room reads an invitation now."""
        self._commit.write(self._keys("last_ask", room_id), LastAsk(at=self._commit.now, intent=intent_id), ttl=DAY)

    async def last_line(self, room_id: int) -> LastLine | None:
        """The day of a room's last line, to be followed by the next."""
        return await self._commit.read(self._keys("last_line", room_id), LastLine)

    def put_last_line(self, room_id: int, line: LastLine) -> None:
        """A room has its line for a day."""
        self._commit.write(self._keys("last_line", room_id), line, ttl=7 * DAY)

    def forget_last_line(self, room_id: int) -> None:
        """The line was not said: the day has none."""
        self._commit.erase(self._keys("last_line", room_id))

    async def patience(self) -> Patience | None:
        """What was learnt of how long questions wait, to look at."""
        return (await self._db.read(self._keys("patience"), Patience))[0]

    async def put_patience(self, learnt: Patience) -> None:
        """Replace what was learnt."""
        await self._commit.read(self._keys("patience"), Patience)
        self._commit.write(self._keys("patience"), learnt)

    async def of_message(self, room_id: int, message_id: str) -> Question | None:
        """The question that a message is."""
        found = await self._commit.read(self._keys("question_of", room_id, message_id), QuestionOf)
        return await self.get(found.question_id) if found else None

    async def add(self, room_id: int, heard: Heard) -> Question:
        """A new question with the next number; its message must have been looked up by `of_message` in this commit."""
        number = await self._db.next_number("question")
        message_id, asked_at = heard.message_id, heard.sent_at
        question = Question(
            id=f"q{number}",
            room_id=room_id,
            message_id=message_id,
            account_id=heard.author,
            asked_at=asked_at,
            reason=heard.reason,
            nouns=tuple(sorted(heard.nouns)),
        )
        await self.get(question.id)
        self.put(question)
        of_key = self._keys("question_of", room_id, message_id)
        self._commit.write(of_key, QuestionOf(question_id=question.id))
        self._commit.rank(self._keys("questions"), question.id, asked_at)
        self._commit.rank(self._keys("questions_in", room_id), question.id, asked_at)
        return question

    async def in_room(self, room_id: int) -> list[Question]:
        """A room's questions of the last month, oldest first, also withdrawn ones; to look at, not to change."""
        ids = await self._db.ranked(self._keys("questions_in", room_id), low=self._commit.now - LOOK_BACK)
        found = await self._db.read_many([self._keys("question", question_id) for question_id in ids], Question)
        return [question for question in found if question is not None]

    async def remember(
        self, room_id: int, message_id: str, message: Message, replies_to: Iterable[str], ttl: float
    ) -> Message | None:
        """Keep a message's text and what it replies to; returns what was known of it before."""
        key = self._keys("message", room_id, message_id)
        known = await self._commit.read(key, Message)
        if known is None or known.updated_at < message.updated_at:
            self._commit.write(key, message, ttl=ttl)
        for target in replies_to:
            await self._add_reply(room_id, target, message_id, ttl)
        return known

    async def _add_reply(self, room_id: int, target: str, message_id: str, ttl: float) -> None:
        """Note a reply. Question and answer may be handled at once: each reads what the other writes."""
        await self.of_message(room_id, target)
        key = self._keys("replies", room_id, target)
        known = await self._commit.read(key, Replies) or Replies()
        if message_id not in known.message_ids:
            self._commit.write(key, Replies(message_ids=(*known.message_ids, message_id)), ttl=ttl)

    async def forget_words(self, room_id: int, message_id: str, account_id: int, sent_at: int, ttl: float) -> None:
        """Keep of a message only that it was deleted, so that a late webhook does not bring its words back."""
        key = self._keys("message", room_id, message_id)
        await self._commit.read(key, Message)
        gone = Message(account_id=account_id, body="", sent_at=sent_at, updated_at=FOR_GOOD)
        self._commit.write(key, gone, ttl=ttl)

    async def message(self, room_id: int, message_id: str) -> Message | None:
        """A remembered message, to look at."""
        return (await self._db.read(self._keys("message", room_id, message_id), Message))[0]

    async def replies(self, room_id: int, message_id: str) -> list[tuple[str, Message]]:
        """Remembered replies to a message, oldest first: an answer may arrive before its question."""
        replies = await self._commit.read(self._keys("replies", room_id, message_id), Replies) or Replies()
        ids = sorted(replies.message_ids, key=int)
        found = await self._db.read_many([self._keys("message", room_id, reply_id) for reply_id in ids], Message)
        return [(reply_id, message) for reply_id, message in zip(ids, found, strict=True) if message is not None]


async def list_questions(db: Database, *, since: float = 0.0) -> list[Question]:
    """All questions, oldest first; from a time on, epoch seconds."""
    ids = await db.ranked(db.keys("questions"), low=since)
    found = await db.read_many([db.keys("question", question_id) for question_id in ids], Question)
    return [question for question in found if question is not None]
