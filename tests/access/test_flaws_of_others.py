"""Security flaws of the systems before this one, each tried here with real requests; named after what went wrong there.

The stories: CVE-2025-1969 (TEAM), CVE-2026-83805 (Nautobot), CVE-2025-11957 (Devolutions Server),
GHSA-76cc-p55w-63g3 and CVE-2025-49825 (Teleport), CVE-2022-27177 and CVE-2024-5023 (ConsoleMe), CVE-2026-62231 (Grav),
and the changelogs and issues of k8s-breakglass (K8B), discord/access and TEAM.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.contrib.auth.models import Permission
from django.db import DatabaseError, connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from guardian.shortcuts import assign_perm

from access import grants
from access.models import Grant, Review
from access.sweep import sweep
from catalog import ingest, locations
from catalog.models import Entity, Location
from control import approvals, clock, intents, people, policy, policy_change, tokens
from control.errors import ControlError, InvalidParameters, NotWaiting, OwnRequest
from control.models import (
    ApiToken,
    Approval,
    Approver,
    AuditEvent,
    Decision,
    Intent,
    Notice,
    PolicyRevision,
    State,
    User,
)
from portal import health
from tests import factories
from tests.access import room
from tests.catalog.places import Place, team
from tests.locks import while_uncommitted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("service", "rules", "tomas")]
SignedIn = Callable[[User], Client]
OWNERS, SUPPORT = "group:default/payments", "group:default/support"


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().replace("\u00a0", " ").split())


def with_token(person: User) -> Client:
    _, secret = tokens.issue(owner=person, by=None, name="flaws")
    return Client(headers={"Authorization": f"Bearer {secret}"})


def answer_to(intent: Intent, verb: str, client: Client, *, api: bool) -> Any:
    """By the page, or by the API."""
    given = {"digest": intent.plan_digest, "comment": "No."}
    if api:
        url = f"/api/access/requests/{intent.pk}/{verb}"
        return client.post(url, given, content_type="application/json")
    return client.post(f"/inbox/{intent.pk}/{verb}/", {**given, "answer": "as_asked"})


def assert_undecided(intent: Intent) -> None:
    intent.refresh_from_db()
    assert intent.state == State.AWAITING_APPROVAL
    assert not Approval.objects.exists()
    assert not Grant.objects.exists()


def addresses(intent: Intent) -> list[str]:
    """Every address that the portal answers to, with things in it that exist."""
    samples = {
        "intent_id": str(intent.pk),
        "key": str(intent.pk),
        "kind": "component",
        "namespace": "default",
        "name": "payments",
    }

    def filled(match: re.Match[str]) -> str:
        converter, _, name = match[1].rpartition(":")
        return samples.get(name) or {"uuid": str(intent.pk), "int": "1"}.get(converter, "x")

    return sorted({"/" + re.sub(r"<([^>]+)>", filled, found) for found in _patterns(get_resolver())})


def _patterns(resolver: URLResolver, before: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern, path)
        elif isinstance(pattern, URLPattern):
            yield re.sub(r"[\^$]", "", path)


FORGED = {
    "state": "approved",
    "verdict": "allow",
    "answer": "approved",
    "approver": "1",
    "user": "1",
    "by": "1",
    "decided_at": "2026-01-01T00:00:00Z",
    "expires_at": "2099-01-01T00:00:00Z",
    "expiresAt": "2099-01-01T00:00:00Z",
    "permissions": ["logs:read"],
}


# Approving one's own


@pytest.mark.parametrize("api", [False, True], ids=["page", "API"])
def test_fields_of_the_approval_that_the_requester_could_write(
    api: bool, maya: User, client_for: SignedIn
) -> None:
    """CVE-2025-1969: while asking, or by editing what was asked."""
    wish = {"duration": "4h", "reason": "Refunds fail."}
    if api:
        line = {"entity": room.REF, "role": "production-logs", "environment": "production"}
        client = with_token(maya)
        send = partial(client.post, "/api/access/requests", content_type="application/json")
        assert send({**wish, "lines": [line], **FORGED}).status_code == 400
        assert send({**wish, "lines": [{**line, **FORGED}]}).status_code == 400
        assert send({**wish, "lines": [line]}).status_code == 201
    else:
        form = {**wish, "entity": room.REF, "what": "production-logs@production"}
        client_for(maya).post("/access/request/", {**form, **FORGED})
    intent = Intent.objects.get()
    assert intent.requested_by == maya
    assert_undecided(intent)


@pytest.mark.slow
@pytest.mark.parametrize("who", ["requester", "stranger", "administrator"])
def test_a_generic_way_in_that_writes_decisions_and_grants(
    who: str, maya: User, client_for: SignedIn
) -> None:
    """CVE-2026-83805: every address, every method, forms and JSON: none of them makes or changes a decision."""
    intent = room.ask(maya)
    before, told = Intent.objects.values().get(pk=intent.pk), AuditEvent.objects.filter(intent=intent).count()
    person = {
        "requester": lambda: maya,
        "stranger": lambda: factories.user("stranger"),
        "administrator": lambda: factories.user("root.admin", is_staff=True, is_superuser=True),
    }[who]()
    own = ("/withdraw", "/withdraw/", "/again", "/again/")  # what a requester may do, and no decision
    paths = [path for path in addresses(intent) if not path.endswith(own)]
    body = {**FORGED, "intent": str(intent.pk), "intent_id": str(intent.pk), "grant": str(intent.pk)}
    ways: list[tuple[str, dict[str, Any]]] = [
        ("post", {}),
        ("post", {"content_type": "application/json"}),
        ("put", {"content_type": "application/json"}),
    ]
    for path, (method, more) in product(paths, ways):
        client = client_for(person)
        client.raise_request_exception = False
        answer = getattr(client, method)(path, body, **more)
        assert answer.status_code < 500, f"{method} {path}"
    assert Intent.objects.values().get(pk=intent.pk) == before
    assert Decision.objects.count() == Intent.objects.count(), "asking again is decided by the rules, once"
    assert not any(model.objects.exists() for model in (Approval, Grant, Review))
    assert AuditEvent.objects.filter(intent=intent).count() == told


@pytest.mark.slow
@pytest.mark.parametrize("api", [False, True], ids=["page", "API"])
@pytest.mark.parametrize("who", ["requester", "stranger", "colleague", "administrator", "agent", "closed"])
def test_whoever_calls_the_approval_approves(
    who: str, api: bool, maya: User, tomas: User, client_for: SignedIn
) -> None:
    """CVE-2025-11957: a basic user approves their own and others' requests."""
    intent = room.ask(maya)
    person = {
        "requester": lambda: maya,
        "stranger": lambda: factories.user("stranger"),
        "colleague": lambda: factories.user("colleague", groups=[SUPPORT]),
        "administrator": lambda: factories.user("root.admin", is_staff=True, is_superuser=True),
        "agent": lambda: factories.user("agent", acts_for=tomas, groups=[OWNERS]),
        "closed": lambda: factories.user("closed", groups=[OWNERS]),
    }[who]()
    client = with_token(person) if api else client_for(person)
    if who == "closed":
        User.objects.filter(pk=person.pk).update(is_active=False)
    for verb in ("approve", "reject"):
        status = answer_to(intent, verb, client, api=api).status_code
        assert status in (({401} if api else {302}) if who == "closed" else {403, 404})
        assert_undecided(intent)


