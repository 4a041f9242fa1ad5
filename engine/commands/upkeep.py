"""`yuruyuru dead` and `yuruyuru brake`: second chances, and the one switch that stops all sending."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from engine.commands.office import Office, as_json, asynchronous, opened, show_one, show_rows, when
from engine.dead import DeadLetter, dead_key, list_dead, unbury
from engine.errors import Refused
from engine.outbox import Brake, brake_key, redrive, set_brake

if TYPE_CHECKING:
    from engine.commit import Commit

CLI = "cli"


@click.group()
def dead() -> None:
    """What failed for good: look, try again, or let go."""


@dead.command(name="list")
@as_json
@asynchronous
async def list_(as_json: bool) -> None:
    """Show all dead letters, oldest first."""
    async with opened() as office:
        rows = [_row(letter) for letter in await list_dead(office.db)]
    columns = ("id", "source", "worker", "reason", "died_at")
    show_rows(rows, columns=columns, as_json=as_json, empty="No dead letters.")


@dead.command(name="redrive")
@click.argument("letter_id")
@as_json
@asynchronous
async def redrive_(letter_id: str, as_json: bool) -> None:
    """Give a dead letter a second chance."""
    async with opened() as office:
        commit = office.commit()
        letter = await _known(commit, letter_id)
        outcome = await _again(letter, commit)
        await office.apply(commit)
    show_one({"id": letter_id, "outcome": outcome}, as_json=as_json)


@dead.command()
@click.argument("letter_id")
@as_json
@asynchronous
async def drop(letter_id: str, as_json: bool) -> None:
    """Let a dead letter go for good."""
    async with opened() as office:
        commit = office.commit()
        await _known(commit, letter_id)
        unbury(commit, letter_id)
        commit.fact("dead_letter_dropped", dead_letter=letter_id)
        await office.apply(commit)
    show_one({"id": letter_id, "outcome": "dropped"}, as_json=as_json)


async def _known(commit: Commit, letter_id: str) -> DeadLetter:
    letter = await commit.read(dead_key(commit.db.keys, letter_id), DeadLetter)
    if letter is None:
        raise Refused(f"no dead letter {letter_id}; see: yuruyuru dead list")
    return letter


async def _again(letter: DeadLetter, commit: Commit) -> str:
    """Put the work back where it came from. An unreadable webhook stays one: only new code can read it."""
    if letter.source == "event":
        commit.wake(letter.worker, "redrive", letter.id, commit.now)
        return "the worker will handle it again; it stays listed if it fails again"
    if letter.source == "intent" and await redrive(commit, letter.subject):
        unbury(commit, letter.id)
        return "will be sent if it is still wanted"
    if letter.source == "job":
        job, _, argument = letter.subject.partition("|")
        commit.wake(letter.worker, job, argument, commit.now)
        unbury(commit, letter.id)
        return "the job will run again"
    raise Refused(f"{letter.id} cannot be redriven: {letter.reason}; drop it with: yuruyuru dead drop {letter.id}")


def _row(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "source": letter.source,
        "worker": letter.worker,
        "reason": letter.reason,
        "traceback": letter.traceback,
        "died_at": when(letter.died_at),
        "trace": letter.trace,
    }


@click.group()
def brake() -> None:
    """Stop all sending, or let it go on."""


@brake.command()
@as_json
@asynchronous
async def on(as_json: bool) -> None:
    """Send nothing any more, except replies to admins."""
    await _set(pull=True, as_json=as_json)


@brake.command()
@as_json
@asynchronous
async def off(as_json: bool) -> None:
    """Send again; what waited is checked first whether it is still wanted."""
    await _set(pull=False, as_json=as_json)


@brake.command()
@as_json
@asynchronous
async def status(as_json: bool) -> None:
    """Show whether the brake is on, since when and by whom."""
    async with opened() as office:
        show_one(await _status(office), as_json=as_json)


async def _set(*, pull: bool, as_json: bool) -> None:
    async with opened() as office:
        commit = office.commit()
        await set_brake(commit, pull=pull, by=CLI)
        await office.apply(commit)
        show_one(await _status(office), as_json=as_json)


async def _status(office: Office) -> dict[str, Any]:
    found = await office.commit().read(brake_key(office.db.keys), Brake)
    return {
        "brake": "on" if found else "off",
        "since": when(found.pulled_at) if found else None,
        "by": found.by if found else None,
    }
