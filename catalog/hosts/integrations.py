"""The hosts of PORTICO_INTEGRATIONS: where their API is, and the secrets that it takes.

Secrets are read when they are used, so a file that is rotated counts at once; they are in no repr, message or row.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from catalog.errors import Unreadable

GITHUB, GITLAB, BACKSTAGE = "github", "gitlab", "backstage"
_PUBLIC = {GITHUB: "github.com", GITLAB: "gitlab.com"}
_SECRETS = ("token", "webhook_secret")
_FIELDS = frozenset(
    {"type", "host", "api", *(f"{name}{how}" for name in _SECRETS for how in ("", "_file", "_env"))}
)


class IntegrationInvalid(ValueError):
    """An entry of the setting that makes no sense; the message names no value that may be secret."""


@dataclass(frozen=True)
class Secret:
    """A text that is known only to who asks for it: as it stands in the setting, in a file, or in a variable."""

    name: str
    text: str = field(default="", repr=False)
    file: str = ""
    variable: str = ""

    def read(self) -> str:
        """The text; empty when none is set. Raises `Unreadable` for a file or variable that is named but not there."""
        if self.file:
            try:
                return Path(self.file).expanduser().read_text().strip()
            except OSError as error:
                raise Unreadable(
                    f"The file with the {self.name} cannot be read: {error.strerror}. Correct {self.name}_file in "
                    "PORTICO_INTEGRATIONS."
                ) from error
        if self.variable and not os.environ.get(self.variable):
            raise Unreadable(
                f"The variable {self.variable}, which should hold the {self.name}, is not set. Set it, and start again."
            )
        return os.environ[self.variable].strip() if self.variable else self.text


@dataclass(frozen=True)
class Integration:
    type: str
    host: str  # as in addresses of its pages, lower case, with the port if it has one
    api: str  # base address of its REST API, without a slash at the end
    token: Secret
    webhook_secret: Secret


def integrations() -> list[Integration]:
    """All that are configured; raises `IntegrationInvalid` for an entry that makes no sense."""
    return [
        _integration(entry, number) for number, entry in enumerate(settings.PORTICO_INTEGRATIONS, start=1)
    ]


def of_host(host: str, *types: str) -> Integration | None:
    """The integration of this host (with its port) for one of these types."""
    return next((one for one in integrations() if one.host == host.lower() and one.type in types), None)


def of_type(type: str) -> list[Integration]:
    return [one for one in integrations() if one.type == type]


def public(type: str) -> Integration:
    """The well-known host of this type without a token: what everybody may read."""
    return _integration({"type": type, "host": _PUBLIC[type]}, 0)


def for_address(url: str, type: str) -> Integration:
    """Who answers for `url`: the configured integration, or the well-known host. Raises `Unreadable`."""
    host = urlsplit(url).netloc.lower()
    if found := of_host(host, type):
        return found
    if host == _PUBLIC.get(type):
        return public(type)
    raise Unreadable(
        f"No {type} integration is set for {host}. Add one with its token to PORTICO_INTEGRATIONS and start again."
    )


def _integration(entry: Mapping[str, str], number: int) -> Integration:
    where = f"Entry {number} of PORTICO_INTEGRATIONS"
    unknown = entry.keys() - _FIELDS
    if unknown:
        raise IntegrationInvalid(
            f"{where} has a field that is not known. Known: {', '.join(sorted(_FIELDS))}."
        )
    type, host = entry.get("type", ""), entry.get("host", "").lower().strip("/")
    if type not in (GITHUB, GITLAB, BACKSTAGE):
        raise IntegrationInvalid(f"{where} has no known type. Write github, gitlab or backstage.")
    if not host or "/" in host or "@" in host:
        raise IntegrationInvalid(f"{where} has no host. Write it without https:// and path, like github.com.")
    api = entry.get("api", "").rstrip("/") or _usual_api(type, host)
    parts = urlsplit(api)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username:
        raise IntegrationInvalid(
            f"{where} has an api that is no web address. Write {_usual_api(type, host)}."
        )
    token, webhook_secret = (_secret(entry, name, where) for name in _SECRETS)
    return Integration(type, host, api, token, webhook_secret)


def _usual_api(type: str, host: str) -> str:
    if type == GITHUB:
        return "https://api.github.com" if host == "github.com" else f"https://{host}/api/v3"
    return f"https://{host}/api/v4" if type == GITLAB else f"https://{host}/api/catalog"


def _secret(entry: Mapping[str, str], name: str, where: str) -> Secret:
    given = [entry.get(f"{name}{how}", "") for how in ("", "_file", "_env")]
    if sum(map(bool, given)) > 1:
        raise IntegrationInvalid(
            f"{where} gives its {name} twice. Keep one of {name}, {name}_file, {name}_env."
        )
    return Secret(name, *given)
