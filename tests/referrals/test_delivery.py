"""Posting to vendors: against receivers on loopback that behave, misbehave and attack."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import asynccontextmanager
from email.utils import formatdate
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from engine.errors import EngineError, Permanent, Transient
from engine.referrals.delivery import Delivered, VendorHttp
from engine.referrals.signing import new_secret, sign

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Act = Callable[[asyncio.StreamWriter], Awaitable[None]]

LOOPBACK = [ip_network("127.0.0.0/8"), ip_network("::1/128")]
NOW = 1_700_000_000
SECRET = new_secret(bytes(range(32)))
BODY = b'{"type":"referral.joined"}'
HEADERS = sign("msg_1", NOW, BODY, [SECRET]) | {"Content-Type": "application/json"}


class Receiver:
    """A server that answers each request with the same bytes, or behaves as `act` says; it keeps what it was sent."""

    def __init__(self, answer: bytes = b"", act: Act | None = None) -> None:
        self.requests: list[bytes] = []
        self._answer = answer
        self._act = act
        self._open: set[asyncio.StreamWriter] = set()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        request = await reader.readuntil(b"\r\n\r\n")
        size = next(line for line in request.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        self.requests.append(request + await reader.readexactly(int(size.split(b":")[1])))
        writer.write(self._answer)
        if self._act:
            await self._act(writer)
        else:
            self.close()

    def close(self) -> None:
        for writer in self._open:
            writer.close()

    @asynccontextmanager
    async def listening(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
        server = await asyncio.start_server(self, host, port)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            self.close()
            server.close()


class Names(AbstractResolver):
    """A resolver whose answers change: each question takes the next list, the last one stays."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not addresses:
            raise OSError(socket.EAI_NONAME, "no such name")
        return [self._result(host, port, address) for address in addresses]

    def _result(self, host: str, port: int, address: str) -> ResolveResult:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return ResolveResult(
            hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST
        )

    async def close(self) -> None:
        """Nothing is open."""


def http(status: str = "200 OK", body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def deliver(receiver: Receiver, path: str = "/hook", seconds: float = 10) -> Delivered:
    async with receiver.listening() as port, VendorHttp(LOOPBACK, seconds, wall=lambda: NOW) as vendor:
        return await vendor.post(f"http://127.0.0.1:{port}{path}", BODY, HEADERS)


async def failure(receiver: Receiver, seconds: float = 10) -> EngineError:
    with pytest.raises((Transient, Permanent)) as caught:
        await deliver(receiver, seconds=seconds)
    return caught.value


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "202 Accepted", "204 No Content", "299 Whatever"])
async def test_any_2xx_is_a_yes(status: str) -> None:
    delivered = await deliver(Receiver(http(status)))
    assert delivered.status == int(status[:3])
    assert delivered.duration_ms > 0


async def test_the_very_bytes_and_headers_arrive_and_little_else() -> None:
    receiver = Receiver(http(body="受け取りました".encode()))
    delivered = await deliver(receiver, "/hook?source=a%20b")
    head, body = receiver.requests[0].split(b"\r\n\r\n", 1)
    request_line, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert body == BODY
    assert request_line == "POST /hook?source=a%20b HTTP/1.1"
    assert {name: headers[name] for name in HEADERS} == HEADERS
    transport = {"Host", "Connection", "Content-Length"}
    assert headers.keys() - HEADERS.keys() - transport == {"Accept", "Accept-Encoding", "User-Agent"}
    assert headers["Accept-Encoding"] == "identity"
    assert delivered.excerpt == "受け取りました"


