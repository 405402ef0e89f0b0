"""Windows: they begin when they were wished to, are carried on within bounds, and never end each other."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from access import grants, windows
from access.errors import AlreadyEnded
from access.models import Grant
from access.windows import Held, Right
from catalog.models import Entity
from control import approvals, clock, intents
from control.errors import ControlError, InvalidParameters, NotWaiting, PolicyInvalid, TooLate
from control.models import AuditEvent, Intent, State, User
from control.policy_documents import GAP
from tests import factories
from tests.access import room
from tests.locks import wait_until_somebody_waits_for_a_lock

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("service")]
AHEAD = room.RULES.replace("defaultDuration: 1h", "defaultDuration: 1h\n  startWithin: 7d").replace(
    "maxDuration: 8h", "maxDuration: 8h\n  startWithin: 2h"
)
TWICE = room.RULES.replace("defaultDuration: 1h", "defaultDuration: 1h\n  extensions: {count: 2, total: 6h}")
NOON = datetime(2026, 11, 27, 12, tzinfo=timezone.get_default_timezone())
HOUR = timedelta(hours=1)
SignedIn = Callable[[User], Client]


@pytest.fixture
def ahead(tmp_path: Path) -> None:
    """Production logs may begin a week ahead, the staging shell two hours."""
    room.publish(tmp_path, AHEAD)


@pytest.fixture
def twice(tmp_path: Path) -> None:
    """Production logs may be made longer twice, and for six hours in all."""
    room.publish(tmp_path, TWICE)


def at(moment: datetime) -> str:
    return moment.isoformat()


def text(answer: object) -> str:
    content: bytes = answer.content  # type: ignore[attr-defined]  # of whichever response class
    return " ".join(content.decode().replace("\u00a0", " ").replace("&nbsp;", " ").split())


# A later start


@pytest.mark.usefixtures("ahead")
def test_a_later_window_begins_at_its_second_with_no_worker_and_keeps_its_length(
    maya: User, service: Entity
) -> None:
    start = clock.now() + timedelta(seconds=1)
    room.ask(maya, role="staging-shell", environment="staging", starts_at=at(start))
    grant = Grant.objects.get()
    assert (grant.starts_at, grant.expires_at) == (start, start + HOUR)
    assert not maya.has_perm("catalog.shell:open", service)
    assert list(Grant.objects.upcoming()) == [grant]
    while clock.now() < start:
        time.sleep(0.02)
    assert maya.has_perm("catalog.shell:open", service)
    assert not Grant.objects.upcoming().exists()


@pytest.mark.usefixtures("ahead")
def test_an_approval_before_the_start_gives_the_window_that_was_asked_for(maya: User, tomas: User) -> None:
    start = clock.now() + timedelta(days=2)
    grant = room.granted(maya, by=tomas, starts_at=at(start), duration="2h")
    assert (grant.starts_at, grant.expires_at) == (start, start + 2 * HOUR)
    assert "from" in AuditEvent.objects.get(action="grant.opened").summary


@pytest.mark.usefixtures("ahead")
def test_an_approval_after_the_start_keeps_the_wished_end(maya: User, tomas: User) -> None:
    intent = room.ask(maya, starts_at=at(clock.now() + timedelta(seconds=0.3)), duration="1h")
    time.sleep(0.4)
    approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest)
    grant = Grant.objects.get()
    assert grant.starts_at > datetime.fromisoformat(intent.parameters["starts_at"])
    assert at(grant.expires_at) == intent.parameters["ends_by"]


@pytest.mark.usefixtures("ahead")
def test_an_undecided_request_expires_with_its_wished_end(maya: User) -> None:
    start = clock.now() + timedelta(days=1)
    intent = room.ask(maya, starts_at=at(start), duration="1h")
    intent.refresh_from_db()
    assert intent.decide_before == start + HOUR


@pytest.mark.usefixtures("ahead")
def test_nothing_is_opened_for_a_time_that_is_over(maya: User, tomas: User) -> None:
    intent = room.ask(maya, starts_at=at(clock.now() + timedelta(minutes=1)), duration="1h")
    Intent.objects.filter(pk=intent.pk).update(decide_before=clock.now() + HOUR)
    over = {"ends_by": at(clock.now() - HOUR), "starts_at": at(clock.now() - 2 * HOUR)}
    intent.parameters = {**intent.parameters, **over}
    intent.requested_by = maya
    intent.decided_at = clock.now()
    with pytest.raises(TooLate):
        grants.open_for(intent)


@pytest.mark.usefixtures("ahead")
@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("soon", "“soon” is no moment"),
        ("2026-13-45T99:00", "is no moment"),
        ("0001-01-01T00:00+14:00", "is no moment"),
        ("9999-12-31T23:59", "more than 90 days ahead"),
        ("2020-01-01T00:00", "That moment is over"),
        ("at", "Say when"),
        ("after", "You hold this no more"),
    ],
)
def test_a_start_that_makes_no_sense_is_told_at_its_field(maya: User, typed: str, words: str) -> None:
    with pytest.raises(InvalidParameters, match=words) as refusal:
        room.ask(maya, starts_at=typed)
    assert set(refusal.value.fields) == {"start"}
    assert not Intent.objects.exists()


@pytest.mark.usefixtures("ahead")
def test_a_rule_bounds_how_far_ahead(maya: User, tomas: User) -> None:
    with pytest.raises(InvalidParameters, match="at most 7\u00a0d ahead"):
        room.ask(maya, starts_at=at(clock.now() + timedelta(days=8)))
    assert room.ask(maya, starts_at=at(clock.now() + timedelta(days=6))).state == State.AWAITING_APPROVAL


@pytest.mark.usefixtures("rules")
def test_a_rule_that_says_nothing_gives_it_at_once_only(maya: User) -> None:
    with pytest.raises(InvalidParameters, match="gives it at once only"):
        room.ask(maya, starts_at=at(clock.now() + HOUR))


@pytest.mark.usefixtures("ahead")
def test_what_is_yet_to_begin_can_be_called_off_once(maya: User, tomas: User, service: Entity) -> None:
    grant = room.granted(maya, by=tomas, starts_at=at(clock.now() + HOUR))
    grants.revoke(grant.pk, by=tomas)
    assert AuditEvent.objects.filter(summary="Called off before its start by Tomas Lind").exists()
    assert not Grant.objects.open().exists()
    assert Grant.objects.ended().exists()
    with pytest.raises(AlreadyEnded):
        grants.revoke(grant.pk, by=maya)


@pytest.mark.usefixtures("ahead")
def test_the_pages_say_when_it_begins(maya: User, tomas: User, client_for: SignedIn) -> None:
    grant = room.granted(maya, by=tomas, starts_at=at(clock.now() + timedelta(days=1)))
    page = text(client_for(maya).get(f"/access/requests/{grant.intent_id}/"))
    assert "Begins" in page
    assert "It does not hold yet." in page
    assert "Call it off" in page
    assert "Ask again" not in page
    assert "Coming" in text(client_for(maya).get("/access/"))
    tab = text(client_for(tomas).get("/catalog/component/default/payments/access/"))
    assert " to <time" in tab


@pytest.mark.usefixtures("ahead")
def test_the_form_offers_a_later_start_where_the_rule_does(
    maya: User, tomas: User, client_for: SignedIn
) -> None:
    client = client_for(maya)
    asked = {"entity": room.REF, "what": "production-logs@production", "duration": "1h", "begin": "at"}
    moment = timezone.localtime(clock.now() + timedelta(days=1)).replace(second=0, microsecond=0)
    typed = {**asked, "start": f"{moment:%Y-%m-%dT%H:%M}"}
    panel = text(client.get("/access/request/decision/", typed))
    assert f"from {moment:%a} {moment.day} {moment:%b %Y, %H:%M}" in panel
    assert 'type="datetime-local"' in text(client.get("/access/request/", asked))
    answer = client.post("/access/request/", {**typed, "reason": "Watch the release."})
    intent = Intent.objects.get()
    assert answer["Location"] == f"/access/requests/{intent.pk}/"
    assert datetime.fromisoformat(intent.parameters["starts_at"]) == moment


@pytest.mark.usefixtures("ahead")
def test_later_without_a_moment_comes_back_with_words(maya: User, tomas: User, client_for: SignedIn) -> None:
    form = {"entity": room.REF, "what": "production-logs@production", "duration": "1h", "begin": "at"}
    answer = client_for(maya).post("/access/request/", {**form, "reason": "Watch the release."})
    assert answer.status_code == 422
    assert "Say when" in text(answer)


# Windows that carry each other on


def held(*windows_of: tuple[float, float]) -> Held:
    """Windows given as hours from noon; it is noon."""
    return Held(tuple((NOON + HOUR * begin, NOON + HOUR * end) for begin, end in windows_of), NOON)


@pytest.mark.parametrize(
    ("before", "new", "carried"),
    [
        ([], (0, 1), 0),
        ([(-1, 0)], (0, 1), 1),  # touch
        ([(-1, 0.5)], (0, 1), 1),  # overlap
        ([(-2, -1)], (0, 1), 0),  # an hour apart
        ([(-2, -0.2)], (0, 1), 1),  # twelve minutes apart
        ([(-3, -2), (-2, -1), (-1, 0)], (0, 1), 3),  # a chain
        ([(-3, -2), (-1, 0)], (0, 1), 1),
        ([(1, 2), (2, 3)], (0, 1), 2),  # what is given for later counts too
        ([(-1, 5)], (0, 1), 1),  # within another
    ],
)
def test_windows_hang_together_when_nothing_worth_a_pause_lies_between(
    before: list[tuple[float, float]], new: tuple[float, float], carried: int
) -> None:
    found = held(*before).carried_on_by(NOON + HOUR * new[0], NOON + HOUR * new[1])
    assert len(found) == carried


def test_what_is_held_ends_with_the_latest_window_that_has_begun() -> None:
    assert held((-1, 1), (-2, 2), (2, 9)).until == NOON + 2 * HOUR
    assert held((-2, -1), (1, 2)).until is None


@pytest.mark.usefixtures("twice")
def test_more_time_begins_when_what_is_held_ends(maya: User, tomas: User) -> None:
    first = room.granted(maya, by=tomas, duration="1h")
    second = room.granted(maya, by=tomas, duration="1h", starts_at="after")
    assert second.starts_at == first.expires_at
    assert second.expires_at == first.expires_at + HOUR


@pytest.mark.usefixtures("twice")
def test_a_window_is_carried_on_as_often_as_the_rule_says_and_not_again(maya: User, tomas: User) -> None:
    for _ in range(3):
        room.granted(maya, by=tomas, duration="1h")
    with pytest.raises(InvalidParameters, match="made twice longer") as refusal:
        room.ask(maya, duration="1h")
    assert "duration" in refusal.value.fields


@pytest.mark.usefixtures("twice")
def test_windows_without_a_break_are_no_longer_than_the_rule_says(maya: User, tomas: User) -> None:
    room.granted(maya, by=tomas, duration="4h")
    with pytest.raises(InvalidParameters, match="allows 6\u00a0h without a break"):
        room.ask(maya, duration="3h", starts_at="after")
    room.ask(maya, duration="2h", starts_at="after")


@pytest.mark.usefixtures("twice")
def test_the_window_of_somebody_else_or_elsewhere_does_not_count(maya: User, tomas: User, ines: User) -> None:
    colleague = factories.user("chloe.marsh", groups=["group:default/support"])
    for _ in range(3):
        room.granted(colleague, by=tomas)
        room.granted(maya, by=tomas, role="production-logs-all")
    assert room.ask(maya).state == State.AWAITING_APPROVAL


@pytest.mark.usefixtures("twice")
def test_requests_that_wait_together_are_counted_when_they_are_approved(maya: User, tomas: User) -> None:
    waiting = [room.ask(maya, reason=f"Order {number}.") for number in range(4)]
    for intent in waiting[:3]:
        approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest)
    with pytest.raises(ControlError, match="made twice longer"):
        approvals.approve(waiting[3].pk, by=tomas, digest=waiting[3].plan_digest)
    assert Grant.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_of_two_last_extensions_approved_at_once_one_is_given(
    maya: User, tomas: User, ines: User, twice: None
) -> None:
    for _ in range(2):
        room.granted(maya, by=tomas)
    first, second = room.ask(maya, reason="Order 1."), room.ask(maya, reason="Order 2.")

    def approve_second() -> str:
        try:
            approvals.approve(second.pk, by=ines, digest=second.plan_digest)
        except ControlError as refusal:
            return str(refusal)
        finally:
            connection.close()
        return "approved"

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            approvals.approve(first.pk, by=tomas, digest=first.plan_digest)
            answer = pool.submit(approve_second)
            wait_until_somebody_waits_for_a_lock()
        assert "made twice longer" in answer.result(timeout=20)
    assert Grant.objects.count() == 3


@pytest.mark.usefixtures("rules")
def test_the_end_of_one_window_leaves_the_others(maya: User, tomas: User, service: Entity) -> None:
    first = room.granted(maya, by=tomas)
    second = room.granted(maya, by=tomas, duration="2h")
    grants.revoke(first.pk, by=maya)
    second.refresh_from_db()
    assert second.revoked_at is None
    assert maya.has_perm("catalog.logs:read", service)


@pytest.mark.usefixtures("twice")
def test_a_window_called_off_before_it_began_was_no_extension(maya: User, tomas: User) -> None:
    room.granted(maya, by=tomas)
    later = room.granted(maya, by=tomas, starts_at="after")
    grants.revoke(later.pk, by=maya)
    right = Right(maya, "production-logs", room.REF, "production")
    assert len(windows.held_of(right, clock.now()).windows) == 1


@pytest.mark.usefixtures("rules")
def test_the_page_of_a_grant_leads_to_more_time_and_then_to_the_same_again(
    maya: User, tomas: User, client_for: SignedIn
) -> None:
    client, grant = client_for(maya), room.granted(maya, by=tomas)
    page = text(client.get(f"/access/requests/{grant.intent_id}/"))
    assert "More time" in page
    assert "begin=after" in page
    address = {"entity": room.REF, "role": "production-logs", "environment": "production", "begin": "after"}
    form = text(client.get("/access/request/", address))
    assert 'value="after" checked' in form
    grants.revoke(grant.pk, by=maya)
    assert "Ask again" in text(client.get(f"/access/requests/{grant.intent_id}/"))


@pytest.mark.usefixtures("twice")
def test_the_approver_reads_how_long_it_is_in_all(maya: User, tomas: User, client_for: SignedIn) -> None:
    room.granted(maya, by=tomas, duration="2h")
    intent = room.ask(maya, duration="2h", starts_at="after")
    page = text(client_for(tomas).get(f"/inbox/{intent.pk}/"))
    assert "Carries on what Maya Okafor was given: 4 h in all." in page


@pytest.mark.usefixtures("rules")
def test_a_withdrawn_extension_cannot_be_approved(maya: User, tomas: User) -> None:
    room.granted(maya, by=tomas)
    intent = room.ask(maya, starts_at="after")
    intents.withdraw(intent.pk, by=maya)
    with pytest.raises(NotWaiting):
        approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest)


# What rules may say


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("startWithin: 91d", "startWithin is longer than 90\u00a0d"),
        ("startWithin: soon", "is not a length of time"),
        ("extensions: 2", "spec.extensions must be a mapping"),
        ("extensions: {count: -1}", "count must be a whole number"),
        ("extensions: {count: true}", "count must be a whole number"),
        ("extensions: {total: 8h}", "count must be a whole number"),
        ("extensions: {count: 1, total: 2h}", "total is shorter than maxDuration"),
        ("extensions: {count: 1, often: yes}", "often is not a field here"),
    ],
)
def test_a_mistake_in_a_rule_is_told_with_its_line(tmp_path: Path, written: str, words: str) -> None:
    with pytest.raises(PolicyInvalid, match=words):
        room.publish(tmp_path, room.RULES.replace("defaultDuration: 1h", f"defaultDuration: 1h\n  {written}"))


def test_a_pause_is_a_quarter_of_an_hour() -> None:
    assert timedelta(minutes=15) == GAP
