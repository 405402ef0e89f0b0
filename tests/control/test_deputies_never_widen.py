"""Whatever people hand to each other: a request passes only with as many different people as it asks for, each in a
place that somebody of the group had, and nobody counted twice. Against a model that knows nothing of the code.
"""

# ruff: noqa: UP031 - rules are full of braces, which `format` would have doubled
from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import combinations
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control import approvals, clock, deputies, intents
from control.deputies import Wish
from control.errors import ControlError
from control.models import Approval, PolicyRevision, State, User
from tests import factories
from tests.control.spine import wish
from tests.control.test_stages import BOTH, GUARDS, OWNERS, PAYMENTS, RULE, SECURITY

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
PEOPLE = 6  # the first two own, the third owns and guards, the fourth guards, two are in no group
GROUPS = {0: [PAYMENTS], 1: [PAYMENTS], 2: [PAYMENTS, SECURITY], 3: [SECURITY]}
SHAPES = {
    "{%s}" % OWNERS: [{PAYMENTS}],
    "{%s, count: 2}" % OWNERS: [{PAYMENTS}, {PAYMENTS}],
    BOTH: [{PAYMENTS}, {SECURITY}],
    "{stages: [{%s}, {%s, count: 2}]}" % (OWNERS, GUARDS): [{PAYMENTS}, {SECURITY}, {SECURITY}],
}
someone = st.integers(0, PEOPLE - 1)
handing_over = st.lists(
    st.tuples(someone, someone, st.sampled_from([(), (PAYMENTS,), (SECURITY,)])), max_size=8
)
answering = st.lists(st.tuples(someone, st.none() | someone), min_size=1, max_size=10)


class _Undo(Exception):
    """Ends an example without a trace."""


def _passes(places: list[set[str]], answers: list[tuple[int, int, tuple[str, ...]]]) -> bool:
    """`answers` are giver, whose place, and the groups that a delegation was for. Every dealing out is tried."""
    if not places:
        return True
    rest = places[1:]
    for index, (_, place, limit) in enumerate(answers):
        groups = set(GROUPS.get(place, ())) & (set(limit) or {PAYMENTS, SECURITY})
        if groups & places[0] and _passes(rest, answers[:index] + answers[index + 1 :]):
            return True
    return False


@given(
    shape=st.sampled_from(sorted(SHAPES)),
    asker=st.sampled_from([None, 0, 2]),
    handed=handing_over,
    tried=answering,
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_handing_over_lets_fewer_people_pass(
    rules: Callable[[str], PolicyRevision],
    shape: str,
    asker: int | None,
    handed: list[tuple[int, int, tuple[str, ...]]],
    tried: list[tuple[int, int | None]],
) -> None:
    try:
        with transaction.atomic():
            _play(rules, shape, asker, handed, tried)
            raise _Undo
    except _Undo:
        pass


def _play(
    rules: Callable[[str], PolicyRevision],
    shape: str,
    asker: int | None,
    handed: list[tuple[int, int, tuple[str, ...]]],
    tried: list[tuple[int, int | None]],
) -> None:
    rules(RULE % shape)
    cast = [factories.user(f"person.{index}", groups=GROUPS.get(index, ())) for index in range(PEOPLE)]
    requester = factories.user("maya") if asker is None else cast[asker]
    requester.groups.add(factories.group("group:default/support"))
    intent = intents.submit(wish(requester))
    if intent.state != State.AWAITING_APPROVAL:
        return
    for absent, deputy, groups in handed:
        _quietly(partial(_hand_over, cast[absent], cast[deputy], groups))
    for by, place in tried:
        key = None if place is None else cast[place].pk
        _quietly(partial(_approve, intent.pk, cast[by], intent.plan_digest, key))
    intent.refresh_from_db()
    _check(cast, requester, SHAPES[shape], intent.state == State.APPROVED)


def _hand_over(absent: User, deputy: User, groups: tuple[str, ...]) -> None:
    deputies.name(Wish(deputy, clock.now() + timedelta(days=1), "Away", groups=groups), by=absent)


def _approve(pk: UUID, by: User, digest: str, place: int | None) -> None:
    approvals.approve(pk, by=by, digest=digest, in_place_of=place)


def _quietly(act: Callable[[], None]) -> None:
    try:
        with transaction.atomic():
            act()
    except ControlError:
        pass


def _check(cast: list[User], requester: User, places: list[set[str]], has_passed: bool) -> None:
    number = {user.pk: index for index, user in enumerate(cast)}
    answers: list[tuple[int, int, tuple[str, ...]]] = []
    for answer in Approval.objects.select_related("delegation"):
        one = answer.delegation
        assert one is None or one.deputy == answer.by
        place = one.absent_id if one else answer.by_id
        answers.append((number[answer.by_id], number[place], tuple(one.groups) if one else ()))
    involved = [{giver, place} for giver, place, _ in answers]
    assert all(not one & other for one, other in combinations(involved, 2)), "somebody counts twice"
    assert number.get(requester.pk) not in set().union(*involved, set()), "who asked has a say"
    assert all(GROUPS.get(place) for _, place, _ in answers), "a place that nobody had"
    assert has_passed == _passes(places, answers)
