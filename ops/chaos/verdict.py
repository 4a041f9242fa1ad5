"""The table: what was promised, what came of it, and which figures are not as they must be."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine.outbox import ChatContent, VendorContent

if TYPE_CHECKING:
    from ops.chaos.books import Books
    from ops.chaos.site import Site
    from ops.chaos.talk import Said
    from ops.chaos.vendor import Receiver, Referring
    from ops.chaos.watch import Watch


@dataclass
class Verdict:
    """The table, and whether it is as promised."""

    rows: list[tuple[str, object]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def tell(self, what: str, value: object, *, zero: bool = False) -> None:
        """Add a row; one that must be zero is remembered if it is not."""
        self.rows.append((what, value))
        if zero and value:
            self.broken.append(f"{what}: {value}")


@dataclass
class Rows:
    """What the engine's own lists show."""

    questions: list[dict[str, Any]]
    cases: list[dict[str, Any]]
    members: list[dict[str, Any]]
    dead: list[dict[str, Any]]
    referrals: list[dict[str, Any]]


@dataclass
class Acknowledged:
    """The vendor's side."""

    receiver: Receiver
    referring: Referring


async def judge(site: Site, books: Books, said: Said, vendor: Acknowledged, watch: Watch) -> Verdict:
    """Compare what was said and asked with what is known, what stands in the rooms and what the vendor received."""
    lists = [await asyncio.to_thread(site.command, kind, "list") for kind in Rows.__dataclass_fields__]
    rows, verdict = Rows(*lists), Verdict()
    await _events(verdict, site, said, books, rows)
    _posts(verdict, books, rows)
    _acknowledgements(verdict, books, vendor, rows)
    _machinery(verdict, site, watch, rows)
    return verdict


async def _events(verdict: Verdict, site: Site, said: Said, books: Books, rows: Rows) -> None:
    tally = await site.world("GET", "/tally")
    webhooks = await site.world("GET", "/webhooks")
    answers = Counter({(end["status"], end["http_status"]): end["count"] for end in tally["ended"]})
    accepted = sum(count for (_, status), count in answers.items() if status == 200)
    unanswered = sum(count for (_, status), count in answers.items() if status is None)
    asked, opened = times(rows.questions), times(rows.cases)
    counted = sum(row["answers"] for row in rows.questions)
    verdict.tell("events sent (webhooks)", tally["sent"])
    verdict.tell("events accepted (answered 200)", accepted)
    verdict.tell("events that nobody answered, cut off or dropped on order", unanswered)
    verdict.tell("events answered otherwise", sum(answers.values()) - accepted - unanswered, zero=True)
    verdict.tell("events lost: messages never heard", books.unheard, zero=True)
    verdict.tell("events lost: edits never heard", books.unheard_edits, zero=True)
    verdict.tell(
        "events lost: questions and cases",
        len((said.questions - asked.keys()) | (said.put_downs - opened.keys())),
        zero=True,
    )
    verdict.tell("events counted twice: messages", books.counted_twice, zero=True)
    verdict.tell("events counted twice: questions and cases", doubled(asked) + doubled(opened), zero=True)
    verdict.tell("events counted twice or not: answers in the score", score_gap(rows.members, counted), zero=True)
    verdict.tell("webhooks that are off", sum(row["status"] != "valid" for row in webhooks), zero=True)
    verdict.tell(
        "messages / edits / questions / answers / cases",
        f"{books.written} / {said.edits} / {len(asked)} / {counted} / {len(opened)}",
    )
    verdict.tell("messages found by filling gaps", sum(line["messages"] for line in site.logged("gap_filled")))
    verdict.tell("gaps said to be beyond repair", len(site.logged("gap_unrecoverable")), zero=True)


def _posts(verdict: Verdict, books: Books, rows: Rows) -> None:
    cards = sum(intent.kind == "case_card" for intent in books.of(ChatContent))
    verdict.tell("posts intended", len(books.of(ChatContent)))
    verdict.tell("posts whose turn comes later", books.waiting)
    verdict.tell("posts made", len(books.posts))
    verdict.tell("posts doubled (nobody's intent)", books.posts_without_intent, zero=True)
    verdict.tell("posts missing", books.intents_without_post, zero=True)
    verdict.tell("cases without a card", len(rows.cases) - cards, zero=True)


def _acknowledgements(verdict: Verdict, books: Books, vendor: Acknowledged, rows: Rows) -> None:
    receiver, referring = vendor.receiver, vendor.referring
    received = {step for step, ids in receiver.seen.items() if ids & receiver.taken}
    referred = sum(map(len, referring.ids.values()))
    verdict.tell("referrals made / joined", f"{referred} / {sum(row['state'] == 'active' for row in rows.referrals)}")
    verdict.tell(
        "referrals lost or made twice",
        abs(len(rows.referrals) - len(referring.ids)) + referred - len(referring.ids),
        zero=True,
    )
    verdict.tell("acknowledgements intended", len(books.of(VendorContent)))
    verdict.tell("acknowledgements received", len(received))
    verdict.tell("acknowledgements missing", len(referring.expected - received), zero=True)
    verdict.tell(
        "acknowledgements doubled or uncalled for", receiver.doubled + len(received - referring.expected), zero=True
    )
    verdict.tell("acknowledgements repeated under the same id", receiver.attempts.total() - len(receiver.attempts))
    verdict.tell("acknowledgements with a wrong signature", receiver.forged, zero=True)
    verdict.tell("answers of the vendors' API other than 200, 201, 503", referring.told_otherwise, zero=True)


def _machinery(verdict: Verdict, site: Site, watch: Watch, rows: Rows) -> None:
    hits = [f"{party}: {kind} {count}" for party, proxy in site.proxies.items() for kind, count in proxy.hits.items()]
    verdict.tell("dead letters", len(rows.dead), zero=True)
    verdict.tell("ends without being killed", ", ".join(site.exits) or 0, zero=True)
    verdict.tell("restarts", ", ".join(f"{part} {count}" for part, count in site.restarts.items()) or 0)
    verdict.tell("kills", sum(site.kills.values()))
    verdict.tell("kills by victim", ", ".join(f"{victim} {count}" for victim, count in sorted(site.kills.items())))
    verdict.tell("wires", ", ".join(hits))
    verdict.tell("longest stall, seconds (worker)", f"{watch.longest:.0f} ({watch.whose})")


def times(rows: list[dict[str, Any]]) -> Counter[str]:
    """How often each message stands in a list."""
    return Counter(str(row["message_id"]) for row in rows)


def doubled(found: Counter[str]) -> int:
    """How many there are too many."""
    return sum(count - 1 for count in found.values())


def score_gap(members: list[dict[str, Any]], answers: int) -> float:
    """Answers that the score counts beyond those the questions hold; the half-life is a century here."""
    return float(round(abs(sum(row["answers"] for row in members) - answers), 1))
