"""The client against servers on loopback that answer, refuse, misbehave and vanish; against the simulator's limits."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import traceback
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest
from aiohttp import ClientTimeout
from pydantic import SecretStr
from structlog.testing import capture_logs

from engine.chatwork import client as client_module
from engine.chatwork.client import ChatworkClient
from engine.chatwork.limits import Limiter
from engine.errors import EngineError, Permanent, Transient
from engine.ports import Lane

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from redis.asyncio import Redis

    from engine.keys import Keys
    from tests.fakes import FakeClock

    Call = Callable[[ChatworkClient], Awaitable[object]]

TOKEN = "f00dfeedf00dfeedf00dfeedf00dfeed"
ROOM = 567890123


def answer(status: str = "200 OK", body: str = '{"message_id": "1"}', *headers: str) -> bytes:
    raw = body.encode()
    return "\r\n".join([f"HTTP/1.1 {status}", f"content-length: {len(raw)}", *headers, "", ""]).encode() + raw


@dataclass(slots=True)
class Answerer:
    """A server that gives the same bytes to everybody, or behaves as `acts`; it keeps what it was asked."""

    says: bytes = b""
    acts: Callable[[asyncio.StreamWriter], None] | None = None
    heads: list[str] = field(default_factory=list)
    forms: list[bytes] = field(default_factory=list)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                size = re.search(r"content-length: (\d+)", head.lower())
                self.heads.append(head)
                self.forms.append(await reader.readexactly(int(size[1])) if size else b"")
                if self.acts is not None:
                    self.acts(writer)
                    break
                writer.write(self.says)
        writer.close()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v2"
        finally:
            server.close()


def reset(writer: asyncio.StreamWriter) -> None:
    """Tear the connection down with a reset."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def say_half(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")


@dataclass(slots=True)
class Desk:
    """What a client needs beside its server."""

    redis: Redis
    keys: Keys
    clock: FakeClock

    def client(self, url: str, token: str = TOKEN) -> ChatworkClient:
        return ChatworkClient(url, SecretStr(token), Limiter(self.redis, self.keys, self.clock))

    async def ends(self, answerer: Answerer, call: Call) -> EngineError:
        """Call somebody who fails; how that ended."""
        async with answerer.listening() as url, self.client(url) as chat:
            with pytest.raises((Transient, Permanent)) as caught:
                await call(chat)
        return caught.value


@pytest.fixture
def desk(redis: Redis, keys: Keys, clock: FakeClock) -> Desk:
    return Desk(redis, keys, clock)


async def post(chat: ChatworkClient) -> str:
    return await chat.post(ROOM, "お知恵を貸してください", Lane.NUDGE)


async def read(chat: ChatworkClient) -> object:
    return await chat.newest_messages(ROOM, Lane.REPLY)


READS: list[tuple[str, Call]] = [
    ("me", lambda chat: chat.me()),
    ("members", lambda chat: chat.members(ROOM)),
    ("messages", read),
    ("contacts", lambda chat: chat.direct_rooms()),
]


# -- what goes over the wire ------------------------------------------------------------------------------------------


async def test_a_post_is_a_form_and_nothing_of_it_stands_in_the_query(desk: Desk) -> None:
    answerer = Answerer(answer())
    async with answerer.listening() as url, desk.client(url) as chat:
        await chat.post(ROOM, "改行\nと a=b&c+d", Lane.REPLY)
    assert answerer.heads[0].startswith(f"POST /v2/rooms/{ROOM}/messages HTTP/1.1")
    assert "content-type: application/x-www-form-urlencoded" in answerer.heads[0].lower()
    assert parse_qs(answerer.forms[0].decode()) == {"body": ["改行\nと a=b&c+d"]}


async def test_messages_are_read_without_moving_the_cursor_that_all_readers_share(desk: Desk) -> None:
    answerer = Answerer(answer(body="[]"))
    async with answerer.listening() as url, desk.client(url) as chat:
        await read(chat)
    assert answerer.heads[0].startswith(f"GET /v2/rooms/{ROOM}/messages?force=1 HTTP/1.1")


