"""Brings one outside right to what the grants want, under its row lock, and tells the record of every grant it serves.

Wanted is a right while any live grant of an active person needs it and the rules in force still name it and do not
deny it. It goes only when none does. Done twice or after a crash in the middle, the effect is there once and so is
each line of the record.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from access.connectors import connector_for
from access.connectors.base import Connector, Membership
from access.errors import ConnectorError
from access.models import Grant, Need, OutsideRight
from access.outside_record import Story, record_failure
from control import clock, policy, subjects
from control.decide import is_denied, requester_of
from control.models import open_account
from control.policy_documents import Outside

FIRST_RETRY = timedelta(seconds=2)
LONGEST_RETRY = timedelta(minutes=5)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Wanted:
    """`needs` are those whose grant holds and counts, `refused` those that hold but do not count any more."""

    needs: tuple[Need, ...]
    refused: tuple[Need, ...]
    why_refused: str

    @property
    def until(self) -> datetime | None:
        return max((need.grant.expires_at for need in self.needs), default=None)


def reconcile(right_id: int, *, skip_locked: bool = False) -> OutsideRight | None:
    """One try. Failures are noted on the row with the next time to try, never raised. None: somebody else is at it."""
    with transaction.atomic():
        right = (
            # Not against new needs: whoever approves must not wait for a slow outside system.
            OutsideRight.objects.select_for_update(of=("self",), skip_locked=skip_locked, no_key=True)
            .select_related("user", "user__acts_for")
            .filter(pk=right_id)
            .first()
        )
        if right is None:
            return None
        now = clock.now()
        try:
            connector = connector_for(right.connector, right.target)
            with transaction.atomic():  # what fails halfway must leave room for the note about it
                _bring_about(right, connector, now)
        except ConnectorError as error:
            _note_failure(right, str(error), now)
        except (
            Exception
        ):  # the edge of the connector: whatever it was, the page must say so and the sweep try again
            log.exception("outside right %s could not be reconciled", right.pk)
            _note_failure(
                right, f"{right.target}: a defect stopped the connector. The worker's log has it.", now
            )
        return right


def _bring_about(right: OutsideRight, connector: Connector, now: datetime) -> None:
    wanted = _wanted(right, now)
    membership = Membership(right.user, right.right, right.account)
    was = connector.observe(membership)
    ends = ending_of_account(right, now)
    if wanted.until and ends:
        right.account = connector.ensure_present(membership, ends)
        is_now = connector.observe(Membership(right.user, right.right, right.account))
    else:
        if was.account:
            connector.ensure_absent(membership, ends)
        is_now = connector.observe(membership)
    if is_now.present != bool(wanted.until):
        raise ConnectorError(f"{connector.label} did not take the change. Portico tries again by itself.")
    story = Story(right, connector)
    story.in_place(wanted.needs, was_present=was.present)
    story.settled(now, wanted.until, (*wanted.needs, *wanted.refused))
    right.observed = right.Observed.PRESENT if is_now.present else right.Observed.ABSENT
    right.observed_at = clock.now()
    right.native_expiry = ends if is_now.present and connector.ends_natively else None
    if wanted.refused:
        story.refused(wanted.refused)
        _note_failure(right, wanted.why_refused, now)
    else:
        right.attempts, right.next_try_at, right.last_error = 0, None, ""
    right.save()


def _wanted(right: OutsideRight, now: datetime) -> _Wanted:
    live = right.needs.filter(grant__in=Grant.objects.live(now)).select_related("grant", "grant__intent")
    answers = [(need, _refusal(right, need.grant)) for need in live]
    return _Wanted(
        needs=tuple(need for need, refusal in answers if not refusal),
        refused=tuple(need for need, refusal in answers if refusal),
        why_refused=next((refusal for _, refusal in answers if refusal), ""),
    )


def _refusal(right: OutsideRight, grant: Grant) -> str:
    """Why a live grant does not count outside: a closed account, or rules that no longer name or allow it."""
    if not right.user.is_open:
        return f"The account of {right.user.label} is closed."
    revision = policy.in_force()
    if revision is None:
        return "No rules are in force."
    found = policy.parsed(revision)
    outside = Outside(right.connector, right.target, right.right)
    if grant.role not in found.roles or outside not in found.roles[grant.role].outside:
        return f"The rules in force no longer name {right.right} for {grant.role_title}."
    subject = subjects.resolve(grant.entity_ref)
    if is_denied(found, requester_of(right.user), subject, grant.role, grant.environment):
        return f"The rules in force deny {grant.role_title} to {right.user.label}."
    return ""


def ending_of_account(right: OutsideRight, now: datetime) -> datetime | None:
    """The end of all that the person holds through this type of connector: one account may serve several rights."""
    live = Grant.objects.live(now).filter(
        open_account("user__"), user_id=right.user_id, outside_rights__connector=right.connector
    )
    return live.order_by("-expires_at").values_list("expires_at", flat=True).first()


def _note_failure(right: OutsideRight, words: str, now: datetime) -> None:
    """Written on the row each time, into the record once for each new reason."""
    if words != right.last_error:
        record_failure(right, words, now)
    right.attempts += 1
    right.last_error = words
    right.next_try_at = now + min(FIRST_RETRY * 2 ** min(right.attempts - 1, 10), LONGEST_RETRY)
    right.save(update_fields=["attempts", "last_error", "next_try_at"])
