"""Refusals of the access room; each message says what happened, why and what next."""

from __future__ import annotations

from control.errors import ControlError


class AlreadyEnded(ControlError):
    """The grant ran out or was ended before."""


class NotYours(ControlError):
    """Only the holder, the owners, those who approved and administrators may end a grant."""

    status = 403


class TooEarly(ControlError):
    """A broken glass is reviewed once it is over."""


class NoSignIn(ControlError):
    """There is nothing to sign in to, or not yet."""


class ConnectorError(Exception):
    """An outside system did not do as asked. The words are for people and hold no secret."""