def test_an_owner_who_hands_out_any_permission_to_others_and_to_themselves(
    tomas: User, ines: User, tmp_path: Path
) -> None:
    """GHSA-76cc-p55w-63g3: owning a thing is no right to more than the rules offer there."""
    assert room.ask(tomas, role="production-shell").state == State.DENIED
    assert room.ask(tomas, role="production-logs").state == State.DENIED
    with pytest.raises(InvalidParameters):
        room.ask(tomas, role="everything")


def test_an_owner_who_edits_the_policy_alone(root_admin: User, tomas: User, tmp_path: Path) -> None:
    """GHSA-76cc-p55w-63g3: whoever may change what may be given needs another person for it."""
    factories.user("second.admin", is_staff=True)
    path = tmp_path / "mine.yaml"
    path.write_text(room.RULES.replace("name: platform}", "name: payments}"))
    proposal = policy_change.keep(policy.load_whole([path]), by=root_admin)
    intent = policy_change.send(proposal, by=root_admin, reason="Mine.")
    with pytest.raises(OwnRequest):
        approvals.approve(intent.pk, by=root_admin, digest=intent.plan_digest)
    assert PolicyRevision.objects.count() == 1


# Who somebody is

PUBLIC = {
    "/signin/": "the sign-in form",
    "/healthz": "up or down",
    "/readyz": "up or down",
    "/.backstage/health/v1/liveness": "up or down",
    "/.backstage/health/v1/readiness": "up or down",
}
PRETENDING = {
    "Remote-User": "root.admin",
    "X-Remote-User": "root.admin",
    "X-Forwarded-User": "root.admin",
    "X-Forwarded-Email": "root.admin@example.org",
    "X-Forwarded-Groups": OWNERS,
    "X-Original-URL": "/healthz",
    "X-Rewrite-URL": "/healthz",
    "X-Forwarded-For": "127.0.0.1",
}
CREDENTIALS = [
    "",
    "Basic cm9vdC5hZG1pbjo=",
    "Bearer",
    "Bearer null",
    "Bearer eyJhbGciOiJub25lIn0.e30.",
    "Bearer %",
]


