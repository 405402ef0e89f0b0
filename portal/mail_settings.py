"""Reads PORTICO_MAIL_URL: which server takes the mail, or which folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
_ACCEPTED = "Write smtp://user:password@host:587, smtps://user:password@host:465, file:///folder, console: or nothing."


@dataclass(frozen=True)
class MailSettings:
    backend: str
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = field(default="", repr=False)
    starttls: bool = False
    tls: bool = False
    folder: str = ""


def read(url: str, *, password: str = "") -> MailSettings:
    """`smtp://` means STARTTLS unless the server is this machine or `?tls=none` says otherwise. No value is quoted in a
    refusal, for it may hold the password. Raises `ImproperlyConfigured`."""
    if not url:
        return MailSettings("django.core.mail.backends.dummy.EmailBackend")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ImproperlyConfigured(f"PORTICO_MAIL_URL cannot be read. {_ACCEPTED}") from None
    if parts.scheme == "console":
        return MailSettings("django.core.mail.backends.console.EmailBackend")
    if parts.scheme == "file" and parts.path:
        return MailSettings("portal.mail_folder.FolderBackend", folder=unquote(parts.path))
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path not in ("", "/"):
        raise ImproperlyConfigured(f"PORTICO_MAIL_URL cannot be read. {_ACCEPTED}")
    is_plain = _is_plain(parts.query, parts.hostname)
    return MailSettings(
        "django.core.mail.backends.smtp.EmailBackend",
        host=parts.hostname,
        port=port or (465 if parts.scheme == "smtps" else 587),
        user=unquote(parts.username or ""),
        password=password or unquote(parts.password or ""),
        starttls=parts.scheme == "smtp" and not is_plain,
        tls=parts.scheme == "smtps",
    )


def _is_plain(query: str, host: str) -> bool:
    given = parse_qs(query, keep_blank_values=True)
    if given.keys() - {"tls"} or given.get("tls", ["starttls"])[0] not in ("starttls", "none"):
        raise ImproperlyConfigured("PORTICO_MAIL_URL takes ?tls=starttls or ?tls=none and nothing else.")
    return given["tls"][0] == "none" if "tls" in given else host in _HERE
