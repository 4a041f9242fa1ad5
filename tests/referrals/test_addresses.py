"""Which addresses a vendor may register, and which machines we ever connect to."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import Refused
from engine.referrals.addresses import check_url, is_reachable, needs_allowed_network

LOOPBACK = [ip_network("127.0.0.0/8"), ip_network("::1/128")]

REFUSED_URLS = {
    "plain http": "http://example.com/hook",
    "another port": "https://example.com:22/hook",
    "port 0": "https://example.com:0/hook",
    "port 80 with https": "https://example.com:80/hook",
    "a port that is none": "https://example.com:99999/",
    "two ports": "https://example.com:443:80/",
    "user information": "https://user@example.com/",
    "user and password": "https://user:pw@example.com/",
    "empty user information": "https://@example.com/",
    "a host hidden behind user information": "https://example.com@127.0.0.1/",
    "loopback": "https://127.0.0.1/",
    "a public address": "https://8.8.8.8/",
    "private": "https://10.0.0.1/",
    "metadata service": "https://169.254.169.254/latest/meta-data/",
    "IPv6 loopback": "https://[::1]/",
    "IPv4 inside IPv6": "https://[::ffff:127.0.0.1]/",
    "IPv6 with a zone": "https://[fe80::1%25eth0]/",
    "a public IPv6 address": "https://[2606:4700::1111]/",
    "decimal": "https://2130706433/",
    "octal": "https://0177.0.0.1/",
    "hexadecimal": "https://0x7f000001/",
    "hexadecimal at the end": "https://127.0x1/",
    "a bare 0x at the end": "https://example.0x/",
    "short form": "https://127.1/",
    "short form with a dot behind": "https://127.1./",
    "a numeric top level": "https://example.1/",
    "full-width digits": "https://１２７.０.０.１/",
    "an ideographic full stop": "https://127。0。0。1/",
    "circled digits": "https://①②⑦.0.0.1/",
    "a name without a dot": "https://localhost/",
    "a name without a dot but one behind": "https://localhost./",
    "a service's name": "https://valkey:8443/",
    "a percent sign in the host": "https://example%2ecom/",
    "an encoded NUL in the host": "https://example.com%00.evil.example/",
    "an empty label": "https://example..com/",
    "a leading dot": "https://.example.com/",
    "a label that begins with a hyphen": "https://-a.example/",
    "a label too long": f"https://{'a' * 64}.example/",
    "a blank in the host": "https://exam ple.com/",
    "a backslash": "https://example.com\\@127.0.0.1/",
    "a line end": "https://example.com/\r\nHost: valkey",
    "a tab": "https://exa\tmple.com/",
    "a NUL": "https://example.com/\x00",
    "no host": "https:///hook",
    "no scheme": "example.com/hook",
    "no scheme but slashes": "//example.com/hook",
    "one slash": "https:/example.com/hook",
    "file": "file:///etc/passwd",
    "gopher": "gopher://example.com/_SET",
    "data": "data:text/plain,hello",
    "unix": "unix:///run/valkey.sock",
    "an open bracket": "https://[::1/",
    "empty": "",
    "too long": "https://example.com/" + "a" * 2048,
}


@pytest.mark.parametrize("url", REFUSED_URLS.values(), ids=REFUSED_URLS)
def test_a_vendor_cannot_register(url: str) -> None:
    with pytest.raises(Refused, match=r"^the webhook address "):
        check_url(url, [])


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://hooks.example.co.jp/chatwork/referrals?source=yuruyuru",
        "https://example.com:443/",
        "https://example.com:8443/hook",
        "https://EXAMPLE.com/",
        "https://example.com./",
        "https://xn--eckwd4c7c.xn--zckzah/hook",
        "https://1-2-3.4you.example/",
        "https://a_b.example/",
        "https://example.com/a@b",
    ],
)
def test_a_vendor_may_register(url: str) -> None:
    check_url(url, [])
    assert not needs_allowed_network(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9000/hook",
        "https://127.0.0.1/",
        "http://[::1]:9000/",
        "http://[::ffff:127.0.0.1]/",
        "http://localhost:9000/",
        "http://vendor.example/",
        "https://intranet/",
    ],
)
def test_allowed_networks_open_what_must_then_lead_inside_them(url: str) -> None:
    check_url(url, LOOPBACK)
    assert needs_allowed_network(url)


@pytest.mark.parametrize(
    "name",
    [
        "private",
        "a public address",
        "metadata service",
        "decimal",
        "hexadecimal",
        "octal",
        "short form",
        "file",
        "user information",
        "full-width digits",
        "a percent sign in the host",
        "a line end",
        "no host",
    ],
)
def test_allowed_networks_do_not_open(name: str) -> None:
    with pytest.raises(Refused):
        check_url(REFUSED_URLS[name], LOOPBACK)


@given(st.text(max_size=60).map("https://".__add__) | st.text(max_size=60))
def test_any_text_is_accepted_or_refused(url: str) -> None:
    with suppress(Refused):
        check_url(url, [])


CLOSED = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.255",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "::8.8.8.8",
    "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::1",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "100:0:0:1::1",
    "2001::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:808:808::1",
    "3fff::1",
    "3fff:fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fdff::1",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1",
    "fec0::1",
    "feff::1",
    "ff02::1",
    "ff0e::1",
]

OPEN = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "126.255.255.255",
    "128.0.0.1",
    "169.253.0.1",
    "169.255.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "192.0.1.1",
    "192.167.0.1",
    "192.169.0.1",
    "198.17.0.1",
    "198.20.0.1",
    "203.0.112.1",
    "223.255.255.255",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2001:200::1",
    "2400:2650::1",
    "2606:4700::1111",
    "2a00:1450::1",
]


@pytest.mark.parametrize("address", CLOSED)
def test_we_never_connect_to(address: str) -> None:
    assert not is_reachable(ip_address(address), [])


@pytest.mark.parametrize("address", OPEN)
def test_we_may_connect_to(address: str) -> None:
    assert is_reachable(ip_address(address), [])


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "::1"])
def test_an_allowed_network_is_reachable(address: str) -> None:
    assert is_reachable(ip_address(address), LOOPBACK)
    assert is_reachable(ip_address(address), LOOPBACK, only_allowed=True)


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "64:ff9b::127.0.0.1", "::127.0.0.1", "fe80::1"])
def test_an_allowed_network_opens_no_other(address: str) -> None:
    assert not is_reachable(ip_address(address), LOOPBACK)


@pytest.mark.parametrize("address", OPEN)
def test_plain_http_never_leaves_the_allowed_networks(address: str) -> None:
    assert not is_reachable(ip_address(address), LOOPBACK, only_allowed=True)
