"""What surrounds an entity: its relations with the entities they point to, in a constant number of queries.

A relation may point to something the catalogue does not know; then `Neighbour.entity` is None and pages show it as
unknown. What is hidden from the person who looks is not there at all. Where things are drawn is `graph.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db.models import Count, F, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from catalog import refs
from catalog.models import Entity, Relation
from catalog.presentation import RELATION_ORDER, icon_of, one_line, relation_words
from catalog.relations import INVERSE
from control.models import User

PER_RELATION = 24  # neighbours of one kind of relation that are read; the rest is a number
ENDS_LIMIT = 100  # callers and providers read through APIs


@dataclass(frozen=True)
class Neighbour:
    ref: str
    entity: Entity | None
    fact: str = ""
    distance: int = 1

    @property
    def name(self) -> str:
        return self.entity.label if self.entity else self.short

    @property
    def short(self) -> str:
        return refs.short(self.ref)

    @property
    def url(self) -> str:
        return self.entity.get_absolute_url() if self.entity else ""

    @property
    def icon(self) -> str:
        return (
            icon_of(self.entity.kind, self.entity.type)
            if self.entity
            else icon_of(self.ref.partition(":")[0])
        )

    @property
    def state(self) -> str:
        """`unknown` when nothing declares it, `warn` when it is on its way out."""
        if self.entity is None:
            return "unknown"
        return "warn" if self.entity.lifecycle.lower() == "deprecated" else ""

    @property
    def words(self) -> str:
        """One fact for a node: why it is here, or what it is."""
        if self.entity is None:
            return "not in the catalogue"
        return "deprecated" if self.state else self.fact or one_line(self.entity)


@dataclass
class RelationGroup:
    type: str
    total: int
    of_ref: str = ""
    neighbours: list[Neighbour] = field(default_factory=list)

    @property
    def words(self) -> str:
        return relation_words(self.type)

    @property
    def more(self) -> int:
        return self.total - len(self.neighbours)

    @property
    def more_filter(self) -> str:
        """What finds all of them in the list: who has the inverse relation to `of_ref`."""
        return f"relations.{INVERSE.get(self.type, self.type).lower()}={self.of_ref}"


def entities_by_ref(refs: Iterable[str]) -> dict[str, Entity]:
    """Entities to name: callers have left out, or covered, the references that are hidden."""
    return _by_ref(refs, Entity.objects.light())


def addresses_by_ref(refs: Iterable[str]) -> dict[str, Entity]:
    """As `entities_by_ref`, for links alone: with no more than what an address is made of."""
    return _by_ref(refs, Entity.objects.only("ref", "kind", "namespace", "name"))


def _by_ref(refs: Iterable[str], entities: QuerySet[Entity]) -> dict[str, Entity]:
    wanted = {ref for ref in refs if ref}
    return {entity.ref: entity for entity in entities.filter(ref__in=wanted)} if wanted else {}


def relation_groups(
    entity: Entity, *, user: User, only: Iterable[str] = (), without: Iterable[str] = ()
) -> list[RelationGroup]:
    """Each kind of relation of `entity` with its first neighbours and how many there are. Two queries."""
    relations = Relation.objects.visible_to(user).filter(source=entity).exclude(type__in=list(without))
    if only:
        relations = relations.filter(type__in=list(only))
    by_type = Window(Count("*"), partition_by=[F("type")])
    position = Window(RowNumber(), partition_by=[F("type")], order_by=F("target_ref").asc())
    first = relations.annotate(position=position, total=by_type).filter(position__lte=PER_RELATION)
    found = list(first.values_list("type", "target_ref", "total"))
    entities = entities_by_ref(ref for _, ref, _ in found)
    groups: dict[str, RelationGroup] = {}
    for type, ref, total in found:
        group = groups.setdefault(type, RelationGroup(type, total, entity.ref))
        group.neighbours.append(Neighbour(ref, entities.get(ref)))
    return sorted(groups.values(), key=_reading_order)


def _reading_order(group: RelationGroup) -> tuple[int, str]:
    known = group.type in RELATION_ORDER
    return (RELATION_ORDER.index(group.type) if known else len(RELATION_ORDER), group.type)


@dataclass
class Surroundings:
    """The two sides of the neighbour graph and what hangs below its middle."""

    left_title: str
    right_title: str
    left: list[Neighbour]
    right: list[Neighbour]
    left_total: int
    right_total: int
    below: list[Neighbour]

    def __bool__(self) -> bool:
        return bool(self.left or self.right or self.below)


def surroundings(entity: Entity, groups: Sequence[RelationGroup], *, user: User) -> Surroundings:
    """Who uses `entity` and what it depends on, through APIs too. Two queries, for the two ends of its APIs."""
    of = {group.type: group for group in groups}
    provided, consumed = _neighbours(of, "providesApi"), _neighbours(of, "consumesApi")
    ends = _ends_of_apis(provided, consumed, user)
    if entity.kind == "api":
        return Surroundings(
            *("Used by", "Provided by"),
            *(_neighbours(of, "apiConsumedBy"), _neighbours(of, "apiProvidedBy")),
            *(_total(of, "apiConsumedBy"), _total(of, "apiProvidedBy")),
            below=[],
        )
    callers = _callers(entity, provided, ends)
    behind = [_behind(api, ends) for api in consumed]
    left = _once([*callers, *_neighbours(of, "dependencyOf")])
    right = _once([*behind, *_neighbours(of, "dependsOn")])
    more_left = _more(of, "dependencyOf")
    more_right = _more(of, "dependsOn", "consumesApi")
    return Surroundings(
        "Used by", "Depends on", left, right, len(left) + more_left, len(right) + more_right, below=provided
    )


def _neighbours(of: dict[str, RelationGroup], type: str) -> list[Neighbour]:
    return of[type].neighbours if type in of else []


def _total(of: dict[str, RelationGroup], type: str) -> int:
    return of[type].total if type in of else 0


def _more(of: dict[str, RelationGroup], *types: str) -> int:
    return sum(of[type].more for type in types if type in of)


def _ends_of_apis(
    provided: list[Neighbour], consumed: list[Neighbour], user: User
) -> list[tuple[str, str, Neighbour]]:
    """(API, relation, neighbour) for the consumers of provided and the providers of consumed APIs."""
    mine = [api.entity.pk for api in provided if api.entity]
    theirs = [api.entity.pk for api in consumed if api.entity]
    if not mine and not theirs:
        return []
    rows = list(
        Relation.objects.visible_to(user)
        .filter(Q(source__in=mine, type="apiConsumedBy") | Q(source__in=theirs, type="apiProvidedBy"))
        .order_by("target_ref")
        .values_list("source__ref", "type", "target_ref")[:ENDS_LIMIT]
    )
    entities = entities_by_ref(ref for _, _, ref in rows)
    return [(api, type, Neighbour(ref, entities.get(ref))) for api, type, ref in rows]


def _callers(
    entity: Entity, provided: list[Neighbour], ends: list[tuple[str, str, Neighbour]]
) -> list[Neighbour]:
    mine = {api.ref for api in provided}
    return [
        Neighbour(end.ref, end.entity, f"calls {refs.short(api, namespace=entity.namespace)}")
        for api, type, end in ends
        if type == "apiConsumedBy" and api in mine and end.ref != entity.ref
    ]


def _behind(api: Neighbour, ends: list[tuple[str, str, Neighbour]]) -> Neighbour:
    """The one component behind a consumed API; the API itself when nobody or several provide it."""
    providers = [end for ref, type, end in ends if type == "apiProvidedBy" and ref == api.ref]
    if len(providers) != 1 or providers[0].entity is None:
        return api
    return Neighbour(providers[0].ref, providers[0].entity, f"through {refs.short(api.ref)}")


def _once(neighbours: list[Neighbour]) -> list[Neighbour]:
    return list({neighbour.ref: neighbour for neighbour in reversed(neighbours)}.values())[::-1]


def parts_of(ref: str) -> QuerySet[Relation]:
    """The relations of everything that says it is part of `ref`."""
    return Relation.objects.filter(target_ref=ref, type="partOf")


def people_in(group_ref: str, *, user: User) -> int:
    return Relation.objects.visible_to(user).filter(target_ref=group_ref, type="memberOf").count()
