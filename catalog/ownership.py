"""Whose an entity is, and who may change it: asked live of the catalogue, so it is never out of step with it.

`change_entity` is held by owners (members of the owning group, the owning user; a group and a person own themselves),
by administrators, and by whom django-guardian gave it on this one entity. `access.backends` answers `has_perm` with it.
"""

from __future__ import annotations

from django.db.models import Q

from catalog.models import Entity
from control.models import User

CHANGE = "catalog.change_entity"
_OWN_THEMSELVES = frozenset({"group", "user"})


def owner_of(entity: Entity) -> str:
    """The reference of its owner; empty for what nobody owns."""
    return entity.ref if entity.kind in _OWN_THEMSELVES else entity.owner_ref


def keeps(user: User, entity: Entity) -> bool:
    """Is `user` an owner, or an administrator, as their account is now? Agents own nothing. One query."""
    owner = owner_of(entity)
    owns = Q(entity_ref=owner) | Q(groups__name=owner) if owner else Q(pk__in=[])
    account = User.objects.filter(pk=user.pk, is_active=True, acts_for=None)
    return account.filter(Q(is_staff=True) | owns).exists()


def may_change(user: User, entity: Entity) -> bool:
    return user.has_perm(CHANGE, entity)
