"""From a wish to an intent: what is written, what is refused, what repeats harmlessly."""

from __future__ import annotations

from uuid import uuid4

import pytest

from control import clock, intents
from control.errors import InvalidParameters, NotWaiting, Refused, TooLate
from control.models import AuditEvent, Decision, Intent, State, User
from tests.control.spine import Counting, wish
from tests.factories import user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("capability")]


def test_a_preview_writes_nothing(maya: User, owners_decide: object, tomas: User) -> None:
    found = intents.preview(wish(maya))
    assert found.verdict.verdict == "needs_approval"
    assert [who.pk for who in found.verdict.approvers] == [tomas.pk]
    assert not Intent.objects.exists()
    assert not AuditEvent.objects.filter(action__startswith="intent.").exists()


def test_bad_parameters_are_refused_by_field_and_nothing_is_kept(maya: User, at_once: object) -> None:
    with pytest.raises(InvalidParameters) as refusal:
        intents.submit(wish(maya, size="many"))
    assert refusal.value.fields == {"size": "Give a whole number."}
    assert not Intent.objects.exists()


def test_without_rules_everything_is_denied_and_the_refusal_is_kept(maya: User) -> None:
    intent = intents.submit(wish(maya))
    assert intent.state == State.DENIED
    assert Decision.objects.get(intent=intent).verdict == "deny"
    assert AuditEvent.objects.filter(intent=intent, action="intent.denied").exists()


def test_an_owner_group_with_nobody_in_it_lets_nobody_decide(maya: User, owners_decide: object) -> None:
    intent = intents.submit(wish(maya))
    assert intent.state == State.DENIED
    assert "no members" in AuditEvent.objects.get(intent=intent, action="intent.denied").detail


def test_the_same_form_sent_twice_is_one_request(maya: User, at_once: object, capability: Counting) -> None:
    key = uuid4()
    first, second = intents.submit(wish(maya), key=key), intents.submit(wish(maya), key=key)
    assert first.pk == second.pk == key
    assert capability.approved == [key]


def test_a_form_key_of_somebody_else_is_refused(maya: User, at_once: object) -> None:
    key = uuid4()
    intents.submit(wish(maya), key=key)
    with pytest.raises(Refused, match="somebody else"):
        intents.submit(wish(user("other")), key=key)


def test_a_closed_account_can_ask_for_nothing(maya: User, at_once: object) -> None:
    User.objects.filter(pk=maya.pk).update(is_active=False)
    with pytest.raises(Refused):
        intents.submit(wish(maya))


def test_the_digest_covers_what_approvers_are_shown(maya: User, at_once: object) -> None:
    assert intents.preview(wish(maya, size=4)).digest == intents.preview(wish(maya, size=4)).digest
    assert intents.preview(wish(maya, size=4)).digest != intents.preview(wish(maya, size=5)).digest


def test_the_requester_withdraws_what_waits(maya: User, tomas: User, owners_decide: object) -> None:
    intent = intents.submit(wish(maya))
    with pytest.raises(Refused):
        intents.withdraw(intent.pk, by=user("stranger"))
    assert intents.withdraw(intent.pk, by=maya).state == State.WITHDRAWN
    with pytest.raises(NotWaiting, match="already withdrawn"):
        intents.withdraw(intent.pk, by=maya)


def test_only_failed_work_is_run_again(maya: User, at_once: object) -> None:
    intent = intents.submit(wish(maya))
    with pytest.raises(TooLate):
        intents.retry(intent.pk, by=maya)


def test_failed_work_is_not_run_again_when_the_rules_refuse_it_now(
    maya: User, at_once: object, rules: object
) -> None:
    intent = intents.submit(wish(maya))
    Intent.objects.filter(pk=intent.pk).update(state=State.RUNNING)
    Intent.objects.filter(pk=intent.pk).update(state=State.FAILED, finished_at=clock.now())
    assert callable(rules)
    rules(
        "apiVersion: portico.dev/v1\nkind: DenyRule\nmetadata: {name: freeze}\n"
        'spec: {capabilities: ["test.counting"], subjects: [{kind: Everyone}], message: "Frozen."}\n'
    )
    with pytest.raises(Refused, match="Frozen"):
        intents.retry(intent.pk, by=maya)


def test_strangers_see_nothing_and_administrators_everything(
    maya: User, tomas: User, root_admin: User, owners_decide: object
) -> None:
    intent = intents.submit(wish(maya))
    for person, sees in ((maya, True), (tomas, True), (root_admin, True), (user("stranger"), False)):
        assert Intent.objects.visible_to(person).filter(pk=intent.pk).exists() is sees