@pytest.mark.parametrize(
    ("status", "ending", "reason"),
    [
        ("301 Moved Permanently", Transient, "redirect_error"),
        ("304 Not Modified", Transient, "redirect_error"),
        ("400 Bad Request", Transient, "http_400"),
        ("401 Unauthorized", Transient, "http_401"),
        ("404 Not Found", Transient, "http_404"),
        ("410 Gone", Permanent, "gone"),
        ("429 Too Many Requests", Transient, "http_429"),
        ("500 Internal Server Error", Transient, "http_500"),
        ("502 Bad Gateway", Transient, "http_502"),
        ("503 Service Unavailable", Transient, "http_503"),
        ("504 Gateway Timeout", Transient, "http_504"),
        ("600 Beyond", Transient, "http_600"),
    ],
)
async def test_nothing_else_is_a_yes(status: str, ending: type[EngineError], reason: str) -> None:
    error = await failure(Receiver(http(status)))
    assert type(error) is ending
    assert str(error) == reason


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("Retry-After: 120", 120.0),
        (f"Retry-After: {formatdate(NOW + 60, usegmt=True)}", 60.0),
        ("Retry-After: 99999999", 86_400.0),
        ("Retry-After: later", None),
        ("X-Other: 1", None),
    ],
)
async def test_a_receivers_wish_for_patience_is_passed_on(header: str, seconds: float | None) -> None:
    error = await failure(Receiver(http("503 Service Unavailable", b"", header)))
    assert isinstance(error, Transient)
    assert error.retry_after == seconds
    assert not error.maybe_done


async def test_a_redirect_into_our_own_network_is_not_followed() -> None:
    inner = Receiver(http())
    async with inner.listening() as port:
        error = await failure(Receiver(http("302 Found", b"", f"Location: http://127.0.0.1:{port}/admin")))
    assert str(error) == "redirect_error"
    assert inner.requests == []


async def test_an_endless_answer_is_cut() -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(b"x" * 65_536)
            await writer.drain()

    delivered = await deliver(Receiver(b"HTTP/1.1 200 OK\r\n\r\n", endless))
    assert delivered.excerpt == "x" * 4096


async def silence(_: asyncio.StreamWriter) -> None:
    """Keep the connection open and say no more."""


@pytest.mark.parametrize(
    "beginning",
    [
        pytest.param(b"", id="no answer"),
        pytest.param(b"HTTP/1.1 2", id="half a status line"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Slow: 1\r\n", id="headers without an end"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", id="only an interim answer"),
    ],
)
async def test_silence_ends_in_a_timeout(beginning: bytes) -> None:
    error = await failure(Receiver(beginning, silence), seconds=0.1)
    assert isinstance(error, Transient)
    assert str(error) == "timeout"


@pytest.mark.parametrize("status", [200, 503])
async def test_the_status_counts_although_the_body_never_ends(status: int) -> None:
    receiver = Receiver(f"HTTP/1.1 {status} X\r\nContent-Length: 100\r\n\r\nbegun".encode(), silence)
    if status == 200:
        assert (await deliver(receiver, seconds=0.1)).excerpt == "begun"
    else:
        assert str(await failure(receiver, seconds=0.1)) == "http_503"


async def test_a_body_cut_short_costs_only_the_excerpt() -> None:
    delivered = await deliver(Receiver(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun"))
    assert delivered.excerpt == "begun"


async def test_a_compressed_answer_is_not_inflated() -> None:
    bomb = b"\x1f\x8b\x08" + b"\x00" * 40
    delivered = await deliver(Receiver(http("200 OK", bomb, "Content-Encoding: gzip")))
    assert len(delivered.excerpt) < 50


async def test_an_answer_cannot_paint_on_an_admins_terminal() -> None:
    delivered = await deliver(Receiver(http(body=b"ok\x1b[2J\x00\r\n\xe2\x80\xae\xff done")))
    assert delivered.excerpt == "ok[2J\n\ufffd done"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 5000 + b"\r\n\r\n", id="a header too long"),
        pytest.param(b"HTTP/1.1 200 " + b"a" * 5000 + b"\r\n\r\n", id="a status line too long"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 5000 + b"\r\n", id="too many headers"),
    ],
)
async def test_an_answer_that_is_no_proper_http(answer: bytes) -> None:
    error = await failure(Receiver(answer))
    assert isinstance(error, Transient)
    assert str(error) == "protocol_error"


async def test_a_cookie_is_not_carried_to_the_next_delivery() -> None:
    receiver = Receiver(http("200 OK", b"", "Set-Cookie: id=1; Path=/"))
    async with receiver.listening() as port, VendorHttp(LOOPBACK) as vendor:
        for _ in range(2):
            await vendor.post(f"http://127.0.0.1:{port}/", BODY, HEADERS)
    assert [b"cookie" in request.lower() for request in receiver.requests] == [False, False]


async def test_a_proxy_from_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Receiver(http("500 Proxy"))
    async with proxy.listening() as port:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        assert (await deliver(Receiver(http()))).status == 200
    assert proxy.requests == []


