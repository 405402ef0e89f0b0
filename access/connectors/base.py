"""What a connector is: it brings one membership of one person in an outside system about, takes it away, and looks.

Connectors are told what is wanted and are free of policy: whether something is wanted, who is told and when it is tried
again is `access.reconcile`. Every call may come twice or after a crash in the middle, and must do no harm then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from control.capability import Change
from control.models import User


@dataclass(frozen=True)
class Membership:
    """`account` is the person's name there as far as known; empty before the first time."""

    user: User
    right: str
    account: str = ""


@dataclass(frozen=True)
class Observed:
    present: bool
    account: str = ""


@dataclass(frozen=True)
class SignIn:
    """What a person types to get in; shown once, kept nowhere. `fields` are label and value."""

    fields: tuple[tuple[str, str], ...]
    command: str
    password: str


class Connector(Protocol):
    type: str
    target: str
    label: str  # "PostgreSQL payments-logs"
    ends_natively: bool  # the outside system itself refuses new sign-ins after the end

    def plan(self, user: User, right: str) -> tuple[Change, ...]:
        """What would change outside, in words. Asks nobody: the same answer while a request waits."""

    def observe(self, membership: Membership) -> Observed:
        """What is so outside, now. Raises `ConnectorError`."""

    def ensure_present(self, membership: Membership, until: datetime) -> str:
        """Make the person a member; `until` ends everything they hold there natively. Returns the account."""

    def ensure_absent(self, membership: Membership, until: datetime | None) -> None:
        """End the membership and what is open through it; `until` is the end of what else they hold, if anything."""

    def new_sign_in(self, membership: Membership, until: datetime) -> SignIn:
        """A fresh secret for the account, which makes the one before it void."""
