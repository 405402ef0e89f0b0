"""How templates do: how often they ran, how long that takes and how often it ends well. Read from intents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Q

from control.models import State, User
from control.templatetags.times import took
from scaffolder.models import Run

CHOSEN_MOST = 4  # templates that are shown large


@dataclass(frozen=True)
class Usage:
    runs: int = 0
    takes: timedelta | None = None
    succeeded: int | None = None  # per cent of the ended runs

    @property
    def takes_words(self) -> str:
        return took(self.takes) if self.takes is not None else ""


NEVER = Usage()


def usage_of(refs: Iterable[str]) -> dict[str, Usage]:
    """One query."""
    done = Q(intent__state=State.SUCCEEDED)
    lasted = ExpressionWrapper(
        F("intent__finished_at") - F("intent__started_at"), output_field=DurationField()
    )
    rows = (
        Run.objects.filter(template_ref__in=list(refs), intent__started_at__isnull=False)
        .values("template_ref")
        .annotate(
            runs=Count("pk"),
            takes=Avg(lasted, filter=done),
            good=Count("pk", filter=done),
            ended=Count("pk", filter=Q(intent__state__in=[State.SUCCEEDED, State.FAILED])),
        )
    )
    return {row["template_ref"]: _usage(row) for row in rows}


def _usage(row: Mapping[str, object]) -> Usage:
    ended, good, takes = row["ended"], row["good"], row["takes"]
    share = round(100 * good / ended) if isinstance(ended, int) and isinstance(good, int) and ended else None
    runs = row["runs"]
    return Usage(runs if isinstance(runs, int) else 0, takes if isinstance(takes, timedelta) else None, share)


def chosen_most(user: User) -> list[str]:
    """References of the templates that the person's teams ran most. One query."""
    teams = user.groups.values("pk")
    rows = (
        Run.objects.filter(intent__requested_by__groups__in=teams)
        .values("template_ref")
        .annotate(runs=Count("pk", distinct=True))
        .order_by("-runs", "template_ref")
    )
    return [row["template_ref"] for row in rows[:CHOSEN_MOST]]
