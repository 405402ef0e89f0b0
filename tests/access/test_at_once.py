"""Two at once: whatever meets on one request, one grant or one set of rules has one outcome, whoever comes first.

Each runs on a connection of its own. One does all but commit; the other is seen waiting for it, and answers afterwards
as if it had come later. More pairs stand with the spine: `tests/control/test_approvals.py` and `test_stages.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Q

from access import capability, grants, reviews
from access import reconcile as reconciling
from access import sweep as sweeping
from access.connectors.base import Membership
from access.errors import AlreadyEnded
from access.models import Grant, Need, OutsideRight, Review
from access.windows import AFTER
from control import approvals, clock, execution, intents, policy, stages
from control.errors import ControlError, NotWaiting, PlanChanged, Refused
from control.models import Approver, AuditEvent, Intent, PolicyRevision, State, User
from tests import factories
from tests.access import room
from tests.access.test_reconcile import Remembering
from tests.locks import at_once, while_uncommitted
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("service")]

OWNERS = "group:default/payments"
ONE_AGREES = "approval: {anyOf: [{owners: true}], count: 1}"
TWO_AGREE = room.RULES.replace(ONE_AGREES, "approval: {anyOf: [{owners: true}], count: 2}")
TWO_STAGES = room.RULES.replace(
    ONE_AGREES,
    "approval: {stages: [{anyOf: [{owners: true}]}, {anyOf: [{kind: Group, name: security}]}]}",
    1,
)
WIDER = room.RULES.replace("verbs: [read]", "verbs: [read, delete]", 1)
BREAKABLE = room.RULES.replace(
    "defaultDuration: 1h", "defaultDuration: 1h\n  breakGlass: {maxDuration: 1h, reviewWithin: 24h}"
)
LATER = room.RULES.replace("defaultDuration: 1h", "defaultDuration: 1h\n  startWithin: 7d")


def test_the_variants_of_the_rules_are_variants() -> None:
    assert len({room.RULES, TWO_AGREE, TWO_STAGES, WIDER, BREAKABLE, LATER}) == 6


@dataclass
class Cast:
    """Maya asks; Tomas and Ines own payments."""

    maya: User
    tomas: User
    ines: User


@pytest.fixture
def cast(maya: User, tomas: User, ines: User) -> Cast:
    return Cast(maya, tomas, ines)


def answers(*events: str) -> Q:
    return Q(action__in=[f"intent.{event}" for event in events])


def end_all() -> None:
    """What is held would be carried on by the next request."""
    for grant in Grant.objects.open().select_related("user"):
        grants.revoke(grant.pk, by=grant.user)


# Two answers to one request


def _approve(intent: Intent, cast: Cast) -> Intent:
    return approvals.approve(intent.pk, by=cast.tomas, digest=intent.plan_digest)


def _approve_shorter(intent: Intent, cast: Cast) -> Intent:
    narrowed = {"duration": "30m"}
    return approvals.approve(intent.pk, by=cast.tomas, digest=intent.plan_digest, narrowed=narrowed)


def _approve_too(intent: Intent, cast: Cast) -> Intent:
    return approvals.approve(intent.pk, by=cast.ines, digest=intent.plan_digest)


def _reject(intent: Intent, cast: Cast) -> Intent:
    return approvals.reject(intent.pk, by=cast.ines, digest=intent.plan_digest, comment="No.")


def _withdraw(intent: Intent, cast: Cast) -> Intent:
    return intents.withdraw(intent.pk, by=cast.maya)


# What may be done to a waiting request, and what has become of it then: its state, answers, and minutes held.
VERBS: dict[str, tuple[Callable[[Intent, Cast], Intent], tuple[State, int, list[int]]]] = {
    "approve": (_approve, (State.APPROVED, 1, [60])),
    "approve for a shorter time": (_approve_shorter, (State.APPROVED, 1, [30])),
    "approve, the other owner": (_approve_too, (State.APPROVED, 1, [60])),
    "reject": (_reject, (State.REJECTED, 1, [])),
    "withdraw": (_withdraw, (State.WITHDRAWN, 0, [])),
}


def outcome(intent: Intent) -> tuple[State, int, list[int]]:
    lengths = [grant.expires_at - grant.starts_at for grant in Grant.objects.filter(intent=intent)]
    state = Intent.objects.values_list("state", flat=True).get(pk=intent.pk)
    return State(state), intent.approvals.count(), [int(length.total_seconds() // 60) for length in lengths]


@pytest.mark.slow
@pytest.mark.usefixtures("rules")
@pytest.mark.parametrize("first", VERBS)
def test_of_two_answers_at_once_the_second_is_refused_and_changes_nothing(first: str, cast: Cast) -> None:
    do, wanted = VERBS[first]
    for second, (do_too, _) in VERBS.items():
        intent = room.ask(cast.maya)
        late = while_uncommitted(partial(do, intent, cast), partial(do_too, intent, cast))
        assert isinstance(late, NotWaiting), f"{second} after {first}: {late}"
        assert outcome(intent) == wanted, f"{second} after {first}"
        told = AuditEvent.objects.filter(answers("approved", "rejected", "withdrawn"), intent=intent)
        assert told.count() == 1
        end_all()


@pytest.mark.slow
@pytest.mark.usefixtures("rules")
def test_of_all_answers_at_once_one_counts(cast: Cast) -> None:
    """Nobody is held back here: whoever is first is first."""
    for _ in range(8):
        intent = room.ask(cast.maya)
        found = at_once(*(partial(do, intent, cast) for do, _ in VERBS.values()))
        winners = [verb for verb, came in zip(VERBS, found, strict=True) if isinstance(came, Intent)]
        assert len(winners) == 1, found
        assert all(isinstance(came, Intent | NotWaiting) for came in found)
        assert outcome(intent) == VERBS[winners[0]][1]
        end_all()


@pytest.mark.parametrize(
    ("verb", "state"),
    [("approve", State.APPROVED), ("reject", State.REJECTED), ("withdraw", State.WITHDRAWN)],
)
@pytest.mark.usefixtures("rules")
def test_the_sweep_leaves_alone_what_somebody_is_answering(verb: str, state: State, cast: Cast) -> None:
    """They looked at the clock in time; the deadline passes before they are done."""
    intent = room.ask(cast.maya)
    soon = clock.now() + timedelta(seconds=0.25)
    Intent.objects.filter(pk=intent.pk).update(decide_before=soon)

    def just_in_time() -> None:
        VERBS[verb][0](intent, cast)
        wait_until(lambda: clock.now() > soon, 5, "the deadline")

    assert while_uncommitted(just_in_time, approvals.expire_undecided, waits=False) == 0
    assert outcome(intent)[0] == state
    assert approvals.expire_undecided() == 0


@pytest.mark.slow
@pytest.mark.usefixtures("rules")
@pytest.mark.parametrize("verb", VERBS)
def test_whoever_answers_while_it_expires_comes_too_late(verb: str, cast: Cast) -> None:
    intent = room.ask(cast.maya)
    past = clock.now() - timedelta(seconds=1)
    Intent.objects.filter(pk=intent.pk).update(requested_at=past - timedelta(days=1), decide_before=past)
    late = while_uncommitted(approvals.expire_undecided, partial(VERBS[verb][0], intent, cast))
    assert isinstance(late, NotWaiting)
    assert outcome(intent) == (State.EXPIRED, 0, [])


@pytest.mark.usefixtures("rules")
def test_what_a_leaver_waits_for_is_not_approved_while_it_is_taken_back(cast: Cast) -> None:
    intent = room.ask(cast.maya)
    User.objects.filter(pk=cast.maya.pk).update(is_active=False)
    late = while_uncommitted(intents.withdraw_of_leavers, partial(_approve, intent, cast))
    assert isinstance(late, NotWaiting)
    assert outcome(intent) == (State.WITHDRAWN, 0, [])


# The last of several who must agree


@pytest.fixture
def two_agree(tmp_path: Path) -> None:
    room.publish(tmp_path, TWO_AGREE)


@pytest.mark.slow
@pytest.mark.usefixtures("two_agree")
@pytest.mark.parametrize("late_verb", ["approve", "reject", "withdraw"])
@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_the_last_seat_is_taken_once(verb: str, late_verb: str, cast: Cast) -> None:
    third = factories.user("olga.brandt", groups=[OWNERS])
    intent = room.ask(cast.maya)
    _approve(intent, cast)
    do = {"approve": _approve_too, "reject": _reject}[verb]
    late = {
        "approve": partial(approvals.approve, intent.pk, by=third, digest=intent.plan_digest),
        "reject": partial(approvals.reject, intent.pk, by=third, digest=intent.plan_digest, comment="No."),
        "withdraw": partial(intents.withdraw, intent.pk, by=cast.maya),
    }[late_verb]
    assert isinstance(while_uncommitted(partial(do, intent, cast), late), NotWaiting)
    assert outcome(intent) == ((State.APPROVED, 2, [60]) if verb == "approve" else (State.REJECTED, 2, []))


@pytest.mark.usefixtures("two_agree")
def test_who_agrees_while_it_is_made_shorter_must_read_it_again(cast: Cast) -> None:
    intent = room.ask(cast.maya)
    late = while_uncommitted(partial(_approve_shorter, intent, cast), partial(_approve_too, intent, cast))
    assert isinstance(late, PlanChanged)
    assert outcome(intent) == (State.AWAITING_APPROVAL, 1, [])
    shown = Intent.objects.get(pk=intent.pk)
    _approve_too(shown, cast)
    assert outcome(intent) == (State.APPROVED, 2, [30])


@pytest.mark.usefixtures("two_agree")
def test_who_makes_it_shorter_while_another_agrees_is_the_second_to_agree(cast: Cast) -> None:
    intent = room.ask(cast.maya)
    late = while_uncommitted(partial(_approve_too, intent, cast), partial(_approve_shorter, intent, cast))
    assert isinstance(late, Intent)
    assert outcome(intent) == (State.APPROVED, 2, [30])


def test_the_next_stage_that_agrees_at_once_waits_until_it_is_its_turn(cast: Cast, tmp_path: Path) -> None:
    sara = factories.user("sara.security", groups=["group:default/security"])
    room.publish(tmp_path, TWO_STAGES)
    intent = room.ask(cast.maya)
    late = while_uncommitted(
        partial(_approve, intent, cast),
        partial(approvals.approve, intent.pk, by=sara, digest=intent.plan_digest),
    )
    assert isinstance(late, Intent)
    assert outcome(intent) == (State.APPROVED, 2, [60])
    assert AuditEvent.objects.filter(intent=intent, action="intent.stage_opened").count() == 1


# Rules that change while somebody answers


def put_in_force(folder: Path, text: str) -> Callable[[], PolicyRevision]:
    path = folder / "other.yaml"
    path.write_text(text)
    return partial(policy.publish, [path], by=None)


@pytest.mark.usefixtures("rules")
def test_an_approval_waits_for_rules_that_are_coming_into_force_and_is_asked_by_them(
    cast: Cast, tmp_path: Path
) -> None:
    intent = room.ask(cast.maya)
    late = while_uncommitted(
        put_in_force(tmp_path, room.RULES + room.NO_SUPPORT), partial(_approve, intent, cast)
    )
    assert isinstance(late, Refused)
    assert outcome(intent) == (State.AWAITING_APPROVAL, 0, [])


@pytest.mark.usefixtures("rules")
def test_rules_come_into_force_after_an_approval_that_was_asked_by_those_before(
    cast: Cast, tmp_path: Path
) -> None:
    intent = room.ask(cast.maya)
    late = while_uncommitted(
        partial(_approve, intent, cast), put_in_force(tmp_path, room.RULES + room.NO_SUPPORT)
    )
    assert isinstance(late, PolicyRevision)
    assert outcome(intent) == (State.APPROVED, 1, [60])


@pytest.mark.usefixtures("rules")
def test_a_role_that_grows_while_it_is_approved_for_a_shorter_time_gives_what_was_shown(
    cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shortening plans twice: as it was asked for, to compare with what was shown, and then the shorter one."""
    intent, plan = room.ask(cast.maya), capability.AccessGrant.plan
    publish = put_in_force(tmp_path, WIDER)
    planned: list[str] = []

    def plan_slowly(self: capability.AccessGrant, draft: Any) -> Any:
        found = plan(self, draft)
        planned.append(found.summary)
        if len(planned) == 1:
            time.sleep(0.3)  # as long as the others need, if nothing keeps them
        return found

    monkeypatch.setattr(capability.AccessGrant, "plan", plan_slowly)

    def publish_a_little_later() -> None:
        time.sleep(0.1)
        publish()

    at_once(partial(_approve_shorter, intent, cast), publish_a_little_later)
    assert len(planned) == 2
    assert Grant.objects.get().permissions == ["logs:read"]


