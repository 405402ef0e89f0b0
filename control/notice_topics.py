"""What people choose by when they say how they want to be told. Rooms above register theirs in `AppConfig.ready()`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Topic:
    """`is_always_shown` is for what waits for the person: it cannot be switched off in the portal itself."""

    name: str  # "decided"
    title: str  # "Your requests are decided"
    hint: str  # what it covers, in one sentence
    is_always_shown: bool = False


_topics: dict[str, Topic] = {}


def register_topic(topic: Topic) -> None:
    _topics[topic.name] = topic


def topics() -> list[Topic]:
    return list(_topics.values())


def topic_named(name: str) -> Topic:
    """Raises `KeyError` for a topic that nobody registered, which is a defect of the caller."""
    return _topics[name]


WAITING = "waiting"
SETTLED = "settled"
DECIDED = "decided"
WORK = "work"

register_topic(
    Topic(WAITING, "Something waits for you", "A request that you can decide.", is_always_shown=True)
)
register_topic(
    Topic(
        SETTLED,
        "It does not wait any more",
        "Somebody else decided it, or it was withdrawn or ran out of time.",
    )
)
register_topic(
    Topic(
        DECIDED, "Your requests are decided", "Approved, made smaller, rejected, or undecided for too long."
    )
)
register_topic(
    Topic(WORK, "Your work is done", "A run or another thing that you asked for succeeded or failed.")
)
