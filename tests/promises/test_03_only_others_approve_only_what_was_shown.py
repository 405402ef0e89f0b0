"""Promise 3: nobody approves their own request, nor with a second account or an agent of theirs; agents never approve;
an approval covers only what was shown.

Every answer here is sent as a browser sends it, by somebody whom the rules name: the group of the owners.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db.models import F
from django.test import Client

from access.models import Grant
from catalog.models import Entity
from control import clock, deputies, execution
from control.models import Approval, AuditEvent, Intent, State, User
from scaffolder import runs
from scaffolder.models import Run
from tests import factories
from tests.access import room
from tests.access.conftest import rules, service
from tests.scaffolder import room as scaffolder_room

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules", "service", "tomas")]
__all__ = ["rules", "service"]
OWNERS = ["group:default/payments"]
ASKS = ["group:default/support", *OWNERS]

Answer = Callable[..., Any]


@pytest.fixture
def approve(client_for: Callable[[User], Client]) -> Answer:
    """Press Approve on the request as `shown`, by default as it stands now."""

    def press(intent: Intent, by: User, shown: str = "", **more: str) -> Any:
        data = {"digest": shown or intent.plan_digest, **more}
        return client_for(by).post(f"/inbox/{intent.pk}/approve/", data)

    return press


def assert_nothing_was_approved(intent: Intent) -> None:
    intent.refresh_from_db()
    assert intent.state == State.AWAITING_APPROVAL
    assert not Approval.objects.exists()
    assert not Grant.objects.exists()
    assert not AuditEvent.objects.filter(action="intent.approved").exists()


# Who approves


def maya_of_the_owners() -> User:
    return factories.user("maya.okafor", groups=ASKS)


def second_account(of: User) -> User:
    return factories.user("maya.two", email=of.email.upper(), groups=OWNERS)


def agent(of: User, name: str = "release.agent", **fields: Any) -> User:
    return factories.user(name, acts_for=of, groups=ASKS, **fields)


def test_the_requester_is_refused(approve: Answer) -> None:
    maya = maya_of_the_owners()
    intent = room.ask(maya)
    answer = approve(intent, by=maya)
    assert answer.status_code == 403
    assert "somebody else must decide" in answer.content.decode()
    assert_nothing_was_approved(intent)


def test_a_second_account_with_the_same_address_is_refused(approve: Answer) -> None:
    maya = maya_of_the_owners()
    intent = room.ask(maya)
    assert approve(intent, by=second_account(maya)).status_code == 403
    assert_nothing_was_approved(intent)


@pytest.mark.parametrize("owner", ["the requester", "an owner", "a stranger"])
def test_no_agent_approves_whoever_it_acts_for(approve: Answer, tomas: User, owner: str) -> None:
    maya = maya_of_the_owners()
    intent = room.ask(maya)
    stands_behind = {"the requester": maya, "an owner": tomas, "a stranger": factories.user("jo.stranger")}
    answer = approve(intent, by=agent(stands_behind[owner]))
    assert answer.status_code == 403
    assert "Agents do not approve" in answer.content.decode()
    assert_nothing_was_approved(intent)


@pytest.mark.parametrize("person", ["owner of the agent", "second account of that owner"])
def test_what_an_agent_asked_for_is_not_approved_by_the_person_behind_it(
    approve: Answer, person: str
) -> None:
    maya = maya_of_the_owners()
    intent = room.ask(agent(maya))
    answer = approve(intent, by=maya if person == "owner of the agent" else second_account(maya))
    assert answer.status_code == 403
    assert "asked for this yourself" in answer.content.decode()
    assert_nothing_was_approved(intent)


def test_an_agent_of_an_agent_does_not_hide_the_person_behind_both(approve: Answer) -> None:
    maya = maya_of_the_owners()
    intent = room.ask(agent(agent(maya), "release.agent.helper"))
    assert approve(intent, by=maya).status_code == 403
    assert_nothing_was_approved(intent)


def test_one_person_with_two_accounts_is_not_two_approvers(
    approve: Answer, maya: User, tomas: User, ines: User, tmp_path: Path
) -> None:
    room.publish(tmp_path, TWO_DECIDE)
    intent = room.ask(maya)
    assert approve(intent, by=tomas).status_code == 302
    again = approve(intent, by=factories.user("tomas.two", email=tomas.email, groups=OWNERS))
    assert again.status_code == 409
    assert not Grant.objects.exists()
    assert approve(intent, by=ines).status_code == 302
    assert Grant.objects.get().user == maya


# What an approval covers

TWO_DECIDE = room.RULES.replace(
    "maxDuration: 4h\n  defaultDuration: 1h\n  approval: {anyOf: [{owners: true}], count: 1}",
    "maxDuration: 4h\n  approval: {anyOf: [{owners: true}], count: 2}",
)
WIDER = room.RULES.replace("verbs: [read]", "verbs: [read, delete]", 1).replace(room.RIGHT, "everything", 1)
OTHERS_DECIDE = room.RULES.replace("{owners: true}", "{kind: Group, name: platform}")


def test_the_variants_of_the_rules_are_variants() -> None:
    assert len({room.RULES, TWO_DECIDE, WIDER, OTHERS_DECIDE}) == 4


@pytest.mark.parametrize("shown", ["0" * 64, "not a digest"])
def test_an_answer_to_another_page_than_this_is_refused(
    approve: Answer, maya: User, tomas: User, shown: str
) -> None:
    intent = room.ask(maya)
    assert approve(intent, by=tomas, shown=shown).status_code in (409, 422)
    assert_nothing_was_approved(intent)


@pytest.mark.parametrize(
    "changed",
    [
        {"parameters": {"role": "production-logs", "duration": "4h"}},
        {"reason": "Nothing in particular."},
        {"environment": "staging"},
        {"plan": {"title": "Production logs of payments", "summary": "", "data": {}}},
    ],
)
def test_a_request_that_changed_under_its_digest_is_refused(
    approve: Answer, maya: User, tomas: User, changed: dict[str, Any]
) -> None:
    """However it came about: by a defect of ours, or by a hand in the database."""
    intent = room.ask(maya)
    Intent.objects.filter(pk=intent.pk).update(**changed)
    answer = approve(intent, by=tomas)
    assert answer.status_code == 409
    assert_nothing_was_approved(intent)


def test_after_a_shorter_answer_the_next_approver_must_have_seen_the_shorter_one(
    approve: Answer, maya: User, tomas: User, ines: User, tmp_path: Path
) -> None:
    room.publish(tmp_path, TWO_DECIDE)
    intent = room.ask(maya, duration="4h")
    approve(intent, by=tomas, answer="shorten", narrow="duration=30m")
    answer = approve(intent, by=ines, shown=intent.plan_digest)
    assert answer.status_code == 409
    assert "changed after you opened it" in answer.content.decode()
    assert not Grant.objects.exists()


def test_a_role_that_grew_since_the_request_gives_what_was_shown(
    approve: Answer, maya: User, tomas: User, tmp_path: Path
) -> None:
    intent = room.ask(maya)
    room.publish(tmp_path, WIDER)
    assert approve(intent, by=tomas).status_code == 302
    grant = Grant.objects.get()
    assert grant.permissions == ["logs:read"]
    assert list(grant.outside_rights.values_list("right", flat=True)) == [room.RIGHT]


def test_a_role_that_grew_since_the_request_does_not_slip_in_with_a_shorter_time(
    approve: Answer, maya: User, tomas: User, tmp_path: Path
) -> None:
    intent = room.ask(maya, duration="4h")
    room.publish(tmp_path, WIDER)
    answer = approve(intent, by=tomas, answer="shorten", narrow="duration=30m")
    assert answer.status_code == 409
    assert "as it was asked for" in answer.content.decode()
    assert_nothing_was_approved(intent)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (room.RULES + room.NO_SUPPORT, "Support holds nothing today."),
        (OTHERS_DECIDE, "The rules have changed"),
        (room.RULES.replace("maxDuration: 4h\n  defaultDuration: 1h", "maxDuration: 30m"), "no longer allow"),
    ],
)
def test_the_rules_of_today_are_asked_again(
    approve: Answer, maya: User, tomas: User, tmp_path: Path, text: str, words: str
) -> None:
    intent = room.ask(maya)
    factories.user("nils.berg", groups=["group:default/platform"])
    room.publish(tmp_path, text)
    answer = approve(intent, by=tomas)
    assert answer.status_code == 403
    assert words in answer.content.decode()
    assert_nothing_was_approved(intent)


def test_rules_that_ask_for_a_second_approver_meanwhile_get_one(
    approve: Answer, maya: User, tomas: User, ines: User, tmp_path: Path
) -> None:
    intent = room.ask(maya)
    room.publish(tmp_path, TWO_DECIDE)
    assert approve(intent, by=tomas).status_code == 302
    assert not Grant.objects.exists()
    assert approve(intent, by=ines).status_code == 302
    assert Grant.objects.get().user == maya


def test_who_left_the_owners_meanwhile_is_refused(
    approve: Answer, maya: User, tomas: User, ines: User, payments: Group
) -> None:
    intent = room.ask(maya)
    tomas.groups.remove(payments)
    assert approve(intent, by=tomas).status_code in (403, 404)
    assert_nothing_was_approved(intent)


def test_a_run_that_is_not_what_was_approved_does_nothing(
    approve: Answer, maya: User, tomas: User, tmp_path: Path
) -> None:
    """The template was read again between the plan and the rows of the run."""
    run = approved_run(approve, maya, tomas, tmp_path)
    changed = {**run.template, "spec": {**run.template["spec"], "steps": [SAY_MORE]}}
    Run.objects.filter(pk=run.pk).update(template=changed)
    execution.run(run.pk)
    run.intent.refresh_from_db()
    assert run.intent.state == State.FAILED
    assert "is not the one that was approved" in run.intent.error
    assert not run.log.filter(text__contains="payout").exists()


@pytest.mark.parametrize("size", [3, 1e16, -0.0])
def test_a_run_as_it_was_approved_runs(
    approve: Answer, maya: User, tomas: User, tmp_path: Path, size: float
) -> None:
    """However PostgreSQL spells its numbers."""
    run = approved_run(approve, maya, tomas, tmp_path, size)
    execution.run(run.pk)
    run.intent.refresh_from_db()
    assert run.intent.state == State.SUCCEEDED
    assert run.log.filter(text="payout").exists()


SAY_MORE = {"id": "say", "name": "Say", "action": "debug:log", "input": {"message": "payout and more"}}


def approved_run(approve: Answer, maya: User, tomas: User, tmp_path: Path, size: float = 3) -> Run:
    scaffolder_room.publish(tmp_path, scaffolder_room.OWNERS)
    template: Entity = scaffolder_room.template()
    intent = runs.start(template, {"name": "payout", "size": size}, by=maya, reason="Payouts.")
    assert approve(intent, by=tomas).status_code == 302
    return Run.objects.select_related("intent").get(pk=intent.pk)


# Where several must agree: in stages, in parts, and when it has waited


SECURITY = "group:default/security"
OWNERS_AGREE, GUARDS_AGREE = "anyOf: [{owners: true}]", "anyOf: [{kind: Group, name: security}]"


def agreed_by(approval: str) -> str:
    """The rules, with other people who must agree to production logs."""
    return room.RULES.replace("approval: {anyOf: [{owners: true}], count: 1}", f"approval: {approval}", 1)


STAGES = agreed_by(f"{{stages: [{{{OWNERS_AGREE}}}, {{{GUARDS_AGREE}}}]}}")
PARTS = agreed_by(f"{{allOf: [{{{OWNERS_AGREE}}}, {{{GUARDS_AGREE}}}]}}")
ESCALATES = agreed_by(f"{{{OWNERS_AGREE}, escalation: [{{after: 4h, {GUARDS_AGREE}}}]}}")
ONE_OF_THEM = agreed_by(f"{{{OWNERS_AGREE}}}")
TWO_OF_THEM = agreed_by(f"{{{OWNERS_AGREE}, count: 2}}")


@pytest.fixture
def sara(db: None) -> User:
    return factories.user("sara.security", "Sara Security", groups=[SECURITY])


@pytest.fixture
def sven(db: None) -> User:
    return factories.user("sven.security", "Sven Security", groups=[SECURITY])


def everywhere(**fields: Any) -> User:
    """Somebody whom every rule of this file names, sooner or later."""
    return factories.user(**{"username": "maya.okafor", "groups": [*ASKS, SECURITY], **fields})


def waited(intent: Intent, hours: int) -> None:
    """As if it had been asked that much earlier."""
    asked = intent.approvers.filter(counts_from__isnull=False)
    asked.update(counts_from=F("counts_from") - timedelta(hours=hours))


def assert_still_waits(intent: Intent, *agreed: User) -> None:
    intent.refresh_from_db()
    assert intent.state == State.AWAITING_APPROVAL
    assert {answer.by for answer in intent.approvals.all()} == set(agreed)
    assert not Grant.objects.exists()


OWN_ACCOUNTS: dict[str, Callable[[User], User]] = {
    "the requester": lambda maya: maya,
    "a second account": lambda maya: everywhere(username="maya.two", email=maya.email.upper()),
    "an agent of theirs": lambda maya: everywhere(username="helper", acts_for=maya),
}


@pytest.mark.parametrize("who", OWN_ACCOUNTS)
@pytest.mark.parametrize("text", [STAGES, PARTS, ESCALATES, TWO_OF_THEM], ids=["stage", "part", "later", "n"])
@pytest.mark.slow
def test_nobody_slips_into_their_own_request_by_another_stage_part_or_wait(
    approve: Answer, tomas: User, ines: User, sara: User, tmp_path: Path, text: str, who: str
) -> None:
    """First where the owners are asked, then where the others are."""
    room.publish(tmp_path, text)
    maya = everywhere()
    intent, own = room.ask(maya), OWN_ACCOUNTS[who](maya)
    assert approve(intent, by=own).status_code == 403
    assert_still_waits(intent)
    if text == ESCALATES:
        waited(intent, hours=5)
    else:
        assert approve(intent, by=tomas).status_code == 302
    before = set(User.objects.filter(approvals__intent=intent))
    assert approve(intent, by=own).status_code == 403
    assert_still_waits(intent, *before)


@pytest.mark.parametrize("text", [STAGES, PARTS, TWO_OF_THEM], ids=["stage", "part", "n"])
def test_one_person_is_one_answer_in_whichever_stage_part_or_account(
    approve: Answer, maya: User, tomas: User, ines: User, sara: User, tmp_path: Path, text: str
) -> None:
    room.publish(tmp_path, text)
    bea = everywhere(username="bea.both")
    intent = room.ask(maya)
    assert approve(intent, by=bea).status_code == 302
    for again in (bea, everywhere(username="bea.two", email=bea.email.upper())):
        assert approve(intent, by=again).status_code == 409
        assert_still_waits(intent, bea)
    other = {STAGES: sara, PARTS: sara, TWO_OF_THEM: ines}[text]
    assert approve(intent, by=other).status_code == 302
    assert Grant.objects.get().user == maya


def test_an_agent_of_the_next_stage_does_not_agree_for_its_person(
    approve: Answer, maya: User, tomas: User, sara: User, tmp_path: Path
) -> None:
    room.publish(tmp_path, STAGES)
    intent = room.ask(maya)
    approve(intent, by=tomas)
    assert approve(intent, by=everywhere(username="bot", acts_for=sara)).status_code == 403
    assert_still_waits(intent, tomas)


def test_the_requester_and_their_accounts_are_not_counted_among_those_who_could_agree(
    tomas: User, tmp_path: Path
) -> None:
    """Two owners must agree. Of four accounts in the group one is somebody else's: it could never be agreed to."""
    room.publish(tmp_path, TWO_OF_THEM)
    maya = everywhere()
    second_account(maya)
    agent(maya)
    assert room.ask(maya).state == State.DENIED


