"""People and their groups: who a catalogue reference is, who is the same person, who is a member of what.

Memberships come from trusted organisation sources alone and are the right to approve; every change is recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Concat, Lower, Trim

from control import audit
from control.models import User

GROUP_PREFIX = "group:"
_SYNC_LOCK = 7_340_002
_NAMESAKES = 5  # told apart at most


def person_of(ref: str) -> User | None:
    """The account of a catalogue user (`user:default/maya`), if there is one."""
    return User.objects.filter(entity_ref=ref.lower()).first()


def called(typed: str) -> list[User]:
    """Active people with that user name, reference or address; else a few of those with that full name."""
    people = User.objects.filter(is_active=True, acts_for=None)
    exact = Q(username__iexact=typed) | Q(entity_ref=typed.lower()) | Q(email__iexact=typed)
    if found := list(people.filter(exact).order_by("username")[:_NAMESAKES]):
        return found
    full_name = Lower(Trim(Concat("first_name", Value(" "), "last_name")))
    named = people.annotate(full_name=full_name).filter(full_name=typed.casefold())
    return list(named.order_by("username")[:_NAMESAKES])


def same_person(one: User, other: User) -> bool:
    """One human will behind both: the same account, an agent and its owner, or two accounts with one address.

    A second account of an agent's owner counts too, so whoever stands behind is compared, not the agent alone.
    """
    mine, theirs = _standing_behind(one), _standing_behind(other)
    return bool(mine.keys() & theirs.keys() or set(filter(None, mine.values())) & set(theirs.values()))


def _standing_behind(user: User) -> dict[int, str]:
    """The account and those it acts for, each with its address. No query for people, who act for nobody."""
    found: dict[int, str] = {}
    account: User | None = user
    while account and account.pk not in found:
        found[account.pk] = account.email.casefold()
        account = account.acts_for
    return found


def members_of(group_ref: str) -> QuerySet[User]:
    """Active people in a group; the reference must match exactly."""
    return User.objects.filter(groups__name=group_ref, is_active=True, acts_for=None)


@transaction.atomic
def sync_groups(memberships: Mapping[str, Set[str]]) -> int:
    """Make the members of every catalogue group exactly `memberships` (group ref → user refs).

    Groups that are not named lose their members; people without an account are passed over. Returns how many
    memberships changed.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_SYNC_LOCK])
    people = {str(user.entity_ref): user for user in User.objects.filter(entity_ref__isnull=False)}
    for name in memberships:
        Group.objects.get_or_create(name=name)
    changed = 0
    for group in Group.objects.filter(name__startswith=GROUP_PREFIX):
        wanted = {people[ref] for ref in memberships.get(group.name, frozenset()) if ref in people}
        changed += _set_members(group, wanted)
    return changed


def _set_members(group: Group, wanted: set[User]) -> int:
    present = set(User.objects.filter(groups=group))
    for user in wanted - present:
        user.groups.add(group)
        _record("joined", user, group)
    for user in present - wanted:
        user.groups.remove(group)
        _record("left", user, group)
    return len(wanted ^ present)


def _record(verb: str, user: User, group: Group) -> None:
    audit.record(
        f"group.member_{verb}",
        actor=None,
        subject_ref=group.name,
        summary=f"{user.label} {verb} {group.name}",
        after={"user": user.entity_ref, "user_id": user.pk},
    )
