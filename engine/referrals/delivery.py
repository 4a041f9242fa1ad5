"""Posts a signed body to an address that a vendor chose, without trusting the address or the answer.

The address is judged where it counts, in the moment of connecting (`addresses.py` says why). The answer may be endless,
slow, compressed or a redirect into our own network, so everything about it is limited and nothing followed.
"""

from __future__ import annotations

import errno
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, Self

import aiohttp
from aiohttp import ClientTimeout, DummyCookieJar, TCPConnector

from engine.errors import Permanent, Refused, Transient
from engine.referrals.addresses import Network, check_url, is_reachable, needs_allowed_network
from engine.referrals.retries import parse_retry_after

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from aiohttp.abc import AbstractResolver
    from aiohttp.typedefs import LooseHeaders

EXCERPT_BYTES: Final = 4096
HEADER_BYTES: Final = 4096
HEADERS: Final = 64
CONNECT_SECONDS: Final = 5.0
SUCCESS, REDIRECT, GONE = 2, 3, 410

ERRNO_CLASSES: Final[dict[int | None, str]] = {
    errno.ECONNREFUSED: "connection_refused",
    errno.ECONNRESET: "connection_reset",
    errno.ECONNABORTED: "connection_reset",
    errno.EPIPE: "connection_reset",
    errno.ETIMEDOUT: "timeout",
}

AddrInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Delivered:
    """A receiver's yes: any status 2xx; `excerpt` is the beginning of its answer, printable text only."""

    status: int
    duration_ms: float
    excerpt: str


class AddressClosed(OSError):
    """The connect went to an address we do not reach out to. One text for all, so that several become one error."""

    def __init__(self) -> None:
        super().__init__("address closed")


class VendorHttp:
    """The one way out to vendors' webhooks, as an async context manager.

    `allow_networks` are private networks that may be reached all the same, also with plain http; `timeout` is for the
    whole exchange including the answer's body, in seconds. `resolver` and `wall` (epoch seconds) are for tests.
    """

    def __init__(
        self,
        allow_networks: Sequence[Network] = (),
        timeout: float = 15,
        *,
        resolver: AbstractResolver | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._allow = tuple(allow_networks)
        self._timeout = ClientTimeout(total=timeout, sock_connect=min(timeout, CONNECT_SECONDS))
        self._resolver = resolver
        self._wall = wall

    async def __aenter__(self) -> Self:
        self._public = self._session(only_allowed=False)
        self._private = self._session(only_allowed=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._public.close()
        await self._private.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Delivered:
        """Post `body` as it is, with `headers` (see `signing.sign`), and give the receiver's 2xx.

        Raises Permanent("gone") for a receiver who wants no more, Permanent("url_refused") and
        Permanent("address_refused") for a place we do not go to, otherwise Transient with the class of the error as
        its reason: dns_error, connection_refused, connection_reset, connection_failed, timeout, tls_error,
        protocol_error, redirect_error, http_503 and the like. None of them repeats the body, a header or the address.
        A repeated delivery does no harm, its `webhook-id` stays the same; so `maybe_done` is never set.
        """
        began = time.perf_counter()
        try:
            async with self._session_for(url).post(url, data=body, headers=headers, allow_redirects=False) as response:
                excerpt = await _excerpt(response)
        except (aiohttp.ClientError, OSError) as error:
            raise _ending(error) from None
        self._judge(response)
        return Delivered(response.status, (time.perf_counter() - began) * 1000, excerpt)

    def _judge(self, response: aiohttp.ClientResponse) -> None:
        """Only 2xx is a yes; 410 is a no for good; all else may be mended within the days of the schedule."""
        status = response.status
        if status == GONE:
            raise Permanent("gone")
        if status // 100 == REDIRECT:
            raise Transient("redirect_error")
        if status // 100 != SUCCESS:
            retry_after = parse_retry_after(response.headers.get("Retry-After"), self._wall())
            raise Transient(f"http_{status}", retry_after=retry_after)

    def _session_for(self, url: str) -> aiohttp.ClientSession:
        try:
            check_url(url, self._allow)
        except Refused:
            raise Permanent("url_refused") from None
        return self._private if needs_allowed_network(url) else self._public

    def _session(self, *, only_allowed: bool) -> aiohttp.ClientSession:
        def open_socket(info: AddrInfo) -> socket.socket:
            """Give aiohttp a socket for the concrete address it is about to connect to, or none."""
            family, kind, protocol, _, place = info
            if not is_reachable(ip_address(str(place[0])), self._allow, only_allowed=only_allowed):
                raise AddressClosed
            return socket.socket(family, kind, protocol)

        # Nothing is kept from one delivery to the next: no connection, no name, no cookie.
        connector = TCPConnector(
            socket_factory=open_socket, resolver=self._resolver, force_close=True, use_dns_cache=False
        )
        identity: LooseHeaders = {"Accept-Encoding": "identity", "User-Agent": "yuruyuru-webhooks"}
        return aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            cookie_jar=DummyCookieJar(),
            headers=identity,
            trust_env=False,
            auto_decompress=False,
            max_line_size=HEADER_BYTES,
            max_field_size=HEADER_BYTES,
            max_headers=HEADERS,
        )


async def _excerpt(response: aiohttp.ClientResponse) -> str:
    """Read the beginning of the answer. The status is the answer; trouble after it costs the excerpt only."""
    kept = bytearray()
    with suppress(aiohttp.ClientError, OSError):
        while len(kept) < EXCERPT_BYTES and (chunk := await response.content.read(EXCERPT_BYTES - len(kept))):
            kept += chunk
    text = kept.decode(errors="replace")
    return "".join(letter for letter in text if letter.isprintable() or letter == "\n")


def _ending(error: Exception) -> Transient | Permanent:
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, AddressClosed):
        return Permanent("address_refused")
    return Transient(_error_class(error))


def _error_class(error: Exception) -> str:
    """Name the kind of failure, in the words that senders of webhooks commonly use; the first that fits."""
    kinds: tuple[tuple[str, tuple[type[Exception], ...]], ...] = (
        ("dns_error", (aiohttp.ClientConnectorDNSError,)),
        ("tls_error", (aiohttp.ClientSSLError, ssl.SSLError)),
        ("timeout", (TimeoutError,)),
        ("connection_reset", (aiohttp.ServerDisconnectedError,)),
        ("protocol_error", (aiohttp.ClientResponseError, aiohttp.ClientPayloadError)),
    )
    fallback = ERRNO_CLASSES.get(getattr(error, "errno", None), "connection_failed")
    return next((name for name, types in kinds if isinstance(error, types)), fallback)
