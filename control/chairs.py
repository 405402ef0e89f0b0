"""In whose place somebody may answer one request: their own, or that of somebody who is away.

Everybody counts once on a request: whoever answers themselves, in whose place somebody answers, and whoever answers in
the place of another. So one who is away and their deputy are one voice together, and never two.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from control import people
from control.errors import AgentsDoNotApprove, NotAnApprover, OwnRequest, Refused
from control.models import Approval, Approver, Delegation, Intent, User
from control.panels import Voice
from control.seats import covered_now, seats_now, with_people


@dataclass(frozen=True)
class Chair:
    """The places of `person` on a request; somebody else sits in them under `delegation`."""

    person: User
    rows: tuple[Approver, ...]
    delegation: Delegation | None = None

    @property
    def voice(self) -> Voice:
        return Voice(self.person, tuple(self.delegation.groups) if self.delegation else ())


def chairs_of(intent: Intent, by: User) -> list[Chair]:
    """All that `by` may take, their own first, whether it is their turn or not. The intent is locked, and what says
    that they stand in for somebody is too: it cannot end before they have answered.

    Raises `Refused`, `AgentsDoNotApprove`, `OwnRequest` or `NotAnApprover`.
    """
    person = User.objects.select_related("acts_for").get(pk=by.pk)
    if not person.is_active:
        raise Refused("This account is closed, so it can decide nothing.")
    if person.is_agent:
        raise AgentsDoNotApprove("Agents do not approve. The person must decide.")
    if people.same_person(person, intent.requested_by):
        raise OwnRequest("You asked for this yourself, so somebody else must decide.")
    own = Chair(person, tuple(intent.approvers.filter(seats_now(person))))
    chairs = [chair for chair in (own, *_of_others(intent, person)) if chair.rows]
    if not chairs:
        raise NotAnApprover("You are not among those who decide this. The request page says who is.")
    return chairs


def _of_others(intent: Intent, person: User) -> list[Chair]:
    """Nobody stands in for the requester, under any account of theirs."""
    return [
        Chair(one.absent, tuple(intent.approvers.filter(covered_now(one))), one)
        for one in with_people(person).select_for_update(of=("self",), no_key=True)
        if not people.same_person(one.absent, intent.requested_by)
    ]


def voice_of(answer: Approval) -> Voice:
    """Whose places an answer took, and where a deputy was one for some groups only, those."""
    return Voice(answer.whose_place, tuple(answer.delegation.groups) if answer.delegation else ())


def said_before(by: User, answers: Collection[Approval]) -> str:
    """Why `by` does not count any more on a request that has these answers; empty when they do."""
    for answer in answers:
        if people.same_person(by, answer.by):
            return "You have answered this request already. It waits for somebody else."
        if answer.deputy_of and people.same_person(by, answer.deputy_of):
            return f"{answer.by.label} has answered this in your place. It waits for somebody else."
    return ""


def taken_before(chair: Chair, answers: Collection[Approval]) -> str:
    """Why nobody can answer in the place of somebody who is away any more; empty when they can."""
    person = chair.person
    for answer in answers:
        if people.same_person(person, answer.by):
            return f"{person.label} has answered this already, and counts once. It waits for somebody else."
        if answer.deputy_of and people.same_person(person, answer.deputy_of):
            return f"{answer.by.label} has answered in the place of {person.label} already."
    return ""


def wished(chairs: Sequence[Chair], by: User, in_place_of: int | None) -> list[Chair]:
    """Those of `chairs` that were asked for: the places of one person, by key; None leaves it open.

    Raises `NotAnApprover`.
    """
    found = [chair for chair in chairs if in_place_of in (None, chair.person.pk)]
    if found:
        return found
    if in_place_of == by.pk:
        raise NotAnApprover(
            "You have no place of your own in this. Open it again to see in whose place you may decide."
        )
    raise NotAnApprover(
        "You do not stand in for them in this any more. The request stays with them, and with others who decide it."
    )
