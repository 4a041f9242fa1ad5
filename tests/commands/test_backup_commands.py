"""`yuruyuru backup` and `yuruyuru restore`: what they print, and what they refuse."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from engine import heartbeat
from engine.backups.file import Head, Writer
from engine.embedded import DataDir, EmbeddedValkey, answers, socket_path
from tests.terminal import Terminal

if TYPE_CHECKING:
    from engine.commands.office import Office

pytestmark = pytest.mark.redis


def vendors(terminal: Terminal) -> list[str]:
    return [vendor["name"] for vendor in terminal.run("vendors", "list", "--json").json]


def backed_up(terminal: Terminal, *words: str) -> dict[str, Any]:
    made: dict[str, Any] = terminal.run("backup", *words, "--json").json
    return made


def community_of(terminal: Terminal) -> str:
    return terminal.does(_community)


async def _community(office: Office) -> str:
    return office.community.community.id


def test_a_copy_is_said_with_its_figures(terminal: Terminal, tmp_path: Path) -> None:
    terminal.run("vendors", "add", "みほん商事")
    made = backed_up(terminal)
    path = Path(made["path"])
    raw = path.read_bytes()
    assert path.parent == tmp_path / "data" / "backups"
    assert path.name.startswith(f"{community_of(terminal)}-2")
    assert (made["bytes"], made["sha256"]) == (len(raw), hashlib.sha256(raw).hexdigest())
    assert made["keys"] == 3
    assert 0 <= made["seconds"] < 10
    assert raw.count("みほん商事".encode()) == 0, "packed"


def test_a_copy_for_people(terminal: Terminal) -> None:
    shown = terminal.run("backup")
    assert shown.code == 0
    assert [line.split()[0] for line in shown.out.splitlines()][:3] == ["path", "keys", "entries"]


@pytest.mark.parametrize("place", ["mine", "folder/"])
def test_a_copy_goes_where_it_is_wanted(terminal: Terminal, tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    path = Path(backed_up(terminal, "--to", str(tmp_path / place))["path"])
    assert path.exists()
    assert path.parent == (tmp_path / "folder" if place == "folder/" else tmp_path)


def test_a_copy_never_replaces_a_file(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("dear to me")
    refusal = terminal.run("backup", "--to", str(tmp_path / "mine")).refusal
    assert refusal == f"{tmp_path}/mine is there already; name another file"
    assert (tmp_path / "mine").read_text() == "dear to me"


def test_a_place_that_cannot_be_written_is_one_sentence(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refusal = terminal.run("backup", "--to", str(tmp_path / "file" / "mine")).refusal
    assert refusal in (f"{tmp_path}/file cannot be written: {reason}" for reason in ("EEXIST", "ENOTDIR"))


def test_what_was_added_since_is_gone_after_a_restore(terminal: Terminal) -> None:
    terminal.run("vendors", "add", "はじめ")
    made = backed_up(terminal)
    terminal.run("vendors", "add", "あとから")
    told = terminal.run("restore", made["path"], "--replace", "--json").json
    assert (told["keys"], told["community"]) == (3, community_of(terminal))
    assert vendors(terminal) == ["はじめ"]


class TestRefused:
    """Nothing is written; the sentence says what to do."""

    def test_a_damaged_file(self, terminal: Terminal) -> None:
        terminal.run("vendors", "add", "はじめ")
        path = Path(backed_up(terminal)["path"])
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 1
        path.write_bytes(raw)
        terminal.run("vendors", "add", "あとから")
        refusal = terminal.run("restore", str(path), "--replace").refusal
        assert refusal == (f"{path} is damaged: its checksum does not fit, so nothing was restored; take another copy")
        assert len(vendors(terminal)) == 2

    def test_a_file_that_is_not_there(self, terminal: Terminal, tmp_path: Path) -> None:
        refusal = terminal.run("restore", str(tmp_path / "nothing")).refusal
        assert refusal == f"{tmp_path}/nothing: cannot be read: No such file or directory"

    def test_a_community_that_is_there(self, terminal: Terminal) -> None:
        terminal.run("vendors", "add", "はじめ")
        made = backed_up(terminal)
        assert terminal.run("restore", made["path"]).refusal == (
            f"the database holds the community {community_of(terminal)} already (3 keys); "
            "restore into an empty one, or erase what is there with --replace"
        )

    def test_another_community(self, terminal: Terminal, tmp_path: Path) -> None:
        path = sealed(tmp_path, community="other")
        assert terminal.run("restore", str(path), "--replace").refusal == (
            f"this is a backup of the community other, the settings name {community_of(terminal)}; "
            "choose the right ones"
        )

    @pytest.mark.parametrize("engine", ["0.1.1", "0.2.0", "1.0", "0.10.0"])
    def test_a_newer_engines_copy(self, terminal: Terminal, tmp_path: Path, engine: str) -> None:
        path = sealed(tmp_path, community=community_of(terminal), engine=engine)
        refusal = terminal.run("restore", str(path)).refusal
        assert refusal == f"this backup was made by yuruyuru {engine}, this is 0.1.0; upgrade first"

    def test_a_community_that_is_alive(self, terminal: Terminal) -> None:
        made = backed_up(terminal)
        terminal.does(_beat)
        refusal = terminal.run("restore", made["path"], "--replace").refusal
        assert refusal.startswith("still running within the last minute: keeper@")
        assert refusal.endswith("; stop everything first")

    def test_a_forgetful_database(self, terminal: Terminal) -> None:
        made = backed_up(terminal)
        terminal.does(_forgets)
        try:
            refusal = terminal.run("restore", made["path"]).refusal
        finally:
            terminal.does(_remembers)
        assert refusal.startswith("the database would lose accepted events: appendfsync is everysec")

    def test_a_database_that_is_away(self, terminal: Terminal) -> None:
        made = backed_up(terminal)
        away = terminal.having(REDIS_URL="unix:///nowhere/valkey.sock")
        for words in (["backup"], ["restore", made["path"]]):
            assert away.run(*words).refusal.startswith("the database does not answer")

    def test_values_of_a_newer_server(self, terminal: Terminal, tmp_path: Path) -> None:
        """A dump ends with the version of its form; this one is from a server far ahead."""
        path = sealed(tmp_path, community=community_of(terminal), dump=b"\x00\x011" + b"\xff\x7f" + bytes(8))
        refusal = terminal.run("restore", str(path)).refusal
        assert refusal == "this database server is older than the one the backup was made on; use one as new"


async def _beat(office: Office) -> None:
    await heartbeat.beat(office.db, "keeper", heartbeat.Beat(at=office.clock.now()))


async def _forgets(office: Office) -> None:
    await office.db.redis.config_set("appendfsync", "everysec")


async def _remembers(office: Office) -> None:
    await office.db.redis.config_set("appendfsync", "always")


def sealed(folder: Path, *, community: str, engine: str = "0.1.0", dump: bytes | None = None) -> Path:
    writer = Writer(folder / "made by hand", Head(community=community, engine=engine))
    writer.write([] if dump is None else [(b"key", b"a", b"-1", dump)])
    return writer.seal(taken_at=1.0).path


def test_an_older_engines_copy_is_taken(terminal: Terminal, tmp_path: Path) -> None:
    path = sealed(tmp_path, community=community_of(terminal), engine="0.0.9")
    assert terminal.run("restore", str(path), "--json").json["keys"] == 0


class TestEmbedded:
    """Without REDIS_URL the database in DATA_DIR is meant."""

    def test_a_stopped_one_is_started_for_the_copy_and_for_its_return(self, tmp_path: Path) -> None:
        terminal = Terminal({"DATA_DIR": str(tmp_path / "old")})
        terminal.run("vendors", "add", "はじめ")
        made = backed_up(terminal)
        other = Terminal({"DATA_DIR": str(tmp_path / "new")})
        assert other.run("restore", made["path"], "--json").json["keys"] == 3
        assert vendors(other) == ["はじめ"]
        assert not answers(socket_path(tmp_path / "new"))

    def test_a_running_one_is_copied_and_left_running(self, tmp_path: Path) -> None:
        with EmbeddedValkey(tmp_path) as server:
            held = DataDir(tmp_path)
            assert backed_up(Terminal({"DATA_DIR": str(tmp_path)}))["keys"] == 0
            assert server.pid is not None
            held.release()
