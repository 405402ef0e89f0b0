"""How people want to be told: topics, mail at once, daily or never, hours in their own zone; and the page for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.test import Client

from control.models import MailWish, Notice, NoticeChoice, NoticeSchedule, User
from control.notice_choices import Choice, Hours, choices_of, choose, hours_of, mail_due
from control.notice_topics import Topic, topics
from control.notices import News, tell

SignedIn = Callable[[User], Client]
BERLIN = ZoneInfo("Europe/Berlin")
PLAIN, URGENT = Topic("t", "T", "h"), Topic("u", "U", "h", is_urgent=True)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def due(mail: str, hours: Hours, now: str, topic: Topic = PLAIN) -> str:
    found = mail_due(Choice(topic, is_shown=True, mail=mail), hours, utc(now))
    return found.astimezone(UTC).strftime("%d %H:%M") if found else "never"


def test_the_daily_mail_comes_at_the_persons_own_hour() -> None:
    hours = Hours(BERLIN, digest=8)
    assert due("daily", hours, "2026-11-25T06:59") == "25 07:00"
    assert due("daily", hours, "2026-11-25T07:00") == "26 07:00"
    assert due("never", hours, "2026-11-25T07:00") == "never"


def test_a_change_of_the_clocks_moves_nothing_on_the_wall() -> None:
    hours = Hours(BERLIN, digest=8)
    assert due("daily", hours, "2026-10-24T08:00") == "25 07:00", "winter begins in the night between"
    assert due("daily", hours, "2026-03-28T08:00") == "29 06:00"


@pytest.mark.parametrize(
    ("now", "when"),
    [
        ("2026-11-25T20:59", "25 20:59"),  # 21:59 there
        ("2026-11-25T21:00", "26 06:00"),
        ("2026-11-26T02:00", "26 06:00"),
        ("2026-11-26T06:00", "26 06:00"),
    ],
)
def test_quiet_hours_over_midnight_hold_mail_back(now: str, when: str) -> None:
    hours = Hours(BERLIN, quiet=(22, 7))
    assert due("at_once", hours, now) == when
    assert due("at_once", hours, now, URGENT) == now[8:].replace("T", " "), "what is urgent goes through"


def test_quiet_hours_within_a_day() -> None:
    hours = Hours(ZoneInfo("UTC"), quiet=(12, 14))
    assert due("at_once", hours, "2026-11-25T13:30") == "25 14:00"
    assert due("at_once", hours, "2026-11-25T14:00") == "25 14:00"
    assert due("at_once", hours, "2026-11-25T11:59") == "25 11:59"


def test_what_waits_comes_at_once_unless_its_topic_says_otherwise() -> None:
    waits, other = Topic("t", "T", "h", is_always_shown=True), Topic("t", "T", "h")
    assert (waits.usual_mail, other.usual_mail) == ("at_once", "daily")
    assert Topic("t", "T", "h", mail="never", is_always_shown=True).usual_mail == "never"


@pytest.mark.django_db
def test_what_waits_is_always_shown_and_other_topics_as_chosen(maya: User) -> None:
    chosen = {"waiting": (False, "never"), "work": (False, "at_once")}
    choose(maya, chosen, zone="Europe/Berlin", digest=9, quiet=None)
    for topic in ("waiting", "work", "decided"):
        tell(News("test.said", topic, topic, "t", topic, "/"), [maya.pk])
    rows = {n.happening.topic: n for n in Notice.objects.select_related("happening")}
    assert [rows[name].is_shown for name in ("waiting", "work", "decided")] == [True, False, True]
    assert rows["waiting"].mail_due_at is None
    assert rows["work"].mail_due_at is not None


@pytest.mark.django_db
def test_a_new_choice_counts_for_what_is_owed_already(maya: User) -> None:
    tell(News("test.said", "work", "k", "t", "Said", "/"), [maya.pk])
    before = Notice.objects.get().mail_due_at
    choose(maya, {"work": (True, "daily")}, zone="Pacific/Auckland", digest=5, quiet=None)
    assert Notice.objects.get().mail_due_at != before
    choose(maya, {"work": (True, "never")}, zone="UTC", digest=5, quiet=None)
    assert Notice.objects.get().mail_due_at is None


@pytest.mark.django_db
def test_a_zone_that_the_system_forgot_is_the_servers(maya: User) -> None:
    for name in ("Atlantis/Capital", "../../etc/passwd", ""):
        NoticeSchedule.objects.update_or_create(user=maya, defaults={"time_zone": name})
        assert hours_of(maya).zone.key == "UTC"


def test_every_topic_is_in_the_documentation() -> None:
    written = (settings.BASE_DIR / "docs" / "notifications.md").read_text()
    assert [topic.name for topic in topics() if f"`{topic.name}`" not in written] == []


@pytest.mark.django_db
def test_only_administrators_choose_about_portico_itself(maya: User, root_admin: User) -> None:
    assert "platform" not in {choice.topic.name for choice in choices_of(maya)}
    assert "platform" in {choice.topic.name for choice in choices_of(root_admin)}


def form(client: Client, **changes: Any) -> dict[str, Any]:
    """What the page would send as it stands, with changes."""
    page = client.get("/notifications/wishes/").context["form"]
    data = {name: page[name].value() for name in page.fields}
    sent = {name: value for name, value in {**data, **changes}.items() if value not in (False, None)}
    return {name: "on" if value is True else value for name, value in sent.items()}


@pytest.mark.django_db
def test_the_page_keeps_what_is_chosen(maya: User, client_for: SignedIn) -> None:
    client = client_for(maya)
    sent = form(
        client, zone="Europe/Berlin", digest="7", quiet_from="22", quiet_until="6", **{"mail-work": "never"}
    )
    assert client.post("/notifications/wishes/", sent).status_code == 302
    assert hours_of(maya) == Hours(BERLIN, 7, (22, 6))
    assert NoticeChoice.objects.get(user=maya, topic="work").mail == MailWish.NEVER
    again = client.get("/notifications/wishes/").context["form"]
    assert [str(again[name].value()) for name in ("zone", "digest", "quiet_from", "mail-work")] == [
        *("Europe/Berlin", "7", "22", "never")
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"quiet_from": "22"}, "Choose both ends"),
        ({"quiet_from": "5", "quiet_until": "5"}, "Choose another"),
        ({"zone": "Atlantis/Capital"}, "not one of the available choices"),
        ({"digest": "24"}, "not one of the available choices"),
        ({"mail-work": "hourly"}, ""),
    ],
)
def test_nonsense_is_refused_and_nothing_changes(
    changes: dict[str, str], words: str, maya: User, client_for: SignedIn
) -> None:
    client = client_for(maya)
    answer = client.post("/notifications/wishes/", form(client, **changes))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not NoticeChoice.objects.exists()
    assert not NoticeSchedule.objects.exists()


@pytest.mark.django_db
def test_how_the_ways_fare_is_for_administrators(maya: User, root_admin: User, client_for: SignedIn) -> None:
    assert client_for(maya).get("/notifications/channels/").status_code == 404
    assert client_for(maya).post("/notifications/channels/try/", {"name": "mail"}).status_code == 404
    assert "Nothing sent yet" in client_for(root_admin).get("/notifications/channels/").content.decode()
    assert client_for(root_admin).get("/notifications/channels/try/").status_code == 405
