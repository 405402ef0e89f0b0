"""Where Portico is and who asks: from the environment, or from what `portico login` kept."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from portico_cli.errors import CommandFailed, Misused

_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Login:
    url: str
    token: str = field(repr=False)


def checked_url(text: str) -> str:
    """Without a slash at the end. Raises `Misused` where a token would travel in clear, or for what is no address."""
    whole = text.strip() if "://" in text else f"https://{text.strip()}"
    nothing = Misused(f"{text} is no address of a Portico. Write it as https://portico.example")
    try:
        parts = urlsplit(whole)
    except ValueError:
        raise nothing from None
    is_more = parts.username is not None or parts.query or parts.fragment
    if parts.scheme not in ("https", "http") or not parts.hostname or is_more:
        raise nothing
    if parts.scheme == "http" and parts.hostname not in _HERE:
        raise Misused(f"{text} would carry your token in clear. Use https.")
    return whole.rstrip("/")


def path() -> Path:
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "portico" / "login.json"


def known() -> Login:
    """Raises `CommandFailed` when nobody is signed in."""
    kept = _kept()
    url, token = (
        os.environ.get(f"PORTICO_{name}") or kept.get(name.lower(), "") for name in ("URL", "TOKEN")
    )
    if not url or not token:
        raise CommandFailed("Not signed in. Run: portico login https://your-portico.example")
    if os.environ.get("PORTICO_URL") and not os.environ.get("PORTICO_TOKEN") and url != kept.get("url"):
        raise CommandFailed(
            f"The token that was kept is not for {url}. Set PORTICO_TOKEN too, or sign in there."
        )
    return Login(checked_url(url), token)


def _kept() -> dict[str, str]:
    try:
        found = json.loads(path().read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as problem:
        raise CommandFailed(f"{path()} cannot be read ({problem}). Sign in again.") from None
    return {key: str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def keep(login: Login) -> None:
    """Readable by the person alone, from its first byte on."""
    path().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path().with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"url": login.url, "token": login.token}, file)
    fresh.replace(path())


def forget() -> bool:
    """Whether there was something to forget."""
    found = path().exists()
    path().unlink(missing_ok=True)
    return found