def is_shut(answer: Any) -> bool:
    """Refused, not there, or sent to sign in; never an answer."""
    to_sign_in = answer.status_code == 302 and answer["Location"].startswith("/signin/")
    return to_sign_in or answer.status_code in (400, 401, 403, 404, 405, 410)


@pytest.mark.slow
@pytest.mark.usefixtures("root_admin")
def test_a_remote_user_is_believed(maya: User) -> None:
    """CVE-2025-49825: authentication bypassed from afar. Every address, with all that a proxy or an agent might say."""
    intent = room.ask(maya)
    for path in addresses(intent):
        for given, method in product(CREDENTIALS, ("get", "post")):
            headers = {**PRETENDING, **({"Authorization": given} if given else {})}
            client = Client(headers=headers, REMOTE_USER="root.admin")
            client.cookies["sessionid"] = "root.admin"
            answer = getattr(client, method)(path)
            assert is_shut(answer) or path in PUBLIC, f"{method} {path} {given}: {answer.status_code}"
    assert_undecided(intent)
    assert AuditEvent.objects.filter(actor__username="root.admin").count() == 0


def test_authentication_that_fails_lets_people_in(
    maya: User, client_for: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CVE-2025-49825: it fails closed, whether the session or the token cannot be looked up."""
    browser, script = client_for(maya), with_token(maya)
    assert browser.get("/access/").status_code == script.get("/api/access/requests").status_code == 200

    def broken(*_: object) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr("django.contrib.auth.backends.ModelBackend.get_user", broken)
    monkeypatch.setattr("control.prepared.rows", broken)
    for client, path in ((browser, "/access/"), (script, "/api/access/requests")):
        client.raise_request_exception = False
        assert client.get(path).status_code == 500


def test_an_empty_set_of_approvers_lets_everybody_approve(
    maya: User, tomas: User, ines: User, client_for: SignedIn, tmp_path: Path
) -> None:
    """K8B, DebugSession: nobody is nobody, when it is asked for and when the last one leaves later."""
    intent = room.ask(maya)
    User.objects.filter(pk__in=[tomas.pk, ines.pk]).update(is_active=False)
    assert room.ask(maya, reason="Now nobody is left.").state == State.DENIED
    Approver.objects.all().delete()
    for person in (
        factories.user("stranger"),
        factories.user("root.admin", is_staff=True, is_superuser=True),
    ):
        assert answer_to(intent, "approve", client_for(person), api=False).status_code in (403, 404)
    assert_undecided(intent)


@pytest.mark.slow
@pytest.mark.parametrize("asks", ["person", "alias", "agent"])
@pytest.mark.parametrize("approves", ["person", "alias", "agent"])
def test_self_approval_under_an_alias(asks: str, approves: str, client_for: SignedIn) -> None:
    """K8B: asked for by mail address, approved by user name. Here: by any account of theirs, and any agent."""
    maya = factories.user("maya.okafor", groups=[SUPPORT, OWNERS])
    accounts = {
        "person": maya,
        "alias": factories.user("m.okafor", email="Maya.Okafor@EXAMPLE.org", groups=[SUPPORT, OWNERS]),
        "agent": factories.user("helper", acts_for=maya, groups=[SUPPORT, OWNERS]),
    }
    intent = room.ask(accounts[asks])
    assert answer_to(intent, "approve", client_for(accounts[approves]), api=False).status_code == 403
    assert_undecided(intent)


LOOK_ALIKES = [
    *("group:tenant/payments", "group:default/tenant/payments", "group:default/payments/admin", "payments"),
    *("Group:Default/Payments", "group:default/payments ", "group:default/payment_", "group:default/%"),
]


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_the_group_of_a_tenant_collapses_to_the_group_of_all(
    name: str, maya: User, client_for: SignedIn
) -> None:
    """K8B: `/tenant/admin` became `admin`. Groups are compared whole, neither trimmed, folded nor matched."""
    impostor = factories.user("impostor", groups=[factories.group(name)])
    intent = room.ask(maya)
    assert intent not in Intent.objects.asked_of(impostor)
    assert answer_to(intent, "approve", client_for(impostor), api=False).status_code in (403, 404)
    assert_undecided(intent)


@pytest.mark.usefixtures("maya")
def test_the_team_of_another_namespace_is_the_team_of_the_default_one(tmp_path: Path) -> None:
    """K8B: read from the files of the organisation, `tenant/payments` stays what it is."""
    place = Place(tmp_path / "org", is_org_source=True)
    place.write(
        "a.yaml",
        team("payments", "tomas.lind").replace("name: payments", "name: payments\n  namespace: tenant"),
    )
    person = "apiVersion: backstage.io/v1alpha1\nkind: User\nmetadata: {name: maya.okafor}\nspec: {memberOf: [%s]}\n"
    place.write("b.yaml", person % "tenant/payments")
    place.read()
    groups = User.objects.get(username="maya.okafor").groups.filter(name__endswith="payments")
    assert list(groups.values_list("name", flat=True)) == ["group:tenant/payments"]


def test_somebody_without_groups_falls_back_to_another_lookup(client_for: SignedIn) -> None:
    """K8B: a token without groups was looked up elsewhere. Missing is no membership, and no reference is nobody's."""
    nobody = factories.user("nobody", entity_ref=None)
    intent = room.ask(nobody)
    assert intent.state == State.DENIED
    people.sync_groups({OWNERS: {"user:default/tomas.lind", "None", ""}})
    assert not nobody.groups.exists()


# When


def test_an_approval_after_its_time_had_passed(maya: User, tomas: User, client_for: SignedIn) -> None:
    """K8B: the clock is asked at each decision, not in a job that has not run yet."""
    for api in (False, True):
        intent = room.ask(maya)
        past = clock.now() - timedelta(seconds=1)
        Intent.objects.filter(pk=intent.pk).update(requested_at=past - timedelta(1), decide_before=past)
        client = with_token(tomas) if api else client_for(tomas)
        assert answer_to(intent, "approve", client, api=api).status_code == 409
        assert_undecided(intent)


def test_a_grant_that_is_active_until_somebody_cleans_up(maya: User, service: Entity) -> None:
    """K8B: acting on an active grant past its end. No sweep has run here."""
    now = clock.now()
    room.grant_between(maya, now - timedelta(hours=1), now)
    assert not maya.has_perm("catalog.logs:read", service)
    check = f"/api/access/check?entity={room.REF}&permission=logs:read"
    assert with_token(maya).get(check).json()["allowed"] is False


def test_rules_that_cannot_be_read_deny_nothing(
    maya: User, tomas: User, service: Entity, client_for: SignedIn
) -> None:
    """K8B: deny rules failed open on a read error. Here nothing is allowed while the rules cannot be read."""
    intent = room.ask(maya)
    now = clock.now()
    grant = room.grant_between(maya, now - timedelta(hours=1), now + timedelta(hours=1))
    assert maya.has_perm("catalog.logs:read", service)
    with connection.cursor() as cursor:  # by somebody who owns the database, past its triggers
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            """UPDATE control_policyrevision SET documents = '[{"path": "a", "line": 1, "document": {}}]'"""
        )
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    policy.parsed_by_key.cache_clear()
    try:
        assert not maya.has_perm("catalog.logs:read", service)
        with pytest.raises(ControlError):
            approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest)
        with pytest.raises(Exception):  # noqa: B017  whatever it is, nothing is given
            room.ask(maya, reason="Again.")
    finally:
        policy.parsed_by_key.cache_clear()
    assert Intent.objects.filter(grant=None).get() == intent
    assert list(Grant.objects.all()) == [grant]