def test_no_stage_agrees_before_those_ahead_of_it(
    approve: Answer, maya: User, tomas: User, sara: User, tmp_path: Path
) -> None:
    room.publish(tmp_path, STAGES)
    intent = room.ask(maya)
    answer = approve(intent, by=sara)
    assert answer.status_code == 409
    assert "not your turn yet" in answer.content.decode()
    assert_still_waits(intent)
    approve(intent, by=tomas)
    assert_still_waits(intent, tomas)
    assert approve(intent, by=sara).status_code == 302
    assert Grant.objects.exists()


def test_two_of_one_stage_or_part_do_not_make_up_for_the_other(
    approve: Answer, maya: User, tomas: User, ines: User, sara: User, tmp_path: Path
) -> None:
    for text in (STAGES, PARTS):
        room.publish(tmp_path, text)
        intent = room.ask(maya, reason=f"Order {len(text)}.")
        assert approve(intent, by=tomas).status_code == 302
        assert approve(intent, by=ines).status_code == 409
        assert_still_waits(intent, tomas)


def test_whoever_is_asked_later_does_not_decide_sooner(
    approve: Answer, maya: User, tomas: User, sara: User, tmp_path: Path
) -> None:
    room.publish(tmp_path, ESCALATES)
    intent = room.ask(maya)
    waited(intent, hours=3)
    assert approve(intent, by=sara).status_code == 409
    assert_still_waits(intent)
    waited(intent, hours=1)
    assert approve(intent, by=sara).status_code == 302
    assert Grant.objects.exists()


