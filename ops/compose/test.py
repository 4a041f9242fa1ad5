#!/usr/bin/env python3
"""docker-compose.yml for real: what `make test-compose` runs.

Builds the image, brings everything up in podman, lets somebody write something unkind in a double of Chatwork, and
looks whether the engine answers; looks from inside at what each container may do; lets things die; stops and starts
again. One line a check with the time it took; everything of the run is removed at the end, also after a failure.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stack import SECRETS, UID, Missing, Stack, fetch, prepare, run

from engine.chatwork.simulator.sample.people import ADMINS, BY_KEY
from engine.chatwork.simulator.sample.rooms import ADMIN_ROOM, BOARD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

UNKIND = "そんなことも知らないで開業するんですか？研修医でも知ってますよ。"
FAILURES = (AssertionError, OSError, subprocess.SubprocessError, TimeoutError, LookupError, ValueError)
NOT_IN_THE_IMAGE = r"/opt/.*/(pip|setuptools|tests?|pytest|ruff|mypy)$|^/build/|/(\.env|\.git|secrets|pip\.conf)$"


class Stop(Exception):
    """A check failed that everything after it needs."""


class Report:
    """Prints a line a check and counts."""

    def __init__(self) -> None:
        self.passed = self.failed = 0

    @contextmanager
    def check(self, sentence: str, *, needed: bool = False) -> Iterator[None]:
        """Count what happens inside as one check; raise `Stop` after a failure if the rest makes no sense then."""
        began, problem = time.monotonic(), ""
        try:
            yield
        except FAILURES as failure:
            problem = (getattr(failure, "stderr", "") or str(failure) or type(failure).__name__).strip()
        self.passed += not problem
        self.failed += bool(problem)
        print(f"{'FAIL' if problem else 'ok  '} {time.monotonic() - began:6.1f} s  {sentence}", flush=True)
        if problem:
            print("                " + problem[-1500:].replace("\n", "\n                "), flush=True)
            if needed:
                raise Stop


def until(happened: Callable[[], Any], what: str, seconds: float = 60) -> None:
    """Wait for something; after `seconds` it has not happened."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.3)


def bring_up(stack: Stack, report: Report) -> None:
    """From sources to a stack that is ready."""
    with report.check("the image builds", needed=True):
        stack.build()
    with report.check("podman-compose understands the file", needed=True):
        stack.settle()
        assert len(stack.services()) == 7
    with report.check("everything starts", needed=True):
        stack.up()
        stack.start_double()
    with report.check("the engine says that it is ready", needed=True):
        until_ready(stack)


def until_ready(stack: Stack) -> None:
    """Wait until `/readyz` on the published port has no complaint."""
    until(lambda: answers(stack, "/readyz") == 200, "ready")


def answers(stack: Stack, path: str) -> int:
    """The status of a path at the published port, 0 while nobody listens."""
    try:
        return fetch(stack.engine + path)[0]
    except OSError:
        return 0


def look_inside(stack: Stack, report: Report) -> None:
    """What every container holds and is allowed, asked from its inside."""
    with report.check("nothing is in the image that does not belong there"):
        found = stack.inside("ingress", "sh", "-c", "find /opt /etc /home /srv /build 2>/dev/null", check=False)
        strange = [path for path in found.splitlines() if re.search(NOT_IN_THE_IMAGE, path)]
        assert len(found) > 10_000
        assert not strange, strange
    for service, wanted in stack.services().items():
        with report.check(f"{service}: its health check says healthy"):
            assert stack.is_healthy(service)
        with report.check(f"{service}: no root, no rights, nothing to write to but its volume"):
            has_no_rights(stack, service)
        with report.check(f"{service}: memory and processes are bounded"):
            is_bounded(stack, service, wanted)
        with report.check(f"{service}: secrets are files, and only its own; its environment has none"):
            keeps_secrets(stack, service, wanted.get("secrets", []))
    with report.check("valkey: no way out, and no port of the host leads to it"):
        host, _, port = stack.double.removeprefix("http://").rpartition(":")
        reach = f"timeout 5 bash -c '</dev/tcp/{host}/{port}' 2>/dev/null && echo reached"
        assert stack.inside("nudge", "sh", "-c", reach) == "reached", "the double cannot even be reached by nudge"
        assert stack.inside("valkey", "sh", "-c", reach, check=False) != "reached"
        assert not any((stack.inspect("valkey")["HostConfig"]["PortBindings"] or {}).values())


