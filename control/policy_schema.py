"""Reads rule documents (`KINDS`), checked field by field.

Every problem is collected with its file and line; one problem anywhere means that no set comes out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from typing import Any

from control import policy_windows
from control.durations import format_duration
from control.filters import Filter, FilterError
from control.filters import parse as parse_filter
from control.policy_approval import ApprovalReader
from control.policy_documents import (
    AccessRule,
    Bundle,
    DenyRule,
    Outside,
    PolicySet,
    Role,
    RoleBinding,
    Scope,
    VisibilityRule,
    Who,
)
from control.policy_fields import LONGEST_NAME, FieldReader, Problem
from control.policy_when import read_conditions, read_reason, read_rota
from control.policy_yaml import Document, Place

DECIDE_WITHIN = timedelta(days=7)  # unless the rule says how long
LONGEST = timedelta(days=90)  # longer is no longer time-boxed access
EVERY = "*"

KINDS = ("Role", "RoleBinding", "AccessRule", "DenyRule", "Bundle", "OnCall", "VisibilityRule")
_ACCESS_SPEC = (
    "roles",
    "capabilities",
    "subjects",
    "entities",
    "environments",
    "maxDuration",
    "defaultDuration",
    *policy_windows.FIELDS,
    "approval",
    "when",
    "timeZone",
    "reason",
    "decideWithin",
)
_DENY_SPEC = ("roles", "capabilities", "subjects", "entities", "environments", "message")


def read_set(documents: Sequence[Document]) -> tuple[PolicySet, list[Problem]]:
    """The whole set, and what is wrong with it in the order of files and lines."""
    found = PolicySet(list(documents))
    readers = [_Reader(document) for document in documents]
    for reader in readers:
        reader.read_into(found)
    _check_names(readers)
    for reader in readers:
        reader.check_roles(found)
        reader.check_rotas(found)
        reader.check_deciding_roles(found)
    return found, [problem for reader in readers for problem in sorted(reader.problems)]


def unknown_capabilities(found: PolicySet, known: Collection[str]) -> list[Problem]:
    """Names that stand for nothing: in a DenyRule a slip of the pen would forbid nothing, and nobody would see it.

    Asked when rules are put in force, never of those that are: a part that was taken out must not void the rest.
    """
    problems: list[Problem] = []
    for document in found.documents:
        spec = document.data.get("spec") if isinstance(document.data, dict) else None
        named = spec.get("capabilities") if isinstance(spec, dict) else None
        for index, name in enumerate(named if isinstance(named, list) else ()):
            if isinstance(name, str) and name.strip() not in {*known, EVERY}:
                words = f"there is no capability {name}. Known: {', '.join(sorted(known))}."
                problems.append((document.path, document.line_of(("spec", "capabilities", index)), words))
    return problems


def allowed_alone(found: PolicySet, names: Collection[str]) -> list[Problem]:
    """Rules that would let somebody change Portico itself (`names`) without anybody else's yes."""
    places = {
        document.data["metadata"].get("name"): document
        for document in found.documents
        if isinstance(document.data, dict) and document.data.get("kind") == "AccessRule"
    }
    alone = [
        rule for rule in found.rules if rule.capabilities.intersection(names) and not rule.approval.count
    ]
    words = "needs a second person: name who must agree under approval."
    return [
        (place.path, place.line_of(("spec", "approval")), f"{', '.join(sorted(rule.capabilities))} {words}")
        for rule in alone
        if (place := places.get(rule.name))
    ]


def _check_names(readers: Iterable[_Reader]) -> None:
    seen: dict[tuple[str, str], Document] = {}
    for reader in readers:
        key = (reader.kind, reader.name)
        if not all(key):
            continue
        first = seen.setdefault(key, reader.document)
        if first is not reader.document:
            place = f"{first.path}, line {first.line}"
            reader.problem(("metadata", "name"), f"{key[0]} {key[1]} exists already in {place}. Rename one.")


