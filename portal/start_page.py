"""What the home page shows one person: what waits for them, what they asked for and hold, what is theirs, what is new.

Every list is short and links to the whole; the number of queries does not depend on the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from access.models import Grant
from catalog.models import Entity, Location
from catalog.visibility import covered
from control import away, duties
from control.duties import Duty
from control.models import Delegation, Intent, State, User
from control.web import person
from scaffolder.models import Run

SHOWN = 6
OPEN_STATES = [State.SUBMITTED, State.AWAITING_APPROVAL, State.APPROVED, State.RUNNING]


@dataclass(frozen=True)
class StartPage:
    waiting: list[tuple[Intent, Delegation | None]]  # and in whose place it waits, where somebody is away
    duties: list[Duty]
    requests: list[Intent]
    grants: list[Grant]
    owned: list[Entity]
    changed: list[Entity]
    runs: list[Run]
    unreadable: list[Location]

    @property
    def is_catalogue_empty(self) -> bool:
        return not self.changed


@login_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "portal/home.html", {"page": start_page(person(request))})


def start_page(user: User) -> StartPage:
    intents = Intent.objects.select_related("requested_by", "requested_by__acts_for")
    entities = Entity.objects.visible_to(user).light()
    return StartPage(
        waiting=away.in_place_of(intents.waiting_for(user).order_by("requested_at")[:SHOWN], user),
        duties=duties.of(user)[:SHOWN],
        requests=list(
            intents.involving(user).filter(state__in=OPEN_STATES).order_by("-requested_at")[:SHOWN]
        ),
        grants=list(Grant.objects.live().filter(user=user).order_by("expires_at")[:SHOWN]),
        owned=covered(
            entities.owned_by(*owner_refs(user)).filter(kind="component").order_by("name", "ref")[:SHOWN],
            user,
        ),
        changed=covered(
            entities.exclude(kind__in=["location", "user"]).order_by("-changed_at", "ref")[:SHOWN], user
        ),
        runs=_recent_runs(user),
        unreadable=list(Location.objects.visible_to(user).failing_for(user, owner_refs(user))[:SHOWN]),
    )


def owner_refs(user: User) -> list[str]:
    """Groups are named by their refs; what a person owns alone counts too."""
    groups = list(user.groups.values_list("name", flat=True))
    return [*groups, user.entity_ref] if user.entity_ref else groups


def _recent_runs(user: User) -> list[Run]:
    mine = Run.objects.filter(intent__in=Intent.objects.involving(user)).select_related("intent")
    return list(mine.defer("template", "values", "output").order_by("-intent__requested_at")[:SHOWN])