async def test_the_token_travels_in_its_header_only(desk: Desk) -> None:
    answerer = Answerer(answer(body="[]"))
    async with answerer.listening() as url, desk.client(url + "/") as chat:
        await read(chat)
    [head] = answerer.heads
    assert f"x-chatworktoken: {TOKEN}" in head.lower()
    assert head.count(TOKEN) == 1


async def test_cookies_are_not_kept(desk: Desk) -> None:
    answerer = Answerer(answer("200 OK", "[]", "set-cookie: a=b"))
    async with answerer.listening() as url, desk.client(url) as chat:
        await read(chat)
        await read(chat)
    assert not any("cookie" in head.lower() for head in answerer.heads)


# -- answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [pytest.param(call, id=name) for name, call in READS[1:]])
async def test_an_empty_list_comes_as_204_without_a_body(desk: Desk, call: Call) -> None:
    async with Answerer(b"HTTP/1.1 204 No Content\r\n\r\n").listening() as url, desk.client(url) as chat:
        assert not await call(chat)


@pytest.mark.parametrize("given", ['"9007199254740993"', "9007199254740993", '"18446744073709551615"'])
async def test_a_message_id_beyond_2_53_keeps_its_last_digit(desk: Desk, given: str) -> None:
    async with Answerer(answer(body=f'{{"message_id": {given}}}')).listening() as url, desk.client(url) as chat:
        assert await post(chat) == given.strip('"')


async def test_messages_are_sorted_by_time_and_id_as_a_number(desk: Desk) -> None:
    def row(message_id: str, sent: int) -> str:
        account = '{"account_id": 1, "name": "青木", "avatar_image_url": ""}'
        return (
            f'{{"message_id": "{message_id}", "account": {account}, "body": "", "send_time": {sent}, "update_time": 0}}'
        )

    rows = ",".join([row("1000", 7), row("999", 7), row("2000", 6)])
    async with Answerer(answer(body=f"[{rows}]")).listening() as url, desk.client(url) as chat:
        assert [message.message_id for message in await chat.newest_messages(ROOM, Lane.REPLY)] == [
            "2000",
            "999",
            "1000",
        ]


UNREADABLE = [
    pytest.param("", id="nothing"),
    pytest.param("<html>Under maintenance</html>", id="a page of HTML"),
    pytest.param('{"message_id": ', id="half an object"),
    pytest.param('{"message_id": 1.5e18}', id="an id that went through a float"),
    pytest.param('{"message_id": true}', id="an id that is a boolean"),
    pytest.param('{"message_id": "abc"}', id="an id that is a word"),
    pytest.param('{"errors": ["but 200"]}', id="an error with status 200"),
    pytest.param("null", id="null"),
]


@pytest.mark.parametrize("body", UNREADABLE)
async def test_an_unreadable_yes_to_a_post_may_be_a_yes(desk: Desk, body: str) -> None:
    error = await desk.ends(Answerer(answer(body=body)), post)
    assert isinstance(error, Transient)
    assert error.maybe_done


@pytest.mark.parametrize("body", UNREADABLE)
@pytest.mark.parametrize("call", [pytest.param(call, id=name) for name, call in READS])
async def test_an_unreadable_answer_to_a_read_is_worth_another_try(desk: Desk, body: str, call: Call) -> None:
    error = await desk.ends(Answerer(answer(body=body)), call)
    assert isinstance(error, Transient)
    assert not error.maybe_done


async def test_a_post_answered_by_204_may_have_been_done(desk: Desk) -> None:
    error = await desk.ends(Answerer(b"HTTP/1.1 204 No Content\r\n\r\n"), post)
    assert isinstance(error, Transient)
    assert error.maybe_done


