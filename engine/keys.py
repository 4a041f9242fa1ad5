"""Names of Redis keys. Every key of a community carries the same hash tag: one community is one cluster slot."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """Builds keys: `Keys("main")("question", "q1")` is `{main}:question:q1`."""

    community_id: str

    def __call__(self, *parts: str | int) -> str:
        """Join `parts` under the community's hash tag."""
        return ":".join((f"{{{self.community_id}}}", *map(str, parts)))

    @property
    def stream(self) -> str:
        """The stream of events."""
        return self("events")

    @property
    def dead_letters(self) -> str:
        """Sorted set of dead letters' ids by time."""
        return self("dead")

    def seen(self, event_id: str) -> str:
        """Marks an event id as published."""
        return self("seen", event_id)

    def wakes(self, worker: str) -> str:
        """Sorted set of a worker's due times; members are `job|argument`, scores epoch seconds."""
        return self("wakes", worker)

    def arq_queue(self, worker: str) -> str:
        """Name of arq's queue for a worker."""
        return self("arq", worker)
