"""What people choose by when they say how they want to be told. Rooms above register theirs in `AppConfig.ready()`."""

from __future__ import annotations

from dataclasses import dataclass

from control.notice_models import MailWish


@dataclass(frozen=True)
class Topic:
    """`is_always_shown` is for what waits for the person: it cannot be switched off in the portal itself."""

    name: str  # "decided"
    title: str  # "Your requests are decided"
    hint: str  # what it covers, in one sentence
    mail: str = ""  # unless the person chooses otherwise; left out, what waits for them comes at once
    is_always_shown: bool = False
    is_for_staff: bool = False  # told to administrators alone
    is_urgent: bool = False  # quiet hours do not hold it back

    @property
    def usual_mail(self) -> str:
        return self.mail or (MailWish.AT_ONCE if self.is_always_shown else MailWish.DAILY)


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
DEPUTIES = "deputies"
PLATFORM = "platform"

register_topic(
    Topic(
        WAITING,
        "Something waits for you",
        "A request that you can decide, a question about yours, or one that you have to ask for again.",
        is_always_shown=True,
    )
)
register_topic(
    Topic(
        DECIDED,
        "Your requests are decided",
        "Approved, made smaller, rejected, or undecided for too long.",
        mail=MailWish.AT_ONCE,
    )
)
register_topic(
    Topic(WORK, "Your work is done", "A run or another thing that you asked for succeeded or failed.")
)
register_topic(
    Topic(
        DEPUTIES,
        "Somebody stands in",
        "You decide for somebody who is away, or somebody for you; and when that ends early.",
        mail=MailWish.AT_ONCE,
    )
)
register_topic(
    Topic(
        SETTLED,
        "It does not wait any more",
        "Somebody else decided what waited for you, or it was withdrawn or ran out of time.",
        mail=MailWish.NEVER,
    )
)
register_topic(
    Topic(
        PLATFORM,
        "Portico itself",
        "For administrators: mail or a receiver does not answer for long.",
        mail=MailWish.AT_ONCE,
        is_for_staff=True,
    )
)
