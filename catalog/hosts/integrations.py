"""The hosts of PORTICO_INTEGRATIONS: where their API is, and the secrets that it takes.

Secrets are read when they are used, so a file that is rotated counts at once; they are in no repr, message or row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

from catalog.errors import Unreadable
from control import setting_secrets

GITHUB, GITLAB, GITEA, BACKSTAGE = "github", "gitlab", "gitea", "backstage"
_PUBLIC = {GITHUB: "github.com", GITLAB: "gitlab.com"}
_API_PATHS = {GITLAB: "/api/v4", GITEA: "/api/v1", BACKSTAGE: "/api/catalog"}
_SECRETS = ("token", "webhook_secret")
_FIELDS = frozenset(
    {"type", "host", "api", *(f"{name}{how}" for name in _SECRETS for how in ("", "_file", "_env"))}
)


class IntegrationInvalid(ValueError):
    """An entry of the setting that makes no sense; the message names no value that may be secret."""


@dataclass(frozen=True)
class Secret(setting_secrets.Secret):
    """A text that is known only to who asks for it."""

    setting: str = "PORTICO_INTEGRATIONS"

    def read(self) -> str:
        """The text; empty when none is set. Raises `Unreadable` for a file or variable that is named but not there."""
        try:
            return super().read()
        except setting_secrets.SecretMissing as error:
            raise Unreadable(str(error)) from error


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
    if type not in (GITHUB, GITLAB, GITEA, BACKSTAGE):
        raise IntegrationInvalid(f"{where} has no known type. Write github, gitlab, gitea or backstage.")
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
    return f"https://{host}{_API_PATHS[type]}"


def _secret(entry: Mapping[str, str], name: str, where: str) -> Secret:
    try:
        found = setting_secrets.secret_of(entry, name, "")
    except setting_secrets.SecretTwice as error:
        raise IntegrationInvalid(f"{where} {error}") from None
    return Secret(found.name, found.text, found.file, found.variable)
