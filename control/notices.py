"""Telling people what concerns them. `tell` is the only writer of happenings and notices.

It is called in the transaction of the change, so nobody hears of what did not happen, and nothing that happened is
kept from them: what is sent elsewhere is worked off from the rows later.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models.functions import Coalesce

from control import clock, notice_choices, subjects, webhooks
from control.models import Happening, Notice, User
from control.notice_topics import topic_named

log = logging.getLogger(__name__)
LONGEST_TITLE, LONGEST_DETAIL = 300, 2_000
_BATCH = 1_000  # notices of one statement


@dataclass(frozen=True)
class News:
    """What is to be told. `title` speaks to those it concerns, `told` about them; `url` is a path of the portal.

    The same `key` is told once to each person, however often it is said. `thread` joins what belongs together
    (`intent:<id>`), so that it can be settled and is read together in mail.
    """

    event: str
    topic: str
    key: str
    thread: str
    title: str
    url: str
    told: str = ""  # as `title` when that speaks of nobody
    detail: str = ""
    sign: str = "info"
    action: str = ""
    action_url: str = ""
    subject_ref: str = ""
    environment: str = ""
    groups: tuple[str, ...] = ()
    useful_until: datetime | None = None


@transaction.atomic
def tell(news: News, people: Iterable[int]) -> Happening:
    """Write down that `people` (keys of accounts) hear of this, each once. An agent's owner hears in its place.

    Closed accounts hear nothing. Called again with other people, those hear of it too.
    """
    happening, is_new = Happening.objects.get_or_create(key=news.key, defaults=_fields(news))
    if is_new:
        webhooks.owe(happening)
    Notice.objects.bulk_create(
        _notices(happening, _reached(people)), batch_size=_BATCH, ignore_conflicts=True
    )
    ring_on_commit()
    return happening


def _notices(happening: Happening, people: list[int]) -> list[Notice]:
    """Each as its person wants it: shown or not, with a mail owed at once, later or never."""
    now, sends = clock.now(), notice_choices.mail_is_set_up()
    plans = notice_choices.plans(topic_named(happening.topic), people)
    return [
        Notice(
            user_id=pk,
            happening=happening,
            is_shown=choice.is_shown,
            mail_due_at=notice_choices.mail_due(choice, hours, now) if sends else None,
        )
        for pk, (choice, hours) in plans.items()
    ]


def ring_on_commit() -> None:
    """One bell for a transaction, whatever is told in it; the rows say what is owed, so a lost one only delays it."""
    if not any(waiting[1] is _ring for waiting in connection.run_on_commit):
        transaction.on_commit(_ring)


def _ring() -> None:
    from control import tasks

    try:
        tasks.deliver.apply_async(retry=False)
    except Exception:
        log.exception("could not ring for deliveries; the sweep will")


def _fields(news: News) -> dict[str, object]:
    return {
        "event": news.event,
        "topic": topic_named(news.topic).name,
        "thread": news.thread,
        "at": clock.now(),
        "sign": news.sign,
        "title": _one_line(news.title, LONGEST_TITLE),
        "told": _one_line(news.told or news.title, LONGEST_TITLE),
        "detail": _shortened(news.detail.strip(), LONGEST_DETAIL),
        "url": news.url,
        "action": news.action,
        "action_url": news.action_url,
        "subject_ref": news.subject_ref,
        "environment": news.environment,
        "groups": _teams(news),
        "useful_until": news.useful_until,
    }


def _teams(news: News) -> list[str]:
    """Those that were named, and those that own what it is about: their channels hear of it."""
    owners = subjects.resolve(news.subject_ref).owner_refs if news.subject_ref else ()
    return list(dict.fromkeys([*news.groups, *(ref for ref in owners if ref.startswith("group:"))]))


def _one_line(words: str, longest: int) -> str:
    """Names come from people and files: no line of a mail's head may begin in one."""
    printable = "".join(letter if letter.isprintable() else " " for letter in words)
    return _shortened(" ".join(printable.split(" ")), longest)


def _shortened(words: str, longest: int) -> str:
    return words if len(words) <= longest else f"{words[: longest - 1]}…"


def _reached(people: Iterable[int]) -> list[int]:
    """The active persons behind these accounts."""
    behind = User.objects.filter(pk__in=set(people)).annotate(who=Coalesce("acts_for_id", "pk"))
    persons = User.objects.filter(pk__in=behind.values("who"), is_active=True, acts_for=None)
    return list(persons.values_list("pk", flat=True))


@transaction.atomic
def settle(thread: str, event: str, words: str) -> list[int]:
    """What waited for people in this thread waits no more; nobody needs to read it now. Returns who had been told."""
    now = clock.now()
    waiting = Happening.objects.filter(thread=thread, event=event, settled_at=None)
    settled = list(waiting.select_for_update().values_list("pk", flat=True))
    notices = Notice.objects.filter(happening__in=settled)
    told = list(notices.values_list("user_id", flat=True).distinct())
    notices.unread().update(read_at=now)
    waiting.filter(pk__in=settled).update(settled_at=now, settled_words=_one_line(words, LONGEST_TITLE))
    return told
