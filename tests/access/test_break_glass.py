"""Breaking the glass: at once, loud, short, one at a time, and looked at afterwards by somebody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, InternalError, ProgrammingError, connection, transaction
from django.test import Client

from access import break_glass, grants, reviews
from access.errors import NotYours, TooEarly
from access.models import Grant, OwedReview, Review
from catalog.models import Entity
from control import clock, intents
from control.errors import InvalidParameters, NotWaiting, PolicyInvalid, Refused
from control.models import AuditEvent, Intent, Notice, State, User
from tests import factories
from tests.access import room

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("service", "glass")]
SignedIn = Callable[[User], Client]
GLASS = "\n  breakGlass: {maxDuration: 1h, reviewWithin: 24h%s}"
RULES = room.RULES.replace("defaultDuration: 1h", "defaultDuration: 1h" + GLASS % "")
REFUSED = (InternalError, ProgrammingError)
FORM = {
    "entity": room.REF,
    "what": "production-logs@production",
    "duration": "30m",
    "reason": "Payments are down, incident 7.",
}


@pytest.fixture
def glass(tmp_path: Path) -> None:
    """In an emergency support reads production logs for an hour; the owners review it."""
    room.publish(tmp_path, RULES)


def broken(actor: User, **given: Any) -> Grant:
    """The grant of a broken glass, through the spine."""
    draft = room.draft(actor, **{"duration": "30m", **given})
    draft = replace(draft, parameters={**draft.parameters, "break_glass": True})
    return Grant.objects.get(intent=intents.submit(draft))


def ended(grant: Grant) -> Grant:
    return grants.revoke(grant.pk, by=grant.user)


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().replace("\u00a0", " ").replace("&nbsp;", " ").split())


# Breaking it


def test_it_holds_at_once_for_a_short_time_and_owes_a_review(
    maya: User, tomas: User, service: Entity
) -> None:
    grant = broken(maya)
    assert maya.has_perm("catalog.logs:read", service)
    assert grant.expires_at - grant.starts_at == timedelta(minutes=30)
    owed = OwedReview.objects.get()
    assert owed.due_at == grant.expires_at + timedelta(hours=24)
    assert owed.groups == ["group:default/payments"]


def test_everybody_it_concerns_is_told_and_the_record_says_whom(
    maya: User, tomas: User, ines: User, root_admin: User
) -> None:
    stranger = factories.user("freya.nilsen")
    broken(maya)
    event = AuditEvent.objects.get(action="grant.glass_broken")
    assert event.summary == "Maya Okafor broke the glass"
    assert "Ines Duarte, Root Admin, Tomas Lind" in event.detail
    told = set(
        Notice.objects.filter(happening__event=break_glass.BROKEN).values_list("user__username", flat=True)
    )
    assert told == {"tomas.lind", "ines.duarte", "root.admin"}
    assert stranger.username not in told


def test_whoever_would_have_decided_is_told_though_others_review(
    maya: User, tomas: User, tmp_path: Path
) -> None:
    aiko = factories.user("aiko.mori", groups=["group:default/security"])
    reviewers = ", reviewers: {anyOf: [{kind: Group, name: security}]}"
    room.publish(
        tmp_path, room.RULES.replace("defaultDuration: 1h", "defaultDuration: 1h" + GLASS % reviewers)
    )
    grant = broken(maya)
    assert OwedReview.objects.get().groups == ["group:default/security"]
    told = AuditEvent.objects.get(action="grant.glass_broken").after["told"]
    assert set(told) == {tomas.pk, aiko.pk}
    ended(grant)
    with pytest.raises(NotYours):
        reviews.give(grant.pk, by=tomas, outcome="justified", done="Read logs.")


def test_longer_than_an_emergency_is_refused(maya: User, tomas: User) -> None:
    with pytest.raises(Refused, match="Ask for 1\u00a0h or less"):
        broken(maya, duration="2h")
    assert not Intent.objects.exists()


def test_a_reason_is_needed(maya: User, tomas: User) -> None:
    with pytest.raises(InvalidParameters, match="Say why"):
        broken(maya, reason=" ")


def test_a_later_start_is_no_emergency(maya: User, tomas: User) -> None:
    with pytest.raises(InvalidParameters, match="An emergency is now"):
        broken(maya, starts_at=(clock.now() + timedelta(hours=1)).isoformat())


@pytest.mark.parametrize("role", ["staging-shell", "production-shell"])
def test_without_a_rule_for_it_nothing_is_broken(maya: User, tomas: User, role: str) -> None:
    place = "staging" if role == "staging-shell" else "production"
    with pytest.raises(Refused, match="No rule lets anybody break the glass"):
        broken(maya, role=role, environment=place)


def test_who_could_not_ask_cannot_break_it(tomas: User, ines: User) -> None:
    with pytest.raises(Refused, match="is for the group support"):
        broken(tomas)


def test_a_deny_rule_wins_in_an_emergency_too(maya: User, tomas: User, tmp_path: Path) -> None:
    room.publish(tmp_path, RULES + room.NO_SUPPORT)
    with pytest.raises(Refused, match="Support holds nothing today"):
        broken(maya)


def test_an_agent_breaks_nothing(maya: User, tomas: User) -> None:
    agent = factories.user("release-agent", acts_for=maya, groups=["group:default/support"])
    with pytest.raises(Refused, match="Agents do not break the glass"):
        broken(agent)


def test_where_nobody_else_could_review_it_is_refused(maya: User, tomas: User) -> None:
    tomas.groups.clear()
    maya.groups.add(factories.group("group:default/payments"))
    with pytest.raises(Refused, match="Nobody but you could review"):
        broken(maya)


def test_one_at_a_time_on_an_entity_and_the_next_after_its_end(maya: User, tomas: User) -> None:
    first = broken(maya)
    with pytest.raises(Refused, match="it still holds"):
        broken(maya, role="production-logs-all")
    ended(first)
    broken(maya, role="production-logs-all")
    chloe = factories.user("chloe.marsh", groups=["group:default/support"])
    assert broken(chloe).user == chloe


def test_the_database_refuses_a_second_emergency_that_slipped_past_the_check(
    maya: User, tomas: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(maya)
    monkeypatch.setattr(break_glass, "check", lambda draft: None)
    with pytest.raises(Refused, match="it still holds"):
        broken(maya)
    assert Grant.objects.count() == 1
    assert Intent.objects.count() == 1


def test_the_database_keeps_an_emergency_an_emergency(maya: User, tomas: User) -> None:
    grant = broken(maya)
    with pytest.raises(REFUSED, match="only ended"), transaction.atomic():
        Grant.objects.filter(pk=grant.pk).update(break_glass=False)


# Reviewing it


def test_an_owner_reviews_it_once_it_is_over_and_the_holder_hears(maya: User, tomas: User) -> None:
    grant = ended(broken(maya))
    assert list(reviews.waiting_for(tomas)) == [OwedReview.objects.get()]
    review = reviews.give(grant.pk, by=tomas, outcome="justified", done="Read 40 lines of the processor.")
    assert review.by == tomas
    assert not reviews.waiting_for(tomas).exists()
    assert AuditEvent.objects.get(action="grant.reviewed").summary == "Reviewed by Tomas Lind: justified"
    assert Notice.objects.filter(user=maya, happening__event="access.reviewed").exists()


def test_while_it_holds_nobody_knows_yet_what_was_done(maya: User, tomas: User) -> None:
    with pytest.raises(TooEarly):
        reviews.give(broken(maya).pk, by=tomas, outcome="justified", done="Nothing.")


@pytest.mark.parametrize(
    "who", ["holder", "second_account", "agent", "agent_of_an_owner", "stranger", "closed"]
)
def test_only_somebody_else_who_was_named_reviews_it(maya: User, tomas: User, who: str) -> None:
    payments = "group:default/payments"
    person = {
        "holder": lambda: maya,
        "second_account": lambda: factories.user("m.okafor", email=maya.email.upper(), groups=[payments]),
        "agent": lambda: factories.user("helper", acts_for=maya, groups=[payments]),
        "agent_of_an_owner": lambda: factories.user("helper", acts_for=tomas, groups=[payments]),
        "stranger": lambda: factories.user("freya.nilsen"),
        "closed": lambda: factories.user("closed", is_active=False, groups=[payments]),
    }[who]()
    grant = ended(broken(maya))
    if who == "holder":
        maya.groups.add(factories.group(payments))
        User.objects.filter(pk=maya.pk).update(is_staff=True)
    with pytest.raises(NotYours):
        reviews.give(grant.pk, by=person, outcome="justified", done="Nothing.")
    assert not Review.objects.exists()


def test_an_administrator_reviews_what_nobody_else_did(maya: User, tomas: User, root_admin: User) -> None:
    grant = ended(broken(maya))
    assert reviews.give(grant.pk, by=root_admin, outcome="justified", done="Restarted.").by == root_admin


def test_there_is_one_review_and_it_stays(maya: User, tomas: User, ines: User) -> None:
    grant = ended(broken(maya))
    reviews.give(grant.pk, by=tomas, outcome="justified", done="Restarted.")
    with pytest.raises(NotWaiting):
        reviews.give(grant.pk, by=ines, outcome="not_justified", done="Looked around.", comment="Why?")
    with pytest.raises(REFUSED), transaction.atomic():
        Review.objects.update(outcome="not_justified", comment="No.")
    with pytest.raises(REFUSED), transaction.atomic():
        Review.objects.all()._raw_delete("default")
    with pytest.raises(REFUSED), transaction.atomic():
        OwedReview.objects.update(due_at=clock.now() + timedelta(days=900))


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"outcome": "fine"}, "outcome"),
        ({"done": " "}, "done"),
        ({"done": "x" * 2_001}, "done"),
        ({"outcome": "not_justified"}, "comment"),
        ({"comment": "x" * 2_001}, "comment"),
    ],
)
def test_a_review_that_says_nothing_is_not_taken(
    maya: User, tomas: User, given: dict[str, str], field: str
) -> None:
    grant = ended(broken(maya))
    with pytest.raises(InvalidParameters) as refusal:
        reviews.give(grant.pk, by=tomas, **{"outcome": "justified", "done": "Restarted.", **given})
    assert set(refusal.value.fields) == {field}


def test_the_database_refuses_blame_without_words(maya: User, tomas: User) -> None:
    owed = OwedReview.objects.get(grant=ended(broken(maya)))
    with pytest.raises(IntegrityError), transaction.atomic():
        Review.objects.create(owed=owed, by=tomas, outcome="not_justified", done="x", reviewed_at=clock.now())


def overdue(grant: Grant) -> None:
    """As if its review had been due an hour ago; only a superuser can pretend that."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE access_owedreview SET due_at = now() - interval '1 hour'")
        cursor.execute("SET LOCAL session_replication_role = origin")


