"""API tokens: made, used, revoked, expired, and by whom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from control import tokens
from control.errors import InvalidParameters, NotSignedIn, Refused, TooLate
from control.models import ApiToken, AuditEvent, User

pytestmark = pytest.mark.django_db


def made(owner: User, name: str = "nightly report", days: int = 90) -> tuple[ApiToken, str]:
    return tokens.issue(owner=owner, by=owner, name=name, days=days)


def test_a_token_stands_for_its_person_and_is_kept_only_as_a_fingerprint(maya: User) -> None:
    token, secret = made(maya)
    assert secret.startswith("ptc_")
    assert tokens.authenticate(secret) == maya
    assert secret not in str(ApiToken.objects.values().get())
    assert token.expires_at - token.created_at == timedelta(days=90)


def test_making_and_revoking_are_recorded_without_the_secret(maya: User) -> None:
    token, secret = made(maya)
    tokens.revoke(token.pk, by=maya)
    events = AuditEvent.objects.order_by("id").values()
    assert [event["action"] for event in events] == ["token.issued", "token.revoked"]
    assert all(event["actor_id"] == maya.pk for event in events)
    assert secret not in str(list(events))
    assert token.digest not in str(list(events))


def test_a_revoked_token_is_refused_and_revoking_twice_says_so(maya: User) -> None:
    token, secret = made(maya)
    tokens.revoke(token.pk, by=maya)
    with pytest.raises(NotSignedIn, match="revoked"):
        tokens.authenticate(secret)
    with pytest.raises(TooLate):
        tokens.revoke(token.pk, by=maya)
    assert AuditEvent.objects.filter(action="token.revoked").count() == 1


def test_a_token_is_refused_from_the_moment_it_ends(maya: User) -> None:
    token, secret = made(maya)
    start = timezone.now() - timedelta(days=2)
    ApiToken.objects.filter(pk=token.pk).update(created_at=start, expires_at=start + timedelta(days=1))
    with pytest.raises(NotSignedIn, match="expired"):
        tokens.authenticate(secret)


def test_the_token_of_a_closed_account_is_refused(maya: User) -> None:
    _, secret = made(maya)
    maya.is_active = False
    maya.save(update_fields=["is_active"])
    with pytest.raises(NotSignedIn, match="closed"):
        tokens.authenticate(secret)
    with pytest.raises(Refused):
        tokens.issue(owner=maya, by=None, name="again")


def test_an_unknown_secret_is_refused(db: None) -> None:
    with pytest.raises(NotSignedIn, match="not known"):
        tokens.authenticate("ptc_nonsense")


def test_authentication_is_one_query_and_writes_once_a_minute(maya: User) -> None:
    token, secret = made(maya)
    for expected in (2, 1, 1):
        with CaptureQueriesContext(connection) as queries:
            tokens.authenticate(secret)
        assert len(queries) == expected
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=timezone.now() - timedelta(minutes=2))
    with CaptureQueriesContext(connection) as queries:
        tokens.authenticate(secret)
    assert len(queries) == 2


@pytest.mark.parametrize(("name", "days"), [("", 90), ("   ", 90), ("x" * 101, 90), ("a", 0), ("a", 366)])
def test_a_token_needs_a_name_and_ends_within_a_year(maya: User, name: str, days: int) -> None:
    with pytest.raises(InvalidParameters):
        made(maya, name, days)
    assert not ApiToken.objects.exists()
    assert not AuditEvent.objects.exists()


def test_the_database_refuses_a_token_of_more_than_a_year(maya: User) -> None:
    now = timezone.now()
    with pytest.raises(IntegrityError, match="api_token_ends_within_a_year"), transaction.atomic():
        ApiToken.objects.create(
            user=maya,
            name="a",
            digest="0" * 64,
            hint="abcd",
            created_at=now,
            expires_at=now + timedelta(days=366),
        )


def test_nobody_makes_or_revokes_the_token_of_somebody_else(
    maya: User, tomas: User, root_admin: User
) -> None:
    with pytest.raises(Refused):
        tokens.issue(owner=maya, by=tomas, name="mine")
    token, secret = made(maya)
    with pytest.raises(Refused):
        tokens.revoke(token.pk, by=tomas)
    assert tokens.authenticate(secret) == maya
    tokens.revoke(token.pk, by=root_admin)


def test_the_number_of_tokens_is_bounded(maya: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST_ACTIVE", 1)
    token, _ = made(maya)
    with pytest.raises(InvalidParameters, match="Revoke one"):
        made(maya)
    tokens.revoke(token.pk, by=maya)
    made(maya)


def test_the_profile_shows_a_new_secret_once(maya: User, client_for: Callable[[User], Client]) -> None:
    client = client_for(maya)
    assert "You have no tokens" in client.get("/profile/").content.decode()
    response = client.post("/profile/", {"name": "nightly <b>report</b>", "days": "30"})
    page = response.content.decode()
    secret = page.split('id="token-secret">')[1].split("<")[0]
    assert tokens.authenticate(secret) == maya
    assert "no-store" in response["Cache-Control"]
    later = client.get("/profile/").content.decode()
    assert secret not in later
    assert "nightly &lt;b&gt;report" in later
    assert "Works" in later


def test_a_form_with_a_fault_makes_nothing_and_says_why(
    maya: User, client_for: Callable[[User], Client]
) -> None:
    response = client_for(maya).post("/profile/", {"name": "", "days": "400"})
    assert response.status_code == 422
    assert "Say what the token is for" in response.content.decode()
    assert not ApiToken.objects.exists()


def test_revoking_asks_first_and_belongs_to_its_person(
    maya: User, tomas: User, client_for: Callable[[User], Client]
) -> None:
    token, _ = made(maya)
    url = f"/profile/tokens/{token.pk}/revoke/"
    assert client_for(tomas).post(url).status_code == 404
    client = client_for(maya)
    assert "Revoke nightly report?" in client.get(url).content.decode()
    assert ApiToken.objects.active().count() == 1
    assert "Nothing can sign in" in client.post(url, follow=True).content.decode()
    assert "revoked before" in client.post(url, follow=True).content.decode()
    assert not ApiToken.objects.active().exists()


def test_the_profile_wants_a_session(client: Client) -> None:
    assert client.get("/profile/").status_code == 302


def test_the_command_makes_lists_and_revokes(maya: User) -> None:
    out, err = StringIO(), StringIO()
    call_command("token", "create", "maya.okafor", "--name", "ci", "--days", "7", stdout=out, stderr=err)
    secret = out.getvalue().strip()
    assert tokens.authenticate(secret) == maya
    token = ApiToken.objects.get()
    listed = StringIO()
    call_command("token", "list", "maya.okafor", stdout=listed)
    assert "ci" in listed.getvalue()
    assert secret not in listed.getvalue()
    call_command("token", "revoke", str(token.pk), stdout=StringIO())
    with pytest.raises(NotSignedIn):
        tokens.authenticate(secret)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["create", "nobody"], "no account nobody"),
        (["revoke", "99"], "no token 99"),
        (["create", "maya.okafor", "--days", "1000"], "between 1 and 365"),
    ],
)
def test_the_command_says_what_is_wrong(maya: User, arguments: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("token", *arguments, stdout=StringIO(), stderr=StringIO())
