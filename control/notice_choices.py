"""How people want to be told: in the portal, by mail at once, once a day or never, and at which hours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.db import transaction

from control import clock
from control.models import MailWish, Notice, NoticeChoice, NoticeSchedule, User
from control.notice_topics import Topic, topic_named, topics


@dataclass(frozen=True)
class Choice:
    topic: Topic
    is_shown: bool
    mail: str


@dataclass(frozen=True)
class Hours:
    """Whole hours in `zone`; `quiet` is from and until, over midnight when until is smaller."""

    zone: ZoneInfo
    digest: int = 8
    quiet: tuple[int, int] | None = None


def mail_is_set_up() -> bool:
    return bool(settings.PORTICO_MAIL_URL)


def choices_of(user: User) -> list[Choice]:
    """One for each topic that this person may hear of, in the order of the page."""
    chosen = {row.topic: row for row in NoticeChoice.objects.filter(user=user)}
    return [
        _choice(topic, chosen.get(topic.name))
        for topic in topics()
        if user.is_staff or not topic.is_for_staff
    ]


def hours_of(user: User) -> Hours:
    return _hours(NoticeSchedule.objects.filter(user=user).first())


def plans(topic: Topic, people: Iterable[int]) -> dict[int, tuple[Choice, Hours]]:
    """What each of these people chose for `topic`; two queries."""
    known = list(people)
    chosen = {row.user_id: row for row in NoticeChoice.objects.filter(user__in=known, topic=topic.name)}
    schedules = {row.user_id: row for row in NoticeSchedule.objects.filter(user__in=known)}
    return {pk: (_choice(topic, chosen.get(pk)), _hours(schedules.get(pk))) for pk in known}


def _choice(topic: Topic, row: NoticeChoice | None) -> Choice:
    if row is None:
        return Choice(topic, is_shown=True, mail=topic.usual_mail)
    return Choice(topic, is_shown=row.is_shown or topic.is_always_shown, mail=row.mail)


def _hours(row: NoticeSchedule | None) -> Hours:
    if row is None:
        return Hours(ZoneInfo(settings.TIME_ZONE))
    quiet = None if row.quiet_from is None or row.quiet_until is None else (row.quiet_from, row.quiet_until)
    return Hours(_zone(row.time_zone), row.digest_hour, quiet)


def _zone(name: str) -> ZoneInfo:
    """A zone that the system forgot since must not keep anybody from being told."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo(settings.TIME_ZONE)


def mail_due(choice: Choice, hours: Hours, now: datetime) -> datetime | None:
    """When a mail about it is to be sent; None for never."""
    if choice.mail == MailWish.NEVER:
        return None
    if choice.mail == MailWish.DAILY:
        return _next(hours.digest, hours.zone, now)
    if (
        hours.quiet
        and not choice.topic.is_urgent
        and _is_within(hours.quiet, now.astimezone(hours.zone).hour)
    ):
        return _next(hours.quiet[1], hours.zone, now)
    return now


def _is_within(quiet: tuple[int, int], hour: int) -> bool:
    begin, end = quiet
    return begin <= hour < end if begin < end else hour >= begin or hour < end


def _next(hour: int, zone: ZoneInfo, now: datetime) -> datetime:
    """The next time that it is `hour` o'clock there: of clocks on the wall, so a change to summer time is no matter."""
    local = now.astimezone(zone)
    today = datetime.combine(local.date(), time(hour), zone)
    return today if today > local else datetime.combine(local.date() + timedelta(days=1), time(hour), zone)


@transaction.atomic
def choose(
    user: User,
    chosen: Mapping[str, tuple[bool, str]],
    *,
    zone: str,
    digest: int,
    quiet: tuple[int, int] | None,
) -> None:
    """Keep what they chose; what waits for their next daily mail goes by the new hour."""
    rows = [
        NoticeChoice(user=user, topic=topic_named(name).name, is_shown=is_shown, mail=mail)
        for name, (is_shown, mail) in chosen.items()
    ]
    NoticeChoice.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["user", "topic"], update_fields=["is_shown", "mail"]
    )
    begin, end = quiet or (None, None)
    fields = {"time_zone": zone, "digest_hour": digest, "quiet_from": begin, "quiet_until": end}
    NoticeSchedule.objects.update_or_create(user=user, defaults=fields)
    _plan_again(user)


@transaction.atomic
def stop_mail(user: User, names: Iterable[str]) -> list[Topic]:
    """No more mail about these topics; the portal goes on telling. Returns those that there are."""
    known = {topic.name: topic for topic in topics()}
    stopped = [known[name] for name in names if name in known]
    for topic in stopped:
        never = {"mail": MailWish.NEVER}
        NoticeChoice.objects.update_or_create(
            user=user, topic=topic.name, defaults=never, create_defaults={**never, "is_shown": True}
        )
    _plan_again(user)
    return stopped


def _plan_again(user: User) -> None:
    """What is owed to them by mail follows what they chose now."""
    now, hours = clock.now(), hours_of(user)
    for choice in choices_of(user):
        waiting = Notice.objects.filter(user=user, mail_due_at__gt=now, happening__topic=choice.topic.name)
        waiting.update(mail_due_at=mail_due(choice, hours, now))
