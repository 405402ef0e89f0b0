"""Who decides on Portico itself while no rule says who: one administrator asks, another one agrees."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from django.db.models import QuerySet

from control.matching import Check
from control.models import Decision, User
from control.panels import panel_of_accounts
from control.people import same_person

if TYPE_CHECKING:
    from control.decide import Verdict

PORTICO_REF = "user:portico/rules"  # the name of Portico itself in rules about rules
_NAMES_SHOWN = 3


def all_of_them() -> QuerySet[User]:
    return User.objects.filter(is_staff=True, is_active=True, acts_for=None)


def portico() -> User:
    """The account that Portico itself asks with, where it reads rules that somebody must agree to; nobody signs in
    with it."""
    account, is_new = User.objects.get_or_create(
        entity_ref=PORTICO_REF, defaults={"username": "portico", "first_name": "Portico"}
    )
    if is_new:
        account.set_unusable_password()
        account.save(update_fields=["password"])
    return account


def verdict(judged: Verdict, actor: User) -> Verdict:
    """In place of `judged`, which found no rule; what a DenyRule forbids stays forbidden. One query."""
    if judged.rule:
        return judged
    if actor.entity_ref != PORTICO_REF and (not actor.is_staff or actor.is_agent):
        check = Check(False, "You are not an administrator", f"{actor.label} is not an administrator", "who")
        words = "No rule says who may ask for this, so only administrators may. Ask one of them, or the platform team."
        return replace(judged, message=words, checks=(check,))
    is_one = Check(True, "You are an administrator", f"{actor.label} is an administrator", "who")
    staff = User.objects.filter(is_staff=True, is_active=True, acts_for=None).order_by(
        "first_name", "username"
    )
    others = tuple(user for user in staff if not same_person(user, actor))
    if not others:
        words = "Nobody can approve this: you are the only administrator. Name a second one."
        alone = Check.plain(False, "Nobody else administers Portico", "approvers")
        return replace(judged, message=words, checks=(is_one, alone))
    return replace(
        judged,
        verdict=Decision.Verdict.NEEDS_APPROVAL.value,
        message=f"Another administrator must agree: {_names(others)}.",
        checks=(is_one,),
        approvals_needed=1,
        approvers=others,
        panel=panel_of_accounts(others),
    )


def _names(people: tuple[User, ...]) -> str:
    names = [user.label for user in people[:_NAMES_SHOWN]]
    more = len(people) - len(names)
    if more:
        return f"{', '.join(names)} or {more} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