# At once


@pytest.mark.django_db(transaction=True)
def test_the_job_that_expires_requests_overwrites_a_withdrawal(maya: User) -> None:
    """K8B: whoever has the row decides, and the job leaves it to them."""
    intent = room.ask(maya)
    past = clock.now() - timedelta(seconds=1)
    Intent.objects.filter(pk=intent.pk).update(requested_at=past - timedelta(1), decide_before=past)
    withdraw = partial(intents.withdraw, intent.pk, by=maya)
    assert while_uncommitted(withdraw, approvals.expire_undecided, waits=False) == 0
    assert approvals.expire_undecided() == 0
    intent.refresh_from_db()
    assert intent.state == State.WITHDRAWN


@pytest.mark.django_db(transaction=True)
def test_two_approvers_at_once_make_two_grants(maya: User, tomas: User, ines: User) -> None:
    """discord/access #468: the lock came later there."""
    intent = room.ask(maya)
    first, second = (
        partial(approvals.approve, intent.pk, by=by, digest=intent.plan_digest) for by in (tomas, ines)
    )
    assert isinstance(while_uncommitted(first, second), NotWaiting)
    assert Grant.objects.count() == Approval.objects.count() == 1


@pytest.mark.parametrize("api", [False, True], ids=["page", "API"])
def test_a_stale_approval_or_ones_own_looks_like_success(
    api: bool, maya: User, tomas: User, ines: User, client_for: SignedIn
) -> None:
    """discord/access #468: refusals are errors with words, never the unchanged thing with a 200."""
    intent = room.ask(maya)
    approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest)
    late = answer_to(intent, "approve", with_token(ines) if api else client_for(ines), api=api)
    assert late.status_code == 409
    assert "already approved" in text(late)
    other = room.ask(maya, reason="Order 89.")
    own = answer_to(other, "approve", with_token(maya) if api else client_for(maya), api=api)
    assert own.status_code == 403
    assert "somebody else must decide" in text(own)