def test_what_is_overdue_is_shown_to_reviewers_and_administrators(
    maya: User, tomas: User, root_admin: User, client_for: SignedIn
) -> None:
    grant = ended(broken(maya))
    assert not reviews.waiting_for(root_admin).exists()
    overdue(grant)
    for user in (tomas, root_admin):
        for address in ("/", "/inbox/", "/access/"):
            assert "Review: Production logs of payments" in text(client_for(user).get(address)), address
    assert "overdue" in text(client_for(tomas).get("/"))
    assert "The review is overdue" in text(client_for(maya).get(f"/access/requests/{grant.intent_id}/"))
    tab = text(client_for(tomas).get("/catalog/component/default/payments/access/"))
    assert "Review: Production logs of payments" in tab


# The pages


def test_the_form_offers_it_where_a_rule_does_and_says_what_it_costs(
    maya: User, tomas: User, client_for: SignedIn
) -> None:
    client = client_for(maya)
    page = text(client.get("/access/request/", {"entity": room.REF, "role": "production-logs"}))
    assert "Cannot wait?" in page
    other = text(client.get("/access/request/", {"entity": room.REF, "role": "staging-shell"}))
    assert "Cannot wait?" not in other


def test_nothing_is_broken_before_the_second_page_is_confirmed(
    maya: User, tomas: User, root_admin: User, client_for: SignedIn
) -> None:
    client = client_for(maya)
    page = text(client.post("/access/break-glass/", FORM))
    assert "Break the glass?" in page
    assert "Tomas Lind" in page
    assert "Root Admin" in page
    assert "You cannot review it yourself." in page
    assert FORM["reason"] in page
    assert not Intent.objects.exists()
    answer = client.post("/access/break-glass/", {**FORM, "confirmed": "1"}, follow=True)
    assert "The glass was broken." in text(answer)
    assert Grant.objects.get().break_glass


