"""Several must agree: one stage after the other, parts side by side, roles, whoever is on call, and escalation."""

# ruff: noqa: UP031 - rules are full of braces, which `format` would have doubled
from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext

from control import approvals, clock, inbox, intents, stages
from control.capability import Ask
from control.decide import decide
from control.errors import NotAnApprover, NotWaiting, PolicyInvalid, Refused
from control.models import Approval, Approver, AuditEvent, Intent, Notice, PolicyRevision, State, User
from control.stage_board import forecast
from tests import factories
from tests.control.spine import SUBJECT, Counting, wish
from tests.locks import wait_until_somebody_waits_for_a_lock

pytestmark = pytest.mark.django_db
Publish = Callable[[str], PolicyRevision]
PAYMENTS, SECURITY, LEADS = "group:default/payments", "group:default/security", "group:default/leads"
ROLES = """
apiVersion: portico.dev/v1
kind: Role
metadata: {name: warden}
rules: [{resources: [gate], verbs: [open]}]
---
apiVersion: portico.dev/v1
kind: RoleBinding
metadata: {name: wardens}
subjects: [{kind: Group, name: leads}]
roleRef: {kind: Role, name: warden}
spec: {entities: "kind=component"}
---
apiVersion: portico.dev/v1
kind: OnCall
metadata: {name: night}
spec: {start: 2026-01-01, shift: 90d, people: [{kind: %s}]}
---
"""
RULE = """
apiVersion: portico.dev/v1
kind: AccessRule
metadata: {name: counting}
spec:
  capabilities: [test.counting]
  subjects: [{kind: Group, name: support}]
  approval: %s
"""
OWNERS, GUARDS = "anyOf: [{owners: true}]", "anyOf: [{kind: Group, name: security}]"
TWO_STAGES = "{stages: [{name: Owners, %s}, {name: Security, %s}]}" % (OWNERS, GUARDS)
BOTH = "{allOf: [{%s}, {%s}]}" % (OWNERS, GUARDS)


@pytest.fixture
def sara(db: None) -> User:
    return factories.user("sara.security", "Sara Security", groups=[SECURITY])


@pytest.fixture
def sven(db: None) -> User:
    return factories.user("sven.security", "Sven Security", groups=[SECURITY])


def both_teams() -> User:
    return factories.user("bea.both", "Bea Both", groups=[PAYMENTS, SECURITY])


def approve(intent: Intent, by: User) -> State:
    return State(approvals.approve(intent.pk, by=by, digest=intent.plan_digest).state)


def waits_for(intent: Intent) -> set[str]:
    """Whose inbox it is in."""
    everybody = User.objects.exclude(pk=intent.requested_by_id)
    return {
        user.username for user in everybody if Intent.objects.waiting_for(user).filter(pk=intent.pk).exists()
    }


def refusal(kind: type[Exception], intent: Intent, by: User) -> str:
    with pytest.raises(kind) as told:
        approve(intent, by)
    assert not Approval.objects.filter(by=by).exists()
    return str(told.value)


# One stage after the other


def test_the_second_stage_decides_after_the_first(
    rules: Publish, maya: User, tomas: User, sara: User, capability: Counting
) -> None:
    rules(RULE % TWO_STAGES)
    intent = intents.submit(wish(maya))
    assert intent.decisions.get().explanation["message"] == (
        "First one of the payments owners must agree, then one of the group security. Then it starts by itself."
    )
    assert waits_for(intent) == {"tomas.lind"}
    assert "It is not your turn yet" in refusal(NotWaiting, intent, sara)
    assert approve(intent, tomas) == State.AWAITING_APPROVAL
    assert not capability.approved
    assert waits_for(intent) == {"sara.security"}
    assert approve(intent, sara) == State.APPROVED
    assert capability.approved == [intent.pk]