def test_what_a_rule_gives_at_once_is_planned_and_decided_by_the_same_rules(
    cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleting needed the owners; the rules that give the role at once let nobody delete."""
    owners = "approval: {anyOf: [{owners: true}], count: 1}"
    room.publish(
        tmp_path, room.RULES.replace("approval: none", owners).replace("[open]", "[open, delete]", 1)
    )
    publish, plan = put_in_force(tmp_path, room.RULES), capability.AccessGrant.plan

    def plan_and_be_overtaken(self: capability.AccessGrant, draft: Any) -> Any:
        found = plan(self, draft)
        at_once(publish)
        return found

    monkeypatch.setattr(capability.AccessGrant, "plan", plan_and_be_overtaken)
    intent = room.ask(cast.maya, role="staging-shell", environment="staging")
    assert intent.state == State.APPROVED
    assert Grant.objects.get().permissions == ["shell:open"]
    assert intent.plan["data"]["permissions"] == ["shell:open"]


@pytest.mark.usefixtures("rules")
def test_rules_that_never_stay_the_same_let_nothing_be_sent(
    cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, others = capability.AccessGrant.plan, cycle([WIDER, room.RULES])

    def plan_and_be_overtaken(self: capability.AccessGrant, draft: Any) -> Any:
        at_once(put_in_force(tmp_path, next(others)))
        return plan(self, draft)

    monkeypatch.setattr(capability.AccessGrant, "plan", plan_and_be_overtaken)
    with pytest.raises(ControlError, match="The rules changed while this was sent"):
        room.ask(cast.maya)
    assert not Intent.objects.exists()


# One grant


@pytest.mark.usefixtures("rules")
def test_what_is_ended_while_its_window_runs_out_ends_once(cast: Cast) -> None:
    soon = clock.now() + timedelta(seconds=0.3)
    grant = room.grant_between(cast.maya, soon - timedelta(hours=1), soon)

    def just_in_time() -> None:
        grants.revoke(grant.pk, by=cast.maya)
        wait_until(lambda: clock.now() > soon, 5, "the end of the window")

    assert while_uncommitted(just_in_time, sweeping.record_ends, waits=False) == 0
    assert sweeping.record_ends() == 0
    ends = AuditEvent.objects.filter(action__in=["grant.ended", "grant.revoked"])
    assert list(ends.values_list("action", flat=True)) == ["grant.revoked"]


@pytest.mark.usefixtures("rules")
def test_who_ends_it_while_its_end_is_written_down_comes_too_late(cast: Cast) -> None:
    past = clock.now() - timedelta(seconds=1)
    grant = room.grant_between(cast.maya, past - timedelta(hours=1), past)
    late = while_uncommitted(sweeping.record_ends, partial(grants.revoke, grant.pk, by=cast.maya))
    assert isinstance(late, AlreadyEnded)
    ends = AuditEvent.objects.filter(action__in=["grant.ended", "grant.revoked"])
    assert list(ends.values_list("action", flat=True)) == ["grant.ended"]


@pytest.mark.usefixtures("rules")
def test_what_is_ended_while_it_is_carried_on_is_carried_on_no_more(cast: Cast) -> None:
    """The rule gives it at once only, and what would have been carried on is no longer held."""
    grant = room.granted(cast.maya, by=cast.tomas)
    more = room.ask(cast.maya, starts_at=AFTER)
    late = while_uncommitted(partial(grants.revoke, grant.pk, by=cast.ines), partial(_approve, more, cast))
    assert isinstance(late, Refused)
    assert outcome(more) == (State.AWAITING_APPROVAL, 0, [])


@pytest.mark.usefixtures("rules")
def test_what_is_carried_on_first_and_then_ended_leaves_the_later_window(cast: Cast) -> None:
    grant = room.granted(cast.maya, by=cast.tomas)
    more = room.ask(cast.maya, starts_at=AFTER)
    late = while_uncommitted(partial(_approve, more, cast), partial(grants.revoke, grant.pk, by=cast.ines))
    assert isinstance(late, Grant)
    assert outcome(more) == (State.APPROVED, 1, [60])
    assert list(Grant.objects.open().values_list("intent", flat=True)) == [more.pk]


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Remembering:
    connector = Remembering()
    monkeypatch.setattr(reconciling, "connector_for", lambda type_name, target: connector)
    return connector


def story(intent: Intent) -> list[str]:
    told = AuditEvent.objects.filter(intent=intent, action__startswith="outside").order_by("id")
    return [action.partition(".")[2] for action in told.values_list("action", flat=True)]


COMPLETE = ["joined", "observed_present", "left", "observed_absent"]


def carried_on(cast: Cast, seconds: float) -> tuple[Grant, Intent]:
    """A grant with so many seconds left, in place outside, and a request that would carry it on."""
    soon = clock.now() + timedelta(seconds=seconds)
    grant = room.grant_between(cast.maya, soon - timedelta(hours=1), soon)
    right = OutsideRight.objects.create(
        connector="postgresql", target=room.TARGET, right=room.RIGHT, user=cast.maya
    )
    Need.objects.create(grant=grant, right=right)
    reconciling.reconcile(right.pk)
    return grant, room.ask(cast.maya, starts_at=AFTER)


@pytest.mark.slow
def test_a_window_that_runs_out_while_it_is_carried_on_is_held_and_in_place(
    cast: Cast, outside: Remembering, tmp_path: Path
) -> None:
    room.publish(tmp_path, LATER)
    grant, more = carried_on(cast, 0.6)

    def just_in_time() -> None:
        _approve(more, cast)
        wait_until(lambda: clock.now() > grant.expires_at, 5, "the end of the window")

    while_uncommitted(just_in_time, sweeping.sweep, waits=False)
    sweeping.sweep()
    assert list(Grant.objects.live().values_list("intent", flat=True)) == [more.pk]
    assert outside.members == {(cast.maya.pk, room.RIGHT)}
    assert AuditEvent.objects.filter(action="grant.ended").count() == 1
    assert story(grant.intent) == COMPLETE
    assert story(more) == ["joined", "observed_present"]


@pytest.mark.slow
def test_a_window_that_is_carried_on_while_its_right_is_taken_away_brings_it_back(
    cast: Cast, outside: Remembering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An approval does not wait for an outside system; the right that it needs is put back by the next look."""
    room.publish(tmp_path, LATER)
    grant, more = carried_on(cast, 0.6)
    take_away = outside.ensure_absent

    def slowly(membership: Membership, until: Any) -> None:
        take_away(membership, until)
        assert isinstance(at_once(partial(_approve, more, cast))[0], Intent)

    monkeypatch.setattr(outside, "ensure_absent", slowly)
    wait_until(lambda: clock.now() > grant.expires_at, 5, "the end of the window")
    sweeping.sweep()
    sweeping.sweep()
    assert outside.members == {(cast.maya.pk, room.RIGHT)}
    assert story(more) == ["joined", "observed_present"]


@pytest.mark.usefixtures("rules")
def test_what_is_ended_while_it_is_brought_about_is_taken_away_and_told(
    cast: Cast, outside: Remembering, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The right was wanted when it was looked at; the bell of the end is lost, so only what is owed tells of it."""
    grant = room.granted(cast.maya, by=cast.tomas)
    right_id = grant.outside_rights.values_list("pk", flat=True).get()
    bring = outside.ensure_present

    def slowly(membership: Membership, until: Any) -> str:
        account = bring(membership, until)
        assert isinstance(at_once(partial(grants.revoke, grant.pk, by=cast.maya))[0], Grant)
        return account

    monkeypatch.setattr(outside, "ensure_present", slowly)
    reconciling.reconcile(right_id)
    assert sweeping.owed_rights() == [(right_id, room.TARGET)]
    sweeping.sweep()
    assert outside.members == set()
    assert story(grant.intent) == COMPLETE


# Broken glasses


@pytest.fixture
def breakable(tmp_path: Path) -> None:
    room.publish(tmp_path, BREAKABLE)


def break_it(cast: Cast) -> Intent:
    draft = room.draft(cast.maya, duration="30m")
    return intents.submit(replace(draft, parameters={**draft.parameters, "break_glass": True}))


@pytest.mark.usefixtures("breakable")
def test_of_two_emergencies_at_once_one_is_given(cast: Cast) -> None:
    late = while_uncommitted(partial(break_it, cast), partial(break_it, cast))
    assert isinstance(late, Refused)
    assert Grant.objects.count() == 1


def review(grant: Grant, by: User) -> Review:
    return reviews.give(grant.pk, by=by, outcome="justified", done="Restarted the processor.")


@pytest.mark.usefixtures("breakable")
def test_of_two_reviews_at_once_one_is_kept_and_the_other_is_told(cast: Cast) -> None:
    grant = Grant.objects.get(intent=break_it(cast))
    grants.revoke(grant.pk, by=cast.maya)
    late = while_uncommitted(partial(review, grant, cast.tomas), partial(review, grant, cast.ines))
    assert isinstance(late, NotWaiting)
    assert Review.objects.get().by == cast.tomas
    assert AuditEvent.objects.filter(action="grant.reviewed").count() == 1


@pytest.mark.usefixtures("breakable")
def test_a_review_waits_for_an_end_that_is_being_written(cast: Cast) -> None:
    grant = Grant.objects.get(intent=break_it(cast))
    late = while_uncommitted(
        partial(grants.revoke, grant.pk, by=cast.maya), partial(review, grant, cast.tomas)
    )
    assert isinstance(late, Review)


# Machines


@pytest.mark.usefixtures("rules")
def test_two_sweeps_at_once_tell_everything_once(cast: Cast, outside: Remembering) -> None:
    past = clock.now() - timedelta(seconds=1)
    for _ in range(3):
        room.grant_between(cast.maya, past - timedelta(hours=1), past)
    grant = room.granted(cast.maya, by=cast.tomas)
    at_once(*[sweeping.sweep] * 3)
    sweeping.sweep()
    assert AuditEvent.objects.filter(action="grant.ended").count() == 3
    assert story(grant.intent) == COMPLETE[:2]


@pytest.mark.usefixtures("rules")
def test_two_that_write_down_ends_at_once_write_each_once(cast: Cast) -> None:
    past = clock.now() - timedelta(seconds=1)
    room.grant_between(cast.maya, past - timedelta(hours=1), past)
    assert while_uncommitted(sweeping.record_ends, sweeping.record_ends, waits=False) == 0
    assert AuditEvent.objects.filter(action="grant.ended").count() == 1


@pytest.mark.usefixtures("rules")
def test_two_that_end_the_grant_of_a_leaver_at_once_end_it_once(cast: Cast) -> None:
    room.granted(cast.maya, by=cast.tomas)
    User.objects.filter(pk=cast.maya.pk).update(is_active=False)
    assert while_uncommitted(sweeping.end_of_leavers, sweeping.end_of_leavers, waits=False) == 0
    assert AuditEvent.objects.filter(action="grant.revoked").count() == 1


@pytest.mark.usefixtures("rules")
@pytest.mark.parametrize(
    ("job", "action"),
    [
        (approvals.expire_undecided, "intent.expired"),
        (intents.withdraw_of_leavers, "intent.withdrawn"),
        (stages.escalate, "intent.escalated"),
    ],
)
def test_two_of_the_spines_sweeps_at_once_do_each_thing_once(
    job: Callable[[], int], action: str, cast: Cast
) -> None:
    intent, now = room.ask(cast.maya), clock.now()
    if action == "intent.expired":
        Intent.objects.filter(pk=intent.pk).update(requested_at=now - timedelta(1), decide_before=now)
    if action == "intent.withdrawn":
        User.objects.filter(pk=cast.maya.pk).update(is_active=False)
    if action == "intent.escalated":
        Approver.objects.filter(intent=intent).update(asked_at=None)
    assert while_uncommitted(job, job, waits=False) == 0
    assert AuditEvent.objects.filter(intent=intent, action=action).count() == 1


@pytest.mark.usefixtures("rules")
def test_two_that_look_at_one_right_at_once_bring_it_about_once(cast: Cast, outside: Remembering) -> None:
    grant = room.granted(cast.maya, by=cast.tomas)
    look = partial(reconciling.reconcile, grant.outside_rights.values_list("pk", flat=True).get())
    while_uncommitted(look, look)
    assert outside.changes == [f"+{room.RIGHT}"]
    assert story(grant.intent) == COMPLETE[:2]


@pytest.mark.usefixtures("rules")
def test_of_many_workers_at_once_one_does_the_work(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def work(self: capability.AccessGrant, intent: Intent, execution: execution.Execution) -> dict[str, Any]:
        done.append(str(intent.pk))
        time.sleep(0.1)
        return {}

    monkeypatch.setattr(capability.AccessGrant, "execute", work)
    intent = room.ask(cast.maya)
    _approve(intent, cast)
    at_once(*[partial(execution.run, intent.pk)] * 4)
    assert done == [str(intent.pk)]
    assert Intent.objects.values_list("state", "attempts").get(pk=intent.pk) == (State.SUCCEEDED, 1)
    assert AuditEvent.objects.filter(intent=intent, action="intent.succeeded").count() == 1