# Owners and names


@pytest.mark.parametrize(
    "who", ["owner of another service", "keeper of the entry", "staff with model rights"]
)
def test_the_owner_of_one_kind_approves_for_another(
    who: str, maya: User, service: Entity, client_for: SignedIn
) -> None:
    """discord/access #455, #401, #422: who decides comes from what was asked for, and from no flag."""
    factories.entity("component:default/storefront", type="service", owner_ref="group:default/storefront")
    person = factories.user("other", groups=["group:default/storefront"], is_staff="staff" in who)
    if who == "keeper of the entry":
        assign_perm("catalog.change_entity", person, service)
    if who == "staff with model rights":
        person.user_permissions.set(Permission.objects.all())
    intent = room.ask(maya)
    assert answer_to(intent, "approve", client_for(person), api=False).status_code in (403, 404)
    assert_undecided(intent)


PATTERNS = ["maya_okafor", "maya%", "maya-okafor", "maya.okafo", "maya.okafor%"]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_name_is_matched_as_a_pattern(pattern: str, maya: User, tmp_path: Path, client: Client) -> None:
    """discord/access #92, ILIKE: neither signing in nor the rules take a look-alike."""
    answer = client.post("/signin/", {"username": pattern, "password": factories.PASSWORD})
    assert "_auth_user_id" not in client.session
    assert answer.status_code == 200
    assert people.person_of(f"user:default/{pattern}") is None
    named = room.RULES.replace("{kind: Group, name: support}", f'{{kind: User, name: "{pattern}"}}', 1)
    try:
        room.publish(tmp_path, named)
    except ControlError:
        return  # no name at all
    assert room.ask(maya).state == State.DENIED