async def test_nobody_listens() -> None:
    async with Receiver().listening() as port:
        pass
    async with VendorHttp(LOOPBACK) as vendor:
        with pytest.raises(Transient, match=r"^connection_refused$"):
            await vendor.post(f"http://127.0.0.1:{port}/", BODY, HEADERS)


async def test_the_receiver_hangs_up() -> None:
    assert str(await failure(Receiver())) == "connection_reset"


async def test_the_receiver_resets() -> None:
    async def reset(writer: asyncio.StreamWriter) -> None:
        plug = writer.get_extra_info("socket")
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    assert str(await failure(Receiver(act=reset))) == "connection_reset"


async def test_https_to_a_server_without_tls() -> None:
    async with plain_server() as port, VendorHttp(LOOPBACK) as vendor:
        with pytest.raises(Transient, match=r"^tls_error$"):
            await vendor.post(f"https://127.0.0.1:{port}/", BODY, HEADERS)


@asynccontextmanager
async def plain_server() -> AsyncIterator[int]:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(http("400 Bad Request"))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def refusal(url: str, vendor: VendorHttp) -> EngineError:
    async with vendor:
        with pytest.raises((Transient, Permanent)) as caught:
            await vendor.post(url, BODY, HEADERS)
    return caught.value


async def test_a_name_that_nobody_knows() -> None:
    error = await refusal("https://vendor.example/", VendorHttp(resolver=Names([])))
    assert isinstance(error, Transient)
    assert str(error) == "dns_error"


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["127.0.0.1", "::1"],
        ["10.0.0.5", "169.254.169.254", "fd00::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["0.0.0.0"],
        ["fe80::1"],
    ],
)
async def test_a_name_that_leads_into_our_own_network(addresses: list[str]) -> None:
    error = await refusal("https://vendor.example/", VendorHttp(resolver=Names(addresses)))
    assert isinstance(error, Permanent)
    assert str(error) == "address_refused"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://localhost/",
        "http://vendor.example/",
        "https://vendor.example:6379/",
        "https://user:pw@vendor.example/",
    ],
)
async def test_what_could_not_be_registered_is_not_sent_to_either(url: str) -> None:
    error = await refusal(url, VendorHttp(resolver=Names(["127.0.0.1"])))
    assert isinstance(error, Permanent)
    assert str(error) == "url_refused"


ONLY_ONE = [ip_network("127.0.0.1/32")]


async def test_a_name_that_changes_its_meaning_between_two_deliveries() -> None:
    """Rebinding: the first answer is allowed, the second would be our own database."""
    receiver, database = Receiver(http()), Receiver(http())
    vendor = VendorHttp(ONLY_ONE, resolver=Names(["127.0.0.1"], ["127.0.0.2"]))
    async with receiver.listening() as port, database.listening("127.0.0.2", port), vendor:
        url = f"http://vendor.example:{port}/"
        assert (await vendor.post(url, BODY, HEADERS)).status == 200
        with pytest.raises(Permanent, match=r"^address_refused$"):
            await vendor.post(url, BODY, HEADERS)
    assert (len(receiver.requests), database.requests) == (1, [])


async def test_plain_http_does_not_leave_the_allowed_network() -> None:
    error = await refusal("http://vendor.example/", VendorHttp(LOOPBACK, resolver=Names(["93.184.215.14"])))
    assert str(error) == "address_refused"


async def test_of_two_addresses_only_the_open_one_is_used() -> None:
    receiver, database = Receiver(http()), Receiver(http())
    vendor = VendorHttp(ONLY_ONE, resolver=Names(["127.0.0.2", "127.0.0.1"]))
    async with receiver.listening() as port, database.listening("127.0.0.2", port), vendor:
        await vendor.post(f"http://vendor.example:{port}/", BODY, HEADERS)
    assert (len(receiver.requests), database.requests) == (1, [])


async def test_no_failure_repeats_what_was_sent() -> None:
    for receiver in (Receiver(http("500 No", BODY)), Receiver(b"x\r\n\r\n"), Receiver()):
        error = await failure(receiver)
        shown = repr(error) + repr(error.__cause__)
        assert not any(part in shown for part in (SECRET, BODY.decode(), HEADERS["webhook-signature"], "127.0.0.1"))
        assert error.__suppress_context__ or error.__context__ is None
