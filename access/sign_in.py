"""A fresh password for an outside account: shown to its holder once, kept nowhere, told to nobody else."""

from __future__ import annotations

from django.db import transaction

from access.connectors import connector_for
from access.connectors.base import Membership, SignIn
from access.errors import ConnectorError, NoSignIn
from access.models import Grant, OutsideRight
from access.reconcile import ending_of_account
from control import audit, clock
from control.models import Intent, User


@transaction.atomic
def renew(intent: Intent, *, by: User) -> SignIn:
    """Set and return a new secret; the one before it is void. Raises `NoSignIn`. Locks the outside right, so that it
    cannot be taken away in between.
    """
    grant = Grant.objects.filter(intent=intent).first()
    if grant is None or grant.user_id != by.pk or by.is_agent:
        raise NoSignIn("Only the person who holds this access gets a sign-in for it.")
    right = (
        OutsideRight.objects.select_for_update(of=("self",), no_key=True)
        .filter(grants=grant)
        .order_by("pk")
        .first()
    )
    now = clock.now()
    if right is None:
        raise NoSignIn("This access needs no sign-in of its own.")
    if not Grant.objects.live(now).filter(pk=grant.pk, user__is_active=True).exists():
        raise NoSignIn("This access has ended. Ask again.")
    ends = ending_of_account(right, now)
    if right.observed != right.Observed.PRESENT or ends is None:
        raise NoSignIn("It is not in place yet. Wait until the page says that it was observed.")
    try:
        connector = connector_for(right.connector, right.target)
        shown = connector.new_sign_in(Membership(by, right.right, right.account), ends)
    except ConnectorError as error:
        raise NoSignIn(str(error)) from error
    audit.record(
        "outside.sign_in_shown",
        actor=by,
        intent=intent,
        summary=f"Sign-in shown to {by.label}",
        detail=f"{connector.label}, account {right.account}. A new password, shown once and not kept.",
    )
    return shown