def test_a_leaver_is_notified_and_acts(
    maya: User, tomas: User, ines: User, service: Entity, client_for: SignedIn
) -> None:
    """TEAM#187: looked at again at each step, and taken away at once."""
    browser, script = client_for(tomas), with_token(tomas)
    standing = room.granted(maya, by=ines)
    intent = room.ask(maya, reason="Order 89.")
    User.objects.filter(pk__in=[tomas.pk, maya.pk]).update(is_active=False)
    later = room.ask(factories.user("chloe.marsh", groups=[SUPPORT]))
    assert Notice.objects.filter(user=ines, happening__thread=f"intent:{later.pk}").exists()
    assert not Notice.objects.filter(user=tomas, happening__thread=f"intent:{later.pk}").exists()
    assert answer_to(intent, "approve", browser, api=False).status_code == 302
    assert answer_to(intent, "approve", script, api=True).status_code == 401
    with pytest.raises(ControlError):
        approvals.approve(intent.pk, by=ines, digest=intent.plan_digest)
    assert not maya.has_perm("catalog.logs:read", service)
    sweep()
    intents.withdraw_of_leavers()
    standing.refresh_from_db()
    intent.refresh_from_db()
    assert (standing.ended_by, intent.state) == ("Portico", State.WITHDRAWN)


# What is told, and what is kept


@pytest.mark.parametrize("path", [path for path, what in PUBLIC.items() if what == "up or down"])
def test_the_health_page_tells_more_than_up_or_down(
    path: str, maya: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """discord/access #458: data leaked there. Also when something is broken, and whatever is asked for."""

    def broken() -> bool:
        raise DatabaseError("connection to 10.0.0.7 failed: password hunter2")

    words = r"up|down|ok|error|status|message|Backend has not started yet|database|migrations|queue|worker|schedule"
    for check in (health._database, broken):
        monkeypatch.setattr(health, "_database", check)
        answer = client.get(path, {"verbose": "1", "debug": "1"})
        assert not re.sub(rf'{words}|[\s{{}}":,]', "", answer.content.decode())
        assert not any(project.SECRET_KEY in value for value in answer.headers.values())


CHANGES: dict[str, Callable[[Intent, User, User], object]] = {
    "approve": lambda intent, maya, tomas: approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest),
    "reject": lambda intent, maya, tomas: approvals.reject(
        intent.pk, by=tomas, digest=intent.plan_digest, comment="No."
    ),
    "withdraw": lambda intent, maya, tomas: intents.withdraw(intent.pk, by=maya),
    "submit": lambda intent, maya, tomas: room.ask(maya, reason="Another."),
    "end": lambda intent, maya, tomas: grants.revoke(Grant.objects.get().pk, by=maya),
    "token": lambda intent, maya, tomas: tokens.issue(owner=maya, by=maya, name="a"),
}


