"""The page of deputies, and what the inbox says to one who stands in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from control import approvals, clock, deputies, intents, notice_choices
from control.deputies import Wish
from control.models import Approval, Delegation, Intent, PolicyRevision, State, User
from tests import factories
from tests.control.spine import wish
from tests.control.test_deputies import ONE, TWO, dee, stand_in
from tests.control.test_stages import BOTH, PAYMENTS, RULE, SECURITY

pytestmark = pytest.mark.django_db
Publish = Callable[[str], PolicyRevision]
SignedIn = Callable[[User], Client]
__all__ = ["dee"]


def local(moment_in: timedelta, zone: str = "UTC") -> str:
    return (timezone.now() + moment_in).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M")


def fill(**fields: object) -> dict[str, object]:
    return {"deputy": "dee.kim", "expires_at": local(timedelta(days=3)), "reason": "Holiday", **fields}


def test_naming_and_ending_by_the_page(tomas: User, dee: User, client_for: SignedIn) -> None:
    client = client_for(tomas)
    assert "Nobody. Name somebody before you leave" in client.get("/deputies/").content.decode()
    answer = client.post("/deputies/", fill(groups=[PAYMENTS]))
    assert answer["Location"] == "/deputies/"
    delegation = Delegation.objects.get()
    assert (delegation.absent, delegation.deputy, delegation.groups) == (tomas, dee, [PAYMENTS])
    page = client.get("/deputies/").content.decode()
    assert "Dee Kim" in page
    assert "Now" in page
    assert "Holiday" in client_for(dee).get("/deputies/").content.decode()
    asked = client.get(f"/deputies/{delegation.pk}/end/").content.decode()
    assert "Dee Kim decides for Tomas Lind no longer?" in asked
    delegation.refresh_from_db()
    assert delegation.ended_at is None, "a GET changes nothing"
    client.post(f"/deputies/{delegation.pk}/end/")
    delegation.refresh_from_db()
    assert delegation.ended_by == tomas
    assert "Ended early" in client.get("/deputies/").content.decode()
    again = client.post(f"/deputies/{delegation.pk}/end/", follow=True).content.decode()
    assert "This is over already" in again


def test_moments_are_in_the_persons_own_zone(tomas: User, dee: User, client_for: SignedIn) -> None:
    notice_choices.choose(tomas, {}, zone="Asia/Tokyo", digest=8, quiet=None)
    typed = local(timedelta(days=3), "Asia/Tokyo")
    client_for(tomas).post("/deputies/", fill(expires_at=typed))
    expires_at = Delegation.objects.get().expires_at
    assert expires_at.astimezone(ZoneInfo("Asia/Tokyo")).strftime("%Y-%m-%dT%H:%M") == typed
    assert "Times are in Asia/Tokyo" in client_for(tomas).get("/deputies/").content.decode()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"deputy": ""}, "Name somebody."),
        ({"deputy": "nobody.knows"}, "Nobody here is called that"),
        (
            {"deputy": "Twin Two"},
            "Several people are called that. Write one of their user names: twin.a, twin.b",
        ),
        ({"deputy": "tomas.lind"}, "That is you"),
        ({"deputy": "bot"}, "Nobody here is called that"),
        ({"expires_at": ""}, "Write a day and a time"),
        ({"expires_at": "soon"}, "Write a day and a time"),
        ({"expires_at": "9999-12-31T23:59"}, "90 days at most"),
        ({"starts_at": "0001-01-01T00:00"}, "That moment is over"),
        ({"reason": ""}, "Say why"),
        ({"groups": [SECURITY]}, "You are not in that group"),
    ],
)
def test_what_makes_no_sense_is_told_and_what_was_typed_stays(
    tomas: User, dee: User, client_for: SignedIn, changed: dict[str, object], words: str
) -> None:
    for name in ("twin.a", "twin.b"):
        factories.user(name, "Twin Two")
    factories.user("bot", acts_for=dee)
    answer = client_for(tomas).post("/deputies/", fill(**changed))
    page = answer.content.decode()
    assert (answer.status_code, words in page) == (422, True)
    assert not Delegation.objects.exists()
    if "reason" not in changed:
        assert 'value="Holiday"' in page


@pytest.mark.parametrize("typed", ["Dee Kim", "DEE.KIM@example.org", "user:default/dee.kim", "Dee.Kim"])
def test_people_are_found_by_what_they_are_called(
    tomas: User, dee: User, client_for: SignedIn, typed: str
) -> None:
    client_for(tomas).post("/deputies/", fill(deputy=typed))
    assert Delegation.objects.get().deputy == dee


def test_nobody_names_a_deputy_for_somebody_else(tomas: User, dee: User, client_for: SignedIn) -> None:
    client_for(dee).post("/deputies/", fill(absent=str(tomas.pk), deputy="dee.kim", by=str(tomas.pk)))
    assert not Delegation.objects.exists()


def test_strangers_neither_see_nor_end_it(
    tomas: User, dee: User, ines: User, root_admin: User, client_for: SignedIn
) -> None:
    delegation = stand_in(dee, tomas)
    url = f"/deputies/{delegation.pk}/end/"
    assert client_for(ines).get(url).status_code == 404
    assert client_for(ines).post(url).status_code == 404
    assert client_for(ines).get("/deputies/all/").status_code == 403
    assert "Dee Kim" not in client_for(ines).get("/deputies/").content.decode()
    assert Client().post(url).status_code == 302
    delegation.refresh_from_db()
    assert delegation.ended_at is None
    everybodys = client_for(root_admin).get("/deputies/all/").content.decode()
    assert "Tomas Lind" in everybodys
    assert "Holiday" not in everybodys
    assert client_for(root_admin).post(url)["Location"] == "/deputies/all/"
    delegation.refresh_from_db()
    assert delegation.ended_by == root_admin


def test_switched_off_there_is_no_form(tomas: User, client_for: SignedIn, settings: object) -> None:
    settings.PORTICO_DEPUTY_DAYS = 0  # type: ignore[attr-defined]  # a fixture of pytest-django
    client = client_for(tomas)
    page = client.get("/deputies/").content.decode()
    assert "Deputies are switched off here" in page
    assert 'name="deputy"' not in page
    assert client.post("/deputies/", fill(deputy="tomas.lind")).status_code in (403, 422)


def test_the_inbox_says_in_whose_place_and_the_answer_is_given_in_it(
    rules: Publish, maya: User, tomas: User, dee: User, client_for: SignedIn
) -> None:
    rules(RULE % ONE)
    stand_in(dee, tomas)
    intent = intents.submit(wish(maya))
    client = client_for(dee)
    page = client.get("/inbox/").content.decode()
    assert "for Tomas Lind" in page
    assert "(away until" in page
    assert "Tomas Lind is away until" in page
    assert f'<input type="hidden" name="in_place_of" value="{tomas.pk}">' in page
    assert client.get("/").context["inbox_count"] == 1
    form = {"digest": intent.plan_digest, "in_place_of": tomas.pk, "answer": "as_asked"}
    client.post(f"/inbox/{intent.pk}/approve/", form)
    assert Approval.objects.get().deputy_of == tomas
    after = client.get(f"/inbox/{intent.pk}/").content.decode()
    assert "Approved by Dee Kim as deputy of Tomas Lind" in after


def test_everybody_who_reads_it_learns_who_is_away_but_not_why(
    rules: Publish, maya: User, tomas: User, ines: User, dee: User, client_for: SignedIn
) -> None:
    rules(RULE % ONE)
    stand_in(dee, tomas)
    intent = intents.submit(wish(maya))
    for reader in (maya, ines, tomas):
        page = client_for(reader).get(f"/inbox/{intent.pk}/").content.decode()
        assert "Tomas Lind is away until" in page
        assert "<b>Dee Kim decides</b> in their place" in page
        assert "Holiday" not in page
        assert "in_place_of" not in page
    approvals.approve(intent.pk, by=ines, digest=intent.plan_digest)
    assert "is away until" not in client_for(maya).get(f"/inbox/{intent.pk}/").content.decode()


def test_home_says_in_whose_place_and_who_is_away_is_reminded(
    rules: Publish, maya: User, tomas: User, dee: User, client_for: SignedIn
) -> None:
    rules(RULE % ONE)
    factories.entity()  # an empty catalogue has another home page
    stand_in(dee, tomas)
    intents.submit(wish(maya))
    home = client_for(dee).get("/").content.decode()
    assert "for Tomas Lind" in home
    assert "(away until" in home
    inbox = client_for(tomas).get("/inbox/").content.decode()
    assert "You are away until" in inbox
    assert "and Dee Kim decides for you too" in inbox
    assert "You are away until" not in client_for(dee).get("/inbox/").content.decode()


def test_who_may_decide_in_two_places_chooses(
    rules: Publish, maya: User, tomas: User, ines: User, client_for: SignedIn
) -> None:
    sara = factories.user("sara.security", "Sara Security", groups=[SECURITY])
    rules(RULE % BOTH)
    stand_in(tomas, sara)
    intent = intents.submit(wish(maya))
    client = client_for(tomas)
    page = client.get(f"/inbox/{intent.pk}/").content.decode()
    assert f'<option value="{tomas.pk}">for yourself</option>' in page
    assert f'<option value="{sara.pk}">for Sara Security</option>' in page
    assert 'class="for-whom"' not in page, "it waits for them themselves as well"
    client.post(f"/inbox/{intent.pk}/approve/", {"digest": intent.plan_digest, "in_place_of": sara.pk})
    assert Approval.objects.get().deputy_of == sara


def test_what_ended_since_it_was_shown_is_refused_in_words(
    rules: Publish, maya: User, tomas: User, dee: User, client_for: SignedIn
) -> None:
    """Another delegation keeps the request in sight; the answer that was shown has no place any more."""
    rules(RULE % TWO)
    other = factories.user("otto.other", groups=[PAYMENTS])
    delegation = stand_in(dee, tomas)
    stand_in(dee, other)
    intent = intents.submit(wish(maya))
    deputies.end(delegation.pk, by=tomas)
    form = {"digest": intent.plan_digest, "in_place_of": tomas.pk}
    answer = client_for(dee).post(f"/inbox/{intent.pk}/approve/", form)
    assert answer.status_code == 403
    assert "You do not stand in for them in this any more" in answer.content.decode()
    assert not Approval.objects.exists()


def test_several_are_marked_and_decided_in_somebodys_place(
    rules: Publish, maya: User, tomas: User, dee: User, client_for: SignedIn
) -> None:
    rules(RULE % ONE)
    stand_in(dee, tomas)
    many = [intents.submit(wish(maya, size=size)) for size in (1, 2)]
    client = client_for(dee)
    page = client.get("/inbox/several/", {"intent": [str(one.pk) for one in many]}).content.decode()
    assert page.count("for Tomas Lind") == 2
    items = [f"{one.pk}:{one.plan_digest}" for one in many]
    client.post("/inbox/several/", {"item": items, "verb": "approve"})
    assert [answer.deputy_of for answer in Approval.objects.all()] == [tomas, tomas]


def test_a_deputy_asks_back(rules: Publish, maya: User, tomas: User, dee: User, client_for: SignedIn) -> None:
    rules(RULE % ONE)
    stand_in(dee, tomas)
    intent = intents.submit(wish(maya))
    client_for(dee).post(f"/inbox/{intent.pk}/ask/", {"comment": "Which one?"})
    assert intent.remarks.get().by == dee


def test_what_a_deputy_decided_stays_with_them_and_the_rest_does_not(
    rules: Publish, maya: User, tomas: User, dee: User, client_for: SignedIn
) -> None:
    rules(RULE % ONE)
    delegation = stand_in(dee, tomas)
    answered, open_still = (intents.submit(wish(maya, size=size)) for size in (1, 2))
    approvals.approve(answered.pk, by=dee, digest=answered.plan_digest)
    deputies.end(delegation.pk, by=tomas)
    client = client_for(dee)
    assert client.get(f"/inbox/{answered.pk}/").status_code == 200
    assert client.get(f"/inbox/{open_still.pk}/").status_code == 404
    assert "Size 1" in client.get("/inbox/?tab=decided").content.decode()
    assert open_still.state == State.AWAITING_APPROVAL


@pytest.mark.slow
def test_as_many_queries_for_many_who_are_away_as_for_one(
    rules: Publish, maya: User, tomas: User, dee: User, client_for: SignedIn
) -> None:
    rules(RULE % ONE)
    client = client_for(dee)
    pages = ("/deputies/", "/inbox/", "/", "/inbox/several/")

    def away(number: int) -> None:
        owner = factories.user(f"owner.{number}", groups=[PAYMENTS])
        stand_in(dee, owner)
        deputies.name(Wish(factories.user(f"d.{number}"), clock.now() + timedelta(days=1), "Holiday"), by=dee)
        intents.submit(wish(maya, size=number))

    def counted() -> list[int]:
        ids = [str(pk) for pk in Intent.objects.values_list("pk", flat=True)]
        found = []
        for url in pages:
            client.get(url, {"intent": ids})
            with CaptureQueriesContext(connection) as seen:
                client.get(url, {"intent": ids})
            found.append(len(seen))
        return found

    away(1)
    few = counted()
    for number in range(2, 12):
        away(number)
    assert counted() == few
