#!/usr/bin/env python3
"""Prints `ops/logs.md`: every log line of the engine with its fields, read from the code itself."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEVELS = ("debug", "info", "warning", "error", "exception")
COMMITTED = {"fact": "info", "alarm": "error"}
BOUND = ("event_id", "trace", "job", "argument", "worker")

Lines = dict[str, dict[str, set[str]]]


def collect() -> Lines:
    """Event name -> {levels, fields, files}."""
    lines: Lines = defaultdict(lambda: {"levels": set(), "fields": set(), "files": set()})
    for folder in ("engine", "workers"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
                note(call, str(path.relative_to(ROOT)), lines)
    return lines


def note(call: ast.Call, file: str, lines: Lines) -> None:
    """Take down a call of `log.<level>("name", …)`, `commit.fact("name", …)` or `commit.alarm("name", …)`."""
    if not isinstance(call.func, ast.Attribute) or not call.args:
        return
    method, name = call.func.attr, call.args[0]
    logs = method in LEVELS and isinstance(call.func.value, ast.Name) and call.func.value.id == "log"
    if not (logs or method in COMMITTED):
        return
    names = [name.value] if isinstance(name, ast.Constant) and isinstance(name.value, str) else facts_of(name)
    for each in names:
        lines[each]["levels"].add(COMMITTED.get(method, method))
        lines[each]["fields"] |= {keyword.arg for keyword in call.keywords if keyword.arg}
        lines[each]["files"].add(file)


def facts_of(node: ast.expr) -> list[str]:
    """`FACTS[kind][n]`: the names stand in the table of `engine/outbox.py`."""
    if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Constant):
        return []
    table = ast.parse((ROOT / "engine/outbox.py").read_text())
    found = next(n for n in table.body if isinstance(n, ast.AnnAssign) and getattr(n.target, "id", "") == "FACTS")
    assert isinstance(found.value, ast.Dict)
    pairs = [ast.literal_eval(value) for value in found.value.values]
    return [pair[node.slice.value] for pair in pairs]


def main() -> None:
    """Print the page."""
    print("# Log lines\n")
    print("Generated from the code by `make docs`; a test compares it.\n")
    print(
        "Every line is one JSON object with `ts` (RFC 3339, UTC), `level`, `event` and `worker`. While a worker handles"
    )
    print("an event or a job, " + ", ".join(f"`{name}`" for name in BOUND) + " are bound and appear by themselves.\n")
    print("| event | level | fields | written in |\n|---|---|---|---|")
    for name, found in sorted(collect().items()):
        fields = ", ".join(f"`{field}`" for field in sorted(found["fields"])) or "–"
        files = ", ".join(f"`{file}`" for file in sorted(found["files"]))
        print(f"| `{name}` | {', '.join(sorted(found['levels']))} | {fields} | {files} |")


if __name__ == "__main__":
    main()
