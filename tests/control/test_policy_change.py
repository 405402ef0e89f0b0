"""Rules change when a second person agrees: proposed as a whole, shown as a difference, never by their author alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from io import StringIO
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction
from django.test import Client
from django.urls import reverse

from control import approvals, clock, deputies, intents, policy, policy_change
from control.deputies import Wish
from control.errors import InvalidParameters, NotAnApprover, OwnRequest, PlanChanged, PolicyInvalid
from control.models import AuditEvent, Intent, Notice, PolicyProposal, PolicyRevision, State, User
from tests import factories
from tests.control.conftest import AT_ONCE, RULES
from tests.control.spine import wish
from tests.control.test_policy import ROLE, RULE, write
from tests.locks import at_once, while_uncommitted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("owners_decide")]
Enter = Callable[[User], Client]
WHO_CHANGES = """
---
apiVersion: portico.dev/v1
kind: AccessRule
metadata: {name: rules-by-platform}
spec:
  capabilities: [policy.change]
  subjects: [{kind: Group, name: support}]
  approval: {anyOf: [{kind: Group, name: payments}], count: 1}
"""


@pytest.fixture
def other_admin(db: None) -> User:
    return factories.user("second.admin", "Second Admin", is_staff=True, entity_ref=None)


def proposed(by: User, folder: Path, text: str = AT_ONCE, reason: str = "Owners are too busy.") -> Intent:
    path = folder / "proposed.yaml"
    path.write_text(text)
    return policy_change.send(policy_change.keep(policy.load_whole([path]), by=by), by=by, reason=reason)


def agree(intent: Intent, by: User) -> Intent:
    return approvals.approve(intent.pk, by=by, digest=intent.plan_digest)


def test_while_no_rule_speaks_of_it_another_administrator_agrees(
    root_admin: User, other_admin: User, tmp_path: Path
) -> None:
    before = policy.in_force()
    intent = proposed(root_admin, tmp_path)
    assert (intent.state, policy.in_force()) == (State.AWAITING_APPROVAL, before)
    agree(intent, other_admin)
    revision = policy.in_force()
    assert revision
    assert (revision.origin, revision.published_by, revision.intent) == ("change", root_admin, intent)
    assert policy.parsed(revision).rules[0].name == "counting-at-once"
    assert AuditEvent.objects.get(action="policy.published", intent=intent).actor == root_admin


def test_the_author_does_not_agree_with_themselves_nor_with_a_second_account(
    root_admin: User, other_admin: User, tmp_path: Path
) -> None:
    twin = factories.user("root.twin", is_staff=True, email=root_admin.email.upper(), entity_ref=None)
    intent = proposed(root_admin, tmp_path)
    for who in (root_admin, twin):
        with pytest.raises(OwnRequest):
            agree(intent, who)
    assert policy.in_force() == PolicyRevision.objects.get()


def test_who_is_no_administrator_neither_proposes_nor_agrees(
    maya: User, root_admin: User, other_admin: User, tmp_path: Path
) -> None:
    assert proposed(maya, tmp_path).state == State.DENIED
    with pytest.raises(NotAnApprover):
        agree(proposed(root_admin, tmp_path), maya)


def test_an_administrator_who_was_demoted_meanwhile_does_not_agree(
    root_admin: User, other_admin: User, tmp_path: Path
) -> None:
    factories.user("third.admin", is_staff=True)
    intent = proposed(root_admin, tmp_path)
    User.objects.filter(pk=other_admin.pk).update(is_staff=False)
    with pytest.raises(NotAnApprover):
        agree(intent, other_admin)


def test_the_only_administrator_is_told_that_nobody_can_agree(root_admin: User, tmp_path: Path) -> None:
    intent = proposed(root_admin, tmp_path)
    assert intent.state == State.DENIED
    assert "you are the only administrator" in intent.decisions.get().explanation["message"]


def test_rules_that_name_who_decides_on_rules_count_before_administrators(
    rules: Callable[[str], PolicyRevision],
    maya: User,
    tomas: User,
    root_admin: User,
    other_admin: User,
    tmp_path: Path,
) -> None:
    rules(RULES % 1 + WHO_CHANGES)
    assert proposed(root_admin, tmp_path).state == State.DENIED
    intent = proposed(maya, tmp_path)
    with pytest.raises(NotAnApprover):
        agree(intent, other_admin)
    assert agree(intent, tomas).state == State.APPROVED


def test_no_rule_may_let_somebody_change_rules_alone(tmp_path: Path) -> None:
    alone = WHO_CHANGES.replace("{anyOf: [{kind: Group, name: payments}], count: 1}", "none")
    with pytest.raises(PolicyInvalid, match=r"line 9: policy.change needs a second person"):
        policy.load([write(tmp_path, alone)])


def test_a_denial_keeps_administrators_from_changing_rules(
    rules: Callable[[str], PolicyRevision], root_admin: User, other_admin: User, tmp_path: Path
) -> None:
    freeze = (
        "\n---\napiVersion: portico.dev/v1\nkind: DenyRule\nmetadata: {name: freeze}\nspec:\n"
        "  subjects: [{kind: Everyone}]\n  capabilities: [policy.change]\n  message: Not in December.\n"
    )
    rules(RULES % 1 + freeze)
    assert proposed(root_admin, tmp_path).decisions.get().explanation["message"] == "Not in December."


def test_approvers_are_shown_what_differs_and_what_would_have_become_of_requests(
    maya: User, tomas: User, root_admin: User, other_admin: User, tmp_path: Path
) -> None:
    intents.submit(wish(maya))
    plan = proposed(root_admin, tmp_path).plan
    assert [plan["changes"][0]["sign"], plan["changes"][0]["where"]] == ["+", "AccessRule counting-at-once"]
    assert "1 of 1 request of the last 90 days would be decided otherwise: 1 easier." in plan["summary"]
    assert "Maya" not in str(plan)


def test_other_rules_in_force_meanwhile_make_the_approval_void(
    root_admin: User, other_admin: User, tmp_path: Path, rules: Callable[[str], PolicyRevision]
) -> None:
    intent = proposed(root_admin, tmp_path)
    newer = rules(RULES % 2)
    with pytest.raises(PlanChanged, match="Other rules came into force since"):
        agree(intent, other_admin)
    intent.refresh_from_db()
    assert (policy.in_force(), intent.state) == (newer, State.AWAITING_APPROVAL)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE control_policyrevision SET documents = '[]'",
        "UPDATE control_policyrevision SET published_by_id = NULL, note = 'x'",
        "DELETE FROM control_policyrevision WHERE id = (SELECT max(id) FROM control_policyrevision)",
        "UPDATE control_policyproposal SET documents = '[]'",
        "UPDATE control_policyproposal SET digest = 'f'",
        "DELETE FROM control_policyproposal",
    ],
)
def test_the_database_refuses_to_change_what_was_in_force_or_sent(
    root_admin: User, other_admin: User, tmp_path: Path, change: str
) -> None:
    agree(proposed(root_admin, tmp_path), other_admin)
    with (
        pytest.raises(ProgrammingError, match="is append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(change)


def test_documents_that_were_changed_in_the_table_are_not_put_in_force(
    root_admin: User, other_admin: User, tmp_path: Path
) -> None:
    """By somebody who owns the database, and goes around its triggers."""
    intent = proposed(root_admin, tmp_path)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
    kept = PolicyProposal.objects.get(intent=intent)
    kept.documents[0]["document"]["spec"]["subjects"] = [{"kind": "User", "name": "mallory"}]
    kept.digest = policy.digest_of(policy.read_again(kept))
    kept.save()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    with pytest.raises(PlanChanged, match="not what was sent"):
        agree(intent, other_admin)


def test_a_proposal_is_sent_once_and_by_its_author(
    root_admin: User, other_admin: User, tmp_path: Path
) -> None:
    path = write(tmp_path, ROLE, RULE)
    proposal = policy_change.keep(policy.load_whole([path]), by=root_admin)
    with pytest.raises(InvalidParameters, match="somebody else's"):
        policy_change.send(proposal, by=other_admin, reason="Mine now.")
    policy_change.send(proposal, by=root_admin, reason="First.")
    with pytest.raises(InvalidParameters, match="sent already"):
        policy_change.send(proposal, by=root_admin, reason="Again.")
    assert Intent.objects.filter(capability="policy.change").count() == 1


def test_rules_in_force_already_are_no_proposal(root_admin: User, tmp_path: Path) -> None:
    path = write(tmp_path, RULES % 1)
    with pytest.raises(InvalidParameters, match="These rules are in force already"):
        policy_change.keep(policy.load_whole([path]), by=root_admin)


def test_a_reason_is_needed(root_admin: User, other_admin: User, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameters, match="Say why"):
        proposed(root_admin, tmp_path, reason=" ")
    assert not Intent.objects.exists()


# On pages


def yaml_file(text: str, name: str = "rules.yaml") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode(), content_type="application/yaml")


def upload(client: Client, *files: SimpleUploadedFile) -> Any:
    return client.post(reverse("control:policy_upload"), {"files": list(files)})


def test_from_upload_to_approval_on_pages(
    root_admin: User, other_admin: User, client_for: Enter, maya: User, tomas: User
) -> None:
    asked = intents.submit(wish(maya))
    client = client_for(root_admin)
    answer = upload(client, yaml_file(AT_ONCE))
    page = client.get(answer.url).content.decode()
    assert "AccessRule added" in page
    assert "would be decided otherwise: 1 easier" in page
    assert asked.get_absolute_url() in page
    assert "Another administrator must agree: Second Admin." in page
    missing = client.post(answer.url, {"reason": ""})
    assert (missing.status_code, "Say why." in missing.content.decode()) == (422, True)
    sent: Any = client.post(answer.url, {"reason": "Owners are too busy."})
    shown = client_for(other_admin).get(sent.url).content.decode()
    assert "Decide in the inbox" in shown
    assert "proposes other rules" in client_for(other_admin).get(reverse("control:rules")).content.decode()
    agree(Intent.objects.get(capability="policy.change"), other_admin)
    after = client.get(sent.url).content.decode()
    assert "Approved by Second Admin" in after


def test_an_unsent_proposal_is_nobody_elses(root_admin: User, other_admin: User, client_for: Enter) -> None:
    answer = upload(client_for(root_admin), yaml_file(AT_ONCE))
    assert client_for(other_admin).get(answer.url).status_code == 404
    assert client_for(other_admin).post(answer.url, {"reason": "Mine."}).status_code == 404


def test_a_change_is_seen_by_those_it_concerns(
    root_admin: User, other_admin: User, maya: User, tmp_path: Path, client_for: Enter
) -> None:
    intent = proposed(root_admin, tmp_path)
    assert client_for(maya).get(intent.get_absolute_url()).status_code == 404
    assert client_for(other_admin).get(intent.get_absolute_url()).status_code == 200


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([], "no file was chosen"),
        ([yaml_file(RULE)], "rules.yaml</span>, line 5: there is no Role logs"),
        ([yaml_file("a: 1", "../../etc/passwd")], "not a YAML file"),
        (
            [yaml_file(AT_ONCE, "a.yaml"), yaml_file(AT_ONCE, "a.yaml")],
            "exists already in a.yaml (file 1), line 2",
        ),
        ([yaml_file("#" * 1_000_001)], "larger than 1 MB"),
        ([yaml_file(AT_ONCE, f"{number}.yaml") for number in range(51)], "more than 50 files"),
        ([yaml_file(RULES % 1)], "These rules are in force already"),
    ],
)
def test_what_cannot_be_a_set_is_told_at_the_form(
    root_admin: User, other_admin: User, client_for: Enter, files: list[SimpleUploadedFile], words: str
) -> None:
    answer = upload(client_for(root_admin), *files)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not PolicyProposal.objects.exists()


def test_who_may_not_propose_is_told_and_cannot_upload(maya: User, client_for: Enter) -> None:
    client = client_for(maya)
    assert "You cannot propose rules." in client.get(reverse("control:policy_upload")).content.decode()
    assert upload(client, yaml_file(AT_ONCE)).status_code == 403
    assert not PolicyProposal.objects.exists()


def test_only_the_last_unsent_proposal_is_kept(
    root_admin: User, other_admin: User, client_for: Enter
) -> None:
    upload(client_for(root_admin), yaml_file(AT_ONCE))
    upload(client_for(root_admin), yaml_file(RULES % 2))
    assert PolicyProposal.objects.count() == 1


def test_the_author_withdraws_it(
    root_admin: User, other_admin: User, tmp_path: Path, client_for: Enter
) -> None:
    intent = proposed(root_admin, tmp_path)
    client_for(root_admin).post(reverse("control:policy_withdraw", args=[intent.pk]))
    intent.refresh_from_db()
    assert intent.state == State.WITHDRAWN


# On the server


def test_load_needs_a_second_person_once_rules_of_ones_own_are_in_force(tmp_path: Path) -> None:
    path = write(tmp_path, AT_ONCE)
    with pytest.raises(CommandError, match="a second person must agree to others"):
        call_command("rules", "load", str(path))
    assert policy.in_force() == PolicyRevision.objects.get()


def test_breaking_the_glass_is_recorded_shown_and_told(
    root_admin: User, other_admin: User, maya: User, tmp_path: Path, client_for: Enter
) -> None:
    path = write(tmp_path, AT_ONCE)
    call_command("rules", "load", str(path), "--break-glass", "Owners are locked out", stdout=StringIO())
    revision = policy.in_force()
    assert revision
    assert (revision.origin, revision.note) == ("break_glass", "Owners are locked out")
    event = AuditEvent.objects.get(action="policy.break_glass")
    assert "Owners are locked out" in event.detail
    page = client_for(maya).get(reverse("control:rules")).content.decode()
    assert "put in force without a second person" in page
    assert set(Notice.objects.values_list("user", flat=True)) == {root_admin.pk, other_admin.pk}


@pytest.mark.parametrize(
    ("wanted", "with_paths", "configured"),
    [("unreviewed", True, False), ("always", True, True), ("never", False, False)],
)
def test_which_loads_need_a_second_person_is_a_setting(
    settings: Any, tmp_path: Path, wanted: str, with_paths: bool, configured: bool
) -> None:
    settings.PORTICO_POLICY_SECOND_PERSON = wanted
    loaded = policy.load_whole([write(tmp_path, AT_ONCE)])
    assert policy_change.needs_second_person(loaded, is_reviewed=False) is with_paths
    assert policy_change.needs_second_person(loaded, is_reviewed=True) is configured


def test_the_command_proposes_for_somebody(root_admin: User, other_admin: User, tmp_path: Path) -> None:
    path, said = write(tmp_path, AT_ONCE), StringIO()
    call_command("rules", "propose", str(path), "--as", "root.admin", "--reason", "Why not", stdout=said)
    assert "Another administrator must agree: Second Admin." in said.getvalue()
    with pytest.raises(CommandError, match="Nobody here is called nobody"):
        call_command("rules", "propose", str(path), "--as", "nobody", "--reason", "Why not")


@pytest.mark.django_db(transaction=True)
def test_two_changes_approved_at_the_same_moment_put_one_in_force(
    root_admin: User, other_admin: User, tmp_path: Path
) -> None:
    """Both were compared with the same rules: the second would undo what the approver of the first one saw."""
    third = factories.user("third.admin", is_staff=True)
    first, second = proposed(root_admin, tmp_path), proposed(third, tmp_path, RULES % 2)
    late = while_uncommitted(partial(agree, first, other_admin), partial(agree, second, root_admin))
    assert isinstance(late, PlanChanged)
    assert PolicyRevision.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_changes_that_are_looked_at_together_do_not_wait_for_each_other(
    root_admin: User, other_admin: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    third = factories.user("third.admin", is_staff=True)
    first, second = proposed(root_admin, tmp_path), proposed(third, tmp_path, RULES % 2)
    look, both_look = approvals._checked_by_rules_of_today, Barrier(2)

    def together(*given: Any) -> Any:
        with suppress(BrokenBarrierError):
            both_look.wait(0.2)  # the second does not get here before the first is done
        return look(*given)

    monkeypatch.setattr(approvals, "_checked_by_rules_of_today", together)
    came = at_once(partial(agree, first, other_admin), partial(agree, second, root_admin))
    assert sorted(type(one).__name__ for one in came) == ["Intent", "PlanChanged"]
    assert PolicyRevision.objects.count() == 2


def test_nobody_agrees_to_other_rules_in_the_place_of_an_administrator(
    root_admin: User, other_admin: User, maya: User, tmp_path: Path
) -> None:
    """Not even an administrator, in whose place ever: changes of the rules are decided in person."""
    third = factories.user("third.admin", is_staff=True, email=root_admin.email)
    ends = clock.now() + timedelta(days=1)
    for deputy in (maya, third):
        deputies.name(Wish(deputy, ends, "Holiday"), by=other_admin)
    intent = proposed(root_admin, tmp_path)
    for deputy in (maya, third):
        with pytest.raises((NotAnApprover, OwnRequest)):
            approvals.approve(intent.pk, by=deputy, digest=intent.plan_digest, in_place_of=other_admin.pk)
        assert not Intent.objects.waiting_for(deputy).exists()
        assert not Notice.objects.filter(user=deputy, happening__event="request.waiting").exists()
    with pytest.raises(NotAnApprover):
        agree(intent, maya)
    assert agree(intent, other_admin).state == State.APPROVED
