"""Messages of hosts about what changed: who sent them, that each counts once, and which locations are owed a read.

A message changes nothing but when locations are read: what is there is then asked of the host itself. So a forged or
repeated one could at most cause reading, and neither gets so far: the signature covers the whole body, and number and
content are remembered for as long as a host may send it again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from catalog import tasks
from catalog.errors import Unreadable
from catalog.hosts import integrations
from catalog.hosts.integrations import Integration
from catalog.models import Location, WebhookDelivery
from catalog.push_targets import concerned
from catalog.pushes import Change, Push, github_change, gitlab_change

REMEMBERED = timedelta(days=7)  # GitHub offers to send again for three days
RINGS = 20  # more bells than that are one bell for all


@dataclass(frozen=True)
class Delivery:
    """A message whose sender is known."""

    integration: Integration
    event: str
    number: str
    body: bytes


class NotFromHost(Exception):
    """Nobody who may send messages signed this one. Its sender is told nothing more."""


def signed_by_github(body: bytes, signature: str) -> Integration:
    """The integration whose secret `X-Hub-Signature-256` was made with. Raises `NotFromHost`."""
    for integration, secret in _secrets(integrations.GITHUB):
        expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        if hmac.compare_digest(expected.encode(), signature.encode()):
            return integration
    raise NotFromHost


def named_by_gitlab(token: str) -> Integration:
    """The integration whose secret is `X-Gitlab-Token`. Raises `NotFromHost`."""
    for integration, secret in _secrets(integrations.GITLAB):
        if hmac.compare_digest(secret.encode(), token.encode()):
            return integration
    raise NotFromHost


def _secrets(type: str) -> Iterable[tuple[Integration, str]]:
    for integration in integrations.of_type(type):
        try:
            secret = integration.webhook_secret.read()
        except Unreadable:
            continue  # a secret that is not there signs nothing
        if secret:
            yield integration, secret


@transaction.atomic
def take(delivery: Delivery) -> int:
    """Make the locations concerned owe a read. Returns how many; 0 for a message taken before, or that says nothing."""
    change = _change(delivery)
    if change is None or not _is_first(delivery):
        return 0
    now = timezone.now()
    found = list(concerned(delivery.integration, change).values_list("pk", flat=True))
    Location.objects.filter(pk__in=found).update(refresh_asked_at=now, next_read_at=now)
    if len(found) > RINGS:
        transaction.on_commit(tasks.ring_for_due)
    else:
        for location_id in found:
            transaction.on_commit(partial(tasks.ring, location_id))
    return len(found)


def _change(delivery: Delivery) -> Change | Push | None:
    """What the message says that matters here; None for all else, also for what makes no sense."""
    try:
        payload: Any = json.loads(delivery.body)
        read = github_change if delivery.integration.type == integrations.GITHUB else gitlab_change
        return read(delivery.event, payload) if isinstance(payload, dict) else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _is_first(delivery: Delivery) -> bool:
    """Insert first and look on a clash: of two that come at once, one counts."""
    type, digest = delivery.integration.type, hashlib.sha256(delivery.body).hexdigest()
    WebhookDelivery.objects.filter(received_at__lt=timezone.now() - REMEMBERED).delete()
    try:
        with transaction.atomic():
            WebhookDelivery.objects.create(
                host_type=type, number=(delivery.number or digest)[:200], digest=digest
            )
    except IntegrityError:
        return not WebhookDelivery.objects.filter(
            Q(number=(delivery.number or digest)[:200]) | Q(digest=digest), host_type=type
        ).exists()
    return True
