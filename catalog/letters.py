"""How wide words will be drawn, near enough to know whether they fit into a box of a drawing.

The server has no fonts. Widths are those of the sans faces in `static/css/tokens.css`, a little on the wide side.
"""

from __future__ import annotations

_NARROW, _WIDE = frozenset("fijlrtI.,:;'|!()[]-/ "), frozenset("mwMWQ@%—…")
_NARROW_EM, _WIDE_EM, _CAPITAL_EM, _USUAL_EM = 0.28, 0.84, 0.67, 0.54


def width_of(text: str, size: float) -> float:
    """In pixels, at `size` pixels."""
    return size * sum(map(_em, text))


def _em(letter: str) -> float:
    if letter in _NARROW:
        return _NARROW_EM
    if letter in _WIDE:
        return _WIDE_EM
    return _CAPITAL_EM if letter.isupper() else _USUAL_EM


def fit(text: str, size: float, room: float) -> str:
    """`text`, or as much of its beginning as fits into `room` pixels, with an ellipsis."""
    if width_of(text, size) <= room:
        return text
    shown = text
    while shown and width_of(f"{shown}…", size) > room:
        shown = shown[:-1]
    return f"{shown.rstrip()}…"
