"""docker-compose.yml keeps what we promise about it, and the Compose specification's rules."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from engine.settings import Community, Environment

ROOT = Path(__file__).parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
WORKERS = {"nudge", "score", "referral", "moderation", "keeper"}
OURS = sorted({"ingress", *WORKERS})
EXAMPLE = ROOT / "ops" / "community.example.toml"


def schema() -> dict[str, Any]:
    """The specification's own schema, as the package check-jsonschema carries it."""
    vendored = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    loaded: dict[str, Any] = json.loads(vendored.read_text())
    return loaded


def test_the_file_is_valid_compose() -> None:
    errors = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema()).iter_errors(COMPOSE)]
    assert errors == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"services": {"valkey": {"image": "valkey", "restrat": "always"}}},
        {"services": {"valkey": {"image": 9.1}}},
        {"services": {"valkey": {"healthcheck": {"test": {"a": 1}}}}},
        {"servcies": {}},
    ],
)
def test_the_schema_would_notice(wrong: dict[str, Any]) -> None:
    assert not Draft202012Validator(schema()).is_valid(wrong)


def test_every_worker_is_a_service_and_nothing_is_forgotten() -> None:
    assert set(SERVICES) == {"valkey", "ingress", *WORKERS}
    for name in WORKERS:
        assert SERVICES[name]["command"] == ["worker", name]
        assert SERVICES[name]["healthcheck"]["test"] == ["CMD", "yuruyuru", "worker", name, "--health"]


def test_only_the_ingress_is_published_and_only_to_this_host_by_default() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"ingress": ["${HOST_ADDRESS:-127.0.0.1}:${PORT:-8080}:8080"]}


def test_the_database_is_durable_and_out_of_reach() -> None:
    valkey = SERVICES["valkey"]
    command = valkey["command"]
    assert valkey["image"].endswith("valkey/valkey:9.1")
    assert "--appendonly yes --appendfsync always --maxmemory-policy noeviction" in command
    assert valkey["volumes"] == ["valkey:/data"]
    assert "valkey" in COMPOSE["volumes"]
    assert valkey["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"] == {"internal": True}


def test_copies_outlive_their_maker() -> None:
    """`/data` is the engine's place to write to; the keeper's copies lie in `DATA_DIR/backups`."""
    assert "backups:/data" in SERVICES["keeper"]["volumes"]
    assert [name for name in OURS if "backups:/data" in SERVICES[name]["volumes"]] == ["keeper"]


@pytest.mark.parametrize("name", sorted(SERVICES))
class TestEveryService:
    def test_runs_without_root_and_without_rights(self, name: str) -> None:
        service = SERVICES[name]
        uid = int(service["user"].split(":")[0])
        assert uid > 0
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not {"privileged", "cap_add", "network_mode", "pid", "devices"} & service.keys()

    def test_is_bounded(self, name: str) -> None:
        service = SERVICES[name]
        assert re.fullmatch(r"(\$\{\w+:-)?\d+m\}?", service["mem_limit"])
        assert service["pids_limit"] > 0
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}
        assert all("size=" in mount for mount in service["tmpfs"])

    def test_is_watched_and_comes_back(self, name: str) -> None:
        service = SERVICES[name]
        assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
        assert service["restart"] == "unless-stopped"
        assert service["init"] is True
        assert int(service["stop_grace_period"].removesuffix("s")) >= 10

    def test_writes_only_to_named_volumes(self, name: str) -> None:
        sources = [volume.split(":/")[0] for volume in SERVICES[name].get("volumes", []) if not volume.endswith(":ro")]
        assert set(sources) <= COMPOSE["volumes"].keys()


@pytest.mark.parametrize("name", OURS)
class TestEveryServiceOfOurs:
    def test_is_built_from_the_one_image_and_waits_for_the_database(self, name: str) -> None:
        service = SERVICES[name]
        assert service["image"] == "yuruyuru:${YURUYURU_VERSION:-latest}"
        assert service["build"] == {"context": ".", "dockerfile": "ops/Dockerfile"}
        assert service["depends_on"] == {"valkey": {"condition": "service_healthy"}}

    def test_gets_secrets_as_files_that_are_granted_to_it(self, name: str) -> None:
        service = SERVICES[name]
        environment = service["environment"]
        files = {variable: path for variable, path in environment.items() if variable.endswith("_FILE")}
        assert {Path(path).name for path in files.values()} == set(service["secrets"])
        assert all(path.startswith("/run/secrets/") for path in files.values())
        assert not {"CHATWORK_API_TOKEN", "CHATWORK_WEBHOOK_TOKENS", "ADMIN_TOKEN"} & environment.keys()

    def test_is_told_only_what_the_engine_understands(self, name: str) -> None:
        known = {field.upper() for field in Environment.model_fields}
        assert {variable.removesuffix("_FILE") for variable in SERVICES[name]["environment"]} <= known

    def test_asks_the_host_for_nothing_that_it_sets_itself(self, name: str) -> None:
        """podman-compose would take the container's value, for example its path of community.toml, for the host's."""
        service = SERVICES[name]
        outside = json.dumps({key: value for key, value in service.items() if key != "environment"})
        assert set(re.findall(r"\$\{(\w+)", outside)).isdisjoint(service["environment"])


def test_workers_do_not_see_the_ingress_secrets() -> None:
    assert all(SERVICES[name]["secrets"] == ["chatwork_api_token"] for name in WORKERS)


def test_secrets_are_files_that_are_never_committed() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert "secrets/" in ignored
    for name, secret in COMPOSE["secrets"].items():
        assert secret == {"file": "${SECRETS_DIR:-./secrets}/" + name}


def test_the_image_is_built_from_a_list_of_what_may_enter_it() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "ops" / "Dockerfile").read_text(), re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    assert sources == {line.removeprefix("!") for line in lines[1:] if line.startswith("!")}


def test_the_image_starts_unprivileged_and_from_checked_packages() -> None:
    dockerfile = (ROOT / "ops" / "Dockerfile").read_text()
    assert "USER 10001:10001" in dockerfile
    assert len(re.findall(r"^FROM docker\.io/library/python:3\.13-slim", dockerfile, re.MULTILINE)) == 2
    installs = [line for line in dockerfile.splitlines() if " install " in line and "pip" in line]
    assert all("--require-hashes" in line or "--no-deps dist/" in line for line in installs)


def test_the_example_shows_every_setting_with_its_default() -> None:
    example = tomllib.loads(EXAMPLE.read_text())
    assert Community.model_validate(example) == Community()
    shown = {(table, key) for table, keys in example.items() for key in keys}
    sections = {name: field.annotation for name, field in Community.model_fields.items() if name != "rooms"}
    assert shown == {(table, key) for table, section in sections.items() for key in section.model_fields}  # type: ignore[union-attr]


def test_the_examples_rooms_are_right_once_they_are_uncommented() -> None:
    text = re.sub(r"^# (?=\[\[rooms|room_id|role)", "", EXAMPLE.read_text(), flags=re.MULTILINE)
    assert Community.model_validate(tomllib.loads(text)).rooms_of("admin") == (567890124,)