def test_the_second_stage_is_told_when_it_comes_to_it_and_the_record_says_so(
    rules: Publish, maya: User, tomas: User, sara: User
) -> None:
    rules(RULE % TWO_STAGES)
    intent = intents.submit(wish(maya))
    assert not Notice.objects.filter(user=sara).exists()
    approve(intent, tomas)
    assert Notice.objects.filter(user=sara).exists()
    assert AuditEvent.objects.get(action="intent.stage_opened").summary == "Now with Security"


def test_nobody_counts_for_two_stages(rules: Publish, maya: User, tomas: User, sara: User) -> None:
    rules(RULE % TWO_STAGES)
    bea = both_teams()
    intent = intents.submit(wish(maya))
    assert approve(intent, bea) == State.AWAITING_APPROVAL
    with pytest.raises(NotWaiting, match="answered this request already"):
        approve(intent, bea)
    assert waits_for(intent) == {"sara.security"}
    assert approve(intent, sara) == State.APPROVED


def test_the_rule_may_let_one_person_count_for_two_stages(
    rules: Publish, maya: User, tomas: User, sara: User
) -> None:
    rules(RULE % TWO_STAGES.replace("{stages", "{distinct: false, stages"))
    assert approve(intents.submit(wish(maya)), both_teams()) == State.APPROVED


def test_a_no_in_any_stage_ends_it(rules: Publish, maya: User, tomas: User, sara: User) -> None:
    rules(RULE % TWO_STAGES)
    intent = intents.submit(wish(maya))
    with pytest.raises(NotWaiting, match="not your turn"):
        approvals.reject(intent.pk, by=sara, digest=intent.plan_digest, comment="no")
    approve(intent, tomas)
    assert (
        approvals.reject(intent.pk, by=sara, digest=intent.plan_digest, comment="no").state == State.REJECTED
    )


@pytest.mark.parametrize(
    ("approval", "missing", "words"),
    [
        (TWO_STAGES, "sara", "Nobody can approve this: the group security has no members."),
        (TWO_STAGES, "tomas", "Nobody can approve this: the group payments has no members."),
        (BOTH, "both", "2 different people must agree, and only Bea Both can."),
        (TWO_STAGES, "both", "2 different people must agree, and only Bea Both can."),
    ],
)
def test_what_could_never_be_agreed_to_is_refused_at_once(
    rules: Publish, maya: User, approval: str, missing: str, words: str
) -> None:
    if missing == "both":
        both_teams()
    else:
        factories.user("one", groups=[PAYMENTS if missing == "sara" else SECURITY])
    rules(RULE % approval)
    intent = intents.submit(wish(maya))
    assert intent.state == State.DENIED
    assert words in intent.decisions.get().explanation["message"]


# Parts side by side


def test_every_part_must_agree_in_any_order(
    rules: Publish, maya: User, tomas: User, ines: User, sara: User
) -> None:
    rules(RULE % BOTH)
    intent = intents.submit(wish(maya))
    assert (
        intent.decisions.get()
        .explanation["message"]
        .startswith("One of the payments owners and one of the group security must agree.")
    )
    assert waits_for(intent) == {"tomas.lind", "ines.duarte", "sara.security"}
    assert approve(intent, sara) == State.AWAITING_APPROVAL
    assert waits_for(intent) == {"tomas.lind", "ines.duarte"}
    assert approve(intent, tomas) == State.APPROVED


def test_who_sits_in_a_part_that_is_full_is_asked_no_more(
    rules: Publish, maya: User, tomas: User, ines: User, sara: User
) -> None:
    rules(RULE % BOTH)
    intent = intents.submit(wish(maya))
    approve(intent, tomas)
    assert "Others have agreed in your place already" in refusal(NotWaiting, intent, ines)
    assert waits_for(intent) == {"sara.security"}


@pytest.mark.parametrize("second", ["tomas", "sara"])
def test_who_fits_two_parts_counts_where_it_helps(
    rules: Publish, maya: User, tomas: User, sara: User, second: str
) -> None:
    """Bea first: whichever part the next one sits in, she takes the other."""
    rules(RULE % BOTH)
    intent = intents.submit(wish(maya))
    assert approve(intent, both_teams()) == State.AWAITING_APPROVAL
    assert waits_for(intent) == {"tomas.lind", "sara.security"}
    assert approve(intent, {"tomas": tomas, "sara": sara}[second]) == State.APPROVED