def has_no_rights(stack: Stack, service: str) -> None:
    """Neither the first process nor a new one is root, may become it, or finds a root file system it can write to."""
    for process in ("1", "self"):
        status = dict(
            re.findall(r"^(\w+):\s+(\S+)", stack.inside(service, "cat", f"/proc/{process}/status"), re.MULTILINE)
        )
        assert status["Uid"] == ("999" if service == "valkey" else str(UID)), status["Uid"]
        assert {int(status[name], 16) for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
        assert status["NoNewPrivs"] == "1"
    for folder in ("/", "/etc", "/opt", "/usr/bin"):
        assert not stack.inside(service, "sh", "-c", f"touch {folder}/x 2>/dev/null && echo written", check=False), (
            folder
        )
    (root,) = re.findall(r"^\S+ / \S+ (\S+)", stack.inside(service, "cat", "/proc/mounts"), re.MULTILINE)
    assert "ro" in root.split(","), root


def is_bounded(stack: Stack, service: str, wanted: dict[str, Any]) -> None:
    """The kernel knows the limits of the file (cgroups 1 or 2)."""
    files = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null"
    memory = stack.inside(service, "sh", "-c", files, check=False)
    assert memory == str(int(wanted["mem_limit"].removesuffix("m")) * 1024 * 1024), memory
    files = "cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null"
    processes = stack.inside(service, "sh", "-c", files, check=False)
    assert processes == str(wanted["pids_limit"]), processes


def keeps_secrets(stack: Stack, service: str, granted: list[str]) -> None:
    """Each granted secret can be read as a file, no other is there, and no environment or command line shows one."""
    found = stack.inside(service, "sh", "-c", "ls /run/secrets 2>/dev/null", check=False).split()
    assert sorted(found) == sorted(granted), found
    for name in granted:
        assert stack.inside(service, "cat", f"/run/secrets/{name}") == SECRETS[name], f"{name} cannot be read"
    shown = stack.inside(service, "sh", "-c", "env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline", check=False)
    shown += json.dumps(stack.inspect(service)["Config"])
    assert [name for name, value in SECRETS.items() if value in shown] == []


def says(stack: Stack, account_id: int, room_id: int, body: str) -> None:
    """Somebody writes something; the double sends the signed webhook to the published port, which must take it."""
    _, said = fetch(f"{stack.double}/_world/rooms/{room_id}/messages", {"account_id": account_id, "body": body})
    _, deliveries = fetch(f"{stack.double}/_world/deliveries?settled=1")
    (mine,) = [each for each in deliveries if each["message_id"] == said["message_id"]]
    assert mine["http_status"] == 200, mine


def heard(stack: Stack, text: str) -> bool:
    """True once the admin room shows a text."""
    return any(text in each["body"] for each in fetch(f"{stack.double}/_world/rooms/{ADMIN_ROOM}/messages")[1])


def cases(stack: Stack) -> dict[str, str]:
    """The state of each case, as an operator asks for it."""
    listed = json.loads(stack.inside("ingress", "yuruyuru", "cases", "list", "--json"))
    return {case["id"]: case["state"] for case in listed}


def talk(stack: Stack, report: Report) -> None:
    """One message through everything, and an admin's word back."""
    with report.check("a webhook without a signature is refused"):
        assert fetch(f"{stack.engine}/webhooks/chatwork", {"webhook_setting_id": "12346"})[0] == 401
    with report.check("an unkind message on the board becomes a card in the admin room"):
        says(stack, BY_KEY["kurosaki"].account_id, BOARD, UNKIND)
        until(lambda: heard(stack, "承認 c1"), "the card of case c1")
    with report.check("an admin's verdict is answered and carried out"):
        says(stack, ADMINS[0].account_id, ADMIN_ROOM, "却下 c1")
        until(lambda: cases(stack) == {"c1": "rejected"}, "c1 is rejected")
        until(lambda: heard(stack, "c1: "), "an answer to the verdict")


def let_die(stack: Stack, report: Report) -> None:
    """The database silent, then away; a worker killed."""
    run("podman", "pause", stack.container("valkey"))
    with report.check("while its database is silent the ingress takes webhooks"):
        says(stack, BY_KEY["aoki"].account_id, BOARD, UNKIND)
        assert answers(stack, "/readyz") == 503
    run("podman", "unpause", stack.container("valkey"))
    with report.check("when the database speaks again, what was taken meanwhile is handled"):
        until(lambda: heard(stack, "承認 c2"), "the card of case c2")
        until_ready(stack)
    run("podman", "kill", "--signal", "KILL", stack.container("valkey"))
    with report.check("without its database the ingress still takes webhooks, and a worker says that it is not well"):
        says(stack, BY_KEY["endo"].account_id, BOARD, UNKIND)
        assert answers(stack, "/readyz") == 503
        assert stack.is_healthy("ingress")
        assert not stack.is_healthy("moderation")
    with report.check("when the database is back, what was taken meanwhile is handled"):
        run("podman", "start", stack.container("valkey"))
        until(lambda: heard(stack, "承認 c3"), "the card of case c3")
        until_ready(stack)
    with report.check("a worker whose process is killed is started again"):
        stack.inside("moderation", "sh", "-c", "kill -9 -1", check=False)
        until(lambda: stack.inspect("moderation")["RestartCount"] == 1, "a restart")
        says(stack, BY_KEY["ida"].account_id, BOARD, UNKIND)
        until(lambda: heard(stack, "承認 c4"), "the card of case c4")


def come_back(stack: Stack, report: Report) -> None:
    """Everything ends by itself in the time it has; a new start on the same volumes knows what the old one knew."""
    services = stack.services()
    with report.check("everything stops by itself within the grace period"):
        began = time.monotonic()
        stack.compose("stop")
        assert time.monotonic() - began < min(
            int(each["stop_grace_period"].removesuffix("s")) for each in services.values()
        )
        codes = {service: stack.inspect(service)["State"]["ExitCode"] for service in services}
        assert set(codes.values()) == {0}, codes
    with report.check("it starts again on the same volumes", needed=True):
        stack.compose("down")
        stack.up()
        until_ready(stack)
        assert [service for service in services if not stack.is_healthy(service)] == []
    with report.check("and still knows its cases"):
        assert cases(stack) == {"c1": "rejected", "c2": "open", "c3": "open", "c4": "open"}, cases(stack)


def lose_everything(stack: Stack, report: Report) -> None:
    """The database is emptied; a copy of before is put back by the commands of the runbook."""
    ours = [service for service in stack.services() if service != "valkey"]
    with report.check("a copy is made while everything runs", needed=True):
        made = json.loads(stack.inside("keeper", "yuruyuru", "backup", "--json"))
        assert stack.inside("keeper", "stat", "-c", "%a %u", made["path"]) == f"600 {UID}"
    says(stack, BY_KEY["aoki"].account_id, BOARD, UNKIND + "！")
    until(lambda: heard(stack, "承認 c5"), "the card of case c5")
    with report.check("the engine that runs is not restored over"):
        refused = run("podman", "exec", stack.container("keeper"), "yuruyuru", "restore", made["path"], check=False)
        assert "stop everything first" in refused.stderr, refused.stderr
    with report.check("the copy is put back into an emptied database", needed=True):
        stack.compose("stop", *ours)
        stack.inside("valkey", "valkey-cli", "flushall")
        stack.compose("run", "--rm", "-T", "--no-deps", "keeper", "restore", made["path"])
        stack.compose("start", *ours)
        until_ready(stack)
    with report.check("it knows what the copy held, and catches up from Chatwork without saying anything twice"):
        until(lambda: "c5" in cases(stack), "case c5 is opened again", 120)
        until(lambda: heard(stack, "システムの記録を"), "the admins are told")
        cards = [
            each for each in fetch(f"{stack.double}/_world/rooms/{ADMIN_ROOM}/messages")[1] if "承認 c" in each["body"]
        ]
        assert len(cards) == 5, cards
        assert cases(stack) == {"c1": "rejected", **dict.fromkeys(("c2", "c3", "c4", "c5"), "open")}, cases(stack)


def clean_up(stack: Stack, report: Report) -> None:
    """Show what the containers said if something failed; leave nothing."""
    if report.failed:
        for name in [name for kind, name in stack.left() if kind == "container"]:
            said = run("podman", "logs", "--tail", "8", name, check=False)
            print(f"--- {name}\n{said.stdout}{said.stderr}", end="")
    with report.check("nothing is left behind"):
        stack.remove()
        assert stack.left() == []


def main() -> int:
    """Run all checks."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    report = Report()
    try:
        with report.check("podman and the base images are there"):
            prepare()
    except Missing as missing:
        print(f"test-compose: {missing}", file=sys.stderr)
        return 1
    stack = Stack()
    try:
        for part in (bring_up, look_inside, talk, let_die, come_back, lose_everything):
            part(stack, report)
    except Stop:
        print("stopped: the rest needs what failed")
    finally:
        clean_up(stack, report)
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