def test_the_next_stage_must_have_seen_what_the_one_before_made_of_it(
    approve: Answer, maya: User, tomas: User, sara: User, tmp_path: Path
) -> None:
    room.publish(tmp_path, STAGES)
    intent = room.ask(maya, duration="4h")
    approve(intent, by=tomas, answer="shorten", narrow="duration=30m")
    assert approve(intent, by=sara, shown=intent.plan_digest).status_code == 409
    assert_still_waits(intent, tomas)
    assert approve(Intent.objects.get(pk=intent.pk), by=sara).status_code == 302
    grant = Grant.objects.get()
    assert grant.expires_at - grant.starts_at == timedelta(minutes=30)


def test_what_changed_between_two_stages_under_its_digest_is_refused(
    approve: Answer, maya: User, tomas: User, sara: User, tmp_path: Path
) -> None:
    room.publish(tmp_path, STAGES)
    intent = room.ask(maya)
    approve(intent, by=tomas)
    Intent.objects.filter(pk=intent.pk).update(
        parameters={"role": "production-logs", "duration": "4h"}, reason="Something else."
    )
    assert approve(intent, by=sara).status_code == 409
    assert_still_waits(intent, tomas)


def test_a_role_that_grew_between_two_stages_gives_what_both_were_shown(
    approve: Answer, maya: User, tomas: User, sara: User, tmp_path: Path
) -> None:
    room.publish(tmp_path, STAGES)
    intent = room.ask(maya)
    approve(intent, by=tomas)
    room.publish(tmp_path, STAGES.replace("verbs: [read]", "verbs: [read, delete]", 1))
    assert approve(intent, by=sara).status_code == 302
    assert Grant.objects.get().permissions == ["logs:read"]