def test_two_of_one_part_do_not_make_up_for_another(
    rules: Publish, maya: User, tomas: User, ines: User, sara: User, sven: User
) -> None:
    rules(RULE % "{allOf: [{%s}, {%s, count: 2}]}" % (OWNERS, GUARDS))
    intent = intents.submit(wish(maya))
    approve(intent, sara)
    approve(intent, sven)
    assert waits_for(intent) == {"tomas.lind", "ines.duarte"}
    assert approve(intent, tomas) == State.APPROVED


# Roles and rotas


def test_holders_of_a_standing_role_there_decide(rules: Publish, maya: User) -> None:
    lead = factories.user("lena.lead", groups=[LEADS])
    rules(ROLES % "User, name: nobody" + RULE % "{anyOf: [{role: warden}]}")
    intent = intents.submit(wish(maya))
    assert waits_for(intent) == {"lena.lead"}
    assert approve(intent, lead) == State.APPROVED


def test_a_denial_takes_the_say_of_a_role_away(rules: Publish, maya: User) -> None:
    """Who is not allowed the role may not decide by it either, though the group is bound to it."""
    lead = factories.user("lena.lead", groups=[LEADS])
    text = ROLES % "User, name: nobody" + RULE % "{anyOf: [{role: warden}]}"
    rules(text)
    intent = intents.submit(wish(maya))
    rules(
        text
        + """
---
apiVersion: portico.dev/v1
kind: DenyRule
metadata: {name: not-lena}
spec: {subjects: [{kind: User, name: lena.lead}], roles: [warden]}
"""
    )
    refusal(Refused, intent, lead)
    assert intents.submit(wish(maya)).state == State.DENIED


@pytest.mark.parametrize("on_rota", ["User, name: olaf.oncall", "Group, name: nights"])
def test_whoever_is_on_call_at_that_moment_decides(rules: Publish, maya: User, on_rota: str) -> None:
    olaf = factories.user("olaf.oncall", groups=["group:default/nights"])
    other = factories.user("odd.oncall")
    text = ROLES % on_rota + RULE % "{anyOf: [{onCall: night}]}"
    rules(text)
    intent = intents.submit(wish(maya))
    assert (
        intent.decisions.get().explanation["message"].startswith("Whoever is on call for night must agree.")
    )
    assert waits_for(intent) == {"olaf.oncall"}
    assert [user.username for user in inbox.eligible(intent)] == ["olaf.oncall"]
    rules(text.replace(on_rota, "User, name: odd.oncall"))  # the shift is somebody else's now
    assert waits_for(intent) == {"odd.oncall"}
    refusal(NotAnApprover, intent, olaf)
    assert approve(intent, other) == State.APPROVED


def test_nobody_on_call_means_nobody(rules: Publish, maya: User) -> None:
    rules(ROLES % "User, name: gone" + RULE % "{anyOf: [{onCall: night}]}")
    words = intents.submit(wish(maya)).decisions.get().explanation["message"]
    assert words == "Nobody can approve this: nobody is on call for night now. Ask the platform team."


# Escalation

ESCALATING = "{%s, escalation: [{after: 4h, %s}]}" % (OWNERS, GUARDS)


def wait(intent: Intent, length: timedelta) -> None:
    """As if it had been sent, and asked, that much earlier."""
    intent.approvers.filter(counts_from__isnull=False).update(counts_from=F("counts_from") - length)