# -- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status",
    ["400 Bad Request", "403 Forbidden", "404 Not Found", "405 Method Not Allowed", "413 Too Large", "422 Wrong"],
)
@pytest.mark.parametrize("call", [pytest.param(post, id="post"), pytest.param(read, id="read")])
async def test_a_refusal_will_never_work_and_says_chatworks_reason(desk: Desk, status: str, call: Call) -> None:
    error = await desk.ends(Answerer(answer(status, '{"errors": ["You may not"]}')), call)
    assert isinstance(error, Permanent)
    assert status[:3] in error.reason
    assert "You may not" in error.reason


@pytest.mark.parametrize("status", ["500 Oops", "502 Bad Gateway", "503 Away", "504 Late", "599 Odd", "408 Slow"])
@pytest.mark.parametrize(
    ("call", "changes"), [pytest.param(post, True, id="post"), pytest.param(read, False, id="read")]
)
async def test_trouble_on_their_side_passes_and_a_post_may_have_been_done(
    desk: Desk, *, status: str, call: Call, changes: bool
) -> None:
    error = await desk.ends(Answerer(answer(status, "<html>")), call)
    assert isinstance(error, Transient)
    assert error.maybe_done is changes


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize("call", [pytest.param(post, id="post"), pytest.param(read, id="read")])
async def test_a_redirect_is_not_followed_lest_the_token_go_elsewhere(desk: Desk, status: str, call: Call) -> None:
    elsewhere = Answerer(answer(body="[]"))
    async with elsewhere.listening() as url:
        error = await desk.ends(Answerer(answer(status, "", f"location: {url}/rooms/1/messages")), call)
    assert isinstance(error, Permanent)
    assert elsewhere.heads == []


async def test_a_refused_token_is_an_error_to_look_at_and_waits_until_it_is_mended(desk: Desk) -> None:
    with capture_logs() as lines:
        error = await desk.ends(Answerer(answer("401 Unauthorized", '{"errors": ["Invalid API token"]}')), post)
    assert isinstance(error, Transient)
    assert (error.retry_after, error.maybe_done) == (300, False)
    assert [(line["event"], line["log_level"]) for line in lines] == [("chatwork_token_refused", "error")]


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        pytest.param("x-ratelimit-reset: {now+120}", 120, id="in two minutes"),
        pytest.param("x-ratelimit-reset: {now-5}", 1, id="a reset that is over waits a second"),
        pytest.param("x-ratelimit-reset: {now+99999}", 300, id="never longer than the window"),
        pytest.param("x-ratelimit-reset: soon", 300, id="a word"),
        pytest.param("x-ratelimit-reset: \u00b2", 300, id="a digit that is no number"),
        pytest.param("x-other: 1", 300, id="no header"),
    ],
)
async def test_the_wait_after_a_429_for_the_token(desk: Desk, header: str, wait: float) -> None:
    now = int(desk.clock.now())
    for offset in ("+120", "-5", "+99999"):
        header = header.replace(f"{{now{offset}}}", str(now + int(offset)))
    error = await desk.ends(Answerer(answer("429 Too Many Requests", '{"errors": ["x"]}', header)), read)
    assert isinstance(error, Transient)
    assert (error.retry_after, error.maybe_done) == (wait, False)


async def test_a_read_that_names_a_room_pauses_the_token(desk: Desk) -> None:
    """The room's limit is about posts; a read that is refused in those words obeys the stricter pause."""
    text = '{"errors": ["Rate limit for message posting per room exceeded."]}'
    await desk.ends(Answerer(answer("429 Too Many Requests", text)), read)
    async with desk.client("http://127.0.0.1:1/v2") as chat:
        with pytest.raises(Transient, match="rate_limited"):
            await chat.me()


# -- the network ------------------------------------------------------------------------------------------------------


async def test_where_nobody_listens_nothing_was_done(desk: Desk) -> None:
    async with Answerer().listening() as url:
        pass
    async with desk.client(url) as chat:
        with pytest.raises(Transient) as refused:
            await post(chat)
    assert not refused.value.maybe_done


async def test_at_an_address_that_is_none_nothing_was_done(desk: Desk) -> None:
    async with desk.client("http:///v2") as chat:
        with pytest.raises(Transient) as refused:
            await post(chat)
    assert not refused.value.maybe_done


