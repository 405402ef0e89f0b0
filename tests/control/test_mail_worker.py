"""A real worker is killed with SIGKILL while the mail server lets it wait: the mail comes, once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from control.models import Delivery, User
from control.notices import News, tell
from tests.control.mail_server import Mailbox, mail_server
from tests.waiting import wait_until
from tests.worker import RealWorker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.service]
PATIENCE_SECONDS = 30


def test_a_mail_of_a_killed_worker_comes_once(maya: User, real_worker: RealWorker) -> None:
    box = Mailbox()
    with mail_server(box) as port:
        box.is_holding.set()
        real_worker.start(PORTICO_MAIL_URL=f"smtp://127.0.0.1:{port}")
        tell(News("test.said", "decided", "k", "t", "Approved: logs", "/access/"), [maya.pk])
        wait_until(
            lambda: box.asked, PATIENCE_SECONDS, "the worker hands it over", lambda: real_worker.output
        )
        real_worker.kill()
        box.is_holding.clear()
        assert Delivery.objects.get().state == "queued"
        Delivery.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
        real_worker.start(PORTICO_MAIL_URL=f"smtp://127.0.0.1:{port}")
        tell(News("test.said", "decided", "bell", "t", "Rings only", "/access/"), [])
        wait_until(
            lambda: Delivery.objects.get().state == "sent",
            PATIENCE_SECONDS,
            "another worker sends it",
            lambda: real_worker.output,
        )
    assert [message["Subject"] for message in box.taken] == ["Approved: logs"]