def test_others_may_decide_once_it_has_waited(rules: Publish, maya: User, tomas: User, sara: User) -> None:
    rules(RULE % ESCALATING)
    intent = intents.submit(wish(maya))
    assert waits_for(intent) == {"tomas.lind"}
    assert "You may decide this from" in refusal(NotWaiting, intent, sara)
    wait(intent, timedelta(hours=3, minutes=59))
    assert stages.escalate() == 0
    refusal(NotWaiting, intent, sara)
    wait(intent, timedelta(minutes=1))
    assert stages.escalate() == 1
    assert waits_for(intent) == {"tomas.lind", "sara.security"}
    assert Notice.objects.filter(user=sara).count() == 1
    assert AuditEvent.objects.get(action="intent.escalated").summary == "security may decide too"
    assert stages.escalate() == 0
    assert approve(intent, sara) == State.APPROVED


def test_escalation_needs_no_worker(rules: Publish, maya: User, tomas: User, sara: User) -> None:
    rules(RULE % ESCALATING)
    intent = intents.submit(wish(maya))
    wait(intent, timedelta(hours=4))
    assert approve(intent, sara) == State.APPROVED


def test_where_the_first_are_too_few_the_others_decide_at_once(
    rules: Publish, maya: User, sara: User
) -> None:
    rules(RULE % ESCALATING)
    intent = intents.submit(wish(maya))
    assert waits_for(intent) == {"sara.security"}
    assert approve(intent, sara) == State.APPROVED


def test_a_stage_waits_from_when_it_is_reached(rules: Publish, maya: User, tomas: User, sara: User) -> None:
    lead = factories.user("lena.lead", groups=[LEADS])
    guards = f"{GUARDS}, escalation: [{{after: 2h, anyOf: [{{kind: Group, name: leads}}]}}]"
    rules(RULE % TWO_STAGES.replace(GUARDS, guards))
    intent = intents.submit(wish(maya))
    wait(intent, timedelta(hours=5))
    approve(intent, tomas)
    assert waits_for(intent) == {"sara.security"}
    refusal(NotWaiting, intent, lead)
    wait(intent, timedelta(hours=2))
    assert approve(intent, lead) == State.APPROVED


# Rules that change meanwhile


def test_a_stage_that_was_added_meanwhile_is_not_skipped(
    rules: Publish, maya: User, tomas: User, ines: User, sara: User
) -> None:
    rules(RULE % "{%s}" % OWNERS)
    intent = intents.submit(wish(maya))
    rules(RULE % TWO_STAGES)
    assert approve(intent, tomas) == State.AWAITING_APPROVAL
    assert approve(intent, ines) == State.AWAITING_APPROVAL


def test_a_stage_that_was_taken_out_meanwhile_is_still_asked(
    rules: Publish, maya: User, tomas: User, sara: User
) -> None:
    """What the requester and the record were told stands; today's rule can only make it harder."""
    rules(RULE % TWO_STAGES)
    intent = intents.submit(wish(maya))
    rules(RULE % "none")
    assert approve(intent, tomas) == State.AWAITING_APPROVAL
    assert approve(intent, sara) == State.APPROVED


def test_escalation_follows_the_rule_of_today(rules: Publish, maya: User, tomas: User, sara: User) -> None:
    rules(RULE % ESCALATING)
    intent = intents.submit(wish(maya))
    wait(intent, timedelta(hours=4))
    rules(RULE % ESCALATING.replace("4h", "24h"))
    assert "you are no longer among those who decide" in refusal(NotAnApprover, intent, sara)


# At once


def _approve_on_own_connection(intent: Intent, by: User) -> None:
    try:
        approve(intent, by)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_two_approvers_of_one_stage_at_once_do_not_open_the_next_for_each_other(
    rules: Publish, maya: User, tomas: User, ines: User, sara: User
) -> None:
    """The second waits for the lock and finds that the stage is over."""
    rules(RULE % TWO_STAGES)
    intent = intents.submit(wish(maya))
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            approve(intent, tomas)
            second = pool.submit(_approve_on_own_connection, intent, ines)
            wait_until_somebody_waits_for_a_lock()
        assert isinstance(second.exception(), NotWaiting)
    intent.refresh_from_db()
    assert (intent.state, Approval.objects.count()) == (State.AWAITING_APPROVAL, 1)
    assert AuditEvent.objects.filter(action="intent.stage_opened").count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_two_people_that_a_stage_needs_may_agree_at_once(
    rules: Publish, maya: User, tomas: User, ines: User
) -> None:
    rules(RULE % "{%s, count: 2}" % OWNERS)
    intent = intents.submit(wish(maya))
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            approve(intent, tomas)
            second = pool.submit(_approve_on_own_connection, intent, ines)
            wait_until_somebody_waits_for_a_lock()
        assert second.exception() is None
    intent.refresh_from_db()
    assert (intent.state, Approval.objects.count()) == (State.APPROVED, 2)


