"""Who may import whom, kept by reading the imports.

The layers are told in one table; a module that fits no row is free but for the rules about `engine` and `workers`.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
CAPABILITIES = ("questions", "members", "referrals", "moderation", "upkeep")
BUILDERS = {
    "engine.cli",
    "engine.supervisor",
    "engine.ingress.app",
    "engine.commands.check",
    "engine.commands.office",
    "engine.commands.vendors",
    "workers.process",
}
"""The only places where clients are made and the environment is read."""

LONG_FILES: dict[str, int] = {}
"""Files over 300 lines, in the open."""

PURE = {
    "engine.events",
    "engine.routes",
    "engine.errors",
    "engine.sentences",
    "engine.words",
    "engine.linear",
    "engine.chatwork.markup",
    "engine.chatwork.compose",
    "engine.chatwork.redaction",
    "engine.ingress.signature",
    "engine.referrals.signing",
    "engine.referrals.retries",
    "engine.members.habits",
    "engine.questions.conversation",
    "engine.questions.grammar",
    "engine.questions.remarks",
    "engine.questions.threads",
    "engine.members.profiles",
    "engine.questions.active_hours",
    *(f"engine.{capability}.{drawer}" for capability in CAPABILITIES for drawer in ("rules", "texts")),
    *(
        f"engine.questions.{drawer}"
        for drawer in (
            "choosing", "detect", "explaining", "phrases", "hearing", "patience", "pool", "reasons", "resting",
            "topics", "weighing", "wording",
        )
    ),
    *(
        f"engine.moderation.{drawer}"
        for drawer in (
            "abuse", "detect", "lexicon", "mounting", "people", "personal_data", "sarcasm", "solicitation",
        )
    ),
}  # fmt: skip
"""No clock, randomness, input, output, logging or settings: time and state come in as arguments."""

ALLOWED = {
    "engine.events": {"pydantic"},
    "engine.linear": {"pydantic"},
    "engine.questions.weighing": {"pydantic"},
    "engine.words": {"sudachipy"},
}

PURE_TOO = {"engine.clock", "engine.ports"}
"""Types of time and their arithmetic (the class that looks at the machine's clock is not for rules); plain values."""

IMPURE_LIBRARY = {
    "asyncio", "logging", "os", "pathlib", "random", "secrets", "socket", "subprocess", "tempfile", "threading", "time",
    "urllib.request", "uuid",
}  # fmt: skip


def modules() -> dict[str, Path]:
    """Every module of the product by its dotted name."""
    found = {}
    for folder in ("engine", "workers"):
        for path in (ROOT / folder).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            found[name] = path
    return found


MODULES = modules()


def imports_of(name: str) -> set[str]:
    """Modules that a module imports, also for types alone; `from a import b` counts as `a.b` if that is one."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            submodules = {f"{node.module}.{alias.name}" for alias in node.names} & MODULES.keys()
            found |= submodules or {node.module}
    return found


def ours(name: str) -> set[str]:
    return {imported for imported in imports_of(name) if imported.startswith(("engine", "workers"))}


def outsiders(name: str) -> Iterator[str]:
    """Packages from outside the standard library."""
    for imported in imports_of(name):
        top = imported.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in ("engine", "workers"):
            yield top


@pytest.mark.parametrize("name", sorted(PURE))
def test_what_decides_is_pure(name: str) -> None:
    assert set(outsiders(name)) <= ALLOWED.get(name, set())
    assert ours(name) <= PURE | PURE_TOO
    assert imports_of(name) & IMPURE_LIBRARY == set()


def test_the_engine_knows_no_worker() -> None:
    assert {name: found for name in MODULES if name.startswith("engine") and (found := _workers(name))} == {}


def _workers(name: str) -> set[str]:
    return {imported for imported in ours(name) if imported.startswith("workers")}


def test_workers_know_the_runtime_and_not_each_other() -> None:
    thin = [name for name in MODULES if name.startswith("workers.") and name.partition(".")[2] in WORKER_NAMES]
    assert {name: _workers(name) - {"workers.runtime", *HALVES.get(name, ())} for name in thin} == {
        name: set() for name in thin
    }


HALVES = {
    "workers.score": {"workers.gathering"},
    "workers.nudge": {
        "workers", "workers.asking", "workers.explaining", "workers.gathering", "workers.giving_back",
        "workers.learning", "workers.private", "workers.reminding", "workers.resting",
    },
}  # fmt: skip
"""A worker with several files: what it does by events, and what it does by time."""

WORKER_NAMES = {"nudge", "score", "referral", "moderation", "keeper"}


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_a_capability_never_opens_another_ones_store(capability: str) -> None:
    others = {f"engine.{other}.store" for other in CAPABILITIES if other != capability}
    inside = [name for name in MODULES if name.startswith(f"engine.{capability}.")]
    assert {name: ours(name) & others for name in inside} == {name: set() for name in inside}


def test_the_door_for_webhooks_knows_no_capability() -> None:
    known = ours("engine.ingress.webhook") | ours("engine.ingress.journal") | ours("engine.stream")
    assert not [name for name in known if name.split(".")[1] in CAPABILITIES]


def test_routes_know_nothing_but_events() -> None:
    assert ours("engine.routes") == {"engine.events"}


@pytest.mark.parametrize("name", sorted(name for name in MODULES if name.endswith(".payloads")))
def test_chatworks_json_ends_at_the_edge(name: str) -> None:
    users = {user for user in MODULES if name in ours(user)}
    assert users <= {"engine.chatwork.client", "engine.ingress.webhook"}


MAKERS = {"connect", "connect_arq", "ChatworkClient", "SystemClock", "VendorHttp", "load_environment", "load_community"}


def makes(name: str) -> set[str]:
    """Clients, clocks and settings that a module makes."""
    calls = (node for node in ast.walk(ast.parse(MODULES[name].read_text())) if isinstance(node, ast.Call))
    return {call.func.id for call in calls if isinstance(call.func, ast.Name)} & MAKERS


def test_clients_and_settings_are_made_in_few_places() -> None:
    product = [name for name in MODULES if not name.startswith("engine.chatwork.simulator")]
    assert {name for name in product if makes(name)} <= BUILDERS


def test_nothing_in_production_imports_what_is_for_tests() -> None:
    test_packages = {"pytest", "fakeredis", "hypothesis", "standardwebhooks", "tests", "schemathesis"}
    assert {name: found for name in MODULES if (found := set(outsiders(name)) & test_packages)} == {}


def test_the_engine_leaves_its_simulator_alone() -> None:
    """Only what starts it knows it; nothing in production behaves differently for it."""
    users = {
        name
        for name in MODULES
        if not name.startswith("engine.chatwork.simulator")
        and any(imported.startswith("engine.chatwork.simulator") for imported in ours(name))
    }
    assert users == {"engine.supervisor"}


def test_a_broad_except_stands_in_the_runtime_only() -> None:
    broad = [
        f"{name}:{node.lineno}"
        for name in MODULES
        for node in ast.walk(ast.parse(MODULES[name].read_text()))
        if isinstance(node, ast.ExceptHandler) and catches_all(node)
    ]
    assert {place.partition(":")[0] for place in broad} <= {"workers.runtime"}


def catches_all(handler: ast.ExceptHandler) -> bool:
    """True if a handler swallows everything; one that tidies up and raises again swallows nothing."""
    last = handler.body[-1]
    if isinstance(last, ast.Raise) and last.exc is None:
        return False
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {each.id for each in caught if isinstance(each, ast.Name)}
    return handler.type is None or bool(names & {"Exception", "BaseException"})


@pytest.mark.parametrize("folder", ["engine", "workers"])
def test_files_stay_short_enough_to_read(folder: str) -> None:
    too_long = {}
    for path in (ROOT / folder).rglob("*.py"):
        name, lines = str(path.relative_to(ROOT)), len(path.read_text().splitlines())
        if lines > LONG_FILES.get(name, 300):
            too_long[name] = lines
    assert too_long == {}


def test_functions_stay_short_enough_to_read() -> None:
    too_long = {}
    for name, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > 40:
                    too_long[f"{name}.{node.name}"] = lines
    assert too_long == {}
