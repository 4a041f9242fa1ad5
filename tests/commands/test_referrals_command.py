"""`yuruyuru referrals`: which vendor told whom, what the vendor heard, and attributing by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine.clock import DAY
from engine.members.store import Member, Members
from engine.outbox import Intent, intent_key
from engine.referrals.progress import tell
from engine.referrals.rules import State
from engine.referrals.store import Referral, Referrals

if TYPE_CHECKING:
    from engine.commands.office import Office
    from tests.terminal import Terminal

FIELDS = [
    "id",
    "vendor_id",
    "state",
    "code",
    "reference",
    "consent",
    "account_id",
    "received_at",
    "joined_at",
]


def referred(terminal: Terminal, referral_id: str = "r_1", *, state: State = State.RECEIVED) -> str:
    """A vendor's referral, acknowledged; returns the vendor's id."""
    vendor = terminal.run("vendors", "add", "みほん商事", "--webhook", "https://vendor.example/hook", "--json").json

    async def add(office: Office) -> None:
        commit = office.commit()
        referral = Referral(
            id=referral_id,
            vendor_id=vendor["vendor_id"],
            code=f"YURU-{referral_id}",
            reference="crm-1",
            consent=True,
            received_at=commit.now,
            expires_at=commit.now + 90 * DAY,
            state=state,
        )
        await Referrals(commit).add(referral)
        await tell(referral, State.RECEIVED, commit)
        await office.apply(commit)

    terminal.does(add)
    return str(vendor["vendor_id"])


def known(terminal: Terminal, account_id: int = 555) -> None:
    """A member."""

    async def put(office: Office) -> None:
        commit = office.commit()
        await Members(commit).get(account_id)
        Members(commit).put(Member(account_id=account_id, name="新井", joined_at=1_700_000_000))
        await office.apply(commit)

    terminal.does(put)


def states(terminal: Terminal) -> dict[str, str]:
    return {row["id"]: row["state"] for row in terminal.run("referrals", "list", "--json").json}


def test_no_referrals_is_said_plainly(terminal: Terminal) -> None:
    assert terminal.run("referrals", "list").out == "No referrals yet.\n"
    assert terminal.run("referrals", "list", "--json").json == []


def test_referrals_are_listed_oldest_first(terminal: Terminal) -> None:
    vendor_id = referred(terminal)
    referred(terminal, "r_2")
    rows = terminal.run("referrals", "list", "--json").json
    assert [list(row) for row in rows] == [FIELDS, FIELDS]
    assert [row["id"] for row in rows] == ["r_1", "r_2"]
    assert rows[0]["vendor_id"] == vendor_id
    assert rows[0]["account_id"] is rows[0]["joined_at"] is None
    assert terminal.run("referrals", "list").out.splitlines()[1].split()[:3] == ["r_1", vendor_id, "received"]


def test_a_referral_is_shown_with_every_acknowledgement(terminal: Terminal) -> None:
    referred(terminal)
    row = terminal.run("referrals", "show", "r_1", "--json").json
    assert list(row) == [*FIELDS, "acknowledgements"]
    assert row["acknowledgements"] == [
        {
            "id": "referral_received-r_1-webhook",
            "state": "pending",
            "attempts": 0,
            "receipt": None,
            "reason": None,
        }
    ]
    assert '"state": "pending"' in terminal.run("referrals", "show", "r_1").out


def test_an_acknowledgement_that_was_forgotten_after_a_month_is_left_out(terminal: Terminal) -> None:
    referred(terminal)

    async def forget(office: Office) -> None:
        commit = office.commit()
        commit.erase(intent_key(office.db.keys, "referral_received-r_1-webhook"))
        await office.apply(commit)

    terminal.does(forget)
    assert terminal.run("referrals", "show", "r_1", "--json").json["acknowledgements"] == []


def test_a_member_is_matched_by_hand(terminal: Terminal) -> None:
    referred(terminal)
    known(terminal)
    row = terminal.run("referrals", "match", "r_1", "555", "--json").json
    assert (row["state"], row["account_id"]) == ("joined", 555)
    assert row["joined_at"] is not None


def test_nobody_is_matched_who_does_not_exist(terminal: Terminal) -> None:
    """A slip of the finger would tell the vendor of a stranger."""
    referred(terminal)
    known(terminal)
    assert terminal.run("referrals", "match", "r_1", "556").refusal == "no member 556; see: yuruyuru members list"
    assert states(terminal) == {"r_1": "received"}


def test_a_member_is_brought_by_one_referral_only(terminal: Terminal) -> None:
    referred(terminal)
    referred(terminal, "r_2")
    known(terminal)
    assert terminal.run("referrals", "match", "r_1", "555").code == 0
    assert terminal.run("referrals", "match", "r_2", "555").refusal == "member 555 was brought by another referral"
    assert states(terminal) == {"r_1": "joined", "r_2": "received"}


def test_a_referral_is_declined_and_the_vendor_hears_of_it(terminal: Terminal) -> None:
    referred(terminal)
    assert terminal.run("referrals", "decline", "r_1", "--json").json["state"] == "declined"

    async def look(office: Office) -> Intent | None:
        return (await office.db.read(intent_key(office.db.keys, "referral_declined-r_1-webhook"), Intent))[0]

    assert terminal.does(look) is not None
    acknowledgements = terminal.run("referrals", "show", "r_1", "--json").json["acknowledgements"]
    assert [row["id"] for row in acknowledgements] == ["referral_received-r_1-webhook", "referral_declined-r_1-webhook"]


def test_a_disabled_vendor_hears_nothing(terminal: Terminal) -> None:
    terminal.run("vendors", "disable", referred(terminal))
    assert terminal.run("referrals", "decline", "r_1", "--json").json["state"] == "declined"
    assert len(terminal.run("referrals", "show", "r_1", "--json").json["acknowledgements"]) == 1


@pytest.mark.parametrize("state", [state for state in State if state is not State.RECEIVED])
@pytest.mark.parametrize(
    ("words", "verb"),
    [
        pytest.param(["match", "r_1", "555"], "matched", id="match"),
        pytest.param(["decline", "r_1"], "declined", id="decline"),
    ],
)
def test_what_is_over_stays_over(terminal: Terminal, state: State, words: list[str], verb: str) -> None:
    referred(terminal, state=state)
    known(terminal)
    refusal = terminal.run("referrals", *words).refusal
    assert refusal == f"r_1 is {state}; only a received referral can be {verb}"
    assert states(terminal) == {"r_1": state}


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["show", "r_9"], id="shown"),
        pytest.param(["match", "r_9", "555"], id="matched"),
        pytest.param(["decline", "r_9"], id="declined"),
    ],
)
def test_an_unknown_referral_cannot_be(terminal: Terminal, words: list[str]) -> None:
    assert terminal.run("referrals", *words).refusal == "no referral r_9; see: yuruyuru referrals list"
