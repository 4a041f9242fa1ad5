"""Where a vendor's webhook may point. Vendors choose the address, so it could be aimed at our own machines (SSRF).

Two questions, two functions. `check_url` judges the spelling when an address is registered, so that a person learns at
once what is wrong. `is_reachable` judges the concrete address at every connect, because a name can mean something else
each time it is asked. Background: https://owasp.org/API-Security/editions/2023/en/0xa7-server-side-request-forgery/
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Final

from yarl import URL

from engine.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

PORTS: Final = frozenset({443, 8443})
LONGEST_URL: Final = 2048

# `is_global` of the standard library says yes to multicast, 6to4 and more, and differs between Python versions.
# https://www.iana.org/assignments/iana-ipv4-special-registry/ and the registry of the same name for IPv6.
CLOSED_V4: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # carrier-grade NAT
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link-local, also the clouds' metadata services
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
        ),
    )
)
GLOBAL_V6: Final = IPv6Network("2000::/3")
"""All that is global unicast; loopback, unique local, link-local, multicast and the translated ranges lie outside."""
CLOSED_V6: Final = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments, Teredo
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4, carries an IPv4 address
            "3fff::/20",  # documentation
        ),
    )
)
NAT64: Final = IPv6Network("64:ff9b::/96")

NAME: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\.?", re.IGNORECASE)
NUMERIC_END: Final = re.compile(r"(?:^|\.)(?:\d+|0x[0-9a-f]*)\.?$", re.IGNORECASE)
"""Hosts that end in a number are addresses, however they are spelt: https://url.spec.whatwg.org/#ends-in-a-number-checker"""


def check_url(url: str, allow_networks: Sequence[Network]) -> None:
    """Raise Refused, saying the remedy, unless `url` is one that a vendor may register.

    That is https, port 443 or 8443, no user information, and a host name with a dot. `allow_networks` opens private
    networks: an address inside them is accepted with any scheme and port, and any name is, provided that it turns out
    to be inside (see `needs_allowed_network`).
    """
    parsed = _parse(url)
    literal = _literal(parsed)
    if literal is not None:
        if not _is_inside(literal, allow_networks):
            raise Refused("the webhook address needs a host name instead of an IP address")
    elif flaw := _flaw(parsed, exempt=bool(allow_networks)):
        raise Refused(flaw)


def needs_allowed_network(url: str) -> bool:
    """Tell whether only `allow_networks` makes `url` acceptable, so that it must lead inside them."""
    parsed = _parse(url)
    return _literal(parsed) is not None or _flaw(parsed, exempt=False) is not None


def is_reachable(address: Address, allow_networks: Sequence[Network], *, only_allowed: bool = False) -> bool:
    """May we connect to `address`: public, or inside `allow_networks`; with `only_allowed` nothing but those."""
    address = _unwrapped(address)
    return _is_inside(address, allow_networks) or (not only_allowed and _is_public(address))


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not _is_inside(address, CLOSED_V4)
    if address in NAT64:
        return not _is_inside(IPv4Address(int(address) & 0xFFFF_FFFF), CLOSED_V4)
    return address in GLOBAL_V6 and not _is_inside(address, CLOSED_V6)


def _is_inside(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _unwrapped(address: Address) -> Address:
    """IPv4 written inside IPv6 reaches the same machine as IPv4."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _parse(url: str) -> URL:
    """Read `url` with the parser that will later connect, since two parsers may see two hosts."""
    if not url.isascii() or not url.isprintable() or set(url) & set(' \\"<>') or len(url) > LONGEST_URL:
        raise Refused(
            "the webhook address must be plain ASCII (a Japanese domain in its xn-- form), 2048 characters at most"
        )
    try:
        parsed = URL(url)
        parsed.port  # noqa: B018 - out of range is found when asked
    except ValueError:
        raise Refused("the webhook address cannot be read; write it like https://example.com/hook") from None
    if parsed.scheme not in ("http", "https") or not parsed.raw_host:
        raise Refused("the webhook address must start with https:// and a host name")
    if "@" in url.split("/")[2]:
        raise Refused("the webhook address must not contain a user name or password")
    return parsed


def _literal(url: URL) -> Address | None:
    """Give the address when the host is written as one in the usual way."""
    try:
        return _unwrapped(ip_address(url.raw_host or ""))
    except ValueError:
        return None


def _flaw(url: URL, *, exempt: bool) -> str | None:
    """Say what keeps a URL with a host name from being registered; `exempt` from what private networks may do."""
    host = url.raw_host or ""
    if NUMERIC_END.search(host) or not NAME.fullmatch(host):
        return "the webhook address needs an ordinary host name"
    if exempt:
        return None
    if url.scheme != "https":
        return "the webhook address must start with https://"
    if url.port not in PORTS:
        return "the webhook address must use port 443 or 8443"
    if "." not in host.rstrip("."):
        return "the webhook address needs a full host name such as hooks.example.com"
    return None
