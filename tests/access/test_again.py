"""A waiting request that the rules have moved to others is asked for again with one press."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client

from access.again import ask_again
from control import clock, moved
from control.errors import NotWaiting, Refused
from control.models import AuditEvent, Intent, Notice, State, User
from tests import factories
from tests.access import room
from tests.access.test_api import Script
from tests.access.test_views import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("service", "rules")]
SignedIn = Callable[[User], Client]
OWNERS = "approval: {anyOf: [{owners: true}], count: 1}"
SECURITY = "approval: {anyOf: [{kind: Group, name: security}], count: 1}"


@pytest.fixture
def sara(db: None) -> User:
    return factories.user("sara.security", "Sara Security", groups=["group:default/security"])


@pytest.fixture
def stuck(maya: User, tomas: User, sara: User, tmp_path: Path) -> Intent:
    """Sent to the owners, and security decides by now."""
    intent = room.ask(maya, duration="2h", reason="Refunds of order 88 fail.")
    room.publish(tmp_path, room.RULES.replace(OWNERS, SECURITY))
    return intent


def url(intent: Intent) -> str:
    return f"/access/requests/{intent.pk}/"


def test_the_page_says_who_would_decide_and_one_press_asks_them(
    stuck: Intent, maya: User, sara: User, client_for: SignedIn
) -> None:
    client = client_for(maya)
    page = text(client.get(url(stuck)))
    assert "nobody whom it was sent to can decide it any more" in page
    assert "Asked for again: One of the group security must agree. Then you have 2 h." in page
    answer = client.post(f"{url(stuck)}again/")
    sent = Intent.objects.get(requested_by=maya, state=State.AWAITING_APPROVAL)
    assert answer["Location"] == url(sent)
    assert (sent.reason, sent.parameters, sent.environment) == (
        stuck.reason,
        stuck.parameters,
        stuck.environment,
    )
    assert list(Intent.objects.waiting_for(sara)) == [sent]
    stuck.refresh_from_db()
    assert stuck.state == State.WITHDRAWN
    old = text(client.get(url(stuck)))
    assert f'<a href="{url(sent)}">' in old
    assert "nobody whom it was sent to" not in old


def test_pressed_twice_it_is_asked_once(stuck: Intent, maya: User) -> None:
    assert ask_again(stuck.pk, by=maya) == ask_again(stuck.pk, by=maya)
    assert Intent.objects.filter(requested_by=maya).count() == 2


def test_who_was_told_that_it_is_stuck_need_not_read_it_once_it_was_asked_again(
    stuck: Intent, maya: User
) -> None:
    assert moved.compare_waiting() == 1
    unread = Notice.objects.filter(user=maya, happening__event="request.moved", read_at=None)
    assert unread.count() == 1
    ask_again(stuck.pk, by=maya)
    assert not unread.exists()


@pytest.mark.parametrize("who", ["sara.security", "tomas.lind", "root.admin", "agent", "second"])
def test_nobody_else_asks_in_their_place(
    stuck: Intent, maya: User, root_admin: User, client_for: SignedIn, who: str
) -> None:
    factories.user("agent", acts_for=maya)
    factories.user("second", email=maya.email)
    other = User.objects.get(username=who)
    with pytest.raises(Refused, match="Only Maya Okafor can ask for this again"):
        ask_again(stuck.pk, by=other)
    if who != "agent":
        assert client_for(other).post(f"{url(stuck)}again/").status_code in (403, 404)
        assert f"{url(stuck)}again/" not in text(client_for(other).get(url(stuck)))
    assert Intent.objects.get().state == State.AWAITING_APPROVAL


def test_what_the_rules_refuse_by_now_stays_as_it_is(
    stuck: Intent, maya: User, tmp_path: Path, client_for: SignedIn
) -> None:
    room.publish(tmp_path, room.RULES + room.NO_SUPPORT)
    page = text(client_for(maya).get(url(stuck)))
    assert "nobody can approve it now. Support holds nothing today." in page
    assert "Ask again" not in page
    before = AuditEvent.objects.count()
    with pytest.raises(Refused, match="Support holds nothing today"):
        ask_again(stuck.pk, by=maya)
    assert (Intent.objects.get().state, AuditEvent.objects.count()) == (State.AWAITING_APPROVAL, before)


def test_a_start_that_is_over_leads_to_the_form(
    maya: User, tomas: User, sara: User, tmp_path: Path, client_for: SignedIn
) -> None:
    ahead = room.RULES.replace("  defaultDuration: 1h\n", "  defaultDuration: 1h\n  startWithin: 7d\n")
    room.publish(tmp_path, ahead)
    intent = room.ask(maya, starts_at=(clock.now() + timedelta(minutes=10)).isoformat())
    room.publish(tmp_path, ahead.replace(OWNERS, SECURITY))
    over = (clock.now() - timedelta(hours=1)).isoformat()
    Intent.objects.filter(pk=intent.pk).update(parameters={**intent.parameters, "starts_at": over})
    answer = client_for(maya).post(f"{url(intent)}again/")
    assert answer["Location"].startswith("/access/request/?entity=component:default/payments")
    assert Intent.objects.get().state == State.AWAITING_APPROVAL


def test_only_what_waits_is_asked_again(stuck: Intent, maya: User, client_for: SignedIn) -> None:
    Intent.objects.update(state=State.EXPIRED)
    with pytest.raises(NotWaiting):
        ask_again(stuck.pk, by=maya)
    assert client_for(maya).get(f"{url(stuck)}again/").status_code == 405


def test_scripts_read_that_it_moved_and_ask_again(stuck: Intent, maya: User) -> None:
    script = Script(maya)
    changed = script.get(f"requests/{stuck.pk}").json()["changedSince"]
    assert (changed["verdict"], changed["canStillBeDecided"]) == ("needs_approval", False)
    answer = script.post(f"requests/{stuck.pk}/again")
    assert answer.status_code == 201
    assert answer.json()["changedSince"] is None
    assert answer.json()["id"] != str(stuck.pk)
    assert script.get(f"requests/{stuck.pk}").json()["state"] == "withdrawn"