def _other_rules(folder: Path) -> None:
    room.publish(folder, room.RULES + room.NO_SUPPORT)


def _all_rows() -> dict[str, list[dict[str, Any]]]:
    models = (Intent, Decision, Approval, Grant, ApiToken, PolicyRevision, Notice)
    return {
        model.__name__: list(map(dict, model._default_manager.order_by("pk").values())) for model in models
    }


@pytest.mark.parametrize("change", [*CHANGES, "rules"])
def test_an_event_of_the_audit_is_lost_and_the_change_is_made(
    change: str, maya: User, tomas: User, tmp_path: Path
) -> None:
    """K8B: sampling and a full queue lost events. Here a change that cannot be recorded is not made."""
    if change == "end":
        room.granted(maya, by=tomas)
    intent = room.ask(maya)
    before = _all_rows()
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION pg_temp.full_up() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'the record is full'; END $$"
        )
        cursor.execute(
            "CREATE TRIGGER full_up BEFORE INSERT ON control_auditevent FOR EACH ROW EXECUTE FUNCTION pg_temp.full_up()"
        )
    do = (
        partial(CHANGES[change], intent, maya, tomas)
        if change in CHANGES
        else partial(_other_rules, tmp_path)
    )
    with pytest.raises(DatabaseError, match="the record is full"):
        do()
    assert _all_rows() == before


def test_events_of_the_audit_are_sampled(maya: User) -> None:
    """K8B: every one of many is there, in its order."""
    asked = [room.ask(maya, reason=f"Order {number}.").pk for number in range(12)]
    told = (
        AuditEvent.objects.filter(action="intent.submitted").order_by("id").values_list("intent", flat=True)
    )
    assert list(told) == asked


# What people type

TYPED = [
    *(
        "{0.__class__.__mro__}",
        "{user.password}",
        "%(password)s",
        "{{ 7|add:7 }}",
        "{% debug %}",
        "${{ 7 * 7 }}",
    ),
    *("<script>alert(7)</script>", '"><img src=x onerror=alert(7)>', "{{7*7}}", "${7*7}", "#{7*7}"),
]


@pytest.mark.parametrize("words", TYPED)
@pytest.mark.slow
def test_what_somebody_typed_is_run_as_a_template(
    words: str, maya: User, tomas: User, client_for: SignedIn
) -> None:
    """K8B, CVE-2022-27177: `str.format` and templates over text of people. It is shown as it was typed, escaped."""
    intent = room.ask(maya, reason=f"Why: {words}")
    shown = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    approver = client_for(tomas)
    for path in (f"/inbox/{intent.pk}/", f"/access/requests/{intent.pk}/", "/notifications/"):
        page = approver.get(path).content.decode()
        assert f"Why: {shown}" in page, path
        assert not words.startswith(("<", '"')) or words not in page
    approvals.reject(intent.pk, by=tomas, digest=intent.plan_digest, comment=f"No: {words}")
    assert f"No: {shown}" in client_for(maya).get(f"/access/requests/{intent.pk}/").content.decode()
    assert AuditEvent.objects.get(action="intent.rejected").detail.startswith(f"“No: {words}”")


def options_of(marker: Path) -> list[str]:
    """Addresses and branches that git would take for an option or a program."""
    touch = f"touch {marker}"
    return [
        *(f"--upload-pack={touch}", f"-c core.sshCommand={touch}", f"--config=core.fsmonitor={touch}"),
        *(f"ext::sh -c {touch}", f"ext::sh%20-c%20{touch}", f"ssh://-oProxyCommand={touch}/x"),
        *(f"git@-oProxyCommand={touch}:x", f"git@host:--upload-pack={touch}", f"https://$({touch}).org/x"),
    ]


