"""`yuruyuru vendors`: added once, shown without keys, rotated, disabled."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from engine.referrals.store import Referrals, Vendor

if TYPE_CHECKING:
    from engine.commands.office import Office
    from tests.terminal import Terminal

HOOK = "https://vendor.example/hook"


def added(terminal: Terminal, name: str = "みほん商事", *options: str) -> dict[str, str]:
    row: dict[str, str] = terminal.run("vendors", "add", name, *options, "--json").json
    return row


def vendor_of(terminal: Terminal, api_key: str) -> Vendor | None:
    """Whom the API would let in with a key."""

    async def look(office: Office) -> Vendor | None:
        return await Referrals(office.commit()).vendor_of_key(api_key)

    return terminal.does(look)


def test_a_new_vendor_gets_a_key_and_a_secret_this_once(terminal: Terminal) -> None:
    row = added(terminal, "みほん商事", "--webhook", HOOK, "--email", "a@vendor.example", "--room", "7")
    assert list(row) == ["vendor_id", "api_key", "webhook_secret"]
    assert re.fullmatch(r"v_[0-9a-f]{8}", row["vendor_id"])
    assert row["webhook_secret"].startswith("whsec_")
    vendor = vendor_of(terminal, row["api_key"])
    assert vendor is not None
    assert (vendor.id, vendor.name) == (row["vendor_id"], "みほん商事")
    assert (vendor.webhook_url, vendor.email, vendor.room_id) == (HOOK, "a@vendor.example", 7)
    assert row["api_key"] not in vendor.model_dump_json()


def test_a_person_is_told_what_to_do_with_the_key(terminal: Terminal) -> None:
    ran = terminal.run("vendors", "add", "みほん商事")
    assert ran.code == 0
    assert "api_key         yr_" in ran.out
    assert ran.out.splitlines()[-1] == "Hand both over on a safe way; the API key cannot be shown again."


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param([""], "a vendor needs a name", id="a vendor without a name"),
        pytest.param(["　"], "a vendor needs a name", id="a vendor whose name is blank"),
        pytest.param(["x", "--webhook", "http://v.example/"], "must start with https", id="a webhook in the clear"),
        pytest.param(["x", "--webhook", "https://10.0.0.1/"], "needs a host name", id="a webhook into our network"),
        pytest.param(["x", "--webhook", "hook"], "webhook address", id="a webhook that is no address"),
        pytest.param(["x", "--email", "nobody"], "nobody is no e-mail address", id="an address without an at sign"),
        pytest.param(["x", "--email", "a b@c.de"], "is no e-mail address", id="an address with a space"),
        pytest.param(
            ["x", "--room", "板"], "not a valid integer; see: yuruyuru vendors add --help", id="a room's name"
        ),
        pytest.param([], "Missing argument 'NAME'; see: yuruyuru vendors add --help", id="nothing at all"),
    ],
)
def test_a_vendor_we_could_not_tell_anything_is_not_added(terminal: Terminal, words: list[str], sentence: str) -> None:
    assert sentence in terminal.run("vendors", "add", *words, "--json").refusal
    assert terminal.run("vendors", "list", "--json").json == []


def test_an_allowed_network_may_be_reached_in_the_clear(terminal: Terminal) -> None:
    intranet = terminal.having(VENDOR_ALLOW_NETWORKS="10.0.0.0/8")
    assert added(intranet, "院内システム", "--webhook", "http://10.0.0.1:8000/hook")


def test_an_empty_list_says_what_to_do(terminal: Terminal) -> None:
    assert terminal.run("vendors", "list").out == "No vendors yet: yuruyuru vendors add NAME\n"


def test_the_list_shows_everybody_and_no_key(terminal: Terminal) -> None:
    first, second = added(terminal, "みほん商事", "--webhook", HOOK), added(terminal, "Sample Inc.", "--room", "7")
    assert terminal.run("vendors", "disable", second["vendor_id"], "--json").json["state"] == "disabled"
    rows = terminal.run("vendors", "list", "--json").json
    assert [(row["vendor_id"], row["name"], row["state"]) for row in rows] == [
        (first["vendor_id"], "みほん商事", "active"),
        (second["vendor_id"], "Sample Inc.", "disabled"),
    ]
    for ran in (terminal.run("vendors", "list", "--json"), terminal.run("vendors", "list")):
        for secret in (first["api_key"], first["webhook_secret"], second["api_key"]):
            assert secret not in ran.out


def test_columns_are_aligned_although_japanese_letters_are_wide(terminal: Terminal) -> None:
    added(terminal, "みほん商事")
    added(terminal, "Sample Inc.")
    lines = terminal.run("vendors", "list").out.splitlines()
    columns = [len(line.partition("active")[0].encode("shift_jis")) for line in lines[1:]]
    assert columns == [lines[0].index("state")] * 2


def test_a_name_with_escape_sequences_cannot_paint_on_the_terminal(terminal: Terminal) -> None:
    added(terminal, "みほん\x1b[31m\r\n商事\u2028")
    out = terminal.run("vendors", "list").out
    assert len(out.split("\n")) == 3
    assert not {"\x1b", "\r", "\u2028"} & set(out)
    assert terminal.run("vendors", "list", "--json").json[0]["name"] == "みほん\x1b[31m\r\n商事\u2028"


def test_rotating_ends_the_old_key_and_keeps_the_old_secret_for_a_while(terminal: Terminal) -> None:
    old = added(terminal, "みほん商事", "--webhook", HOOK)
    new = terminal.run("vendors", "rotate", old["vendor_id"], "--json").json
    assert list(new) == list(old)
    assert vendor_of(terminal, old["api_key"]) is None
    vendor = vendor_of(terminal, new["api_key"])
    assert vendor is not None
    assert vendor.secrets == (new["webhook_secret"], old["webhook_secret"])
    assert vendor.webhook_url == HOOK
    newest = terminal.run("vendors", "rotate", old["vendor_id"], "--json").json
    vendor = vendor_of(terminal, newest["api_key"])
    assert vendor is not None
    assert vendor.secrets == (newest["webhook_secret"], new["webhook_secret"])


def test_a_disabled_vendors_key_opens_nothing(terminal: Terminal) -> None:
    row = added(terminal)
    for _ in range(2):
        assert terminal.run("vendors", "disable", row["vendor_id"]).out == (
            f"vendor_id  {row['vendor_id']}\nstate      disabled\n"
        )
    assert vendor_of(terminal, row["api_key"]) is None


def test_a_disabled_vendor_gets_no_new_key_which_would_not_work(terminal: Terminal) -> None:
    row = added(terminal)
    terminal.run("vendors", "disable", row["vendor_id"])
    assert "is disabled" in terminal.run("vendors", "rotate", row["vendor_id"]).refusal


@pytest.mark.parametrize("command", ["rotate", "disable"])
@pytest.mark.parametrize("vendor_id", ["v_00000000", "", "みほん商事", "*", "v_1 v_2"])
def test_an_unknown_vendor_is_answered_with_where_to_look(terminal: Terminal, command: str, vendor_id: str) -> None:
    refusal = terminal.run("vendors", command, vendor_id).refusal
    assert refusal == f"no vendor {vendor_id}; see: yuruyuru vendors list"
