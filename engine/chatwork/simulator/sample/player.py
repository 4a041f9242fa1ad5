"""Plays the sample community: the script by the clock, and people's reactions to what the engine posts.

Two things happen only because of the engine. Whoever it asks by name on the board goes to the linked question and
answers, or passes; and when it lays a case before the admins, one of them approves. Everything is said as in the web
page, so it does not count against anybody's API limits.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

import aiohttp

from engine.chatwork.simulator import membership, writing
from engine.chatwork.simulator.errors import ApiError
from engine.chatwork.simulator.sample.people import ADMINS, BY_KEY, ENGINE_ID
from engine.chatwork.simulator.sample.rooms import ADMIN_ROOM, BOARD, BOARD_LINK
from engine.chatwork.simulator.sample.script import (
    ANSWER_TO_ANYTHING,
    ANSWERS_WHEN_ASKED,
    ARRIVALS,
    NO_TIME,
    SCRIPT,
    THANKS,
    Arrival,
    Line,
)
from engine.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from engine.chatwork.simulator.model import Message
    from engine.chatwork.simulator.world import World

log = get_logger()

THINKING = 3.0  # seconds until somebody reacts
PACKING = 6.0  # seconds between being told of the community and following the link
PASS_EVERY = 3  # the first ask of every three meets somebody who has no time
READY_EVERY = 0.5
TIME_OUT = aiohttp.ClientTimeout(total=10)
_LINK = re.compile(r"https://www\.chatwork\.com/#!rid(\d+)-(\d+)")
_CARD = re.compile(r"承認 (c[0-9a-z]+)")


class Vendor(NamedTuple):
    """A vendor as the engine knows it: `api_key` is what `vendors add` printed."""

    name: str
    api_key: str


async def play(
    world: World,
    *,
    engine_url: str,
    vendors: Sequence[Vendor] = (),
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Wait for the engine, play the script, and go on reacting until cancelled. Without vendors nobody is referred."""
    async with aiohttp.ClientSession(engine_url, timeout=TIME_OUT) as session, asyncio.TaskGroup() as group:
        await _until_ready(session, sleep)
        stage = _Stage(world, session, sleep, group)
        world.on_message.append(stage.hear)
        try:
            for vendor, arrival in zip(vendors, ARRIVALS, strict=False):
                group.create_task(stage.arrive(vendor, arrival))
            await stage.recite()
            await asyncio.Event().wait()
        finally:
            world.on_message.remove(stage.hear)


async def _until_ready(session: aiohttp.ClientSession, sleep: Callable[[float], Awaitable[object]]) -> None:
    while not await _is_ready(session):
        await sleep(READY_EVERY)


async def _is_ready(session: aiohttp.ClientSession) -> bool:
    try:
        async with session.get("/readyz") as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