# Rows from before, and documents


def test_requests_from_before_there_were_stages_go_on(rules: Publish, maya: User, tomas: User) -> None:
    """Their decisions say only how many must agree."""
    rules(RULE % "{%s}" % OWNERS)
    intent = intents.submit(wish(maya))
    kept = intent.decisions.get()
    old = {key: kept.explanation[key] for key in ("verdict", "rule", "message", "checks")}
    kept.pk, kept.explanation = None, old
    kept.save(force_insert=True)
    assert approve(intent, tomas) == State.APPROVED


def test_a_row_seats_a_group_a_person_or_a_rota_and_nothing_else(
    rules: Publish, maya: User, tomas: User
) -> None:
    rules(RULE % "{%s}" % OWNERS)
    intent = intents.submit(wish(maya))
    for fields in ({}, {"user": tomas, "rota": "night"}, {"group": tomas.groups.get(), "user": tomas}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Approver.objects.create(intent=intent, stage=3, **fields)


@pytest.mark.parametrize(
    ("approval", "words"),
    [
        ("{}", "say who decides by one of anyOf, allOf, stages"),
        ("{%s, allOf: [{%s}]}" % (OWNERS, OWNERS), "say who decides by one of anyOf, allOf, stages"),
        ("{stages: []}", "stages must be a list with at least one entry"),
        ("{stages: [{name: x}]}", "say who decides by one of anyOf, allOf"),
        ("{stages: [{%s}], count: 2}" % OWNERS, "count stands in each entry of stages"),
        ("{allOf: [{%s}], escalation: []}" % OWNERS, "escalation stands in each entry of allOf"),
        ("{stages: [%s]}" % ", ".join(["{%s}" % OWNERS] * 6), "stages has more than 5 entries"),
        ("{%s, distinct: false}" % OWNERS, "distinct is for stages and allOf"),
        ("{allOf: [{%s}], distinct: no}" % OWNERS, "distinct must be true or false"),
        ("{anyOf: [{role: nobody}]}", "there is no Role nobody"),
        ("{anyOf: [{onCall: nobody}]}", "there is no OnCall nobody"),
        ("{%s, escalation: [{%s}]}" % (OWNERS, GUARDS), "after is missing. Write one like 4h"),
        ("{%s, escalation: [{after: 8d, %s}]}" % (OWNERS, GUARDS), "nobody waits that long"),
        (
            "{%s, escalation: [{after: 4h, %s}, {after: 2h, %s}]}" % (OWNERS, GUARDS, GUARDS),
            "later than the one before",
        ),
        ("{%s, escalation: [{after: 4h, anyOf: [{kind: Everyone}]}]}" % OWNERS, "Everyone cannot decide"),
    ],
)
def test_what_makes_no_sense_is_told_when_the_rules_are_read(
    rules: Publish, approval: str, words: str
) -> None:
    with pytest.raises(PolicyInvalid) as told:
        rules(RULE % approval)
    assert words in str(told.value)


def test_a_role_that_everybody_holds_decides_nothing(rules: Publish) -> None:
    text = ROLES.replace("{kind: Group, name: leads}", "{kind: Everyone}") % "User, name: a"
    with pytest.raises(PolicyInvalid, match="bound to Everyone, and everyone cannot decide"):
        rules(text + RULE % "{anyOf: [{role: warden}]}")


def test_the_least_demanding_rule_counts_all_its_stages(
    rules: Publish, maya: User, tomas: User, sara: User
) -> None:
    two = RULE % TWO_STAGES
    rules(two + "---" + (RULE % "{%s}" % OWNERS).replace("name: counting", "name: easier"))
    assert decide(actor=maya, subject=SUBJECT, ask=Ask("test.counting")).rule == "easier"


# Pages


def test_the_page_shows_the_stages_who_agreed_and_who_is_next(
    rules: Publish, maya: User, tomas: User, sara: User, client_for: Callable[[User], Client]
) -> None:
    factories.group(LEADS)
    guards = f"{GUARDS}, escalation: [{{after: 2h, anyOf: [{{kind: Group, name: leads}}]}}]"
    rules(RULE % TWO_STAGES.replace(GUARDS, guards))
    intent = intents.submit(wish(maya))
    early = client_for(sara).get(f"/inbox/{intent.pk}/").content.decode()
    assert "It is not your turn yet" in early
    approve(intent, tomas)
    page = client_for(sara).get(f"/inbox/{intent.pk}/").content.decode()
    for words in ("Owners", "Approved by Tomas Lind", "Security", "from ", "leads too", "1 of 2"):
        assert words in page
    assert 'name="answer" value="as_asked"' in page


def test_the_way_ahead_names_who_can_decide_at_once_and_who_only_later(
    rules: Publish, maya: User, sara: User
) -> None:
    """Nobody owns it, so that security is asked at once in the first stage; leads come after the same wait as ever."""
    lead = factories.user("lena.lead", "Lena Lead", groups=[LEADS])
    later = "escalation: [{after: 4h, %s}, {after: 12h, anyOf: [{kind: Group, name: leads}]}]" % GUARDS
    rules(
        RULE % ("{stages: [{%s, %s}, {name: Leads, anyOf: [{kind: Group, name: leads}]}]}" % (OWNERS, later))
    )
    verdict = decide(actor=maya, subject=SUBJECT, ask=Ask("test.counting"))
    first, second = forecast(verdict.panel).stages
    assert (first.title, first.state, second.title, second.state) == ("Stage 1", "open", "Leads", "ahead")
    assert first.parts[0].words == "1 of payments or security must agree"
    assert (first.parts[0].people, first.parts[0].later) == (
        ("Sara Security",),
        ("after 12\u00a0h, leads too",),
    )
    assert second.parts[0].people == (lead.label,)


def test_what_one_set_of_people_decides_has_no_stages(rules: Publish, maya: User, tomas: User) -> None:
    for approval in ("{%s}" % OWNERS, "none"):
        rules(RULE % approval)
        assert not forecast(decide(actor=maya, subject=SUBJECT, ask=Ask("test.counting")).panel).stages


def test_the_page_takes_as_many_queries_for_five_stages_as_for_two(
    rules: Publish,
    maya: User,
    tomas: User,
    sara: User,
    client_for: Callable[[User], Client],
    django_assert_max_num_queries: object,
) -> None:

    people = [factories.user(f"person{number}", groups=[PAYMENTS]) for number in range(5)]
    assert people

    def count(stage_count: int) -> int:
        rules(RULE % ("{stages: [%s]}" % ", ".join(["{%s}" % OWNERS] * stage_count)))
        intent = intents.submit(wish(maya))
        client = client_for(tomas)
        client.get(f"/inbox/{intent.pk}/")
        with CaptureQueriesContext(connection) as seen:
            client.get(f"/inbox/{intent.pk}/")
        return len(seen)

    assert count(2) == count(5)


def test_waiting_since_is_when_the_stage_was_reached(
    rules: Publish, maya: User, tomas: User, sara: User
) -> None:
    rules(RULE % TWO_STAGES)
    intent = intents.submit(wish(maya))
    wait(intent, timedelta(hours=5))
    approve(intent, tomas)
    board = inbox.pane(intent, sara)["board"]
    assert [stage.state for stage in board.stages] == ["done", "open"]
    assert clock.now() - board.open.since < timedelta(minutes=1)
