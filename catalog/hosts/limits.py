"""How long a host asks to wait, by whichever of the usual headers it says so.

GitHub: X-RateLimit-Remaining and -Reset (seconds since 1970), Retry-After for its secondary limits, as 403 or 429.
GitLab: RateLimit-Remaining and -Reset, Retry-After, as 429. A short wait is waited here; a long one is the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from catalog.models import HostPause
from catalog.web import Answer

LONGEST_WAIT = timedelta(seconds=10)  # a worker that sleeps reads nothing else
LONGEST_PAUSE = timedelta(hours=2)  # whatever a host says: a wrong clock must not close it for days
UNSAID_PAUSE = timedelta(minutes=1)  # GitHub's advice where no header names a time
_EPOCH_FROM = 1_000_000_000  # smaller numbers are seconds from now
_LIMIT_WORDS = (b"rate limit", b"abuse detection")


def is_limited(answer: Answer) -> bool:
    """Is this a refusal for too many requests? GitHub says 403 for these too."""
    if answer.status == 429:
        return True
    if answer.status == 503:
        return "Retry-After" in answer.headers
    if answer.status != 403:
        return False
    says_so = any(words in answer.body.lower() for words in _LIMIT_WORDS)
    return "Retry-After" in answer.headers or _remaining(answer.headers) == 0 or says_so


def is_used_up(answer: Answer) -> bool:
    """It was the last request that the host takes for now."""
    return _remaining(answer.headers) == 0


def open_again_at(answer: Answer, now: datetime) -> datetime:
    """When the host may be asked again, never later than `LONGEST_PAUSE`."""
    said = _retry_after(answer.headers, now) or _reset(answer.headers, now)
    return min(max(said or now + UNSAID_PAUSE, now), now + LONGEST_PAUSE)


def paused_until(host: str, now: datetime) -> datetime | None:
    """Until when nobody asks `host`, as far as any process has heard."""
    return HostPause.objects.filter(host=host, until__gt=now).values_list("until", flat=True).first()


def pause(host: str, until: datetime) -> None:
    HostPause.objects.update_or_create(host=host, defaults={"until": until})


def _remaining(headers: Mapping[str, str]) -> int | None:
    said = headers.get("X-RateLimit-Remaining") or headers.get("RateLimit-Remaining") or ""
    return int(said) if said.isdigit() else None


def _retry_after(headers: Mapping[str, str], now: datetime) -> datetime | None:
    said = headers.get("Retry-After", "")
    if said.isdigit():
        return now + timedelta(seconds=min(int(said), LONGEST_PAUSE.total_seconds()))
    try:
        return parsedate_to_datetime(said) if said else None
    except ValueError:
        return None


def _reset(headers: Mapping[str, str], now: datetime) -> datetime | None:
    said = headers.get("X-RateLimit-Reset") or headers.get("RateLimit-Reset") or ""
    if not said.isdigit() or len(said) > 12:
        return None
    seconds = int(said)
    if seconds < _EPOCH_FROM:
        return now + timedelta(seconds=min(seconds, LONGEST_PAUSE.total_seconds()))
    return datetime.fromtimestamp(seconds, UTC)