class _Stage:
    """The people, what they have said so far, and what they are about to do."""

    def __init__(
        self,
        world: World,
        session: aiohttp.ClientSession,
        sleep: Callable[[float], Awaitable[object]],
        group: asyncio.TaskGroup,
    ) -> None:
        self._world = world
        self._session = session
        self._sleep = sleep
        self._group = group
        self._said: dict[str, Message] = {}
        self._asks = count()
        self._answers: Counter[int] = Counter()
        self._decided: set[str] = set()

    # The script

    async def recite(self) -> None:
        """Say every line at its time."""
        now = 0.0
        for line in SCRIPT:
            await self._sleep(line.at - now)
            now = line.at
            self._say_line(line)

    def _say_line(self, line: Line) -> None:
        text = line.text
        if line.to:
            text = f"[To:{BY_KEY[line.to].account_id}]{BY_KEY[line.to].name}さん\n{text}"
        if line.reply in self._said:
            text = self._reply_to(self._said[line.reply], text)
        message = self._say(BY_KEY[line.who].account_id, BOARD, text)
        if message and line.key:
            self._said[line.key] = message

    def _reply_to(self, message: Message, text: str) -> str:
        author = self._world.account(message.account_id)
        return f"[rp aid={author.account_id} to={message.room_id}-{message.message_id}] {author.name}さん\n{text}"

    def _say(self, account_id: int, room_id: int, text: str) -> Message | None:
        """Say something, unless the person is muted or gone by now: that must not stop the others."""
        try:
            return writing.say(self._world, self._world.account(account_id), room_id, text)
        except ApiError as refusal:
            log.warning("sample_speech_refused", account_id=account_id, room_id=room_id, reason=str(refusal))
            return None

    # Newcomers

    async def arrive(self, vendor: Vendor, arrival: Arrival) -> None:
        """Let a vendor refer a doctor, and the doctor join and say hello with the code."""
        await self._sleep(arrival.at)
        code = await self._refer(vendor, arrival.reference)
        if code is None:
            return
        await self._sleep(PACKING)
        doctor = self._world.account(BY_KEY[arrival.doctor].account_id)
        try:
            membership.join(self._world, doctor, BOARD_LINK)
        except ApiError as refusal:
            log.warning("sample_join_refused", account_id=doctor.account_id, reason=str(refusal))
        await self._sleep(THINKING)
        hello = self._say(doctor.account_id, BOARD, arrival.hello.format(code=code))
        await self._sleep(THINKING)
        if hello:
            self._say(BY_KEY[arrival.host].account_id, BOARD, self._reply_to(hello, arrival.welcome))

    async def _refer(self, vendor: Vendor, reference: str) -> str | None:
        headers = {"authorization": f"Bearer {vendor.api_key}", "idempotency-key": reference}
        referral = {"reference": reference, "consent": True}
        try:
            async with self._session.post("/v1/referrals", json=referral, headers=headers) as response:
                if response.status == 201:
                    return str((await response.json())["code"])
                log.warning("sample_referral_refused", reference=reference, reason=f"http_{response.status}")
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("sample_referral_refused", reference=reference, reason=type(error).__name__)
        return None

    # Reactions

    def hear(self, message: Message) -> None:
        """React to what the engine posts; everybody else follows the script."""
        if message.account_id != ENGINE_ID:
            return
        if message.room_id == BOARD:
            self._hear_ask(message)
        elif message.room_id == ADMIN_ROOM:
            self._hear_card(message)

    def _hear_ask(self, message: Message) -> None:
        question = self._linked(message)
        if question is None:
            return
        for account_id in sorted(message.mentions - {question.account_id, ENGINE_ID}):
            passes = next(self._asks) % PASS_EVERY == 0
            self._later(self._pass(account_id, message) if passes else self._answer(account_id, question))

    def _linked(self, message: Message) -> Message | None:
        link = _LINK.search(message.body)
        return self._world.room(BOARD).find(int(link[2])) if link and int(link[1]) == BOARD else None

    def _hear_card(self, message: Message) -> None:
        for case in _CARD.findall(message.body):
            if case not in self._decided:
                self._decided.add(case)
                self._later(self._approve(case))

    def _later(self, reaction: Coroutine[None, None, None]) -> None:
        self._group.create_task(reaction)

    async def _pass(self, account_id: int, ask: Message) -> None:
        await self._sleep(THINKING)
        self._say(account_id, BOARD, self._reply_to(ask, NO_TIME))

    async def _answer(self, account_id: int, question: Message) -> None:
        await self._sleep(THINKING)
        answer = self._say(account_id, BOARD, self._reply_to(question, self._knowledge(question)))
        self._answers[question.message_id] += 1
        if answer and self._answers[question.message_id] == 1:
            await self._sleep(THINKING)
            self._say(question.account_id, BOARD, self._reply_to(answer, THANKS))

    def _knowledge(self, question: Message) -> str:
        asked = next((key for key, said in self._said.items() if said is question), "")
        known = ANSWERS_WHEN_ASKED.get(asked, ())
        given = self._answers[question.message_id]
        return known[given] if given < len(known) else ANSWER_TO_ANYTHING

    async def _approve(self, case: str) -> None:
        await self._sleep(THINKING)
        self._say(ADMINS[0].account_id, ADMIN_ROOM, f"承認 {case}")
