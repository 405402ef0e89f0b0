"""The one-time password: for the holder, while it holds, in one answer, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.core import serializers
from django.test import Client

from access import grants, sign_in
from access.errors import NoSignIn
from access.models import Grant, Need, OutsideRight
from access.sweep import sweep
from control.models import AuditEvent, Intent, User
from tests.access import room

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("service", "rules")]
SignedIn = Callable[[User], Client]


def test_the_password_is_in_no_table_and_no_record(maya: User, tomas: User, log_store: str) -> None:
    grant = room.granted(maya, by=tomas)
    sweep()
    shown = sign_in.renew(grant.intent, by=maya)
    for model in (AuditEvent, Intent, Grant, OutsideRight, Need):
        assert shown.password not in serializers.serialize("json", model._default_manager.all())
    event = AuditEvent.objects.get(action="outside.sign_in_shown")
    assert event.summary == "Sign-in shown to Maya Okafor"
    assert shown.password not in json.dumps(shown.fields) + shown.command


def test_nobody_but_the_holder_gets_one(maya: User, tomas: User, root_admin: User, log_store: str) -> None:
    grant = room.granted(maya, by=tomas)
    sweep()
    for other in (tomas, root_admin):
        with pytest.raises(NoSignIn, match="Only the person who holds this"):
            sign_in.renew(grant.intent, by=other)


def test_not_before_it_is_in_place_and_not_after_its_end(maya: User, tomas: User, log_store: str) -> None:
    grant = room.granted(maya, by=tomas)
    with pytest.raises(NoSignIn, match="not in place yet"):
        sign_in.renew(grant.intent, by=maya)
    sweep()
    grants.revoke(grant.pk, by=maya)
    with pytest.raises(NoSignIn, match="has ended"):
        sign_in.renew(grant.intent, by=maya)


def test_not_for_access_that_needs_none(maya: User) -> None:
    intent = room.ask(maya, role="staging-shell", environment="staging")
    with pytest.raises(NoSignIn, match="needs no sign-in"):
        sign_in.renew(intent, by=maya)


def test_the_page_shows_it_once_and_tells_browsers_not_to_keep_it(
    maya: User, tomas: User, log_store: str, client_for: SignedIn
) -> None:
    grant = room.granted(maya, by=tomas)
    sweep()
    client = client_for(maya)
    answer = client.post(f"/access/requests/{grant.intent_id}/sign-in/")
    assert "no-store" in answer["Cache-Control"]
    assert b"psql -h" in answer.content
    assert b"psql -h" not in client.get(f"/access/requests/{grant.intent_id}/").content