@pytest.mark.parametrize("asked", [ONE_OF_THEM, TWO_OF_THEM], ids=["1", "2"])
def test_a_stage_that_the_rules_ask_for_meanwhile_is_not_left_out(
    approve: Answer, maya: User, tomas: User, ines: User, sara: User, tmp_path: Path, asked: str
) -> None:
    room.publish(tmp_path, asked)
    intent = room.ask(maya)
    room.publish(tmp_path, STAGES)
    for owner in (tomas, ines):
        assert approve(intent, by=owner).status_code == 302
    assert_still_waits(intent, tomas, ines)


@pytest.mark.parametrize("today", [ONE_OF_THEM, agreed_by("none")], ids=["one stage", "nobody"])
def test_a_stage_that_was_shown_is_asked_though_the_rules_have_dropped_it(
    approve: Answer, maya: User, tomas: User, sara: User, tmp_path: Path, today: str
) -> None:
    room.publish(tmp_path, STAGES)
    intent = room.ask(maya)
    room.publish(tmp_path, today)
    assert approve(intent, by=tomas).status_code == 302
    assert_still_waits(intent, tomas)


def test_who_left_the_next_stage_meanwhile_is_refused(
    approve: Answer, maya: User, tomas: User, sara: User, sven: User, tmp_path: Path
) -> None:
    room.publish(tmp_path, STAGES)
    intent = room.ask(maya)
    approve(intent, by=tomas)
    sara.groups.clear()
    assert approve(intent, by=sara).status_code in (403, 404)
    assert_still_waits(intent, tomas)
    assert approve(intent, by=sven).status_code == 302


