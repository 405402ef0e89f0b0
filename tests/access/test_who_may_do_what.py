"""One table: who may do what to a request, in which state, and by which way. Everything else changes nothing.

The table is small on purpose: what is not in `ALLOWED` must be refused, for every role, verb, state and channel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from access import again, grants
from access.models import Grant
from control import approvals, clock, deputies, intents, remarks, tokens
from control.deputies import Wish
from control.errors import ControlError
from control.models import Approval, AuditEvent, Delegation, Intent, Remark, State, User
from tests import factories
from tests.access import room

pytestmark = [pytest.mark.slow, pytest.mark.django_db, pytest.mark.usefixtures("service", "rules")]

OWNERS = "group:default/payments"


ROLES: dict[str, Callable[[], User]] = {
    "requester": lambda: User.objects.get(username="maya.okafor"),
    "second account of the requester": lambda: factories.user(
        "m.okafor", email="MAYA.OKAFOR@example.org", groups=[OWNERS]
    ),
    "agent of the requester": lambda: factories.user(
        "helper", acts_for=User.objects.get(username="maya.okafor"), groups=[OWNERS]
    ),
    "owner": lambda: User.objects.get(username="tomas.lind"),
    "agent of the owner": lambda: factories.user(
        "bot", acts_for=User.objects.get(username="tomas.lind"), groups=[OWNERS]
    ),
    "owner of something else": lambda: factories.user("other.owner", groups=["group:default/storefront"]),
    "colleague of the requester": lambda: factories.user("colleague", groups=["group:default/support"]),
    "administrator": lambda: factories.user("root.admin", is_staff=True, is_superuser=True),
    "deputy of an owner": lambda: _deputy_of("tomas.lind"),
    "deputy of an owner, whose time is over": lambda: _ended(_deputy_of("tomas.lind")),
    "deputy of the deputy of an owner": lambda: _deputy(_deputy_of("tomas.lind"), "third"),
    "agent of the deputy of an owner": lambda: factories.user(
        "robot", acts_for=_deputy_of("tomas.lind"), groups=[OWNERS]
    ),
    "deputy of the requester": lambda: _deputy_of("maya.okafor"),
    "owner whose account is closed": lambda: factories.user("left", groups=[OWNERS], is_active=False),
}


def _deputy(absent: User, name: str = "stand.in") -> User:
    deputy = factories.user(name)
    ends = clock.now() + timedelta(days=1)
    deputies.name(Wish(deputy, ends, "Holiday"), by=absent)
    return deputy


def _deputy_of(username: str) -> User:
    return _deputy(User.objects.get(username=username))


def _ended(deputy: User) -> User:
    deputies.end(Delegation.objects.get(deputy=deputy).pk, by=deputy)
    return deputy


STATES = ("waiting", "past its deadline", "live", "ended", "rejected", "withdrawn", "expired")
VERBS = ("approve", "reject", "ask back", "withdraw", "ask again", "end")
CHANNELS = ("page", "page in one go", "function", "API", "admin")

# Giving up is open to the same person under any account, and to their agents; deciding never is.
OWN = ("requester", "second account of the requester", "agent of the requester")
ALLOWED = {
    *(
        (role, verb, "waiting")
        for role in ("owner", "deputy of an owner")
        for verb in ("approve", "reject", "ask back")
    ),
    *((role, "withdraw", "waiting") for role in (*OWN, "administrator")),
    *((role, "withdraw", "past its deadline") for role in (*OWN, "administrator")),
    *((role, "end", "live") for role in (*OWN, "owner", "administrator")),
    *(("requester", "ask again", state) for state in ("waiting", "past its deadline")),
}
ONE_GO = frozenset({"approve", "reject"})
API = frozenset({"approve", "reject", "withdraw", "ask again", "end"})


def _in_state(state: str, maya: User, ines: User) -> Intent:
    intent = room.ask(maya)
    if state in ("live", "ended"):
        approvals.approve(intent.pk, by=ines, digest=intent.plan_digest)
    if state == "ended":
        grants.revoke(Grant.objects.get(intent=intent).pk, by=ines)
    if state == "rejected":
        approvals.reject(intent.pk, by=ines, digest=intent.plan_digest, comment="No.")
    if state == "withdrawn":
        intents.withdraw(intent.pk, by=maya)
    if state in ("expired", "past its deadline"):
        past = clock.now() - timedelta(seconds=1)
        Intent.objects.filter(pk=intent.pk).update(requested_at=past - timedelta(1), decide_before=past)
    if state == "expired":
        approvals.expire_undecided()
    return Intent.objects.get(pk=intent.pk)


def _by_function(verb: str, intent: Intent, who: User) -> None:
    try:
        if verb == "approve":
            approvals.approve(intent.pk, by=who, digest=intent.plan_digest)
        elif verb == "reject":
            approvals.reject(intent.pk, by=who, digest=intent.plan_digest, comment="No.")
        elif verb == "ask back":
            remarks.ask_back(intent.pk, by=who, text="Why?")
        elif verb == "withdraw":
            intents.withdraw(intent.pk, by=who)
        elif verb == "ask again":
            again.ask_again(intent.pk, by=who)
        elif grant := Grant.objects.filter(intent=intent).first():
            grants.revoke(grant.pk, by=who)
    except ControlError:
        pass


_PAGES = {
    "approve": "control:approve",
    "reject": "control:reject",
    "ask back": "control:ask_back",
    "withdraw": "access:withdraw",
    "ask again": "access:again",
    "end": "access:end",
}


def _by_page(verb: str, intent: Intent, client: Client) -> int:
    form = {"digest": intent.plan_digest, "answer": "as_asked", "comment": "No.", "state": "approved"}
    return client.post(reverse(_PAGES[verb], args=[intent.pk]), form).status_code


def _in_one_go(verb: str, intent: Intent, client: Client) -> None:
    form = {"item": f"{intent.pk}:{intent.plan_digest}", "verb": verb, "comment": "No."}
    client.post(reverse("control:several"), form)


def _by_api(verb: str, intent: Intent, who: User) -> None:
    """With a token of theirs, and fields that nobody may write."""
    if verb not in API:
        return
    try:
        _, secret = tokens.issue(owner=who, by=None, name="table")
    except ControlError:
        return
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    answers = {"digest": intent.plan_digest, "comment": "No."}
    body = answers if verb in ONE_GO else {"reason": "Done."} if verb == "end" else {}
    url = f"/api/access/requests/{intent.pk}/{verb.removeprefix('ask ')}"
    client.post(url, {**body, "state": "approved"}, content_type="application/json")
    client.post(url, body, content_type="application/json")


def _by_admin(intent: Intent, client: Client) -> None:
    """Whatever an admin site would answer to."""
    for path in ("/admin/", f"/admin/control/intent/{intent.pk}/change/", "/admin/access/grant/add/"):
        client.post(path, {"state": "approved", "intent": str(intent.pk)})


def _go(channel: str, verb: str, intent: Intent, who: User, client: Client) -> None:
    if channel == "function":
        _by_function(verb, intent, who)
    elif channel == "page":
        _by_page(verb, intent, client)
    elif channel == "page in one go" and verb in ONE_GO:
        _in_one_go(verb, intent, client)
    elif channel == "API":
        _by_api(verb, intent, who)
    elif channel == "admin":
        _by_admin(intent, client)


def _snapshot(intent: Intent) -> dict[str, Any]:
    """All that an answer could change."""
    return {
        "intent": Intent.objects.values().get(pk=intent.pk),
        "grants": list(Grant.objects.filter(intent=intent).values()),
        "approvals": Approval.objects.filter(intent=intent).count(),
        "remarks": Remark.objects.filter(intent=intent).count(),
        "events": AuditEvent.objects.filter(intent=intent).count(),
    }


def _has_done(verb: str, intent: Intent) -> bool:
    now = Intent.objects.get(pk=intent.pk)
    if verb == "ask back":
        return intent.remarks.exists()
    if verb == "end":
        return Grant.objects.filter(intent=intent, revoked_at__isnull=False).exists()
    wanted = {
        "approve": State.APPROVED,
        "reject": State.REJECTED,
        "withdraw": State.WITHDRAWN,
        "ask again": State.WITHDRAWN,
    }
    return now.state == wanted[verb]


def _works(channel: str, verb: str) -> bool:
    by_channel = {"page in one go": ONE_GO, "API": API, "admin": frozenset[str]()}
    return verb in by_channel.get(channel, VERBS)


def _tried(
    role: str, verb: str, state: str, who: User, client: Client, maya: User, ines: User
) -> Iterator[str]:
    """By every channel, on one request for as long as nothing changes it."""
    intent = _in_state(state, maya, ines)
    for channel in CHANNELS:
        before = _snapshot(intent)
        _go(channel, verb, intent, who, client)
        changed = _snapshot(intent) != before
        allowed = (role, verb, state) in ALLOWED and _works(channel, verb)
        if changed != allowed or (allowed and not _has_done(verb, intent)):
            yield f"{state}, {channel}: {'changed' if changed else 'nothing changed'}"
        if changed:
            _clear(intent, ines)
            intent = _in_state(state, maya, ines)
    _clear(intent, ines)


def _clear(intent: Intent, ines: User) -> None:
    """What is held would be carried on by the next request."""
    for grant in Grant.objects.live().filter(intent=intent):
        grants.revoke(grant.pk, by=ines)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("role", ROLES)
def test_role_verb_state_channel(role: str, verb: str, maya: User, tomas: User, ines: User) -> None:
    who = ROLES[role]()
    client = Client()
    if who.is_active:
        client.force_login(who, backend="django.contrib.auth.backends.ModelBackend")
    wrong = [words for state in STATES for words in _tried(role, verb, state, who, client, maya, ines)]
    assert wrong == []


@pytest.mark.parametrize("verb", VERBS)
def test_nobody_who_is_not_signed_in_does_anything(verb: str, maya: User, tomas: User, ines: User) -> None:
    for state in STATES:
        intent = _in_state(state, maya, ines)
        before = _snapshot(intent)
        assert _by_page(verb, intent, Client()) == 302
        assert _snapshot(intent) == before
        _clear(intent, ines)
