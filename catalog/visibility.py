"""Who sees what of the catalogue, by the VisibilityRules in force.

An entity that some rule finds is seen by whom at least one such rule names, by its owners (the members of the owning
group, the owning user; a group and a user own themselves) and by administrators; what no rule finds is seen by
everybody who is signed in. An agent sees what its person sees. When the rules cannot be read, nobody sees anything.

Rules and groups are read once per request. The querysets of `models.py` ask here; what is shown beside an entity
(names of owners, systems, relations) goes through `hidden_among`, `covered` or `masked`.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q

from catalog.filter_sql import as_q
from catalog.mentions import fields_at, meanings, meanings_of, meanings_of_key
from catalog.models import Entity, Relation
from control import policy
from control.filters import Condition, Filter
from control.matching import Requester, among
from control.models import User
from control.per_request import once
from control.policy_documents import VisibilityRule
from control.standing import standing_of

# Stands where a name is not shown. It is no reference of any entity: names hold no blanks.
NOT_SHOWN = "group:default/not shown to you"
MASK = "█████"
OWNER_KEY = "relations.ownedby"  # answered by a column
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sight:
    """What one person sees: not what `closed` filters find, unless an `opened` one finds it or they own it."""

    sees_nothing: bool = False
    closed: tuple[Filter, ...] = ()
    opened: tuple[Filter, ...] = ()
    owner_refs: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        return not self.sees_nothing and not self.closed

    @property
    def key(self) -> str:
        """The same for people who see the same; empty for those who see everything. What is counted is kept by it."""
        if self.is_whole:
            return ""
        said = repr((self.sees_nothing, self.closed, self.opened, sorted(self.owner_refs)))
        return hashlib.sha256(said.encode()).hexdigest()[:32]

    def shown(self) -> Q:
        """The condition that visible entities meet, for a sight that is neither whole nor nothing."""
        shown = ~_any(self.closed)
        if self.opened:
            shown |= _any(self.opened)
        if self.owner_refs:
            shown |= Q(owner_ref__in=self.owner_refs) | Q(ref__in=self.owner_refs)
        return shown


WHOLE, NOTHING = Sight(), Sight(sees_nothing=True)


def sight_of(user: User | AnonymousUser) -> Sight:
    """What `user` sees; for administrators without a query, for others one per request."""
    if not isinstance(user, User) or not user.is_active:
        return NOTHING
    if user.is_staff and not user.is_agent:
        return WHOLE
    return once(("sight", user.pk), lambda: _sight(user))


def _sight(user: User) -> Sight:
    person = standing_of(user)
    if person is None:
        return NOTHING
    if person.policy_id is None or person.policy_digest is None or (user.is_staff and person.is_staff):
        return WHOLE
    try:
        rules = policy.parsed_by_key(person.policy_id, person.policy_digest).visibility
    except Exception:  # the edge of the rules: whatever went wrong, nothing is shown by it
        log.exception("rules of revision %s could not be read", person.policy_id)
        return NOTHING
    return _by_rules(rules, Requester(user.label, person.entity_ref or "", frozenset(person.groups)))


def _by_rules(rules: Collection[VisibilityRule], person: Requester) -> Sight:
    named = [among(rule.visible_to, person) for rule in rules]
    return Sight(
        closed=tuple(rule.entities for rule, is_named in zip(rules, named, strict=True) if not is_named),
        opened=tuple(rule.entities for rule, is_named in zip(rules, named, strict=True) if is_named),
        owner_refs=(*sorted(person.groups), *([person.ref] if person.ref else [])),
    )


def _any(filters: Iterable[Filter]) -> Q:
    found = Q()
    for one in filters:
        found |= as_q(one)
    return found


def hidden_among(refs: Iterable[str], user: User) -> frozenset[str]:
    """Those of `refs` that are entities which `user` does not see. No query for who sees everything."""
    wanted = {ref for ref in refs if ref}
    if not wanted or sight_of(user).is_whole:
        return frozenset()
    return frozenset(Entity.objects.hidden_from(user).filter(ref__in=wanted).values_list("ref", flat=True))


def hidden_targets_of(entity: Entity, user: User) -> frozenset[str]:
    """What its document names and `user` does not see. No query for who sees everything."""
    if sight_of(user).is_whole:
        return frozenset()
    named = entity.relations.filter(is_stated=True).values("target_ref")
    return frozenset(Entity.objects.hidden_from(user).filter(ref__in=named).values_list("ref", flat=True))


def covered(entities: Iterable[Entity], user: User) -> list[Entity]:
    """The entities, to be shown: an owner or system that `user` does not see is replaced by `NOT_SHOWN`."""
    listed = list(entities)
    hidden = hidden_among((ref for one in listed for ref in (one.owner_ref, one.system_ref)), user)
    for entity in listed if hidden else ():
        entity.owner_ref = NOT_SHOWN if entity.owner_ref in hidden else entity.owner_ref
        entity.system_ref = NOT_SHOWN if entity.system_ref in hidden else entity.system_ref
    return listed


def masked(text: str, hidden: Iterable[str]) -> str:
    """Text of a descriptor with the names of hidden entities blotted out."""
    names = "|".join(re.escape(ref.rpartition("/")[2]) for ref in sorted(hidden))
    alone = rf"(?<![\w.-])(?:{names})(?![\w-]|\.[\w-])"  # a dot may end the sentence
    return re.sub(alone, MASK, text, flags=re.IGNORECASE) if names else text


def without_hidden(asked: Filter, user: User) -> Filter | None:
    """`asked` as if hidden entities did not exist: nothing names them. None when nothing can match any more."""
    hidden = hidden_in((one for every in asked.alternatives for one in every), user)
    if not hidden:
        return asked
    kept = [found for every in asked.alternatives if (found := _without(every, hidden)) is not None]
    return Filter(tuple(kept)) if kept else None


def visible_q(asked: Filter, user: User) -> Q:
    """What matches `asked`, as if hidden entities did not exist."""
    left = without_hidden(asked, user)
    return Q(pk__in=[]) if left is None else as_q(left)


def hidden_in(conditions: Iterable[Condition], user: User) -> frozenset[str]:
    """What conditions ask about and `user` does not see, by relation or by what documents say."""
    if sight_of(user).is_whole:
        return frozenset()
    return hidden_among((ref for one in conditions for ref in meanings_of(one)), user)


def _without(every: tuple[Condition, ...], hidden: frozenset[str]) -> tuple[Condition, ...] | None:
    """The conditions of one alternative; None when one of them asks for hidden entities alone."""
    result = [left for one in every if (left := left_of(one, hidden)) is not None]
    return tuple(result) if len(result) == len(every) else None


def left_of(condition: Condition, hidden: frozenset[str]) -> Condition | None:
    """The condition without values that mean hidden entities; None when it asks for nothing else."""
    if not hidden:
        return condition
    left = tuple(value for value in condition.values if not meanings(condition.key, value) & hidden)
    if meanings_of_key(condition) & hidden or (condition.values and not left):
        return None
    return Condition(condition.key, left)


def names_hidden(key: str, user: User) -> Q:
    """The entities whose text at `key` may be the name of one that `user` does not see."""
    if sight_of(user).is_whole:
        return Q(pk__in=[])
    hidden = Entity.objects.hidden_from(user).values("ref")
    if key.lower() == OWNER_KEY:
        return Q(owner_ref__in=hidden)
    types = {field.relation for field in fields_at(key)}
    if not types:
        return Q(pk__in=[])
    return Q(pk__in=Relation.objects.filter(type__in=types, target_ref__in=hidden).values("source_id"))
