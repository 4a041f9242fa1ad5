"""What is remembered about members.

{c}:member:<account>                record  a person: name, pause, when they joined
{c}:members                         zset    account ids by first sight
{c}:roster:<room>                   record  who is in a room, as last listed
{c}:in:<room>                       zset    those of them who may write, by their place on the ring (`directory.py`)
{c}:invited:<account>               record  times of the engine's invitations in the last week
{c}:tally:<account>                 record  what the score counts
{c}:counted:<event>                 record  that an event counted (expires after a month)
{c}:opportunity:<question>:<account> record when somebody was asked (expires with the question's month)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.away import redis_errors
from engine.clock import DAY
from engine.commit import Commit, Database, Record
from engine.erasure import keys_of
from engine.members.rules import Tally
from engine.questions.pool import place

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from engine.clock import Clock

WEEK = 7 * DAY
MONTH = 31 * DAY


class Member(Record):
    """A person. `joined_at` is None for who was here before the engine; `paused_until` in epoch seconds."""

    account_id: int
    name: str
    joined_at: int | None = None
    paused_until: float = 0.0
    opted_in: bool = False  # said that they like to be asked: counts for admins, who otherwise are not
    given_back_at: float = 0.0  # when they were last shown a question after their own was solved
    first_question: str = ""  # the first that this version heard


class Roster(Record):
    """A room's member list: account id -> role. `is_drawn_from` once the room's ring holds it, too."""

    room_id: int
    roles: dict[int, str]
    is_drawn_from: bool = False


class Invited(Record):
    """When the engine asked somebody, and how many times until now: each time in other words."""

    at: tuple[float, ...] = ()
    times: int = 0


class TallyRecord(Record):
    """What the score counts of a member."""

    tally: Tally


class Opportunity(Record):
    """Somebody was asked at `at`; `ended` once a response or a pass was counted."""

    at: float
    ended: bool = False


class Counted(Record):
    """An event counted at `at`; longer ago than this record is kept, nothing is replayed."""

    at: float


class Members:
    """Reads and writes through one commit."""

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._db = commit.db
        self._keys = commit.db.keys

    async def get(self, account_id: int) -> Member | None:
        """A member, to be changed."""
        return await self._commit.read(self._keys("member", account_id), Member)

    def put(self, member: Member) -> None:
        """Write a member that `get` looked for."""
        self._commit.write(self._keys("member", member.account_id), member)
        self._commit.rank(self._keys("members"), str(member.account_id), member.joined_at or 0)

    async def roster(self, room_id: int) -> Roster | None:
        """A room's list, to be changed; None before the first look."""
        return await self._commit.read(self._keys("roster", room_id), Roster)

    def put_roster(self, room_id: int, known: Roster | None, roles: dict[int, str]) -> None:
        """Write a room's list, of which `known` was read; and the ring from which its members are drawn."""
        self._commit.write(self._keys("roster", room_id), Roster(room_id=room_id, roles=roles, is_drawn_from=True))
        before = _drawable(known.roles) if known and known.is_drawn_from else set()
        after = _drawable(roles)
        for account_id in sorted(before - after):
            self._commit.unrank(self._keys("in", room_id), str(account_id))
        for account_id in sorted(after - before):
            self._commit.rank(self._keys("in", room_id), str(account_id), place(account_id))

    async def in_rooms(self, room_ids: Iterable[int]) -> dict[int, str]:
        """Everybody in any of these rooms with their (last named) role; to look at."""
        keys = [self._keys("roster", room_id) for room_id in room_ids]
        rosters = await self._db.read_many(keys, Roster)
        return {account_id: role for roster in rosters if roster for account_id, role in roster.roles.items()}

    async def staff(self, admin_rooms: Iterable[int], vendor_rooms: Iterable[int]) -> tuple[set[int], set[int]]:
        """Admins and vendors, by the rooms they are in; in a vendors' room the admins are no vendors."""
        admins = set(await self.in_rooms(admin_rooms))
        return admins, set(await self.in_rooms(vendor_rooms)) - admins

    async def look_up(self, account_ids: Iterable[int]) -> dict[int, Member]:
        """Members by account id, to look at; unknown ones are missing."""
        keys = [self._keys("member", account_id) for account_id in account_ids]
        return {member.account_id: member for member in await self._db.read_many(keys, Member) if member}

    async def invitations(self, account_ids: Iterable[int]) -> dict[int, tuple[float, ...]]:
        """Times of recent invitations by account id, to look at."""
        ids = list(account_ids)
        found = await self._db.read_many([self._keys("invited", account_id) for account_id in ids], Invited)
        return {account_id: invited.at if invited else () for account_id, invited in zip(ids, found, strict=True)}

    async def invited(self, account_id: int) -> tuple[float, ...]:
        """Times of one member's recent invitations, to be added to by `invite`."""
        found = await self._commit.read(self._keys("invited", account_id), Invited)
        return found.at if found else ()

    async def invite(self, account_id: int) -> int:
        """Count an invitation now; two processes that invite the same person at once conflict, and one runs again.

        Returns how many there were before it, as far as that is remembered.
        """
        known = await self._commit.read(self._keys("invited", account_id), Invited) or Invited()
        recent = tuple(at for at in known.at if at > self._commit.now - WEEK)
        invited = Invited(at=(*recent, self._commit.now), times=known.times + 1)
        self._commit.write(self._keys("invited", account_id), invited, ttl=WEEK)
        return known.times

    async def take_back_invitation(self, account_id: int, at: float) -> None:
        """An invitation was not posted after all: it does not count against the caps."""
        key = self._keys("invited", account_id)
        invited = await self._commit.read(key, Invited)
        if invited is not None:
            left = tuple(time for time in invited.at if time != at)
            self._commit.write(key, invited.model_copy(update={"at": left}), ttl=WEEK)

    async def date_invitation(self, account_id: int, decided: Collection[float]) -> None:
        """An invitation decided at one of these times is made now; it counts once, from now on."""
        known = await self._commit.read(self._keys("invited", account_id), Invited) or Invited(times=1)
        recent = tuple(at for at in known.at if at > self._commit.now - WEEK and at not in decided)
        dated = known.model_copy(update={"at": (*recent, self._commit.now)})
        self._commit.write(self._keys("invited", account_id), dated, ttl=WEEK)

    async def name_of(self, account_id: int) -> str:
        """A member's name, to address them; empty for somebody never listed."""
        member = (await self.look_up([account_id])).get(account_id)
        return member.name if member else ""

    async def tallies(self, account_ids: Iterable[int]) -> dict[int, Tally]:
        """What the score counted so far by account id, to look at."""
        ids = list(account_ids)
        found = await self._db.read_many([self._keys("tally", account_id) for account_id in ids], TallyRecord)
        nothing = Tally(at=self._commit.now)
        return {account_id: known.tally if known else nothing for account_id, known in zip(ids, found, strict=True)}

    async def tally(self, account_id: int) -> Tally:
        """What the score counted so far."""
        found = await self._commit.read(self._keys("tally", account_id), TallyRecord)
        return found.tally if found else Tally(at=self._commit.now)

    def put_tally(self, account_id: int, tally: Tally) -> None:
        """Write a tally that `tally` gave."""
        self._commit.write(self._keys("tally", account_id), TallyRecord(tally=tally))

    async def count_once(self, event_id: str) -> bool:
        """Note that an event counts now; False if it did before."""
        key = self._keys("counted", event_id)
        if await self._commit.read(key, Counted) is not None:
            return False
        self._commit.write(key, Counted(at=self._commit.now), ttl=MONTH)
        return True

    async def counted_at(self, event_id: str) -> float | None:
        """When an event counted, epoch seconds; None if it did not, or too long ago."""
        found = await self._commit.read(self._keys("counted", event_id), Counted)
        return found.at if found else None

    async def opportunity(self, question_id: str, account_id: int) -> Opportunity | None:
        """An opportunity, to be changed."""
        return await self._commit.read(self._keys("opportunity", question_id, account_id), Opportunity)

    def put_opportunity(self, question_id: str, account_id: int, opportunity: Opportunity) -> None:
        """Write an opportunity that `opportunity` looked for."""
        self._commit.write(self._keys("opportunity", question_id, account_id), opportunity, ttl=MONTH)


def _drawable(roles: Mapping[int, str]) -> set[int]:
    """Who may write in a room."""
    return {account_id for account_id, role in roles.items() if role != "readonly"}


async def forget_member(db: Database, clock: Clock, account_id: int) -> int:
    """Erase what is remembered of a person; who is in which room is Chatwork's to know. Returns how much there was."""
    asked = [key async for key in keys_of(db, "opportunity") if key.endswith(f":{account_id}")]
    own = [db.keys(kind, account_id) for kind in ("member", "invited", "tally")]
    with redis_errors():
        known = int(await db.redis.exists(*own, *asked))
    commit = db.commit(clock.now())
    for key in (*own, *asked):
        commit.erase(key)
    commit.unrank(db.keys("members"), str(account_id))
    await db.apply(commit)
    return known


async def list_members(db: Database) -> list[Member]:
    """Everybody ever seen, longest known first."""
    ids = await db.ranked(db.keys("members"))
    found = await db.read_many([db.keys("member", account_id) for account_id in ids], Member)
    return [member for member in found if member is not None]
