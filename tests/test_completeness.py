"""Nothing has to be remembered: routes, workers, services, commands and documents are held against each other."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
import typing
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from engine import events
from engine.cli import cli
from engine.events import Event
from engine.outbox import FACTS, Kind
from engine.routes import OWN, ROUTES, WORKERS
from engine.settings import Environment
from workers.runtime import Runtime

ROOT = Path(__file__).parent.parent
MODULES = {name: importlib.import_module(f"workers.{name}") for name in WORKERS}

FACTS_FOR_OUTSIDERS = (
    "engine_ready", "webhook_accepted", "webhook_refused", "question_opened", "question_answered", "ask_sent",
    "ask_suppressed", "score_updated", "case_opened", "case_decided", "strike_issued", "referral_received",
    "referral_joined", "acknowledgement_sent", "message_posted", "rate_limited", "dead_lettered", "brake_on",
    "brake_off", "gap_filled", "gap_unrecoverable",
)  # fmt: skip
"""Log names that others rely on."""

COMMANDS = {
    "run": (), "ingress": (), "worker": (), "simulator": (), "check": (),
    "vendors": ("add", "list", "rotate", "disable"),
    "members": ("list", "show", "pause", "forget"),
    "questions": ("list", "why", "judge"),
    "cases": ("list", "show", "approve", "reject", "undo"),
    "moderation": ("test", "judge"),
    "referrals": ("list", "show", "match", "decline"),
    "dead": ("list", "redrive", "drop"),
    "brake": ("on", "off", "status"),
    "replay": (),
    "backup": (), "restore": (),
}  # fmt: skip

CONTEXT = click.Context(cli)
CLI: dict[str, Any] = {name: cli.get_command(CONTEXT, name) for name in cli.list_commands(CONTEXT)}

WITHOUT_JSON = {"run", "ingress", "worker", "simulator"}
"""Processes: what they print are logs."""


def routed() -> list[tuple[type[Event], str, str]]:
    told = [*ROUTES.items(), *OWN.items()]
    return [(event, worker, name) for event, cares in told for worker, name in cares.items()]


def event_classes() -> set[type[Event]]:
    found = {kind for _, kind in inspect.getmembers(events, inspect.isclass) if issubclass(kind, Event)}
    return found - {Event}


@pytest.mark.parametrize(("event", "worker", "name"), routed(), ids=lambda value: getattr(value, "__name__", value))
def test_every_route_leads_to_a_handler_for_that_event(event: type[Event], worker: str, name: str) -> None:
    handler = getattr(MODULES[worker], name)
    assert inspect.iscoroutinefunction(handler)
    first = next(iter(inspect.signature(handler).parameters.values()))
    assert event.__name__ in str(first.annotation).split(" | ")


def test_every_handler_of_every_worker_is_reached_by_a_route() -> None:
    reached = {(worker, name) for _, worker, name in routed()}
    written = {
        (worker, name)
        for worker, module in MODULES.items()
        for name, function in inspect.getmembers(module, inspect.iscoroutinefunction)
        if name.startswith("on_") and function.__module__ == module.__name__
    }
    assert written == reached


def test_every_event_is_told_to_somebody_or_is_for_the_record() -> None:
    for_the_record = {"MemberLeft", "StrikeIssued"}
    assert {kind.__name__ for kind in event_classes() - ROUTES.keys()} == for_the_record


def test_every_event_can_cross_redis() -> None:
    [union, *_] = typing.get_args(events.AnyEvent)
    assert set(typing.get_args(union)) == event_classes()


@pytest.mark.parametrize("worker", WORKERS)
def test_every_worker_names_its_jobs_and_wakes_only_real_ones(worker: str) -> None:
    module: Any = MODULES[worker]
    assert set(getattr(module, "PERIODIC", {})) <= set(module.JOBS)
    assert all(inspect.iscoroutinefunction(job) for job in module.JOBS.values())


def test_every_due_time_that_code_sets_is_for_a_job_that_exists() -> None:
    call = re.compile(r"\.wake\(\s*\"(\w+)\",\s*\"(\w+)\"")
    known_everywhere = {"deliver", "redrive", "replay"}
    for path in [*(ROOT / "engine").rglob("*.py"), *(ROOT / "workers").glob("*.py")]:
        for worker, job in call.findall(path.read_text()):
            jobs: set[str] = set(MODULES[worker].JOBS)
            assert job in jobs | known_everywhere, f"{path.name}: {worker} has no job {job}"


def test_the_runtime_is_what_answers_for_the_jobs_of_the_outbox() -> None:
    source = inspect.getsource(Runtime)
    assert all(f'job == "{job}"' in source for job in ("deliver", "redrive", "replay"))


def test_every_kind_of_intent_has_its_two_log_names() -> None:
    assert set(FACTS) == set(Kind)


def test_every_worker_is_a_service_of_the_compose_file() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    commands = [tuple(service.get("command", ())) for service in compose["services"].values()]
    assert {command[1] for command in commands if command[:1] == ("worker",)} == set(WORKERS)


def test_every_command_of_the_public_surface_is_there() -> None:
    for name, subcommands in COMMANDS.items():
        command: Any = CLI[name]
        assert set(subcommands) == set(getattr(command, "commands", {})), name


def every_command() -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, command in CLI.items():
        below = getattr(command, "commands", None)
        found += [(f"{name} {sub}", each) for sub, each in below.items()] if below else [(name, command)]
    return found


@pytest.mark.parametrize(
    ("name", "command"), every_command(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_command_has_json_and_a_help_in_a_whole_sentence(name: str, command: Any) -> None:
    options = {option for parameter in command.params for option in parameter.opts}
    assert ("--json" in options) == (name not in WITHOUT_JSON)
    assert command.help.endswith(".")


@pytest.mark.parametrize("name", FACTS_FOR_OUTSIDERS)
def test_log_names_that_others_rely_on_are_written_somewhere(name: str) -> None:
    assert f"| `{name}` |" in (ROOT / "ops" / "logs.md").read_text()


def test_the_list_of_log_lines_is_up_to_date() -> None:
    printed = subprocess.run([sys.executable, "ops/logs.py"], cwd=ROOT, check=True, capture_output=True, text=True)
    assert printed.stdout == (ROOT / "ops" / "logs.md").read_text(), "run `make docs`"


def test_log_names_are_constants_in_snake_case() -> None:
    names = re.findall(r"^\| `([^`]+)` \|", (ROOT / "ops" / "logs.md").read_text(), re.MULTILINE)
    assert [name for name in names if not re.fullmatch(r"[a-z][a-z0-9_]*", name)] == []


@pytest.mark.parametrize("readme", ["README.md", "README.ja.md"])
def test_both_readmes_name_every_setting_of_the_environment(readme: str) -> None:
    text = (ROOT / readme).read_text()
    assert [name for name in Environment.model_fields if f"`{name.upper()}`" not in text] == []


@pytest.mark.parametrize("readme", ["README.md", "README.ja.md"])
def test_both_readmes_name_every_command(readme: str) -> None:
    text = (ROOT / readme).read_text()
    assert [name for name in COMMANDS if f"`{name}" not in text and f"yuruyuru {name}" not in text] == []