def test_a_longer_wish_becomes_what_an_emergency_gives(maya: User, tomas: User, client_for: SignedIn) -> None:
    page = text(client_for(maya).post("/access/break-glass/", {**FORM, "duration": "4h"}))
    assert 'value="1h" checked' in page


def test_without_a_reason_the_page_comes_back(maya: User, tomas: User, client_for: SignedIn) -> None:
    answer = client_for(maya).post("/access/break-glass/", {**FORM, "reason": "", "confirmed": "1"})
    assert answer.status_code == 422
    assert "Say why" in text(answer)
    assert not Grant.objects.exists()


def test_a_form_of_the_usual_way_never_breaks_it(maya: User, tomas: User, client_for: SignedIn) -> None:
    client_for(maya).post("/access/request/", {**FORM, "break_glass": "true", "confirmed": "1"})
    assert Intent.objects.get().state == State.AWAITING_APPROVAL


def test_who_may_not_is_told_why_on_a_page(tomas: User, ines: User, client_for: SignedIn) -> None:
    answer = client_for(tomas).post("/access/break-glass/", {**FORM, "confirmed": "1"})
    assert answer.status_code == 403
    assert "is for the group support" in text(answer)


def test_the_review_is_one_form_away_and_mistakes_come_back(
    maya: User, tomas: User, client_for: SignedIn
) -> None:
    grant = ended(broken(maya))
    client, url = client_for(tomas), f"/access/requests/{grant.intent_id}/review/"
    assert url in text(client.get("/inbox/"))
    answer = client.post(url, {"outcome": "not_justified", "done": "Looked around."})
    assert answer.status_code == 422
    assert "Looked around." in text(answer)
    done = client.post(
        url, {"outcome": "not_justified", "done": "Looked around.", "comment": "Ask next time."}, follow=True
    )
    assert "not justified" in text(done)
    assert "Ask next time." in text(client_for(maya).get(url))