# Where somebody stands in for whoever is away


def stands_in(deputy: User, absent: User) -> None:
    until = clock.now() + timedelta(days=1)
    deputies.name(deputies.Wish(deputy=deputy, expires_at=until, reason="Holiday"), by=absent)


@pytest.mark.parametrize("who", ["the requester", "a second account"])
def test_nobody_slips_into_their_own_request_as_a_deputy(
    approve: Answer, maya: User, tomas: User, who: str
) -> None:
    intent, own = room.ask(maya), OWN_ACCOUNTS[who](maya)
    stands_in(own, tomas)
    assert approve(intent, by=own).status_code == 403
    assert_nothing_was_approved(intent)


@pytest.mark.parametrize("absent", ["the requester", "a second account"])
def test_whoever_stands_in_for_the_requester_does_not_decide_what_they_asked_for(
    approve: Answer, client_for: Callable[[User], Client], tomas: User, absent: str
) -> None:
    maya = maya_of_the_owners()
    intent, dee = room.ask(maya), factories.user("dee.kim")
    stands_in(dee, OWN_ACCOUNTS[absent](maya))
    assert approve(intent, by=dee).status_code in (403, 404)
    no = {"digest": intent.plan_digest, "comment": "No."}
    assert client_for(dee).post(f"/inbox/{intent.pk}/reject/", no).status_code in (403, 404)
    assert_nothing_was_approved(intent)


def test_somebody_who_is_away_and_their_deputy_are_not_two_approvers(
    approve: Answer, maya: User, tomas: User, ines: User, tmp_path: Path
) -> None:
    room.publish(tmp_path, TWO_OF_THEM)
    intent, dee = room.ask(maya), factories.user("dee.kim")
    stands_in(dee, tomas)
    assert approve(intent, by=dee).status_code == 302
    assert approve(intent, by=tomas).status_code == 409
    assert not Grant.objects.exists()
    assert approve(intent, by=ines).status_code == 302
    assert Grant.objects.get().user == maya
