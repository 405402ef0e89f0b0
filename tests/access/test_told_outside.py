"""The life of an access as people and systems outside hear of it: by a real mail server, and by signed calls.

How mail and calls are sent, tried again and refused is tried with the spine: `tests/control/test_mail.py` and
`test_webhooks.py`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from access import grants, reviews
from access.grant_notices import ACCESS
from access.models import Grant
from control import approvals, intents, mail, webhooks
from control.models import Channel, Delivery, MailWish, NoticeChoice, User
from tests.access import room
from tests.control.mail_server import Mailbox
from tests.control.receiver import Receiver
from tests.control.test_mail import box
from tests.control.test_webhooks import receiver

__all__ = ["box", "receiver"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("service", "ines")]
BREAKABLE = room.RULES.replace(
    "defaultDuration: 1h", "defaultDuration: 1h\n  breakGlass: {maxDuration: 1h, reviewWithin: 24h}"
)


def arrived(box: Mailbox) -> set[tuple[str, str]]:
    """Work off what is owed, as if the pause after the mail before were over: to whom, and about what."""
    before = len(box.taken)
    Delivery.objects.update(created_at=timezone.now() - mail.BREATHER)
    mail.work_off_mail()
    return {(str(one["To"].addresses[0].username), str(one["Subject"])) for one in box.taken[before:]}


def heard(receiver: Receiver) -> list[dict[str, Any]]:
    """Work off what is owed; a receiver takes nothing whose signature it cannot verify."""
    before = len(receiver.calls)
    webhooks.work_off_calls()
    assert receiver.refused == []
    return [call["body"] for call in receiver.calls[before:]]


@pytest.mark.usefixtures("rules")
def test_people_get_mail_of_what_waits_what_was_decided_and_what_ended(
    box: Mailbox, maya: User, tomas: User
) -> None:
    NoticeChoice.objects.create(user=maya, topic=ACCESS.name, is_shown=True, mail=MailWish.AT_ONCE)
    intent = room.ask(maya)
    asks = "Maya Okafor asks for Production logs of payments"
    assert arrived(box) == {("tomas.lind", asks), ("ines.duarte", asks)}
    approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest)
    assert ("maya.okafor", "Approved: Production logs of payments") in arrived(box)
    grants.revoke(Grant.objects.get().pk, by=tomas, reason="The incident is over.")
    assert arrived(box) == {("maya.okafor", "Ended early: Production logs of payments")}
    assert arrived(box) == set()


def test_a_system_hears_of_a_broken_glass_and_its_review_in_signed_calls(
    receiver: Receiver, maya: User, tomas: User, tmp_path: Path
) -> None:
    room.publish(tmp_path, BREAKABLE)
    draft = room.draft(maya, duration="30m")
    intent = intents.submit(replace(draft, parameters={**draft.parameters, "break_glass": True}))
    broken = next(body for body in heard(receiver) if body["type"] == "dev.portico.access.glass_broken")
    assert broken["subject"] == room.REF
    assert broken["data"]["title"] == "Maya Okafor broke the glass: Production logs of payments"
    grants.revoke(intent.grant.pk, by=maya)
    reviews.give(intent.grant.pk, by=tomas, outcome="justified", done="Restarted the processor.")
    assert "dev.portico.access.reviewed" in {body["type"] for body in heard(receiver)}
    assert Channel.objects.get().failures == 0
