"""The page of notifications and the bell: own ones only, unread first, read by POST alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from control.models import Happening, Notice, User
from control.notices import News, tell

pytestmark = pytest.mark.django_db
SignedIn = Callable[[User], Client]


def say(number: int, *people: User, action: str = "") -> Happening:
    news = News(
        "test.said",
        "decided",
        f"said-{number}",
        f"t{number}",
        f"Number {number}.",
        "/inbox/",
        action=action,
        action_url="/access/" if action else "",
    )
    return tell(news, [user.pk for user in people])


def unread(user: User) -> int:
    return Notice.objects.filter(user=user, read_at=None).count()


def test_the_bell_counts_what_is_unread_on_every_page(maya: User, tomas: User, client_for: SignedIn) -> None:
    say(1, maya)
    say(2, maya, tomas)
    assert b"Notifications, 2 unread" in client_for(maya).get("/inbox/").content
    assert b"Notifications, 1 unread" in client_for(tomas).get("/notifications/bell/").content
    assert b"unread" not in Client().get("/signin/").content


def test_unread_ones_come_first_and_nobody_elses(maya: User, tomas: User, client_for: SignedIn) -> None:
    for number in (1, 2, 3):
        say(number, maya)
    say(4, tomas)
    Notice.objects.filter(user=maya, happening__key="said-3").update(read_at="2026-01-01T00:00Z")
    page = client_for(maya).get("/notifications/").content.decode()
    assert page.index("Number 2.") < page.index("Number 1.") < page.index("Number 3.")
    assert "Number 4." not in page


def test_looking_marks_nothing_as_read(maya: User, client_for: SignedIn) -> None:
    say(1, maya)
    client = client_for(maya)
    client.get("/notifications/")
    assert client.get(f"/notifications/{Notice.objects.get().pk}/read/").status_code == 405
    assert client.get("/notifications/read/").status_code == 405
    assert unread(maya) == 1


def test_one_is_read_with_a_button_or_by_htmx(maya: User, client_for: SignedIn) -> None:
    say(1, maya)
    say(2, maya)
    one, two = Notice.objects.order_by("id")
    client = client_for(maya)
    answer = client.post(f"/notifications/{one.pk}/read/", {"page": "3"})
    assert answer["Location"] == "/notifications/?page=3"
    fragment = client.post(f"/notifications/{two.pk}/read/", headers={"HX-Request": "true"}).content.decode()
    assert "is-unread" not in fragment
    assert 'id="bell"' in fragment
    assert unread(maya) == 0


def test_somebody_elses_is_not_there(maya: User, tomas: User, client_for: SignedIn) -> None:
    say(1, maya)
    assert client_for(tomas).post(f"/notifications/{Notice.objects.get().pk}/read/").status_code == 404
    assert unread(maya) == 1


def test_all_means_all_that_were_seen(maya: User, tomas: User, client_for: SignedIn) -> None:
    say(1, maya, tomas)
    say(2, maya)
    client = client_for(maya)
    through = client.get("/notifications/").context["newest"]
    say(3, maya)  # came while she read
    client.post("/notifications/read/", {"through": through})
    assert [n.happening.key for n in Notice.objects.filter(user=maya, read_at=None)] == ["said-3"]
    assert unread(tomas) == 1
    for nonsense in ("", "x", "-1", str(2**70)):
        assert client.post("/notifications/read/", {"through": nonsense}).status_code == 302
    assert unread(maya) == 1


def test_a_stranger_is_sent_to_the_sign_in(db: None) -> None:
    for path in ("/notifications/", "/notifications/bell/"):
        assert Client().get(path)["Location"].startswith("/signin/")


def test_names_are_shown_and_not_run(maya: User, client_for: SignedIn) -> None:
    news = News("test.said", "decided", "k", "t", "<script>x</script>", "/", detail="<img src=x>")
    tell(news, [maya.pk])
    page = client_for(maya).get("/notifications/").content.decode()
    assert "<script>x" not in page
    assert "<img src=x>" not in page


@pytest.mark.parametrize("path", ["/notifications/", "/notifications/bell/"])
@pytest.mark.slow
def test_many_cost_as_much_as_few(path: str, maya: User, client_for: SignedIn) -> None:
    client = client_for(maya)
    counts = []
    for many in (range(3), range(3, 60)):
        for number in many:
            say(number, maya, action="Ask again")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(path)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_pages_lead_on(maya: User, client_for: SignedIn) -> None:
    for number in range(30):
        say(number, maya)
    page = client_for(maya).get("/notifications/?page=2").content.decode()
    assert "26–30 of 30" in page
    assert page.count('class="notice is-unread"') == 5
