"""Receivers over real HTTP: who is told what, signatures, chats, and what waits while one does not answer."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.db import connection
from django.utils import timezone

from control import approvals, intents, webhooks
from control.models import Channel, Delivery, Happening, PolicyRevision, User
from control.notices import News, tell
from control.receivers import ReceiverInvalid, receivers
from tests.control.receiver import Receiver, listening
from tests.control.spine import wish

pytestmark = pytest.mark.django_db
KEY, OTHER = b"hunter2-" * 4, b"another-key-of-24-bytes!"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    with listening(Receiver([KEY])) as running:
        allow(settings, running)
        configure(settings, {"name": "siem", "type": "signed", "url": running.url, "secret": SECRET})
        yield running


@pytest.fixture
def chat(settings: Any) -> Iterator[Receiver]:
    with listening(Receiver()) as running:
        allow(settings, running)
        configure(settings, {"name": "payments-chat", "type": "slack", "url": running.url})
        yield running


def allow(settings: Any, running: Receiver) -> None:
    settings.PORTICO_SENDING_ALLOW = [running.url.split("/")[2]]


def configure(settings: Any, *entries: dict[str, str]) -> None:
    settings.PORTICO_RECEIVERS = list(entries)


def say(key: str = "one", **words: Any) -> Happening:
    said = {"topic": "decided", "title": f"Your {key}", "told": f"Maya’s {key}", "url": "/inbox/", **words}
    return tell(News("test.said", key=key, thread=f"intent:{key}", **said), [])


def open_again() -> None:
    Channel.objects.filter(failures__gt=0).update(paused_until=timezone.now() - timedelta(seconds=1))
    Delivery.objects.filter(state="queued").update(next_try_at=timezone.now())


def test_a_receiver_is_told_in_a_signed_envelope(
    receiver: Receiver, owners_decide: PolicyRevision, maya: User, tomas: User
) -> None:
    intent = intents.submit(wish(maya))
    approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest)
    assert webhooks.work_off_calls() == 3  # it waits, it is approved, it is settled
    assert receiver.refused == []
    body = next(
        call["body"] for call in receiver.calls if call["body"]["type"] == "dev.portico.request.approved"
    )
    assert body["data"]["title"] == "Approved: Size 4, for Maya Okafor"
    assert (body["specversion"], body["source"]) == ("1.0", "http://localhost:8000")
    assert (body["subject"], body["data"]["teams"]) == (
        "component:default/payments",
        ["group:default/payments"],
    )
    assert body["id"] == str(Happening.objects.get(event="request.approved").pk)
    assert body["data"]["url"].startswith("http://localhost:8000/")
    assert receiver.calls[0]["headers"]["content-type"] == "application/cloudevents+json"
    assert webhooks.work_off_calls() == 0


def test_a_replay_an_old_one_and_a_changed_one_are_refused_by_a_receiver_that_checks(
    receiver: Receiver,
) -> None:
    say()
    webhooks.work_off_calls()
    (call,) = receiver.calls
    sent = {name: call["headers"][name] for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}
    old = webhooks.signed_headers([KEY], "msg-2", int(sent["webhook-timestamp"]) - 400, call["raw"])
    wrong = webhooks.signed_headers([OTHER], "msg-3", int(sent["webhook-timestamp"]), call["raw"])
    for headers, body in (
        (sent, call["raw"]),
        (old, call["raw"]),
        (sent, call["raw"] + b" "),
        (wrong, call["raw"]),
    ):
        assert requests.post(receiver.url, data=body, headers=headers, timeout=5).status_code == 401
    assert receiver.refused == ["seen before", "too old", "wrong signature", "wrong signature"]


def test_while_keys_are_changed_it_is_signed_with_both(receiver: Receiver, settings: Any) -> None:
    both = f"whsec_{base64.b64encode(OTHER).decode()} {SECRET}"
    configure(settings, {"name": "siem", "type": "signed", "url": receiver.url, "secret": both})
    say()
    assert webhooks.work_off_calls() == 1
    assert receiver.calls[0]["headers"]["webhook-signature"].count("v1,") == 2


def test_a_receiver_that_is_down_is_told_later_with_the_same_id_and_bytes(receiver: Receiver) -> None:
    receiver.status = 503
    happening, other = say(), say("two")
    assert webhooks.work_off_calls() == 0
    assert receiver.refused == ["503"], "one try shows that it is down"
    assert Channel.objects.get().last_error == "The receiver siem answered 503."
    receiver.status = 204
    assert webhooks.work_off_calls() == 0, "the pause holds"
    open_again()
    assert webhooks.work_off_calls() == 2
    assert {call["headers"]["webhook-id"] for call in receiver.calls} == {str(happening.pk), str(other.pk)}
    assert Channel.objects.get().failures == 0


def test_one_that_is_not_taken_keeps_no_other_waiting(receiver: Receiver) -> None:
    say()
    receiver.status = 413
    webhooks.work_off_calls()
    receiver.status = 204
    say("two")
    assert webhooks.work_off_calls() == 1
    assert not Channel.objects.exclude(failures=0).exists()
    assert Delivery.objects.get(state="queued").last_error == "The receiver siem did not take this one (413)."


def test_a_redirect_is_not_followed(receiver: Receiver, settings: Any) -> None:
    with listening(Receiver()) as elsewhere:
        settings.PORTICO_SENDING_ALLOW.append(elsewhere.url.split("/")[2])
        receiver.status, receiver.location = 307, elsewhere.url
        say()
        assert webhooks.work_off_calls() == 0
        assert elsewhere.calls == []
    assert "sends on to another address (307)" in Channel.objects.get().last_error


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::ffff:127.0.0.1]:{port}/"]
)
def test_a_receiver_inside_must_be_allowed(url: str, receiver: Receiver, settings: Any) -> None:
    """What readers may read is another setting: it opens nothing here."""
    settings.PORTICO_SENDING_ALLOW, settings.PORTICO_READING_ALLOW = [], ["127.0.0.1", "localhost"]
    port = receiver.url.split("/")[2].partition(":")[2]
    configure(settings, {"name": "siem", "type": "signed", "url": url.format(port=port), "secret": SECRET})
    say()
    assert webhooks.work_off_calls() == 0
    assert (receiver.calls, receiver.refused) == ([], [])
    assert "add" in Channel.objects.get().last_error
    assert "PORTICO_SENDING_ALLOW" in Channel.objects.get().last_error


def test_nothing_that_is_over_is_told(receiver: Receiver) -> None:
    say(useful_until=timezone.now() - timedelta(seconds=1))
    assert webhooks.work_off_calls() == 0
    assert Delivery.objects.get().state == "dropped"


def test_a_change_that_is_undone_is_told_to_nobody(receiver: Receiver) -> None:
    from django.db import transaction

    with transaction.atomic():
        say()
        transaction.set_rollback(True)
    assert webhooks.work_off_calls() == 0
    assert receiver.calls == []


# Who hears what


@pytest.mark.parametrize(
    ("filters", "hears"),
    [
        ({}, True),
        ({"topics": "decided, waiting"}, True),
        ({"topics": "waiting"}, False),
        ({"teams": "payments"}, True),
        ({"teams": "Group:default/payments, platform"}, True),
        ({"teams": "platform"}, False),
        ({"environments": "production"}, True),
        ({"environments": "staging"}, False),
        ({"entities": "kind=component,metadata.name=payments"}, True),
        ({"entities": "kind=api; kind=component"}, True),
        ({"entities": "kind=api"}, False),
        ({"teams": "payments", "environments": "staging"}, False),
    ],
)
def test_filters(filters: dict[str, str], hears: bool, settings: Any, capability: object) -> None:
    configure(settings, {"name": "chat", "type": "slack", "url": "https://chat.example.org/x", **filters})
    say(
        groups=("group:default/payments",), environment="production", subject_ref="component:default/payments"
    )
    assert Delivery.objects.filter(channel="chat").exists() == hears


def test_what_is_about_portico_itself_is_told_only_when_asked_for(settings: Any) -> None:
    ask = {"type": "slack", "url": "https://chat.example.org/x"}
    configure(settings, {"name": "all", **ask}, {"name": "operators", "topics": "platform", **ask})
    say(topic="platform")
    assert list(Delivery.objects.values_list("channel", flat=True)) == ["operators"]


def test_an_administrator_sends_a_test_to_one_receiver(
    receiver: Receiver, settings: Any, root_admin: User, client_for: Any
) -> None:
    other = {"name": "other", "type": "slack", "url": "https://chat.example.org/x"}
    settings.PORTICO_RECEIVERS.append(other)
    page = client_for(root_admin).get("/notifications/channels/").content.decode()
    assert "Send a test: siem" in page
    client_for(root_admin).post("/notifications/channels/test/", {"name": "siem"})
    assert webhooks.work_off_calls() == 1
    assert receiver.calls[0]["body"]["data"]["title"] == "A test, sent by Root Admin"
    assert not Delivery.objects.filter(channel="other").exists()


# Chats


def test_a_chat_gets_words_and_one_link(chat: Receiver) -> None:
    say(detail="Ines Duarte: “Fine.”", url="/access/requests/1/")
    assert webhooks.work_off_calls() == 1
    body = chat.calls[0]["body"]
    assert body["text"] == "Maya’s one\n<http://localhost:8000/access/requests/1/|Open in Portico>"
    assert [block["text"]["text"] for block in body["blocks"]] == [
        "Maya’s one",
        "Ines Duarte: “Fine.”",
        "<http://localhost:8000/access/requests/1/|Open in Portico>",
    ]


def test_nothing_that_somebody_wrote_names_everybody_or_becomes_a_link(chat: Receiver) -> None:
    hostile = "<!channel> <@U123> <https://evil.example|Open in Portico> @channel *bold* & `code`"
    say(told=hostile, detail=hostile)
    webhooks.work_off_calls()
    body = chat.calls[0]["body"]
    ours = "<http://localhost:8000/inbox/|Open in Portico>"
    assert (
        body["text"] == f"{hostile.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')}\n{ours}"
    )
    assert [block["text"]["type"] for block in body["blocks"]] == ["plain_text", "plain_text", "mrkdwn"]
    assert not any("<" in block["text"]["text"] for block in body["blocks"][:2])
    assert (body["link_names"], body["unfurl_links"], body["unfurl_media"]) == (False, False, False)


# Secrets


def test_no_address_or_key_is_in_a_row_a_message_or_the_log(
    receiver: Receiver, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "django.db.backends"), caplog.at_level(logging.DEBUG):
        say()
        for status in (204, 500, 301):
            receiver.status = status
            webhooks.work_off_calls()
            say(f"again-{status}")
            open_again()
        settings.PORTICO_SENDING_ALLOW = []
        webhooks.work_off_calls()
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(d::text, '') FROM control_delivery d")
        rows = cursor.fetchone()[0]
        cursor.execute("SELECT string_agg(c::text, '') FROM control_channel c")
        rows += cursor.fetchone()[0]
    told = json.dumps([call["body"] for call in receiver.calls])
    for secret in ("hunter2", SECRET, base64.b64encode(KEY).decode()):
        assert secret not in rows + caplog.text + told + repr(receivers())


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"name": "a", "type": "slack"}, "is not whole"),
        ({"name": "a", "type": "signed", "url": "https://hunter2"}, "is not whole"),
        ({"name": "a", "type": "slack", "url": "https://x", "secret": "hunter2"}, "is not whole"),
        ({"name": "mail", "type": "slack", "url": "https://x"}, "no good name"),
        ({"name": "A b", "type": "slack", "url": "https://x"}, "no good name"),
        ({"name": "a", "type": "pager", "url": "https://x"}, "no known type"),
        ({"name": "a", "type": "slack", "url": "hunter2", "url_env": "X"}, "gives its url twice"),
        ({"name": "a", "type": "slack", "url": "https://x", "topics": "all"}, "topic that there is not"),
        ({"name": "a", "type": "slack", "url": "https://x", "entities": "="}, "Invalid filter"),
        ({"name": "a", "type": "slack", "url": "https://x", "channel": "#a"}, "field that is not known"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused_without_its_secrets(
    entry: dict[str, str], words: str, settings: Any
) -> None:
    configure(settings, entry)
    with pytest.raises(ReceiverInvalid, match=words) as refusal:
        receivers()
    assert "hunter2" not in str(refusal.value)


def test_names_are_there_once(settings: Any) -> None:
    configure(settings, *[{"name": "a", "type": "slack", "url": "https://x"}] * 2)
    with pytest.raises(ReceiverInvalid, match="same name"):
        receivers()


@pytest.mark.parametrize(
    "secret", ["hunter2", "whsec_short", "whsec_c2hvcnQ=", SECRET.removeprefix("whsec_")]
)
def test_a_bad_key_is_told_and_not_used(secret: str, receiver: Receiver, settings: Any) -> None:
    configure(settings, {"name": "siem", "type": "signed", "url": receiver.url, "secret": secret})
    say()
    assert webhooks.work_off_calls() == 0
    assert receiver.calls == []
    error = Channel.objects.get().last_error
    assert "is not whsec_ and at least 24 bytes" in error
    assert secret not in error


def test_an_address_from_a_variable_that_is_gone_is_told(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHAT_URL", raising=False)
    configure(settings, {"name": "chat", "type": "slack", "url_env": "CHAT_URL"})
    say()
    webhooks.work_off_calls()
    assert "The variable CHAT_URL" in Channel.objects.get().last_error
