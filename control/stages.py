"""Moves a waiting request along: whose turn it is after an answer, and who is let in when nobody answers.

Only the rows that say who may decide are changed here; deciding itself is `approvals`.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Q

from control import audit, clock, request_notices
from control.agenda import Agenda, Progress, Stage
from control.deciders import Named
from control.durations import format_duration
from control.models import Approver, Intent, State, User
from control.panels import Panel
from control.verdict_words import short_ref

ESCALATE_BATCH = 200  # requests of one sweep; the next one is seconds away
_Place = tuple[int, int, int]  # stage, part, tier


def ask(intent: Intent, panel: Panel, now: datetime) -> None:
    """Write down who may decide, stage by stage; the first stage counts from now."""
    named, waits = dict(_places(panel)), _waits(panel)
    seats = _seats_of(named.values())
    rows: dict[tuple[int, int, Hashable], Approver] = {}
    for (stage, part, tier), who in named.items():
        counts_from = now + waits[stage, part, tier] if stage == 0 else None
        asked_at = now if counts_from == now else None
        for key in (*_seated_refs(who), *who.accounts, *who.rotas):
            if seat := seats.get(key):
                row = Approver(
                    **seat,
                    intent=intent,
                    stage=stage,
                    part=part,
                    tier=tier,
                    counts_from=counts_from,
                    asked_at=asked_at,
                )
                rows.setdefault((stage, part, key), row)
    Approver.objects.bulk_create(rows.values())


def _seats_of(named: Collection[Named]) -> dict[Hashable, dict[str, Any]]:
    """What a row holds for each group and person (by reference or key) and each rota; groups without an account in them
    may not exist."""
    refs = {ref for one in named for ref in _seated_refs(one)}
    accounts = {pk for one in named for pk in one.accounts}
    seats: dict[Hashable, dict[str, Any]] = {
        group.name: {"group": group} for group in Group.objects.filter(name__in=refs)
    }
    for user in User.objects.filter(Q(entity_ref__in=refs) | Q(pk__in=accounts)):
        seats[user.pk if user.pk in accounts else str(user.entity_ref)] = {"user": user}
    return seats | {rota: {"rota": rota} for one in named for rota in one.rotas}


def _places(panel: Panel) -> Iterator[tuple[_Place, Named]]:
    for number, stage in enumerate(panel.stages):
        for part_number, part in enumerate(stage.parts):
            for tier_number, tier in enumerate(part.tiers):
                yield (number, part_number, tier_number), tier.named


def _waits(panel: Panel) -> dict[_Place, timedelta]:
    """How long each tier waits once its stage is open."""
    return {
        (number, part_number, tier_number): tier.counts_after
        for number, stage in enumerate(panel.stages)
        for part_number, part in enumerate(stage.parts)
        for tier_number, tier in enumerate(part.tiers)
    }


def _seated_refs(named: Named) -> list[str]:
    """Whoever is on call is looked up when they decide, so a rota has a row of its own."""
    held = (ref for _, ref in named.role_refs)
    return list(dict.fromkeys((*named.groups, *named.users, *held)))


def move_on(intent: Intent, agenda: Agenda, progress: Progress, today: Panel | None, now: datetime) -> None:
    """After an answer that was not the last: close what is full, open the next stage. The intent is locked.

    `today` is the panel of the rules in force, when it is still the one that the request was sent with.
    """
    waiting = intent.approvers.filter(closed_at=None)
    if waiting.filter(stage=progress.stage, counts_from__isnull=False).exists():
        waiting.filter(stage=progress.stage).exclude(part__in=progress.open_parts).update(closed_at=now)
        return
    waiting.filter(stage__lt=progress.stage).update(closed_at=now)
    _open(intent, agenda, progress, today, now)


def _open(intent: Intent, agenda: Agenda, progress: Progress, today: Panel | None, now: datetime) -> None:
    waits = _waits(today) if today else _declared_waits(agenda)
    rows = list(intent.approvers.filter(stage=progress.stage, part__in=progress.open_parts))
    for row in rows:
        row.counts_from = now + waits.get((row.stage, row.part, row.tier), timedelta(0))
        row.asked_at = now if row.counts_from <= now else None
    Approver.objects.bulk_update(rows, ["counts_from", "asked_at"])
    stage = agenda.stages[progress.stage]
    audit.record(
        "intent.stage_opened",
        actor=None,
        intent=intent,
        summary=f"Now with {named_stage(stage, progress.stage)}",
        detail=f"{progress.stage} of {len(agenda.stages)} stages are done.",
        after={"stage": progress.stage},
    )
    request_notices.waits(intent)


def _declared_waits(agenda: Agenda) -> dict[_Place, timedelta]:
    return {
        (number, part_number, tier_number): tier.after
        for number, stage in enumerate(agenda.stages)
        for part_number, part in enumerate(stage.parts)
        for tier_number, tier in enumerate(part.tiers)
    }


def named_stage(stage: Stage, number: int) -> str:
    """Its own name, or its number."""
    return stage.name or f"stage {number + 1}"


def escalate() -> int:
    """Ask those who may decide from now on, because nobody has; one transaction each. Returns how many requests."""
    due = Approver.objects.filter(counts_from__lte=clock.now(), asked_at=None, closed_at=None)
    waiting = due.filter(intent__state=State.AWAITING_APPROVAL).order_by("counts_from")
    found = dict.fromkeys(waiting.values_list("intent", flat=True)[:ESCALATE_BATCH])
    return sum(_escalate(intent_id) for intent_id in found)


@transaction.atomic
def _escalate(intent_id: UUID) -> bool:
    now = clock.now()
    intent = (
        Intent.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("requested_by", "requested_by__acts_for")
        .filter(pk=intent_id, state=State.AWAITING_APPROVAL, decide_before__gt=now)
        .first()
    )
    if intent is None:
        return False
    rows = list(
        intent.approvers.filter(counts_from__lte=now, asked_at=None, closed_at=None).select_related(
            "group", "user"
        )
    )
    if not rows:
        return False
    intent.approvers.filter(pk__in=[row.pk for row in rows]).update(asked_at=now)
    names = " and ".join(dict.fromkeys(name_of(row) for row in rows))
    audit.record(
        "intent.escalated",
        actor=None,
        intent=intent,
        summary=f"{names} may decide too",
        detail=f"It has waited for {format_duration(now - intent.requested_at)}.",
        after={"asked": [name_of(row) for row in rows]},
    )
    request_notices.waits(intent)
    return True


def name_of(row: Approver) -> str:
    """“payments”, “Root Admin”, “whoever is on call for payments”."""
    if row.group:
        return short_ref(row.group.name)
    return row.user.label if row.user else f"whoever is on call for {row.rota}"
