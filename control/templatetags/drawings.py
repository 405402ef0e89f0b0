"""`{% load drawings %}`: time as measured drawings. Places are percentages of the width, letters are pixels.

In plain SVG a nested <svg x="40%" overflow="visible"> moves its content without scaling it; so nothing here needs a
script or a style attribute, and the letters stay 12 px at any width.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils import timezone

from control.durations import format_duration
from control.templatetags.times import clock_words

register = template.Library()

_MARGIN = 0.125  # of the window's length, left and right of it: room for the words "Granted 14:04"
_MOST_TICKS = 7
_NARROW_EDGE = 0.12  # of a phone's width: less than half the label of now
# Distances between two ticks of an axis, in minutes; the smallest one that needs few enough ticks is taken.
_TICK_MINUTES = (5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080)


@dataclass(frozen=True)
class Tick:
    at: str
    words: str


@register.inclusion_tag("parts/_grant_window.html")
def grant_window(
    starts: datetime, ends: datetime, now: datetime | None = None, ended: datetime | None = None
) -> dict[str, Any]:
    """A window of time: measure above, used part solid, rest hatched, hours below. `now` outside is not marked.

    `ended` is when it was over, instead of `now`; before its time it is marked, and what was not used stays hatched.
    """
    now = ended or now
    length = ends - starts
    margin = length * _MARGIN
    first, whole = starts - margin, length + 2 * margin
    inside = now is not None and starts <= now < ends
    used_until = min(max(now, starts), ends) if now else starts
    moment = timezone.now()
    return {
        "start_at": _percent((starts - first) / whole),
        "end_at": _percent((ends - first) / whole),
        "middle": _percent(0.5),
        "used": _percent((used_until - starts) / whole),
        "width": _percent(length / whole),
        "now_at": _percent((used_until - first) / whole) if inside else "",
        "narrow_now_at": _percent((used_until - starts) / length) if inside else "",
        "narrow_used": _percent((used_until - starts) / length),
        "narrow_label_x": _label_x((used_until - starts) / length, 43 if ended else 36),
        "ticks": _ticks(first, whole),
        "start_label": "Starts" if now is not None and ended is None and now < starts else "Granted",
        "start_words": clock_words(starts, moment),
        "end_words": clock_words(ends, moment),
        "now_words": f"{'ended' if ended else 'now'} {clock_words(now, now)}" if now else "",
        "now_width": 88 if ended else 74,
        "now_left": -44 if ended else -37,
        "length_words": format_duration(length),
    }


def _label_x(place: float, half: int) -> int:
    """How far the label of now stands beside its line, in pixels, so that it never leaves a phone's page."""
    return half if place < _NARROW_EDGE else -half if place > 1 - _NARROW_EDGE else 0


def _ticks(first: datetime, whole: timedelta) -> list[Tick]:
    minutes = next(
        (m for m in _TICK_MINUTES if whole / timedelta(minutes=m) <= _MOST_TICKS), _TICK_MINUTES[-1]
    )
    step = timedelta(minutes=minutes)
    local = timezone.localtime(first)
    tick = local.replace(hour=0, minute=0, second=0, microsecond=0)
    tick += step * (int((local - tick) / step) + 1)
    shown = "%H:%M" if step < timedelta(days=1) else "%-d %b"
    found = []
    while (place := (tick - first) / whole) < 0.97:
        if place > 0.03:
            found.append(Tick(_percent(place), tick.strftime(shown)))
        tick += step
    return found


@register.inclusion_tag("parts/_window_bar.html")
def window_bar(
    starts: datetime, ends: datetime, at: datetime | None = None, words: str = ""
) -> dict[str, Any]:
    """A window that has not begun, as one hatched bar; `at` with `words` is a dotted mark inside it."""
    moment = timezone.now()
    inside = at is not None and starts < at < ends
    return {
        "start_words": clock_words(starts, moment),
        "end_words": clock_words(ends, moment),
        "mark_at": _percent((at - starts) / (ends - starts)) if at and inside else "",
        "mark_words": words,
    }


@register.inclusion_tag("parts/_measure.html")
def measure(length: Any, wait: str = "", begins: str = "Approved") -> dict[str, Any]:
    """Send, wait, window: the small measure of a decision. Without a wait the window begins at once.

    `begins` is the word under the start of the window."""
    words = format_duration(length) if isinstance(length, timedelta) else str(length).replace(" ", "\u00a0")
    return {
        "length": words,
        "wait": wait.replace(" ", "\u00a0"),
        "begins": "28%" if wait else "0%",
        "begins_words": begins,
        "width": "72%" if wait else "100%",
    }


def _percent(part: float) -> str:
    return f"{part * 100:.2f}%"
