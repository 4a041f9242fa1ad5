"""The player: what the community says by itself, and how it reacts to the engine. No test waits for real time."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from engine.chatwork.simulator.model import Role
from engine.chatwork.simulator.sample import ADMIN_ROOM, BOARD, ENGINE_ID, VENDOR_ROOMS, Vendor, play, populate
from engine.chatwork.simulator.sample.people import ADMINS, BY_KEY
from engine.chatwork.simulator.sample.script import ANSWER_TO_ANYTHING, ANSWERS_WHEN_ASKED, ARRIVALS, SCRIPT
from engine.chatwork.simulator.testing import ManualClock
from engine.chatwork.simulator.world import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from engine.chatwork.simulator.model import Message

VENDORS = (Vendor("みなと医療機器", "key-1"), Vendor("あけぼの開業支援", "key-2"))


@dataclass
class Engine:
    """As much of an engine as the player meets."""

    url: str = ""
    not_ready: int = 0
    refusal: int | None = None
    hangs_up: bool = False
    called: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    referrals: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)

    async def ready(self, _: web.Request) -> web.Response:
        self.not_ready -= 1
        return web.Response(status=503 if self.not_ready >= 0 else 200)

    async def refer(self, request: web.Request) -> web.Response:
        self.called.release()
        if self.hangs_up and request.transport:
            request.transport.abort()
        self.referrals.append(({name.lower(): value for name, value in request.headers.items()}, await request.json()))
        if self.refusal:
            return web.Response(status=self.refusal)
        return web.json_response({"id": "r1", "code": f"YR-0000-000{len(self.referrals)}"}, status=201)


@asynccontextmanager
async def listening_engine() -> AsyncIterator[Engine]:
    engine = Engine()
    app = web.Application()
    app.router.add_get("/readyz", engine.ready)
    app.router.add_post("/v1/referrals", engine.refer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    engine.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield engine
    await runner.cleanup()


async def a_while() -> None:
    """Long enough for everybody who sleeps for no time at all to have reacted."""
    for _ in range(100):
        await asyncio.sleep(0)


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    async with listening_engine() as listening:
        yield listening


@dataclass
class Stage:
    world: World
    slept: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)

    @asynccontextmanager
    async def playing(self, engine: Engine, vendors: tuple[Vendor, ...] = ()) -> AsyncIterator[None]:
        performance = play(self.world, engine_url=engine.url, vendors=vendors, sleep=self.sleep)
        task = asyncio.create_task(performance)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, happened: Callable[[Message], bool]) -> Message:
        """The first message, of now or later, that is meant."""
        found: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

        def look(message: Message) -> None:
            if not found.done() and happened(message):
                found.set_result(message)

        for room in self.world.rooms.values():
            for message in room.messages:
                look(message)
        self.world.on_message.append(look)
        async with asyncio.timeout(10):
            return await found

    async def line(self, key: str) -> Message:
        text = next(line.text for line in SCRIPT if line.key == key)
        return await self.until(lambda message: message.body.endswith(text))

    async def end(self) -> Message:
        return await self.until(lambda message: message.body == SCRIPT[-1].text)

    def asks(self, who: str, question: Message, text: str = "お知恵を貸していただけないでしょうか。") -> Message:
        link = f"https://www.chatwork.com/#!rid{BOARD}-{question.message_id}"
        body = f"[To:{BY_KEY[who].account_id}]{BY_KEY[who].name}先生\n{text}\n{link}"
        return self.world.post(self.world.room(BOARD), ENGINE_ID, body)


@pytest.fixture
def stage(engine: Engine) -> Stage:
    world = World(ManualClock())
    populate(world, engine_url=engine.url)
    return Stage(world)


async def test_the_script_is_said_in_order_once_the_engine_is_ready(engine: Engine, stage: Stage) -> None:
    engine.not_ready = 3
    async with stage.playing(engine):
        await stage.end()
    board = stage.world.room(BOARD)
    assert [message.account_id for message in board.messages] == [BY_KEY[line.who].account_id for line in SCRIPT]
    assert all(message.body.endswith(line.text) for message, line in zip(board.messages, SCRIPT, strict=True))
    assert stage.slept[:3] == [0.5, 0.5, 0.5]
    assert sum(stage.slept[3:]) == SCRIPT[-1].at
    assert not stage.world.on_message[:-1]


async def test_it_waits_while_nobody_listens(engine: Engine, stage: Stage) -> None:
    patient = asyncio.Event()

    async def sleep(_: float) -> None:
        patient.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(play(stage.world, engine_url="http://127.0.0.1:1", sleep=sleep))
    await asyncio.wait_for(patient.wait(), 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not stage.world.room(BOARD).messages


async def test_replies_and_mentions_look_as_the_web_page_writes_them(engine: Engine, stage: Stage) -> None:
    async with stage.playing(engine):
        question, answer = await stage.line("application"), await stage.line("application-answer")
        mention = await stage.until(lambda message: message.account_id == BY_KEY["kudo"].account_id)
    asker = BY_KEY["nakano"]
    head = f"[rp aid={asker.account_id} to={BOARD}-{question.message_id}] 中野 彩さん\n"
    assert answer.body.startswith(head)
    assert mention.body.startswith(f"[To:{asker.account_id}]中野 彩さん\n")


async def test_of_three_who_are_asked_the_first_passes_and_the_others_answer(engine: Engine, stage: Stage) -> None:
    async with stage.playing(engine):
        question = await stage.line("floor")
        ask = stage.asks("mori", question)
        passed = await stage.until(lambda message: "パス" in message.body)
        assert passed.account_id == BY_KEY["mori"].account_id
        assert f"to={BOARD}-{ask.message_id}]" in passed.body
        for who, knowledge in zip(("saito", "yoshino"), ANSWERS_WHEN_ASKED["floor"], strict=False):
            stage.asks(who, question)
            answer = await stage.until(lambda message, text=knowledge: message.body.endswith(text))  # type: ignore[misc]
            assert answer.account_id == BY_KEY[who].account_id
            assert answer.body.startswith(f"[rp aid={question.account_id} to={BOARD}-{question.message_id}]")
        thanks = await stage.until(lambda message: "とても参考になりました" in message.body)
        assert thanks.account_id == question.account_id
    assert sum("とても参考になりました" in message.body for message in stage.world.room(BOARD).messages) == 1


async def test_a_question_of_anybody_is_answered_too(engine: Engine, stage: Stage) -> None:
    async with stage.playing(engine):
        await stage.end()
        board = stage.world.room(BOARD)
        question = stage.world.post(board, BY_KEY["hirano"].account_id, "内覧会では何を配られましたか？")
        for who in ("mori", "saito"):
            stage.asks(who, question)
        await stage.until(lambda message: message.body.endswith(ANSWER_TO_ANYTHING))


QUIET = [
    ("a post without a link", "{to} こんにちは"),
    ("a link without a name", "{link}"),
    ("a link into another room", "{to} https://www.chatwork.com/#!rid1-{question}"),
    ("a link to nothing", "{to} https://www.chatwork.com/#!rid{board}-1"),
    ("a link to the asked person's own message", "{self} {link}"),
]


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in QUIET])
async def test_nobody_reacts_to(engine: Engine, stage: Stage, body: str) -> None:
    async with stage.playing(engine):
        question = await stage.line("floor")
        await stage.end()
        board = stage.world.room(BOARD)
        text = body.format(
            to=f"[To:{BY_KEY['mori'].account_id}]",
            self=f"[To:{question.account_id}]",
            link=f"https://www.chatwork.com/#!rid{BOARD}-{question.message_id}",
            board=BOARD,
            question=question.message_id,
        )
        before = len(board.messages)
        stage.world.post(board, ENGINE_ID, text)
        await a_while()
        assert len(board.messages) == before + 1


async def test_a_vendors_room_is_none_of_their_business(engine: Engine, stage: Stage) -> None:
    async with stage.playing(engine):
        await stage.end()
        room = stage.world.room(VENDOR_ROOMS[0])
        stage.world.post(room, ENGINE_ID, "承認 c1")
        await a_while()
        assert len(room.messages) == 1


async def test_members_do_not_react_to_each_other(engine: Engine, stage: Stage) -> None:
    async with stage.playing(engine):
        await stage.end()
        board = stage.world.room(BOARD)
        link = f"https://www.chatwork.com/#!rid{BOARD}-{board.messages[0].message_id}"
        stage.world.post(board, BY_KEY["mori"].account_id, f"[To:{BY_KEY['saito'].account_id}] {link}")
        await a_while()
        assert board.messages[-1].account_id == BY_KEY["mori"].account_id


async def test_an_admin_approves_each_case_once(engine: Engine, stage: Stage) -> None:
    async with stage.playing(engine):
        await stage.end()
        room = stage.world.room(ADMIN_ROOM)
        stage.world.post(
            room, ENGINE_ID, "注意を送る場合は「承認 c12」、見送る場合は「却下 c12」とだけお書きください。"
        )
        stage.world.post(room, ENGINE_ID, "「承認 c12」を承りました。「承認 c13」もございます。")
        await stage.until(lambda message: message.body == "承認 c13")
    said = [message.body for message in room.messages if message.account_id == ADMINS[0].account_id]
    assert said == ["承認 c12", "承認 c13"]


async def test_vendors_refer_and_doctors_come_with_the_code(engine: Engine, stage: Stage) -> None:
    async with stage.playing(engine, VENDORS):
        for arrival in ARRIVALS:
            await stage.until(lambda message, text=arrival.welcome: message.body.endswith(text))  # type: ignore[misc]
    headers = [headers for headers, _ in engine.referrals]
    assert {one["authorization"] for one in headers} == {"Bearer key-1", "Bearer key-2"}
    assert {one["idempotency-key"] for one in headers} == {arrival.reference for arrival in ARRIVALS}
    assert [body for _, body in engine.referrals] == [
        {"reference": arrival.reference, "consent": True} for arrival in ARRIVALS
    ]
    wada = BY_KEY["wada"].account_id
    joined, hello = [message.body for message in stage.world.room(BOARD).messages if message.account_id == wada]
    assert joined == "[info][dtext:chatroom_chat_joined][/info]"
    assert hello.endswith("紹介コード: YR-0000-0001")


@pytest.mark.parametrize("refusal", [401, 503])
async def test_without_a_code_nobody_comes(engine: Engine, stage: Stage, refusal: int) -> None:
    engine.refusal = refusal
    async with stage.playing(engine, VENDORS):
        await stage.end()
        for _ in VENDORS:
            await asyncio.wait_for(engine.called.acquire(), 10)
    assert BY_KEY["wada"].account_id not in stage.world.room(BOARD).members


async def test_a_vendor_that_cannot_reach_the_engine_stops_nobody(engine: Engine, stage: Stage) -> None:
    engine.hangs_up = True
    async with stage.playing(engine, VENDORS[:1]):
        await asyncio.wait_for(engine.called.acquire(), 10)
        await stage.end()
        stage.asks("mori", await stage.line("floor"))
        await stage.until(lambda message: "パス" in message.body)


async def test_who_is_muted_or_here_already_stops_nobody(engine: Engine, stage: Stage) -> None:
    board = stage.world.room(BOARD)
    board.members[BY_KEY["kurosaki"].account_id] = Role.READONLY
    board.members[BY_KEY["wada"].account_id] = Role.READONLY
    async with stage.playing(engine, VENDORS[:1]):
        await stage.end()
        await asyncio.wait_for(engine.called.acquire(), 10)
        await a_while()
    quiet = {BY_KEY["kurosaki"].account_id, BY_KEY["wada"].account_id}
    assert not quiet & {message.account_id for message in board.messages}
