"""What is usual: lengths people choose, how fast people answer, what came before. Only reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from statistics import median
from uuid import UUID

from django.db.models import Count, Q
from django.utils.timezone import localtime

from access import together, windows
from access.windows import Given, Held, Right
from control import clock
from control.durations import format_duration, parse_duration
from control.models import Approval, Intent, State, User

CHOICES = tuple(timedelta(minutes=minutes) for minutes in (30, 60, 120, 240, 480))
USUAL_HOURS = range(7, 20)  # local time; outside of it a request is worth a second look
ANSWERS_READ = 300  # newest answers that "usually" is computed from
GRANTS_READ = 50
PRODUCTION_NAMES = {"production", "prod", "live"}


def is_production(environment: str) -> bool:
    return environment.lower() in PRODUCTION_NAMES


def warnings_of(intents: Sequence[Intent]) -> dict[UUID, list[tuple[str, str]]]:
    """What an approver should look at first, sign and sentence, by key of the intent. Three queries for all."""
    rights = {intent.pk: _right_of(intent) for intent in intents}
    given, beside, now = windows.given_of([*rights.values()]), together.others_of(intents), clock.now()
    return {
        intent.pk: list(_warnings(intent, given[rights[intent.pk]], beside.get(intent.pk, []), now))
        for intent in intents
    }


def _right_of(intent: Intent) -> Right:
    return Right(intent.requested_by, intent.parameters["role"], intent.subject_ref, intent.environment)


def _warnings(
    intent: Intent, given: Sequence[Given], beside: Sequence[Intent], now: datetime
) -> Iterator[tuple[str, str]]:
    if is_production(intent.environment):
        yield "warn", "This reaches production."
    before = [one.length for one in given if one.intent_id != intent.pk][:GRANTS_READ]
    if not before:
        yield "info", f"{intent.requested_by.label} has not held this before."
    elif longer := _longer_than_usual(intent, before):
        yield "warn", longer
    if carried := _carried_on(intent, windows.held(given, now, without=intent.pk)):
        yield "info", carried
    if words := together.words_of(beside):
        yield "info", words
    asked = localtime(intent.requested_at)
    if asked.hour not in USUAL_HOURS or asked.weekday() >= 5:
        yield "warn", f"Asked on {asked:%A at %H:%M}, an unusual hour."


def _carried_on(intent: Intent, held: Held) -> str:
    """That it makes longer what is held, and how long that is in all."""
    ask = windows.ask_from(_right_of(intent), intent.parameters, held)
    if not ask.windows_before or ask.total is None:
        return ""
    return f"Carries on what {intent.requested_by.label} was given: {format_duration(ask.total)} in all."


def _longer_than_usual(intent: Intent, before: list[timedelta]) -> str:
    usual = timedelta(seconds=median(length.total_seconds() for length in before))
    asked = parse_duration(intent.parameters["duration"])
    if asked <= usual * 1.5:
        return ""
    return f"{format_duration(asked)} is longer than usual: {format_duration(usual)} until now."


def history_words(intent: Intent) -> str:
    """“Asked for it 3 times before, 2 were allowed.”"""
    same = Intent.objects.filter(
        capability=intent.capability,
        requested_by_id=intent.requested_by_id,
        subject_ref=intent.subject_ref,
        parameters__role=intent.parameters["role"],
        requested_at__lt=intent.requested_at,
    )
    done = [State.APPROVED, State.RUNNING, State.SUCCEEDED, State.FAILED]
    counts = same.aggregate(asked=Count("pk"), allowed=Count("pk", filter=Q(state__in=done)))
    if not counts["asked"]:
        return "Asks for it for the first time."
    times = "once" if counts["asked"] == 1 else f"{counts['asked']} times"
    return f"Asked for it {times} before, {counts['allowed']} allowed."


def usual_minutes(people: Iterable[User]) -> dict[int, int]:
    """By account: the median of minutes until an answer, where there are answers. One query."""
    answers = Approval.objects.filter(by__in=[user.pk for user in people]).order_by("-id")
    waits: dict[int, list[float]] = {}
    for by, asked, decided in answers.values_list("by_id", "intent__requested_at", "decided_at")[
        :ANSWERS_READ
    ]:
        waits.setdefault(by, []).append((decided - asked).total_seconds() / 60)
    return {by: max(round(median(minutes)), 1) for by, minutes in waits.items()}
