"""Naming a deputy while one is away, and ending it. The only writer of Delegation.

A deputy takes the places that the absent person has on requests, and nothing else that is theirs: no rights, no access,
no tokens, no reviews, no say in changes of the rules. Who may decide is asked live (`seats`, `chairs`), so a window
begins and ends by the clock alone; the sweep only tells people, and ends for good what a leaver left behind.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from control import audit, clock, deputy_notices
from control.administrators import PORTICO_REF
from control.deputy_models import open_person
from control.errors import AgentsDoNotApprove, InvalidParameters, Refused, TooLate
from control.models import Delegation, User
from control.people import same_person
from control.templatetags.times import moment_words

LATE = timedelta(minutes=5)  # a start that passed so lately, while the form was filled in, means at once
LONGEST_REASON = 500
MOST_NAMED = 20  # open at once, of one person
MOST_OF_ONE = 20  # people for whom one stands in, or will: their inbox asks for each
BATCH = 100  # of one sweep; the next one is seconds away


@dataclass(frozen=True)
class Wish:
    """Who is to stand in, in which window (aware), and why. No `starts_at` is at once, no `groups` everywhere."""

    deputy: User
    expires_at: datetime
    reason: str
    starts_at: datetime | None = None
    groups: Sequence[str] = ()


@transaction.atomic
def name(wish: Wish, *, by: User) -> Delegation:
    """`by` is away and `wish.deputy` decides in their place. Nobody can be declared away by somebody else.

    Raises `Refused`, `AgentsDoNotApprove`, or `InvalidParameters` by the names of the wish. Locks both accounts, so
    that two at once are counted one after the other.
    """
    both = User.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=[by.pk, wish.deputy.pk])
    accounts = {user.pk: user for user in both.order_by("pk")}
    absent, deputy = accounts[by.pk], accounts[wish.deputy.pk]
    _check_absent(absent)
    now = clock.now()
    starts_at = max(wish.starts_at or now, now)
    problems = {
        "deputy": _deputy_problem(absent, deputy),
        **_window_problems(wish, starts_at, now),
        "reason": _reason_problem(wish.reason.strip()),
        "groups": _groups_problem(absent, wish.groups),
    }
    if told := {field: words for field, words in problems.items() if words}:
        raise InvalidParameters(told)
    _check_free(absent, deputy, starts_at, wish.expires_at)
    delegation = Delegation.objects.create(
        absent=absent,
        deputy=deputy,
        starts_at=starts_at,
        expires_at=wish.expires_at,
        reason=wish.reason.strip(),
        groups=sorted(set(wish.groups)),
        created_at=now,
        told_at=now if starts_at == now else None,
    )
    audit.record(
        "deputy.named",
        actor=absent,
        subject_ref=absent.entity_ref or "",
        summary=f"{deputy.label} decides for {absent.label} while they are away",
        detail=f"From {moment_words(starts_at)} until {moment_words(wish.expires_at)}.",
        after=_as_data(delegation),
    )
    deputy_notices.named(delegation)
    return delegation


def _check_absent(absent: User) -> None:
    if settings.PORTICO_DEPUTY_DAYS == 0:
        raise Refused("Deputies are switched off here. Ask the platform team who decides while you are away.")
    if not absent.is_active:
        raise Refused("This account is closed, so it can name no deputy.")
    if absent.is_agent:
        raise AgentsDoNotApprove("An agent decides nothing, so nobody can stand in for it.")


def _deputy_problem(absent: User, deputy: User) -> str:
    if deputy.entity_ref == PORTICO_REF:
        return "Portico itself decides nothing. Name a person."
    if deputy.is_agent:
        return f"{deputy.label} is an agent, and agents decide nothing. Name a person."
    if not deputy.is_active:
        return f"The account of {deputy.label} is closed. Name somebody else."
    if same_person(absent, deputy):
        return "That is you. Name somebody else."
    return ""


def _window_problems(wish: Wish, starts_at: datetime, now: datetime) -> dict[str, str]:
    most = settings.PORTICO_DEPUTY_DAYS
    if wish.starts_at and wish.starts_at < now - LATE:
        return {"starts_at": "That moment is over. Choose a later one, or leave it out to begin at once."}
    if starts_at > now + timedelta(days=most):
        return {"starts_at": f"That is more than {_days(most)} ahead. Name somebody when it is nearer."}
    if wish.expires_at <= starts_at:
        return {"expires_at": "It ends before it begins. Choose a later end."}
    if wish.expires_at > starts_at + timedelta(days=most):
        return {"expires_at": f"A deputy is named for {_days(most)} at most. Choose an earlier end."}
    return {}


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


def _reason_problem(reason: str) -> str:
    if not reason:
        return "Say why, for example “Holiday”. Your deputy and the record see it, requesters do not."
    if len(reason) > LONGEST_REASON:
        return f"Use {LONGEST_REASON} letters or fewer; {len(reason):,} is too long."
    return ""


def _groups_problem(absent: User, groups: Collection[str]) -> str:
    mine = set(absent.groups.values_list("name", flat=True))
    if strange := sorted(set(groups) - mine):
        return f"You are not in {strange[0][:100]}, so nobody can stand in for you there."
    return ""


def _check_free(absent: User, deputy: User, starts_at: datetime, expires_at: datetime) -> None:
    """Not the same two twice at a time, and not so many that an inbox cannot ask for each."""
    named = Delegation.objects.open().filter(absent=absent)
    if named.filter(deputy=deputy, starts_at__lt=expires_at, expires_at__gt=starts_at).exists():
        words = (
            f"{deputy.label} stands in for you already in that time. End that first, or choose another time."
        )
        raise InvalidParameters({"deputy": words})
    if named.count() >= MOST_NAMED:
        raise InvalidParameters(
            {"deputy": f"You have named {MOST_NAMED} already, which is the most. End one first."}
        )
    busy = Delegation.objects.open().filter(deputy=deputy)
    if busy.count() >= MOST_OF_ONE:
        words = f"{deputy.label} stands in for {MOST_OF_ONE} people already, which is the most. Name somebody else."
        raise InvalidParameters({"deputy": words})


@transaction.atomic
def end(delegation_id: int, *, by: User) -> Delegation:
    """From now on nobody stands in. Both of the two, and administrators, may. Waits for an answer that is being given.

    Raises `Refused` or `TooLate`.
    """
    delegation = _locked(delegation_id)
    person = User.objects.get(pk=by.pk)
    is_theirs = person.pk in (delegation.absent_id, delegation.deputy_id)
    if not person.is_active or person.is_agent or not (is_theirs or person.is_staff):
        raise Refused("Only the two whom it concerns, or an administrator, can end this.")
    if delegation.is_over(clock.now()):
        raise TooLate("This is over already.")
    _write_end(delegation, person)
    return delegation


def end_of_leavers() -> int:
    """Whoever of the two closed the account, and however: it ends for good, so that nothing comes back with the
    account. Returns how many."""
    left = Delegation.objects.open().exclude(open_person("absent__"), open_person("deputy__"))
    return sum(_end_of_leaver(pk) for pk in left.order_by("pk").values_list("pk", flat=True)[:BATCH])


@transaction.atomic
def _end_of_leaver(delegation_id: int) -> bool:
    delegation = _locked(delegation_id)
    both = (delegation.absent, delegation.deputy)
    if delegation.is_over(clock.now()) or all(user.is_active and not user.is_agent for user in both):
        return False
    _write_end(delegation, None)
    return True


def tell_begun() -> int:
    """Tell deputies that it is their turn now. Returns how many."""
    begun = Delegation.objects.in_force().filter(told_at=None)
    return sum(_tell_begun(pk) for pk in begun.order_by("starts_at").values_list("pk", flat=True)[:BATCH])


@transaction.atomic
def _tell_begun(delegation_id: int) -> bool:
    delegation = _locked(delegation_id)
    now = clock.now()
    if delegation.told_at or delegation.is_over(now):
        return False
    delegation.told_at = now
    delegation.save(update_fields=["told_at"])
    deputy_notices.begun(delegation)
    return True


def _locked(delegation_id: int) -> Delegation:
    rows = Delegation.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("absent", "deputy").get(pk=delegation_id)


def _write_end(delegation: Delegation, by: User | None) -> None:
    now = clock.now()
    before = _as_data(delegation)
    delegation.ended_at, delegation.ended_by = now, by
    delegation.save(update_fields=["ended_at", "ended_by"])
    how = "before it began" if now < delegation.starts_at else "early"
    audit.record(
        "deputy.ended",
        actor=by,
        subject_ref=delegation.absent.entity_ref or "",
        summary=f"{delegation.deputy.label} does not decide for {delegation.absent.label} any more",
        detail=f"Ended {how}." if by else "Ended: an account is closed.",
        before=before,
    )
    deputy_notices.ended(delegation)


def _as_data(delegation: Delegation) -> dict[str, object]:
    return {
        "delegation": delegation.pk,
        "absent": delegation.absent_id,
        "deputy": delegation.deputy_id,
        "starts_at": delegation.starts_at.isoformat(),
        "expires_at": delegation.expires_at.isoformat(),
        "groups": delegation.groups,
        "reason": delegation.reason,
    }
