"""The state machine, as the database keeps it: whoever writes, only its moves are possible."""

from __future__ import annotations

from itertools import product

import pytest
from django.db import ProgrammingError, transaction

from control import approvals, intents
from control.models import MOVES, IllegalMove, Intent, State, User
from tests.access import room
from tests.control.spine import wish

pytestmark = pytest.mark.django_db
EVERY_PAIR = [(one, other) for one, other in product(State, State) if one != other]


def in_state(maya: User, state: State) -> Intent:
    intent = room.ended_request(maya, state=state)
    intent.save(force_insert=True)
    return intent


@pytest.mark.parametrize(("before", "after"), EVERY_PAIR)
def test_the_database_knows_the_same_moves_as_the_code(maya: User, before: State, after: State) -> None:
    intent = in_state(maya, before)
    same = Intent.objects.filter(pk=intent.pk)
    if after in MOVES.get(before, frozenset()):
        assert same.update(state=after) == 1
        return
    with pytest.raises(ProgrammingError, match=f"from {before} to {after}"), transaction.atomic():
        same.update(state=after)
    with pytest.raises(IllegalMove):
        intent.move(after)


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": {"size": 9}},
        {"reason": "Another."},
        {"environment": "production"},
        {"subject_ref": "component:default/search"},
        {"plan": {}},
        {"plan_digest": "1" * 64},
        {"capability": "access.grant"},
    ],
)
@pytest.mark.usefixtures("owners_decide", "capability")
def test_what_was_decided_about_cannot_be_changed_afterwards(
    maya: User, tomas: User, change: dict[str, object]
) -> None:
    intent = intents.submit(wish(maya))
    approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest)
    with pytest.raises(ProgrammingError, match="cannot be changed"), transaction.atomic():
        Intent.objects.filter(pk=intent.pk).update(**change)


def test_a_request_is_never_deleted(maya: User) -> None:
    intent = in_state(maya, State.DENIED)
    with pytest.raises(ProgrammingError, match="never deleted"), transaction.atomic():
        Intent.objects.filter(pk=intent.pk).delete()
