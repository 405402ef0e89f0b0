"""Reads who decides by a rule: stages one after the other, in each of them parts, in each of those an escalation."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any

from control.durations import format_duration
from control.policy_documents import Approval, Deciders, Part, Stage, Tier
from control.policy_fields import FieldReader
from control.policy_yaml import Place

MOST_COUNT, MOST_STAGES, MOST_PARTS, MOST_ESCALATIONS = 10, 5, 5, 5
LONGEST_STAGE_NAME = 60
_FORMS = ("anyOf", "allOf", "stages")
_PART = ("anyOf", "count", "escalation")
_STAGE = ("name", "allOf", *_PART)
_APPROVAL = ("stages", "allOf", "distinct", *_PART)
_AT_ONCE = timedelta(0)


@dataclass
class ApprovalReader:
    """`roles` and `rotas` are what was named, with their places, for whoever knows the whole set."""

    reader: FieldReader
    within: timedelta  # how long a request may wait
    roles: list[tuple[Place, str]] = field(default_factory=list)
    rotas: list[tuple[Place, str]] = field(default_factory=list)

    def read(self, spec: dict[str, Any]) -> Approval:
        place: Place = ("spec", "approval")
        if "approval" not in spec:
            words = "approval is missing. Say who decides; `approval: none` allows at once."
            self.reader.problem(("spec",), words)
            return Approval()
        if spec["approval"] == "none":
            return Approval()
        fields = self.reader.mapping(spec["approval"], place, _APPROVAL)
        distinct = self.reader.truth(fields, "distinct", place, default=True)
        if "distinct" in fields and "anyOf" in fields:
            self.reader.problem((*place, "distinct"), "distinct is for stages and allOf.")
        if not self._has_one(fields, place, _FORMS):
            return Approval()
        if "stages" not in fields:
            return Approval((self._stage(fields, place),), distinct)
        self._refuse_beside(fields, place, "stages", _PART)
        listed = self._some(fields, "stages", place, MOST_STAGES)
        return Approval(tuple(self._named_stage(item, where) for where, item in listed), distinct)

    def _named_stage(self, item: Any, where: Place) -> Stage:
        fields = self.reader.mapping(item, where, _STAGE)
        name = self.reader.text(fields, "name", where, longest=LONGEST_STAGE_NAME)
        if not self._has_one(fields, where, _FORMS[:2]):
            return Stage(name, ())
        return Stage(name, self._stage(fields, where).parts)

    def _stage(self, fields: dict[str, Any], where: Place) -> Stage:
        if "allOf" not in fields:
            return Stage("", (self._part(fields, where),))
        self._refuse_beside(fields, where, "allOf", _PART)
        listed = self._some(fields, "allOf", where, MOST_PARTS)
        parts = [self._part(self.reader.mapping(item, place, _PART), place) for place, item in listed]
        return Stage("", tuple(parts))

    def _part(self, fields: dict[str, Any], where: Place) -> Part:
        count = self.reader.number(fields, "count", where, default=1, most=MOST_COUNT)
        first = Tier(_AT_ONCE, self._deciders(fields, where))
        return Part(count, (first, *self._escalation(fields, where)))

    def _escalation(self, fields: dict[str, Any], where: Place) -> list[Tier]:
        tiers = []
        for place, item in self._some(fields, "escalation", where, MOST_ESCALATIONS, required=False):
            one = self.reader.mapping(item, place, ("after", "anyOf"))
            after = self.reader.duration(one, "after", place, required=True)
            if after and after >= self.within:
                words = f"nobody waits that long: an undecided request expires after {format_duration(self.within)}."
                self.reader.problem((*place, "after"), words)
            tiers.append(Tier(after or _AT_ONCE, self._deciders(one, place)))
        if any(later.after <= earlier.after for earlier, later in pairwise(tiers)):
            self.reader.problem(
                (*where, "escalation"), "each step of escalation must be later than the one before."
            )
        return tiers

    def _deciders(self, fields: dict[str, Any], where: Place) -> Deciders:
        owners, named, roles, rotas = False, [], [], []
        for place, item in self.reader.items(fields, "anyOf", where, required=True):
            if isinstance(item, dict) and len(item) == 1 and item.get("owners") is True:
                owners = True
            elif isinstance(item, dict) and "role" in item:
                roles.append(self._word(item, "role", place, self.roles))
            elif isinstance(item, dict) and "onCall" in item:
                rotas.append(self._word(item, "onCall", place, self.rotas))
            elif who := self.reader.who(item, place):
                named.append(who)
        if any(who.kind == "everyone" for who in named):
            self.reader.problem((*where, "anyOf"), "Everyone cannot decide. Name groups or people.")
        return Deciders(owners, tuple(named), tuple(filter(None, roles)), tuple(filter(None, rotas)))

    def _word(self, item: dict[str, Any], name: str, place: Place, wanted: list[tuple[Place, str]]) -> str:
        word = self.reader.text(self.reader.mapping(item, place, (name,)), name, place, required=True)
        if word:
            wanted.append((place, word))
        return word

    def _has_one(self, fields: dict[str, Any], where: Place, forms: tuple[str, ...]) -> bool:
        given = [name for name in forms if name in fields]
        if len(given) != 1:
            self.reader.problem(where, f"say who decides by one of {', '.join(forms)}.")
        return len(given) == 1

    def _refuse_beside(
        self, fields: dict[str, Any], where: Place, form: str, others: tuple[str, ...]
    ) -> None:
        for name in others:
            if name in fields and name != form:
                self.reader.problem((*where, name), f"{name} stands in each entry of {form}.")

    def _some(
        self, fields: dict[str, Any], name: str, where: Place, most: int, *, required: bool = True
    ) -> list[tuple[Place, Any]]:
        listed = self.reader.items(fields, name, where, required=required)
        if len(listed) > most:
            self.reader.problem((*where, name), f"{name} has more than {most} entries.")
        return listed[:most]
