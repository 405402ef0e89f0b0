"""The receivers of PORTICO_RECEIVERS: chats and systems that are told what happens, each what it asked for.

They are named in the environment and not in the rules: their addresses and secrets are for nobody to read, and rules
are (docs/decisions/011).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

from control import subjects
from control.filters import EVERYTHING, Filter, FilterError, parse
from control.models import Happening
from control.notice_topics import PLATFORM, topics
from control.setting_secrets import Secret, SecretMissing, SecretTwice, secret_of

SETTING = "PORTICO_RECEIVERS"
SLACK, SIGNED = "slack", "signed"
LEAST_KEY_BYTES = 24  # as Standard Webhooks asks for
_NAME = re.compile(r"[a-z][a-z0-9-]{0,40}")
_SECRETS = ("url", "secret")
_FIELDS = frozenset(
    {
        *("name", "type", "topics", "teams", "entities", "environments"),
        *(f"{name}{how}" for name in _SECRETS for how in ("", "_file", "_env")),
    }
)


class ReceiverInvalid(ValueError):
    """An entry of the setting that makes no sense; the message quotes no value that may be secret."""


@dataclass(frozen=True)
class Receiver:
    """Of what happens, it is told what passes all of its filters; one that is left out lets everything pass."""

    name: str
    type: str
    url: Secret
    secret: Secret
    topics: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    entities: Filter = EVERYTHING
    environments: frozenset[str] = frozenset()

    def wants(self, happening: Happening) -> bool:
        if self.topics and happening.topic not in self.topics:
            return False
        if self.teams and not self.teams.intersection(happening.groups):
            return False
        if self.environments and happening.environment not in self.environments:
            return False
        return self.entities == EVERYTHING or self.entities.matches(
            subjects.resolve(happening.subject_ref).terms
        )

    def address(self) -> str:
        """Raises `SecretMissing`, also for what is no address that may be used."""
        url = self.url.read()
        parts = urlsplit(url)
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.username:
            raise SecretMissing(
                f"The url of the receiver {self.name} is no web address. Correct it in {SETTING}."
            )
        return url

    def keys(self) -> list[bytes]:
        """What it is signed with; several while they are changed. Raises `SecretMissing`."""
        keys = [_key(text) for text in self.secret.read().split()]
        if not keys or any(key is None for key in keys):
            raise SecretMissing(
                f"The secret of the receiver {self.name} is not whsec_ and at least {LEAST_KEY_BYTES} bytes in base64. "
                f"Correct it in {SETTING}."
            )
        return [key for key in keys if key is not None]


def _key(text: str) -> bytes | None:
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        return None
    return key if text.startswith("whsec_") and len(key) >= LEAST_KEY_BYTES else None


def receivers() -> list[Receiver]:
    """All that are configured. Raises `ReceiverInvalid` for an entry that makes no sense."""
    found = [_receiver(entry, number) for number, entry in enumerate(settings.PORTICO_RECEIVERS, start=1)]
    names = [one.name for one in found]
    if len(set(names)) != len(names):
        raise ReceiverInvalid(f"Two entries of {SETTING} have the same name. Each needs one of its own.")
    return found


def receiver_named(name: str) -> Receiver | None:
    return next((one for one in receivers() if one.name == name), None)


def _receiver(entry: Mapping[str, str], number: int) -> Receiver:
    where = f"Entry {number} of {SETTING}"
    if entry.keys() - _FIELDS:
        raise ReceiverInvalid(f"{where} has a field that is not known. Known: {', '.join(sorted(_FIELDS))}.")
    name, type = entry.get("name", ""), entry.get("type", "")
    if not _NAME.fullmatch(name) or name == "mail":
        raise ReceiverInvalid(
            f"{where} has no good name. Use lower case letters, digits and hyphens, but not mail."
        )
    if type not in (SLACK, SIGNED):
        raise ReceiverInvalid(f"{where} has no known type. Write slack or signed.")
    try:
        url, secret = (secret_of(entry, field, SETTING) for field in _SECRETS)
        entities = parse(entry["entities"].split(";")) if entry.get("entities") else EVERYTHING
    except (SecretTwice, FilterError) as error:
        raise ReceiverInvalid(
            f"{where} {error}" if isinstance(error, SecretTwice) else f"{where}: {error}"
        ) from None
    if not url.is_set or (type == SIGNED) != secret.is_set:
        wanted = "a url and a secret" if type == SIGNED else "a url and no secret"
        raise ReceiverInvalid(f"{where} is not whole: a receiver of type {type} has {wanted}.")
    return Receiver(
        name,
        type,
        url,
        secret,
        topics=_topics(entry.get("topics", ""), where),
        teams=frozenset(_team(team) for team in _words(entry.get("teams", ""))),
        entities=entities,
        environments=frozenset(_words(entry.get("environments", ""))),
    )


def _topics(text: str, where: str) -> frozenset[str]:
    """Left out, everything but what is about Portico itself."""
    known = {topic.name for topic in topics()}
    asked = frozenset(_words(text))
    if asked - known:
        raise ReceiverInvalid(
            f"{where} asks for a topic that there is not. Known: {', '.join(sorted(known))}."
        )
    return asked or frozenset(known - {PLATFORM})


def _team(text: str) -> str:
    """`payments` is group:default/payments, as in rules."""
    name = text.lower().removeprefix("group:")
    return f"group:{name}" if "/" in name else f"group:default/{name}"


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
