"""What is remembered about cases.

{c}:case:<id>             record  a case with evidence, reason and verdicts
{c}:case_of:<room>:<msg>  record  which case a message is
{c}:cases                 zset    all ids by time of opening
{c}:strikes:<account>     record  warnings that counted
{c}:odds:<account>        zset    case|account: between whom and somebody cases were opened (expires after half a year)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.clock import DAY
from engine.commit import Commit, Database, Record
from engine.erasure import Records, keys_of
from engine.moderation.rules import State

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from engine.clock import Clock


ODDS_KEPT = 180 * DAY
"""How long two people are not brought together after a case between them, seconds."""


class Decided(Record):
    """A verdict: what, by whom (an account id, `cli` or `policy`), when."""

    state: State
    by: str
    at: float


class Case(Record):
    """A message before the admins. `masked` is its text without personal data: the evidence that may be shown."""

    id: str
    room_id: int
    message_id: str
    account_id: int
    category: str
    action: str
    reason: str
    masked: str
    opened_at: float
    state: State = State.OPEN
    history: tuple[Decided, ...] = ()


class CaseOf(Record):
    """Which case a message is."""

    case_id: str


class Strike(Record):
    """A warning that counts until `expires_at`."""

    case_id: str
    issued_at: float
    expires_at: float


class Strikes(Record):
    """Somebody's strikes."""

    strikes: tuple[Strike, ...] = ()


class Cases:
    """Reads and writes through one commit."""

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._db = commit.db
        self._keys = commit.db.keys

    async def get(self, case_id: str) -> Case | None:
        """A case, to be changed."""
        return await self._commit.read(self._keys("case", case_id), Case)

    def put(self, case: Case) -> None:
        """Write a case that `get` or `add` gave."""
        self._commit.write(self._keys("case", case.id), case)

    async def is_case(self, room_id: int, message_id: str) -> bool:
        """True if the message was put before the admins already."""
        return await self._commit.read(self._keys("case_of", room_id, message_id), CaseOf) is not None

    async def new_id(self, taken: Collection[str] = ()) -> str:
        """The next case's id that is neither taken nor a case's."""
        while True:
            case_id = f"c{await self._db.next_number('case')}"
            if case_id not in taken and await self.get(case_id) is None:
                return case_id

    async def add(self, case: Case) -> None:
        """Write a new case; `is_case` must have been asked in this commit."""
        await self.get(case.id)
        self.put(case)
        self._commit.write(self._keys("case_of", case.room_id, case.message_id), CaseOf(case_id=case.id))
        self._commit.rank(self._keys("cases"), case.id, case.opened_at)

    def set_at_odds(self, case: Case, addressed: Iterable[int]) -> None:
        """A case stands between its author and those the message was addressed to, as long as it is not rejected."""
        for other in addressed:
            for one, two in ((case.account_id, other), (other, case.account_id)):
                key = self._keys("odds", one)
                self._commit.rank(key, f"{case.id}|{two}", case.opened_at)
                self._commit.expire(key, ODDS_KEPT)

    async def at_odds_with(self, account_id: int) -> set[int]:
        """Between whom and somebody a case of the last half year stands; to look at."""
        found = await self._db.ranked(self._keys("odds", account_id), low=self._commit.now - ODDS_KEPT)
        pairs = [(case_id, int(other)) for case_id, _, other in (each.partition("|") for each in found)]
        cases = await self._db.read_many([self._keys("case", case_id) for case_id, _ in pairs], Case)
        standing = (State.OPEN, State.APPROVED)
        return {
            other for (_, other), case in zip(pairs, cases, strict=True) if case is not None and case.state in standing
        }

    async def strikes(self, account_id: int) -> Sequence[Strike]:
        """Somebody's strikes, expired ones too."""
        found = await self._commit.read(self._keys("strikes", account_id), Strikes)
        return found.strikes if found else ()

    def put_strikes(self, account_id: int, strikes: Sequence[Strike]) -> None:
        """Write strikes that `strikes` gave."""
        self._commit.write(self._keys("strikes", account_id), Strikes(strikes=tuple(strikes)))


async def forget_odds(db: Database, clock: Clock, account_id: int) -> int:
    """Forget between whom and somebody cases stand. Returns how many there were."""
    commit, gone = db.commit(clock.now()), 0
    async for key in keys_of(db, "odds"):
        own = key == db.keys("odds", account_id)
        for member in await db.ranked(key):
            if own or member.endswith(f"|{account_id}"):
                commit.unrank(key, member)
                gone += 1
    await db.apply(commit)
    return gone


async def forget_evidence(db: Database, clock: Clock, wanted: Callable[[Case], bool]) -> int:
    """Take the words out of cases; who decided what and when stays, because it can be appealed."""

    def wordless(case: Case) -> Case:
        return case.model_copy(update={"masked": ""}) if case.masked and wanted(case) else case

    return await Records(db, clock).change("case", Case, wordless)


async def list_cases(db: Database) -> list[Case]:
    """All cases, oldest first."""
    ids = await db.ranked(db.keys("cases"))
    found = await db.read_many([db.keys("case", case_id) for case_id in ids], Case)
    return [case for case in found if case is not None]