def test_an_argument_of_git_is_an_option_or_a_program(
    maya: User, tmp_path: Path, settings: Any, client_for: SignedIn
) -> None:
    """CVE-2024-5023: commands were run and files read by what stood in an address."""
    settings.PORTICO_FILE_ROOTS, settings.PORTICO_HOME = [tmp_path / "roots"], tmp_path / "home"
    marker, client = tmp_path / "marker", client_for(maya)
    for address in [*options_of(marker), "file:///etc", f"file://{tmp_path}/home"]:
        client.post("/catalog/locations/new/", {"type": "git", "target": address})
        with pytest.raises(ControlError):
            locations.register("git", address, by=maya)
    assert not Location.objects.filter(target__contains="marker").exists()
    for branch in options_of(marker):
        place = Location.objects.create(type="git", target=f"https://git.example/o/r/tree/{branch}")
        outcome = ingest.ingest(place.pk)
        assert outcome is not None
        assert outcome.failure
    assert not marker.exists()


# What keys may do


def test_keys_of_the_api_store_scopes_that_nothing_asks_for() -> None:
    """CVE-2026-62231: a scope that is stored and not enforced is a promise that is not kept. A token is its person; who
    adds a column here says below what it may not do, on every address."""
    columns = {field.name for field in ApiToken._meta.concrete_fields}
    assert columns == {
        *("id", "user", "name", "digest", "hint", "created_at", "expires_at", "last_used_at", "revoked_at"),
        "revoked_by",
    }


def dead_tokens(maya: User, tomas: User) -> dict[str, str]:
    """Secrets that were good once."""
    old = clock.now() - timedelta(days=2)
    agent = factories.user("helper", acts_for=factories.user("gone"))
    found = {}
    for name, owner in (("revoked", maya), ("expired", maya), ("closed", tomas), ("of an agent", agent)):
        token, found[name] = tokens.issue(owner=owner, by=None, name=name)
        if name == "revoked":
            tokens.revoke(token.pk, by=maya)
        if name == "expired":
            ApiToken.objects.filter(pk=token.pk).update(created_at=old, expires_at=old + timedelta(days=1))
    User.objects.filter(username__in=[tomas.username, "gone"]).update(is_active=False)
    return found


def of_the_api(intent: Intent) -> list[str]:
    found = [path for path in addresses(intent) if path.startswith("/api/")]
    assert len(found) > 15
    return found


@pytest.mark.slow
def test_a_key_that_is_no_good_any_more_opens_some_address(maya: User, tomas: User) -> None:
    """CVE-2026-62231: one gate that every address of the API passes; all of them are tried."""
    intent = room.ask(maya)
    for name, secret in dead_tokens(maya, tomas).items():
        client = Client(headers={"Authorization": f"Bearer {secret}"})
        for path, method in product(of_the_api(intent), ("get", "post", "put", "delete")):
            status = getattr(client, method)(path).status_code
            assert status in (401, 404), f"{name}: {method} {path} {status}"
    assert_undecided(intent)


@pytest.mark.slow
def test_a_key_reaches_what_its_person_does_not(maya: User, client_for: SignedIn) -> None:
    """CVE-2026-62231: on every address the key of a stranger gets what the stranger gets, and no page at all."""
    intent, stranger = room.ask(maya), factories.user("stranger")
    script, browser = with_token(stranger), client_for(stranger)
    for path in addresses(intent):
        answer = script.get(path)
        if path.startswith("/api/"):
            assert answer.status_code == browser.get(path).status_code, path
            assert intent.reason.encode() not in answer.getvalue()
        else:
            assert is_shut(answer) or path in PUBLIC, path
