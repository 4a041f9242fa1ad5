"""What members say: small talk, much of it to the engine's account or edited later, questions, answers, put-downs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.chatwork.simulator.sample.people import ENGINE_ID, MEMBERS

if TYPE_CHECKING:
    import random

    from ops.chaos.site import Site

PUT_DOWN = "そんなことも知らないで開業するんですか？研修医でも知ってますよ。（{}）"
EDITED_WITHIN = 20.0


@dataclass(frozen=True)
class Manner:
    """How much is said: messages a second; questions and put-downs a minute, each making the engine post."""

    rate: float
    questions: float
    put_downs: float
    mentioned: float = 0.95  # share of the small talk that names the engine, so that two webhooks tell of it
    edited: float = 1.0  # share of it that is edited once


@dataclass
class Said:
    """What was said, by message id."""

    questions: set[str] = field(default_factory=set)
    answers: set[str] = field(default_factory=set)
    put_downs: set[str] = field(default_factory=set)
    chat: set[str] = field(default_factory=set)
    edits: int = 0
    askers: dict[str, tuple[int, int]] = field(default_factory=dict)  # account and room

    @property
    def total(self) -> int:
        """Messages altogether."""
        return len(self.questions) + len(self.answers) + len(self.put_downs) + len(self.chat)


class Members:
    """Everybody who writes."""

    def __init__(self, site: Site, dice: random.Random, manner: Manner) -> None:
        self.said = Said()
        self._site = site
        self._dice = dice
        self._manner = manner
        self._edits: set[asyncio.Task[None]] = set()

    async def talk(self, until: float) -> None:
        """Write until `until`, seconds of the loop's clock; edits come a little later."""
        loop, number = asyncio.get_running_loop(), 0
        due = loop.time()
        while due < until:
            number += 1
            await self._one(number)
            due += self._dice.expovariate(self._manner.rate)
            await asyncio.sleep(max(0.0, due - loop.time()))
        await asyncio.gather(*self._edits)

    async def _one(self, number: int) -> None:
        """One message of one member."""
        who = self._dice.choice(MEMBERS).account_id
        room = self._dice.choice(self._site.boards)
        share = self._manner.rate * 60
        weights = (self._manner.questions, 1.5 * self._manner.questions, self._manner.put_downs)
        kind = self._dice.choices(("question", "answer", "put_down", "chat"), (*weights, share - sum(weights)))[0]
        if kind == "question":
            message_id = await self._say(room, who, f"{number}番の書類の書き方を教えてください。")
            self.said.questions.add(message_id)
            self.said.askers[message_id] = who, room
        elif kind == "answer" and self.said.questions:
            await self._answer(number, who)
        elif kind == "put_down":
            self.said.put_downs.add(await self._say(room, who, PUT_DOWN.format(number)))
        else:
            await self._chat(number, who, room)

    async def _answer(self, number: int, who: int) -> None:
        target = self._dice.choice(sorted(self.said.questions))
        asker, room = self.said.askers[target]
        if asker != who:
            body = f"[rp aid={asker} to={room}-{target}]先生\n{number}年前からこうしています。"
            self.said.answers.add(await self._say(room, who, body))

    async def _chat(self, number: int, who: int, room: int) -> None:
        named = f"[To:{ENGINE_ID}]\n" if self._dice.random() < self._manner.mentioned else ""
        body = f"{named}本日{number}人目の方がお帰りになりました。"
        message_id = await self._say(room, who, body)
        self.said.chat.add(message_id)
        if self._dice.random() < self._manner.edited:
            wait = self._dice.uniform(1.0, EDITED_WITHIN)
            edit = asyncio.create_task(self._edit(room, message_id, f"{body}（追記）", wait))
            self._edits.add(edit)
            edit.add_done_callback(self._edits.discard)

    async def _edit(self, room: int, message_id: str, body: str, wait: float) -> None:
        await asyncio.sleep(wait)
        await self._site.world("PUT", f"/rooms/{room}/messages/{message_id}", {"body": body})
        self.said.edits += 1

    async def _say(self, room: int, account_id: int, body: str) -> str:
        """One message, as in the web page."""
        told = await self._site.world("POST", f"/rooms/{room}/messages", {"account_id": account_id, "body": body})
        return str(told["message_id"])