def test_the_page_of_a_review_waits_for_the_end(maya: User, tomas: User, client_for: SignedIn) -> None:
    grant = broken(maya)
    page = text(client_for(tomas).get(f"/access/requests/{grant.intent_id}/review/"))
    assert "It still holds" in page
    assert "Record the review" not in page


def test_strangers_and_usual_grants_have_no_review(maya: User, tomas: User, client_for: SignedIn) -> None:
    grant, usual = broken(maya), room.granted(maya, by=tomas, role="production-logs-all")
    stranger = client_for(factories.user("freya.nilsen"))
    assert stranger.get(f"/access/requests/{grant.intent_id}/review/").status_code == 404
    assert client_for(tomas).get(f"/access/requests/{usual.intent_id}/review/").status_code == 404


# What rules may say


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("true", "spec.breakGlass must be a mapping"),
        ("{}", "maxDuration is missing"),
        ("{maxDuration: 9h}", "longer than 8\u00a0h"),
        ("{maxDuration: 1h, reviewWithin: 91d}", "longer than 90\u00a0d"),
        ("{maxDuration: 1h, reviewers: {anyOf: []}}", "must be a list with at least one entry"),
        ("{maxDuration: 1h, reviewers: {anyOf: [{kind: Everyone}]}}", "Everyone cannot review"),
    ],
)
def test_a_mistake_in_a_rule_is_told(tmp_path: Path, written: str, words: str) -> None:
    text_of = room.RULES.replace("defaultDuration: 1h", f"defaultDuration: 1h\n  breakGlass: {written}")
    with pytest.raises(PolicyInvalid, match=words):
        room.publish(tmp_path, text_of)
