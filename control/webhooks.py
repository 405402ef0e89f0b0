"""Telling receivers: who is owed what, the words for chats, signed envelopes for systems, and the call itself.

Signed calls follow Standard Webhooks (`webhook-id`, `webhook-timestamp`, `webhook-signature`) around a CloudEvents 1.0
envelope. The same happening has the same id and the same bytes at each try; only the time and so the signature are new.
Calls go to public addresses and to what PORTICO_SENDING_ALLOW names, never on with a redirect.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC
from functools import partial
from typing import Any

import requests
from django.conf import settings
from urllib3.util import Retry

from control import clock, network, notice_links, outbound
from control.deliveries import LOCK_CLASS, NotNeeded, TryLater, Unavailable, work_off
from control.errors import Unreachable
from control.models import Delivery, Happening
from control.receivers import SIGNED, Receiver, receivers
from control.setting_secrets import SecretMissing
from control.sole_worker import sole_worker

SILENCE_SECONDS = 10
_TYPE = "dev.portico"
_OURS = frozenset({400, 413, 422})  # answers about this one message
# Marks of chats: nothing that somebody wrote may name everybody, or become a link.
_QUIET = str.maketrans({"<": "‹", ">": "›"})
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def owe(happening: Happening) -> None:
    """In the transaction of the change: a call for each receiver that wants to hear of it."""
    calls = [
        Delivery(channel=one.name, happening=happening, next_try_at=happening.at)
        for one in receivers()
        if one.wants(happening)
    ]
    Delivery.objects.bulk_create(calls, ignore_conflicts=True)


def work_off_calls() -> int:
    """Returns how many calls were taken. One worker at a time, so that slow receivers never hold more than one."""
    with sole_worker(LOCK_CLASS, "every receiver") as is_ours:
        return sum(work_off(one.name, partial(_call, one)) for one in receivers()) if is_ours else 0


def _call(receiver: Receiver, delivery: Delivery) -> None:
    happening = delivery.happening
    assert happening is not None  # noqa: S101  a constraint of the table
    if happening.useful_until is not None and happening.useful_until <= clock.now():
        raise NotNeeded("It was over before it could be told.")
    try:
        url = receiver.address()
        headers, body = _written(receiver, happening)
    except SecretMissing as error:
        raise Unavailable(str(error)) from None
    _judge(receiver, _post(receiver, url, headers, body))


def _written(receiver: Receiver, happening: Happening) -> tuple[dict[str, str], bytes]:
    if receiver.type == SIGNED:
        body = _bytes(envelope(happening))
        return signed_headers(receiver.keys(), str(happening.pk), int(clock.now().timestamp()), body), body
    return {"Content-Type": "application/json"}, _bytes(chat_message(happening))


def _bytes(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def envelope(happening: Happening) -> dict[str, Any]:
    """CloudEvents 1.0, structured mode."""
    subject = {"subject": happening.subject_ref} if happening.subject_ref else {}
    return {
        "specversion": "1.0",
        "id": str(happening.pk),
        "source": settings.PORTICO_URL,
        "type": f"{_TYPE}.{happening.event}",
        "time": happening.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        **subject,
        "data": {
            "title": happening.told,
            "detail": happening.detail,
            "url": notice_links.absolute(happening.url),
            "topic": happening.topic,
            "thread": happening.thread,
            "environment": happening.environment,
            "teams": happening.groups,
        },
    }


def signed_headers(keys: list[bytes], number: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Standard Webhooks: `v1,` and the HMAC-SHA256 over id, time and body; one for each key while keys are changed."""
    signed = f"{number}.{timestamp}.".encode() + body
    signatures = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys]
    return {
        "Content-Type": "application/cloudevents+json",
        "webhook-id": number,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def chat_message(happening: Happening) -> dict[str, Any]:
    """As Slack's incoming webhooks take it, and Mattermost and others, which read `text` alone.

    What people wrote stands in plain text; the one link is ours.
    """
    url = notice_links.absolute(happening.url).replace("|", "%7C").replace(">", "%3E")
    link = f"<{url}|Open in Portico>"
    blocks = [_plain(happening.told)]
    if happening.detail:
        blocks.append(_plain(happening.detail))
    blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": link}})
    return {
        "text": f"{happening.told.translate(_ESCAPED)}\n{link}",
        "blocks": blocks,
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _plain(words: str) -> dict[str, Any]:
    return {
        "type": "section",
        "text": {"type": "plain_text", "text": words.translate(_QUIET), "emoji": False},
    }


def _addresses() -> Callable[[str, int], list[str]]:
    openings = network.Openings("PORTICO_SENDING_ALLOW", settings.PORTICO_SENDING_ALLOW)
    return lambda host, port: network.checked_addresses(host, port, openings)


def _post(receiver: Receiver, url: str, headers: Mapping[str, str], body: bytes) -> int:
    """The status of the answer, whose body is of no interest. No message quotes the address: it may be the secret."""
    limits = (outbound.CONNECT_SECONDS, SILENCE_SECONDS)
    with outbound.session(_addresses(), Retry(total=0, redirect=0)) as session:
        try:
            with session.post(
                url, data=body, headers=dict(headers), timeout=limits, allow_redirects=False, stream=True
            ) as answer:
                return answer.status_code
        except Unreachable as refusal:
            raise Unavailable(str(refusal)) from None
        except requests.Timeout:
            raise Unavailable(f"The receiver {receiver.name} did not answer in time.") from None
        except requests.exceptions.SSLError:
            raise Unavailable(
                f"The receiver {receiver.name} has no certificate that is trusted here."
            ) from None
        except requests.RequestException:
            raise Unavailable(f"The receiver {receiver.name} could not be reached.") from None


def _judge(receiver: Receiver, status: int) -> None:
    if 200 <= status < 300:
        return
    if status in _OURS:
        raise TryLater(f"The receiver {receiver.name} did not take this one ({status}).")
    if 300 <= status < 400:
        raise Unavailable(
            f"The receiver {receiver.name} sends on to another address ({status}). Name that one."
        )
    raise Unavailable(f"The receiver {receiver.name} answered {status}.")