@pytest.mark.parametrize(
    "answerer",
    [
        pytest.param(Answerer(acts=reset), id="a reset"),
        pytest.param(Answerer(acts=lambda _: None), id="closed without a word"),
        pytest.param(Answerer(acts=say_half), id="half an answer"),
        pytest.param(Answerer(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), id="another protocol"),
        pytest.param(Answerer(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n"), id="endless headers"),
    ],
)
async def test_a_connection_that_breaks_after_the_question_leaves_a_post_in_doubt(
    desk: Desk, answerer: Answerer
) -> None:
    for call, doubtful in ((post, True), (read, False)):
        error = await desk.ends(answerer, call)
        assert isinstance(error, Transient)
        assert error.maybe_done is doubtful


async def test_a_silent_server_is_given_up_and_a_post_is_in_doubt(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "TIMEOUT", ClientTimeout(total=0.1))
    for call, doubtful in ((post, True), (read, False)):
        error = await desk.ends(Answerer(b""), call)
        assert isinstance(error, Transient)
        assert error.maybe_done is doubtful


async def test_a_connect_that_takes_too_long_did_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener whose queue of connections is full answers no further connect."""
    monkeypatch.setattr(client_module, "TIMEOUT", ClientTimeout(total=5, connect=0.2, sock_connect=0.2))
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        place = deaf.getsockname()
        with socket.create_connection(place), queued(place):
            async with desk.client(f"http://{place[0]}:{place[1]}/v2") as chat:
                with pytest.raises(Transient) as late:
                    await post(chat)
    assert not late.value.maybe_done


def queued(place: tuple[str, int]) -> socket.socket:
    """One more connect in the queue, begun and not waited for."""
    caller = socket.socket()
    caller.setblocking(False)  # noqa: FBT003 - the standard library's
    caller.connect_ex(place)
    return caller


# -- the token stays a secret -----------------------------------------------------------------------------------------


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and everything it was raised from or beside."""
    while error is not None:
        yield error
        yield from chain(error.__cause__)
        error = error.__context__


SPOKEN = f'{{"errors": ["{TOKEN} is not known here"]}}'


@pytest.mark.parametrize(
    "answerer",
    [
        pytest.param(Answerer(answer("400 Bad Request", SPOKEN)), id="a refusal that repeats it"),
        pytest.param(Answerer(answer("403 Forbidden", "x" * 190 + TOKEN)), id="a refusal cut in its middle"),
        pytest.param(Answerer(answer("401 Unauthorized", SPOKEN)), id="a refused token"),
        pytest.param(Answerer(answer("429 Too Many", SPOKEN)), id="too many"),
        pytest.param(Answerer(answer("500 Oops", SPOKEN)), id="their trouble"),
        pytest.param(Answerer(answer("302 Found", "", f"location: /?token={TOKEN}")), id="a redirect"),
        pytest.param(Answerer(answer(body=SPOKEN)), id="an unreadable answer"),
        pytest.param(Answerer(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), id="another protocol"),
        pytest.param(Answerer(acts=reset), id="a reset"),
        pytest.param(Answerer(acts=say_half), id="half an answer"),
    ],
)
@pytest.mark.parametrize("call", [pytest.param(post, id="post"), pytest.param(read, id="read")])
async def test_the_token_is_in_no_exception_and_no_log(
    desk: Desk, caplog: pytest.LogCaptureFixture, *, answerer: Answerer, call: Call
) -> None:
    caplog.set_level("DEBUG")
    with capture_logs() as lines:
        error = await desk.ends(answerer, call)
    told = [*lines, caplog.text, traceback.format_exception(error)]
    for one in chain(error):
        told += [str(one), repr(one), repr(one.args), repr(vars(one))]
    assert TOKEN[:8] not in repr(told)


async def test_the_client_itself_does_not_show_it(desk: Desk) -> None:
    async with desk.client("http://127.0.0.1:1/v2") as chat:
        assert TOKEN not in repr(chat) + repr(vars(chat))
