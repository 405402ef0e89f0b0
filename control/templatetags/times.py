"""`{% load times %}`: moments and lengths of time in words, with no-break spaces between number and unit.

Every moment becomes a <time> element whose title is the full date; the zone is that of the server's settings.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from control.durations import format_duration

register = template.Library()

NO_BREAK = "\u00a0"
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_YEAR = 365 * _DAY
# Up to how many seconds which unit is used: 59 min, 47 h and 59 d still say more than the next larger unit.
_UNITS = (
    (_HOUR, _MINUTE, "min"),
    (2 * _DAY, _HOUR, "h"),
    (60 * _DAY, _DAY, "d"),
    (2 * _YEAR, 30 * _DAY, "mo"),
)
_NAMED_DAYS = 6  # so far a weekday is unmistakable


@register.simple_tag
def when(moment: datetime | None, ago: str = "") -> SafeString | str:
    """How long ago, in one unit: `3 h`, `26 min`, `now`. With "ago" for sentences: `3 h ago`, `just now`."""
    if moment is None:
        return ""
    words = age_words(timezone.now() - moment)
    if ago:
        words = "just now" if words == "now" else f"{words} ago"
    return _element(moment, words)


@register.simple_tag
def clock(moment: datetime | None) -> SafeString | str:
    """The time of the day, with the day when it is not today: `18:04`, `Fri 18:04`, `12 Nov 18:04`."""
    if moment is None:
        return ""
    return _element(moment, clock_words(moment, timezone.now()))


@register.simple_tag
def day(moment: datetime | None) -> SafeString | str:
    """The date: `12 Nov 2026`."""
    return "" if moment is None else _element(moment, _format(moment, "j M Y"))


@register.simple_tag
def left(moment: datetime | None) -> SafeString | str:
    """What remains until then: `2 h 33 min`; `0 min` when it is over."""
    if moment is None:
        return ""
    return _element(moment, format_duration(max(moment - timezone.now(), timedelta())))


@register.simple_tag
def duration(length: timedelta | None) -> str:
    """A length as rules and people say it: `4 h`, `2 h 30 min`."""
    return "" if length is None else format_duration(length)


@register.simple_tag
def took(length: timedelta | float | None) -> str:
    """How long work ran: `0.2 s`, `48 s`, `1 min 12 s`, `2 h 5 min`. A plain number is seconds."""
    if length is None:
        return ""
    seconds = length.total_seconds() if isinstance(length, timedelta) else float(length)
    if seconds < 10:
        return f"{seconds:.1f}{NO_BREAK}s"
    whole = int(seconds)
    if whole < _MINUTE:
        return f"{whole}{NO_BREAK}s"
    if whole < _HOUR:
        rest = f"{NO_BREAK}{whole % _MINUTE}{NO_BREAK}s" if whole % _MINUTE else ""
        return f"{whole // _MINUTE}{NO_BREAK}min{rest}"
    return format_duration(timedelta(seconds=whole))


@register.filter
def counted(number: int, words: str) -> str:
    """`{{ 3|counted:"entity,entities" }}` is `3 entities`; one word gets an s."""
    one, _, many = words.partition(",")
    return f"{number:,}{NO_BREAK}{one if number == 1 else many or one + 's'}"


def age_words(age: timedelta) -> str:
    seconds = max(int(age.total_seconds()), 0)
    if seconds < _MINUTE:
        return "now"
    for limit, size, unit in _UNITS:
        if seconds < limit:
            return f"{seconds // size}{NO_BREAK}{unit}"
    return f"{seconds // _YEAR}{NO_BREAK}y"


def clock_words(moment: datetime, now: datetime) -> str:
    local, today = timezone.localtime(moment), timezone.localtime(now).date()
    distance = abs((local.date() - today).days)
    if distance == 0:
        return _format(moment, "H:i")
    if distance <= _NAMED_DAYS:
        return f"{_format(moment, 'D')}{NO_BREAK}{_format(moment, 'H:i')}"
    shown = "j M H:i" if local.year == today.year else "j M Y H:i"
    return _format(moment, shown).replace(" ", NO_BREAK)


def moment_words(moment: datetime) -> str:
    """The same words whenever they are read: `Fri 27 Nov 2026, 14:00`."""
    return _format(moment, "D j M Y, H:i").replace(" ", NO_BREAK)


def _format(moment: datetime, shown: str) -> str:
    return date_format(timezone.localtime(moment), shown)


def _element(moment: datetime, words: str) -> SafeString:
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(),
        _full_date(moment.replace(microsecond=0), timezone.get_current_timezone_name()),
        words,
    )


@lru_cache(maxsize=4096)
def _full_date(moment: datetime, zone: str) -> str:  # noqa: ARG001  part of the key
    """Lists repeat moments: what was read together changed together."""
    return _format(moment, "D j M Y, H:i:s e")
