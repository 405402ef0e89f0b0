"""What pickers offer: entities of the catalogue, a person's own teams and things, tags.

Lists are never whole: at most `LIMIT` are drawn, the rest is found by typing. What is wanted travels to the search
address signed, so that a browser cannot ask for something else than the template did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from django.core import signing
from django.db.models import Q

from catalog import filter_sql, refs
from catalog.models import Entity
from control.filters import Condition, Filter
from control.models import User
from scaffolder.forms.kinds import list_option, option, text_option, ui_field
from scaffolder.forms.schema import Schema

LIMIT = 200  # options drawn at once
FOUND_LIMIT = 30  # options that a typed text brings
_SALT = "scaffolder.picker"
_DEFAULT_KINDS = {
    "OwnerPicker": ["group", "user"],
    "MultiOwnerPicker": ["group", "user"],
    "MyGroupsPicker": ["group"],
}


@dataclass(frozen=True)
class Wanted:
    """Which entities a picker offers; JSON by `asdict`, so that it can be signed."""

    alternatives: tuple[tuple[tuple[str, tuple[str, ...]], ...], ...] = ()
    of_person: str = (
        ""  # "": everybody's; "owned": what the person's teams own; "groups": the person's groups
    )
    kind: str = ""  # of a name typed without one

    @property
    def kinds(self) -> list[str]:
        found = [
            kind for every in self.alternatives for key, values in every if key == "kind" for kind in values
        ]
        return list(dict.fromkeys([self.kind, *found] if self.kind else found))

    @property
    def filter(self) -> Filter:
        return Filter(
            tuple(tuple(Condition(key, tuple(vs)) for key, vs in every) for every in self.alternatives)
        )


def wanted(schema: Schema) -> Wanted:
    field_name = ui_field(schema)
    found = option(schema, "catalogFilter")
    kinds = list_option(schema, "allowedKinds") or _DEFAULT_KINDS.get(field_name, [])
    if not found and kinds:
        found = {"kind": kinds}
    alternatives = tuple(_conditions(one) for one in (found if isinstance(found, list) else [found]) if one)
    of_person = {"OwnedEntityPicker": "owned", "MyGroupsPicker": "groups"}.get(field_name, "")
    kind = text_option(schema, "defaultKind").lower() or ("group" if field_name in _DEFAULT_KINDS else "")
    return Wanted(tuple(filter(None, alternatives)), of_person, kind)


def _conditions(alternative: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not isinstance(alternative, Mapping):
        return ()
    return tuple((str(key).lower(), _values(value)) for key, value in alternative.items())


def _values(value: Any) -> tuple[str, ...]:
    """Backstage's `{exists: true}` is a key that must be there, whatever its value."""
    if isinstance(value, Mapping):
        return ()
    return tuple(str(one).lower() for one in (value if isinstance(value, list) else [value]))


def may_be_anything(schema: Schema) -> bool:
    """Backstage takes any text unless the template says otherwise; one's own groups are a closed list."""
    return option(schema, "allowArbitraryValues") is not False and ui_field(schema) != "MyGroupsPicker"


def seal(what: Wanted) -> str:
    return signing.dumps(asdict(what), salt=_SALT, compress=True)


def unseal(text: str) -> Wanted:
    """Raises `signing.BadSignature`."""
    found = signing.loads(text, salt=_SALT)
    alternatives = tuple(tuple((key, tuple(vs)) for key, vs in every) for every in found["alternatives"])
    return Wanted(alternatives, found["of_person"], found["kind"])


@dataclass(frozen=True)
class EntityOption:
    ref: str
    label: str
    own: bool = False  # the person's own team, or the person

    @property
    def name(self) -> str:
        return refs.short(self.ref)


@dataclass(frozen=True)
class Offer:
    options: tuple[EntityOption, ...]
    is_whole: bool  # False: more can be found by typing


@dataclass
class Catalogue:
    """The catalogue as one person's form sees it; each question is asked of the database once."""

    person: User
    _offers: dict[Wanted, Offer] = field(default_factory=dict)
    _found: dict[tuple[Wanted, str], str | None] = field(default_factory=dict)

    @cached_property
    def own_refs(self) -> list[str]:
        """The person's teams, then the person."""
        teams = sorted(self.person.groups.values_list("name", flat=True))
        return [*teams, self.person.entity_ref] if self.person.entity_ref else teams

    def offer(self, what: Wanted) -> Offer:
        if what not in self._offers:
            self._offers[what] = self._offer(self._entities(what), LIMIT)
        return self._offers[what]

    def search(self, what: Wanted, text: str) -> Offer:
        name = text.strip().rpartition("/")[2].rpartition(":")[2]
        found = self._entities(what).filter(Q(name__icontains=name) | Q(title__icontains=name))
        return self._offer(found, FOUND_LIMIT)

    def find(self, what: Wanted, text: str) -> str | None:
        """The reference of the entity that `text` names, by reference, name or title."""
        key = (what, text)
        if key not in self._found:
            self._found[key] = self._find(what, text)
        return self._found[key]

    def own_team(self, what: Wanted) -> str:
        """The first of the person's teams that is offered; asked for defaults."""
        return next((one.ref for one in self.offer(what).options if one.own), "")

    @cached_property
    def tags(self) -> list[str]:
        tagged = Entity.objects.visible_to(self.person).exclude(tags=[]).values_list("tags", flat=True)
        return sorted({tag for tags in tagged.order_by("-changed_at")[:LIMIT] for tag in tags})[:LIMIT]

    def _entities(self, what: Wanted) -> Any:
        found = Entity.objects.visible_to(self.person).filter(filter_sql.as_q(what.filter))
        if what.of_person == "owned":
            found = found.owned_by(*self.own_refs)
        if what.of_person == "groups":
            found = found.filter(ref__in=self.own_refs)
        return found

    def _offer(self, entities: Any, limit: int) -> Offer:
        rows = list(entities.order_by("name", "ref").values_list("ref", "title", "name")[: limit + 1])
        options = [
            EntityOption(ref, title or name, ref in self.own_refs) for ref, title, name in rows[:limit]
        ]
        return Offer(tuple(sorted(options, key=lambda one: not one.own)), len(rows) <= limit)

    def _find(self, what: Wanted, text: str) -> str | None:
        exact = [ref for kind in what.kinds or [""] if (ref := canonical(text, kind))]
        named = Q(ref__in=exact) | Q(title__iexact=text)
        found = list(self._entities(what).filter(named).values_list("ref", flat=True)[:10])
        by_ref = [ref for ref in exact if ref in found]
        return by_ref[0] if by_ref else found[0] if len(found) == 1 else None


def canonical(text: str, kind: str = "") -> str:
    try:
        return refs.canonical(text, kind=kind)
    except refs.RefInvalid:
        return ""
