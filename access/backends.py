"""Django's door to rights on entities: `user.has_perm("catalog.logs:read", entity)`, answered live.

Time-boxed grants, standing bindings of the rules and guardian's object permissions count; nothing is cached, so a grant
ends here at its second with no worker running. `catalog.logs:read@production` asks for one environment.
`catalog.change_entity` is the standing right of owners (docs/decisions/008).
"""

from __future__ import annotations

import logging
from typing import Any

from django.db.models import Model
from guardian.backends import ObjectPermissionBackend

from access.holdings import holdings_of
from catalog import ownership
from catalog.models import Entity
from control.models import User

APP_LABEL = "catalog"
_CHANGE = ownership.CHANGE.partition(".")[2]
log = logging.getLogger(__name__)


class TimedObjectPermissionBackend(ObjectPermissionBackend):
    """Entities are answered here, other objects by guardian."""

    def has_perm(self, user_obj: Any, perm: str, obj: Model | None = None) -> bool:
        if not isinstance(user_obj, User) or not user_obj.is_open or obj is None:
            return False
        if not isinstance(obj, Entity):
            return _app_of(perm) in ("", obj._meta.app_label) and bool(super().has_perm(user_obj, perm, obj))
        if _app_of(perm) not in ("", APP_LABEL):
            return False
        if perm in (ownership.CHANGE, _CHANGE):
            return self._may_change(user_obj, obj)
        permission, _, environment = perm.removeprefix(f"{APP_LABEL}.").partition("@")
        try:
            return bool(holdings_of(user_obj, obj, permission, environment))
        except Exception:  # an answer that cannot be found is no
            log.exception("permission check of %s for user %s failed", perm, user_obj.pk)
            return False

    def _may_change(self, user: User, entity: Entity) -> bool:
        """An agent may what it was given on this entity, as long as its person may too."""
        given = ownership.keeps(user, entity) or bool(super().has_perm(user, ownership.CHANGE, entity))
        return given and (user.acts_for is None or user.acts_for.has_perm(ownership.CHANGE, entity))


def _app_of(perm: str) -> str:
    return perm.partition(".")[0] if "." in perm else ""
