"""What is worked out once while a request is answered: asked again outside of one, so that nothing is ever stale."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar, cast

_Value = TypeVar("_Value")
_kept: ContextVar[dict[Hashable, Any] | None] = ContextVar("kept_for_this_request", default=None)


@contextmanager
def keeping() -> Iterator[None]:
    """Around one request."""
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def once(key: Hashable, make: Callable[[], _Value]) -> _Value:
    """`make()`, kept under `key` until the request is over; outside of a request it is made each time."""
    kept = _kept.get()
    if kept is None:
        return make()
    if key not in kept:
        kept[key] = make()
    return cast(_Value, kept[key])


def keep(key: Hashable, value: object) -> None:
    """For `once`: what was learned along with something else."""
    kept = _kept.get()
    if kept is not None:
        kept.setdefault(key, value)


def forget(key: Hashable) -> None:
    """What stood under `key` has changed within this request."""
    kept = _kept.get()
    if kept is not None:
        kept.pop(key, None)