class _Reader(FieldReader):
    """Reads one rule document."""

    def __init__(self, document: Document) -> None:
        super().__init__(document)
        self.wanted_roles: list[tuple[Place, str]] = []
        self.wanted_rotas: list[tuple[Place, str]] = []
        self.deciding_roles: list[tuple[Place, str]] = []

    def read_into(self, found: PolicySet) -> None:
        head = self.head(KINDS)
        if head is None:
            return
        title, description = head
        if self.kind == "Role":
            found.roles[self.name] = self.role(title, description)
        elif self.kind == "RoleBinding":
            found.bindings.append(self.binding())
        elif self.kind == "AccessRule":
            found.rules.append(self.access_rule(title, description))
        elif self.kind == "DenyRule":
            found.denials.append(self.deny_rule())
        elif self.kind == "Bundle":
            found.bundles[self.name] = self.bundle(title, description)
        elif self.kind == "OnCall":
            self.fields(self.data, (), ("apiVersion", "kind", "metadata", "spec"))
            if rota := read_rota(self, self.name, title):
                found.rotas[self.name] = rota
        elif rule := self.visibility_rule():
            found.visibility.append(rule)

    # The kinds

    def role(self, title: str, description: str) -> Role:
        self.fields(self.data, (), ("apiVersion", "kind", "metadata", "rules", "outside"))
        permissions = [
            f"{resource}:{verb}"
            for where, rule in self.items(self.data, "rules", (), required=True)
            for fields in [self.mapping(rule, where, ("resources", "verbs"))]
            for resource in self.words(fields, "resources", where, required=True)
            for verb in self.words(fields, "verbs", where, required=True)
        ]
        outside = [self.outside(item, where) for where, item in self.items(self.data, "outside", ())]
        return Role(self.name, title, description, tuple(dict.fromkeys(permissions)), tuple(outside))

    def outside(self, item: Any, where: Place) -> Outside:
        fields = self.mapping(item, where, ("connector", "target", "role"))
        connector, target, role = (
            self.text(fields, name, where, required=True, longest=LONGEST_NAME)
            for name in Outside.__annotations__
        )
        return Outside(connector, target, role)

    def binding(self) -> RoleBinding:
        self.fields(self.data, (), ("apiVersion", "kind", "metadata", "subjects", "roleRef", "spec"))
        role_ref = self.mapping(self.data.get("roleRef"), ("roleRef",), ("kind", "name", "apiGroup"))
        role = self.text(role_ref, "name", ("roleRef",), required=True)
        if role:
            self.wanted_roles.append((("roleRef", "name"), role))
        if role_ref.get("kind", "Role") != "Role":
            self.problem(("roleRef", "kind"), "roleRef.kind must be Role.")
        spec = self.mapping(self.data.get("spec", {}), ("spec",), ("entities", "environments"))
        return RoleBinding(self.name, self.subjects(self.data, ()), role, self.scope(spec))

    def access_rule(self, title: str, description: str) -> AccessRule:
        self.fields(self.data, (), ("apiVersion", "kind", "metadata", "spec"))
        spec = self.mapping(self.data.get("spec"), ("spec",), _ACCESS_SPEC)
        roles, capabilities = self.asked(spec)
        if bool(roles) == bool(capabilities):
            self.problem(("spec",), "name either roles or capabilities, one of them.")
        longest = self.duration(spec, "maxDuration")
        default = self.duration(spec, "defaultDuration")
        if capabilities:
            for name in ("environments", "maxDuration", "defaultDuration", *policy_windows.FIELDS):
                if name in spec:
                    self.problem(("spec", name), f"{name} is for roles; a rule for capabilities has none.")
        else:
            self.check_durations(longest, default, spec)
        when, rotas = read_conditions(self, spec)
        within = self.decide_within(spec)
        deciding = ApprovalReader(self, within or DECIDE_WITHIN)
        approval = deciding.read(spec)
        self.wanted_roles += deciding.roles
        self.deciding_roles += deciding.roles
        self.wanted_rotas += rotas + deciding.rotas
        return AccessRule(
            name=self.name,
            title=title,
            description=description,
            roles=roles,
            capabilities=capabilities,
            subjects=self.subjects(spec, ("spec",)),
            scope=self.scope(spec),
            max_duration=longest,
            default_duration=default,
            approval=approval,
            when=when,
            reason=read_reason(self, spec),
            decide_within=within,
            start_within=policy_windows.start_within(self, spec),
            extensions=policy_windows.extensions(self, spec, longest),
            break_glass=policy_windows.break_glass(self, spec),
        )

    def decide_within(self, spec: dict[str, Any]) -> timedelta | None:
        within = self.duration(spec, "decideWithin")
        if within and within > LONGEST:
            self.problem(("spec", "decideWithin"), f"longer than {format_duration(LONGEST)}.")
        if within and spec.get("approval") == "none":
            self.problem(("spec", "decideWithin"), "decideWithin is for rules that somebody decides.")
        return within

    def bundle(self, title: str, description: str) -> Bundle:
        self.fields(self.data, (), ("apiVersion", "kind", "metadata", "roles", "environments"))
        roles = self.words(self.data, "roles", (), required=True)
        self.wanted_roles += [(("roles", index), role) for index, role in enumerate(roles)]
        named = self.words(self.data, "environments", ()) if "environments" in self.data else None
        environments = None if named is None else frozenset(name.lower() for name in named)
        return Bundle(self.name, title, description, tuple(dict.fromkeys(roles)), environments)

    def deny_rule(self) -> DenyRule:
        self.fields(self.data, (), ("apiVersion", "kind", "metadata", "spec"))
        spec = self.mapping(self.data.get("spec"), ("spec",), _DENY_SPEC)
        roles, capabilities = self.asked(spec)
        if not roles and not capabilities:
            self.problem(("spec",), 'say what is denied: roles or capabilities; ["*"] is all of them.')
        message = self.text(spec, "message", ("spec",)) or f"The rule {self.name} does not allow this."
        subjects = self.subjects(spec, ("spec",))
        return DenyRule(self.name, roles, capabilities, subjects, self.scope(spec), message)

    def visibility_rule(self) -> VisibilityRule | None:
        """None when it has no usable filter: what it hides could not be told."""
        self.fields(self.data, (), ("apiVersion", "kind", "metadata", "spec"))
        spec = self.mapping(self.data.get("spec"), ("spec",), ("entities", "visibleTo"))
        if "visibleTo" not in spec:
            words = "visibleTo is missing. Name groups or people; [] leaves owners and administrators alone."
            self.problem(("spec",), words)
        listed = self.items(spec, "visibleTo", ("spec",))
        named = tuple(who for place, item in listed if (who := self.who(item, place)))
        if "entities" not in spec:
            self.problem(("spec",), 'entities is missing. Write a filter like "metadata.tags=secret".')
            return None
        found = self.filter(spec["entities"])
        return VisibilityRule(self.name, found, named) if found else None

    # Parts that several kinds share

    def asked(self, spec: dict[str, Any]) -> tuple[frozenset[str], frozenset[str]]:
        roles = self.words(spec, "roles", ("spec",))
        self.wanted_roles += [(("spec", "roles", index), role) for index, role in enumerate(roles)]
        return frozenset(roles), frozenset(self.words(spec, "capabilities", ("spec",)))

    def check_roles(self, found: PolicySet) -> None:
        for where, role in self.wanted_roles:
            allowed = self.kind == "DenyRule" and role == EVERY
            if role not in found.roles and not allowed:
                known = ", ".join(sorted(found.roles)) or "none"
                self.problem(where, f"there is no Role {role}. Roles of this set: {known}.")

    def check_deciding_roles(self, found: PolicySet) -> None:
        """Whoever decides must be somebody."""
        everybodys = {
            binding.role
            for binding in found.bindings
            if any(who.kind == "everyone" for who in binding.subjects)
        }
        for where, role in self.deciding_roles:
            if role in everybodys:
                self.problem(
                    where, f"{role} is bound to Everyone, and everyone cannot decide. Name another role."
                )

    def check_rotas(self, found: PolicySet) -> None:
        for where, name in self.wanted_rotas:
            if name not in found.rotas:
                known = ", ".join(sorted(found.rotas)) or "none"
                self.problem(where, f"there is no OnCall {name}. Rotas of this set: {known}.")

    def check_durations(
        self, longest: timedelta | None, default: timedelta | None, spec: dict[str, Any]
    ) -> None:
        if "maxDuration" not in spec:
            self.problem(("spec",), "maxDuration is missing: access always ends. Write one like 4h.")
        elif longest and longest > LONGEST:
            self.problem(
                ("spec", "maxDuration"), f"longer than {format_duration(LONGEST)}. Use a RoleBinding instead."
            )
        if longest and default and default > longest:
            words = f"defaultDuration is longer than maxDuration ({format_duration(longest)})."
            self.problem(("spec", "defaultDuration"), words)

    def subjects(self, data: dict[str, Any], where: Place) -> tuple[Who, ...]:
        listed = self.items(data, "subjects", where, required=True)
        return tuple(who for place, item in listed if (who := self.who(item, place)))

    def scope(self, spec: dict[str, Any]) -> Scope:
        environments = self.words(spec, "environments", ("spec",)) if "environments" in spec else None
        if environments == []:
            self.problem(("spec", "environments"), "environments is empty. Name some; leave it out for all.")
        for index, name in enumerate(environments or ()):
            self.check_name(name, ("spec", "environments", index))
        lowered = None if environments is None else frozenset(name.lower() for name in environments)
        text = spec.get("entities")
        if text is None:
            return Scope(environments=lowered)
        return Scope(self.filter(text), environments=lowered)

    def filter(self, text: Any) -> Filter | None:
        """An empty filter would match every entity, so it must be left out instead of written."""
        texts = text if isinstance(text, list) else [text]
        where = ("spec", "entities")
        if not texts or not all(isinstance(one, str) and one.strip(" ,") for one in texts):
            self.problem(
                where,
                'entities must be a filter like "kind=component" or a list of such.',
            )
            return None
        try:
            return parse_filter(texts)
        except FilterError as error:
            self.problem(where, f"entities is not a filter: {error}")
            return None
