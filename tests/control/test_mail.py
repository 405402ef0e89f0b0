"""Mail through a real SMTP server: what arrives, what waits while nobody answers, and what is never sent."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from control import approvals, deliveries, intents, mail, notice_links
from control.models import (
    AuditEvent,
    Channel,
    Delivery,
    Happening,
    Intent,
    MailWish,
    Notice,
    NoticeChoice,
    PolicyRevision,
    User,
)
from control.notices import News, tell
from portal import mail_settings
from tests.browser import free_port
from tests.control.mail_server import PASSWORD, USER, Mailbox, mail_server, make_certificate
from tests.control.spine import wish

pytestmark = pytest.mark.django_db
SignedIn = Callable[[User], Client]


def use(settings: Any, url: str) -> None:
    found = mail_settings.read(url)
    settings.PORTICO_MAIL_URL, settings.EMAIL_BACKEND = url, found.backend
    settings.EMAIL_HOST, settings.EMAIL_PORT = found.host, found.port
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = found.user, found.password
    settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = found.starttls, found.tls


@pytest.fixture
def box(settings: Any) -> Iterator[Mailbox]:
    """A server that is up, and what it took."""
    box = Mailbox()
    with mail_server(box) as port:
        use(settings, f"smtp://127.0.0.1:{port}")
        yield box


def say(key: str, *people: User, topic: str = "decided", **words: Any) -> Happening:
    said = {"title": f"About {key}", "url": "/access/", **words}
    return tell(News("test.said", topic, key, f"intent:{key}", **said), [user.pk for user in people])


def text_of(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def html_of(message: EmailMessage) -> str:
    part = message.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def link_in(message: EmailMessage) -> str:
    found: list[str] = re.findall(r"https?://[^/\s]+(/n/\S+)", text_of(message))
    return found[0]


def open_again() -> None:
    """As if the pause were over."""
    Channel.objects.filter(failures__gt=0).update(paused_until=timezone.now() - timedelta(seconds=1))
    Delivery.objects.filter(state="queued").update(next_try_at=timezone.now())


def states() -> list[str]:
    return list(Delivery.objects.order_by("created_at").values_list("state", flat=True))


# What arrives


def test_an_owner_gets_the_request_by_mail_and_the_requester_the_answer(
    box: Mailbox, owners_decide: PolicyRevision, maya: User, tomas: User
) -> None:
    intent = intents.submit(wish(maya))
    assert mail.work_off_mail() == 1
    (request,) = box.taken
    assert request["To"] == "Tomas Lind <tomas.lind@example.org>"
    assert request["Subject"] == "Maya Okafor asks for Size 4"
    assert "“Order 88 is stuck.”" in text_of(request)
    assert "“Order 88 is stuck.”" in html_of(request)
    approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest, comment="Fine.")
    assert mail.work_off_mail() == 1
    answer = box.taken[1]
    assert (answer["To"], answer["Subject"]) == ("Maya Okafor <maya.okafor@example.org>", "Approved: Size 4")
    assert answer["References"] == request["References"], "mail programs show them together"
    assert (answer["Auto-Submitted"], answer["Message-ID"] != request["Message-ID"]) == (
        "auto-generated",
        True,
    )
    assert mail.work_off_mail() == 0


def test_encrypted_and_with_a_password(
    settings: Any, tmp_path: Path, maya: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, box = make_certificate(tmp_path), Mailbox()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with mail_server(box, certificate=certificate) as port:
        use(settings, f"smtp://{USER}:{PASSWORD}@localhost:{port}?tls=starttls")
        say("one", maya)
        assert mail.work_off_mail() == 1
    assert box.recipients == [maya.email]


def test_a_server_whose_certificate_nobody_vouches_for_gets_nothing(
    settings: Any, tmp_path: Path, maya: User
) -> None:
    box = Mailbox()
    with mail_server(box, certificate=make_certificate(tmp_path)) as port:
        use(settings, f"smtp://{USER}:{PASSWORD}@localhost:{port}?tls=starttls")
        say("one", maya)
        assert mail.work_off_mail() == 0
    assert box.taken == []
    assert states() == ["queued"]


def test_a_wrong_password_is_told_and_nothing_is_lost(
    settings: Any,
    tmp_path: Path,
    maya: User,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    certificate, box = make_certificate(tmp_path), Mailbox()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with mail_server(box, certificate=certificate) as port, caplog.at_level(logging.DEBUG):
        use(settings, f"smtp://{USER}:wrong-hunter@localhost:{port}?tls=starttls")
        say("one", maya)
        mail.work_off_mail()
    channel = Channel.objects.get()
    assert channel.last_error.startswith("The mail server does not take user name and password (535).")
    assert "wrong-hunter" not in caplog.text + channel.last_error
    assert (states(), box.taken) == (["queued"], [])


# Nobody answers


def test_a_server_that_is_down_delays_and_loses_nothing(settings: Any, maya: User, tomas: User) -> None:
    port, box = free_port(), Mailbox()
    use(settings, f"smtp://127.0.0.1:{port}")
    say("one", maya)
    say("two", tomas)
    assert mail.work_off_mail() == 0
    channel = Channel.objects.get(name="mail")
    assert "Connection refused" in channel.last_error
    assert Delivery.objects.filter(attempts__gt=0).count() == 1, "one try shows that it is down"
    with mail_server(box, port=port):
        assert mail.work_off_mail() == 0, "the pause holds"
        open_again()
        assert mail.work_off_mail() == 2
        assert mail.work_off_mail() == 0
    assert sorted(box.recipients) == ["maya.okafor@example.org", "tomas.lind@example.org"]
    assert Channel.objects.get().failures == 0


def test_the_pause_grows_and_has_an_end(settings: Any, maya: User) -> None:
    use(settings, f"smtp://127.0.0.1:{free_port()}")
    say("one", maya)
    pauses = []
    for _ in range(9):
        mail.work_off_mail()
        channel = Channel.objects.get()
        assert channel.paused_until is not None
        pauses.append(round((channel.paused_until - timezone.now()).total_seconds(), -1))
        open_again()
    assert pauses[:3] == [10, 20, 40]
    assert pauses[-1] == 600


def test_administrators_hear_of_a_server_that_is_down_for_long_once_and_when_it_is_back(
    settings: Any, box: Mailbox, maya: User, root_admin: User
) -> None:
    box.refusals["DATA"] = "451 busy"
    url = settings.PORTICO_MAIL_URL
    use(settings, f"smtp://127.0.0.1:{free_port()}")
    say("one", maya)
    mail.work_off_mail()
    assert not Happening.objects.filter(event="channel.failing").exists()
    Channel.objects.update(failing_since=timezone.now() - timedelta(minutes=16))
    for _ in range(2):
        open_again()
        mail.work_off_mail()
    told = Happening.objects.get(event="channel.failing")
    assert list(told.notices.values_list("user", flat=True)) == [root_admin.pk]
    assert told.title == "Mail cannot be sent"
    box.refusals.clear()
    use(settings, url)
    open_again()
    mail.work_off_mail()
    told.refresh_from_db()
    assert told.settled_words == "It works again."


def test_one_address_that_is_refused_keeps_nobody_else_waiting(box: Mailbox, maya: User, tomas: User) -> None:
    box.refusals[maya.email] = "550 no such user"
    say("one", maya, tomas)
    assert mail.work_off_mail() == 1
    assert box.recipients == [tomas.email]
    row = Delivery.objects.get(user=maya)
    assert (row.state, row.last_error) == ("failed", "The mail server does not take the address (550).")
    assert Channel.objects.get().failures == 0


def test_a_greylisted_address_is_tried_again_later(box: Mailbox, maya: User, tomas: User) -> None:
    box.refusals[maya.email] = "450 come back"
    say("one", maya, tomas)
    mail.work_off_mail()
    assert box.recipients == [tomas.email]
    box.refusals.clear()
    assert mail.work_off_mail() == 0, "not at once"
    open_again()
    assert mail.work_off_mail() == 1
    assert box.recipients == [tomas.email, maya.email]


def test_what_could_not_be_sent_for_days_is_given_up(box: Mailbox, maya: User) -> None:
    say("one", maya)
    mail.gather()
    Delivery.objects.update(created_at=timezone.now() - timedelta(days=4))
    assert mail.work_off_mail() == 0
    assert Delivery.objects.get().state == "failed"
    assert box.taken == []


# A worker that dies


def test_a_message_of_a_dead_worker_goes_out_under_the_same_number(box: Mailbox, maya: User) -> None:
    say("one", maya)
    mail.gather()
    claimed = deliveries._claim("mail")
    assert claimed is not None
    assert mail.work_off_mail() == 0, "somebody has it"
    Delivery.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert mail.work_off_mail() == 1
    assert box.taken[0]["Message-ID"] == f"<{claimed.pk}@localhost>"
    deliveries._end(claimed, Delivery.State.FAILED, "the dead one comes back")
    assert Delivery.objects.get().state == "sent", "who lost the lease writes nothing"


def test_only_one_worker_sends_at_a_time(box: Mailbox, maya: User, django_db_blocker: Any) -> None:
    import psycopg

    say("one", maya)
    own = connection.get_connection_params()
    params = {name: own[name] for name in ("host", "port", "user", "dbname") if own.get(name)}
    with psycopg.connect(**params, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s, hashtext('mail'))", [deliveries.LOCK_CLASS])
        assert mail.work_off_mail() == 0
    assert mail.work_off_mail() == 1


# What is not sent


def test_what_was_read_or_settled_meanwhile_is_not_sent(
    box: Mailbox, owners_decide: PolicyRevision, maya: User, tomas: User, ines: User
) -> None:
    intent = intents.submit(wish(maya))
    mail.gather()
    approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest)
    mail.work_off_mail()
    assert box.recipients == [maya.email]
    assert states().count("dropped") == 2


def test_what_is_no_use_any_more_is_not_sent(box: Mailbox, maya: User) -> None:
    say("one", maya, topic="ending", useful_until=timezone.now() + timedelta(hours=1))
    mail.gather()
    Happening.objects.update(useful_until=timezone.now() - timedelta(seconds=1))
    mail.work_off_mail()
    say("two", maya, topic="ending", useful_until=timezone.now() - timedelta(seconds=1))
    mail.work_off_mail()
    assert box.taken == []


def test_a_leaver_gets_nothing_though_it_was_owed(box: Mailbox, maya: User) -> None:
    say("one", maya)
    mail.gather()
    User.objects.filter(pk=maya.pk).update(is_active=False)
    mail.work_off_mail()
    assert box.taken == []
    assert Delivery.objects.get().last_error == "The account is closed."


def test_without_a_server_nothing_is_owed_and_nothing_fails(settings: Any, maya: User) -> None:
    use(settings, "")
    say("one", maya)
    assert mail.work_off_mail() == 0
    assert Notice.objects.get().mail_due_at is None


def test_somebody_without_an_address_keeps_nobody_waiting(box: Mailbox, maya: User, tomas: User) -> None:
    User.objects.filter(pk=maya.pk).update(email="")
    say("one", maya, tomas)
    assert mail.work_off_mail() == 1
    assert Delivery.objects.get(user=maya).state == "failed"


# Hostile words


def test_names_cannot_add_heads_or_recipients(box: Mailbox, maya: User) -> None:
    User.objects.filter(pk=maya.pk).update(
        first_name="Maya\r\nBcc: all@example.org", last_name="<x@example.org>,"
    )
    say("one", maya, title="Size\r\nBcc: all@example.org\r\n\r\nbody", detail="a\r\n.\r\nMAIL FROM:<x@y>")
    assert mail.work_off_mail() == 1
    (message,) = box.taken
    assert box.recipients == ["maya.okafor@example.org"]
    assert message["Bcc"] is None
    assert message["Subject"] == "Size  Bcc: all@example.org    body"
    assert "MAIL FROM:<x@y>" in text_of(message)


@pytest.mark.parametrize(
    "address", ["a@example.org\nBcc: b@example.org", "a@example.org,b@example.org", "a b@c", "@"]
)
def test_an_address_that_is_none_gets_no_mail(address: str, box: Mailbox, maya: User) -> None:
    User.objects.filter(pk=maya.pk).update(email=address)
    say("one", maya)
    assert mail.work_off_mail() == 0
    assert box.recipients == []
    assert Delivery.objects.get().state == "failed"


def test_html_of_names_is_shown_and_not_run(box: Mailbox, maya: User) -> None:
    say("one", maya, title="<img src=//evil> & <b>", detail="<script>x</script>")
    mail.work_off_mail()
    html = html_of(box.taken[0])
    assert "<img" not in html
    assert "<script" not in html
    assert "&lt;script&gt;x&lt;/script&gt;" in html
    assert "<script>x</script>" in text_of(box.taken[0])


# Links


def test_a_link_leads_to_the_page_and_neither_signs_in_nor_reads(box: Mailbox, maya: User) -> None:
    say(
        "one",
        maya,
        url="/inbox/?tab=mine",
        action="Ask for more time",
        action_url="/access/request/?entity=x",
    )
    mail.work_off_mail()
    urls = re.findall(r"http://localhost:\d+(/n/\S+)", text_of(box.taken[0]))
    stranger = Client()
    assert [stranger.get(url)["Location"] for url in urls] == [
        "/inbox/?tab=mine",
        "/access/request/?entity=x",
    ]
    assert stranger.get("/inbox/?tab=mine")["Location"].startswith("/signin/")
    assert "_auth_user_id" not in stranger.session
    assert stranger.post(urls[0]).status_code == 405
    assert Notice.objects.get().read_at is None


def test_a_link_that_is_old_cut_or_of_another_kind_leads_nowhere(
    box: Mailbox, maya: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    say("one", maya)
    Notice.objects.update(id=maya.pk)  # so that a token of the other kind would name one that is there
    mail.work_off_mail()
    good = link_in(box.taken[0])
    stop = notice_links.stopping(maya, ["decided"]).rsplit("/", 2)[1]
    for bad in (good[:-3] + "/", good.replace("/n/", "/n/x"), f"/n/{stop}/"):
        answer = Client().get(bad)
        assert answer.status_code == 410, bad
        assert "does not lead anywhere" in answer.content.decode()
    monkeypatch.setattr(notice_links, "LEADS_FOR", timedelta(0))
    assert Client().get(good).status_code == 410


def test_mail_is_stopped_with_one_click_and_not_by_looking(box: Mailbox, maya: User) -> None:
    say("one", maya)
    mail.work_off_mail()
    (message,) = box.taken
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    path = re.sub(r"^<http://[^/]+|>$", "", message["List-Unsubscribe"].strip())
    stranger = Client(enforce_csrf_checks=True)
    assert "Stop this mail?" in stranger.get(path).content.decode()
    assert not NoticeChoice.objects.exists()
    answer = stranger.post(path, {"List-Unsubscribe": "One-Click"})
    assert "No more mail about this" in answer.content.decode()
    choice = NoticeChoice.objects.get()
    assert (choice.user, choice.topic, choice.mail, choice.is_shown) == (
        maya,
        "decided",
        MailWish.NEVER,
        True,
    )
    assert "_auth_user_id" not in stranger.session
    say("two", maya)
    assert mail.work_off_mail() == 0
    assert Notice.objects.filter(user=maya).count() == 2


# The daily mail


def test_what_can_wait_comes_once_a_day_in_one_mail_without_what_was_read(
    box: Mailbox, maya: User, tomas: User, settings: Any
) -> None:
    for key in ("one", "two", "three"):
        say(key, maya, topic="work")
    assert mail.work_off_mail() == 0
    Notice.objects.filter(happening__key="two").update(read_at=timezone.now())
    Notice.objects.update(mail_due_at=timezone.now())  # the hour has come
    assert mail.work_off_mail() == 1
    (message,) = box.taken
    assert message["Subject"] == "2 notifications: About one"
    body = text_of(message)
    assert "About one" in body
    assert "About two" not in body
    assert "About three" in body


def test_a_long_daily_mail_names_the_rest(box: Mailbox, maya: User) -> None:
    for number in range(mail.LISTED + 7):
        say(f"n{number}", maya, topic="work")
    Notice.objects.update(mail_due_at=timezone.now())
    assert mail.work_off_mail() == 1
    assert f"And 7 more: {notice_links.absolute('/notifications/')}" in text_of(box.taken[0])
    assert box.taken[0]["Subject"].startswith("57 notifications: ")
    assert mail.work_off_mail() == 0


def test_a_burst_comes_as_one_mail_and_a_second_with_the_rest(box: Mailbox, maya: User, tomas: User) -> None:
    say("one", maya)
    assert mail.work_off_mail() == 1
    for number in range(20):
        say(f"more-{number}", maya)
    say("other", tomas)
    assert mail.work_off_mail() == 1, "only the other person"
    Delivery.objects.update(created_at=timezone.now() - mail.BREATHER)
    assert mail.work_off_mail() == 1
    assert [message["Subject"] for message in box.taken][2] == "20 notifications: About more-0"


# Secrets, and forgetting


def test_no_secret_is_in_a_message_a_row_or_the_log(
    box: Mailbox, settings: Any, maya: User, caplog: pytest.LogCaptureFixture
) -> None:
    settings.SECRET_KEY, settings.EMAIL_HOST_PASSWORD = "the-secret-key" * 4, ""
    with caplog.at_level(logging.INFO, "django.db.backends"), caplog.at_level(logging.DEBUG):
        say("one", maya)
        mail.work_off_mail()
        token = link_in(box.taken[0]).split("/")[2]
        Client().get(f"/n/{token}/")
    written = box.taken[0].as_string()
    assert "the-secret-key" not in written + caplog.text
    assert maya.password not in written
    with connection.cursor() as cursor:
        cursor.execute("SELECT d::text || coalesce(n::text, '') FROM control_delivery d, control_notice n")
        assert token not in cursor.fetchone()[0], "links are made when they are sent, and kept nowhere"


def test_what_nobody_sends_any_more_is_given_up(settings: Any, maya: User) -> None:
    say("one", maya)
    mail.gather()
    assert deliveries.give_up_old() == 0
    Delivery.objects.update(created_at=timezone.now() - timedelta(days=4))
    assert deliveries.give_up_old() == 1
    assert Delivery.objects.get().state == "failed"


@pytest.mark.parametrize("url", ["https://evil.example/", "//evil.example/", "/\\evil.example/", ""])
def test_nothing_leads_outside(url: str, maya: User) -> None:
    with pytest.raises(IntegrityError, match="happening_leads_inside"), transaction.atomic():
        say("one", maya, url=url)
    if url:
        with pytest.raises(IntegrityError, match="happening_action_whole"), transaction.atomic():
            say("two", maya, action="Go", action_url=url)


def test_an_administrator_has_it_tried_at_once(
    settings: Any, maya: User, root_admin: User, client_for: SignedIn
) -> None:
    port, box = free_port(), Mailbox()
    use(settings, f"smtp://127.0.0.1:{port}")
    say("one", maya)
    mail.work_off_mail()
    page = client_for(root_admin).get("/notifications/channels/").content.decode()
    assert "Does not work" in page
    assert "Connection refused" in page
    with mail_server(box, port=port):
        client_for(root_admin).post("/notifications/channels/try/", {"name": "mail"})
        client_for(root_admin).post("/notifications/channels/try/", {"name": "nothing"})
        assert mail.work_off_mail() == 1
    assert AuditEvent.objects.get(action="channel.tried").actor == root_admin


def test_an_administrator_sends_a_test_to_themselves(
    box: Mailbox, root_admin: User, maya: User, client_for: SignedIn
) -> None:
    NoticeChoice.objects.create(user=root_admin, topic="platform", is_shown=True, mail=MailWish.NEVER)
    client = client_for(root_admin)
    assert client.post("/notifications/channels/test/", {"name": "mail"}).status_code == 302
    assert mail.work_off_mail() == 1
    assert (box.recipients, box.taken[0]["Subject"]) == ([root_admin.email], "A test, sent by Root Admin")
    assert client.post("/notifications/channels/test/", {"name": "nowhere"}).status_code == 404
    assert client_for(maya).post("/notifications/channels/test/", {"name": "mail"}).status_code == 404
    assert Delivery.objects.count() == 1


def test_old_rows_are_forgotten(box: Mailbox, maya: User) -> None:
    say("one", maya)
    mail.work_off_mail()
    assert deliveries.forget_old() == 0
    Delivery.objects.update(ended_at=timezone.now() - timedelta(days=31))
    assert deliveries.forget_old() == 1
    assert Notice.objects.get().mail is None
    Happening.objects.update(at=timezone.now() - timedelta(days=181))
    assert deliveries.forget_old() == 2
    assert not Intent.objects.exists()
