"""The JSON Schema of rules and their reader agree about every shape, and the reference says what both know."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from io import StringIO
from typing import Any

import jsonschema
import pytest
from django.conf import settings
from django.core.management import call_command

from control import policy_schema
from control.policy_schema import read_set
from control.policy_yaml import Document, read_documents
from control.rule_reference import reference
from control.rule_schema import KINDS, schema
from control.rule_tests import is_test, read_tests

SET = """
apiVersion: portico.dev/v1
kind: Role
metadata: {name: logs, title: Logs, description: Reads, labels: {a: b}, annotations: {c: 1}}
rules: [{resources: [logs], verbs: [read]}]
outside: [{connector: postgresql, target: payments-logs, role: reader}]
---
apiVersion: portico.dev/v1
kind: RoleBinding
metadata: {name: always}
subjects: [{kind: Everyone}, {kind: User, name: maya, apiGroup: rbac}]
roleRef: {kind: Role, name: logs, apiGroup: rbac}
spec: {entities: "kind=component", environments: [staging]}
---
apiVersion: portico.dev/v1
kind: AccessRule
metadata: {name: logs}
spec:
  roles: [logs]
  subjects: [{kind: Group, name: support}]
  entities: ["kind=component,spec.type=service", "kind=resource"]
  environments: [production]
  maxDuration: 4h
  defaultDuration: 1h
  startWithin: 7d
  extensions: {count: 2, total: 8h}
  breakGlass:
    maxDuration: 1h
    reviewWithin: 24h
    reviewers: {anyOf: [{owners: true}, {kind: Group, name: security}]}
  approval: {anyOf: [{owners: true}, {kind: Group, name: platform}, {kind: User, name: tomas}], count: 2}
  when: [{expression: "time.hour < 18", title: By day, message: Ask tomorrow.}, "request.role != 'x'"]
  timeZone: Europe/Berlin
  reason: {required: true, ticket: "[A-Z]+-[0-9]+", hint: "Name the ticket", url: "https://t.example.org/{ticket}"}
  decideWithin: 24h
---
apiVersion: portico.dev/v1
kind: AccessRule
metadata: {name: templates}
spec:
  capabilities: [scaffolder.run]
  subjects: [{kind: Everyone}]
  when: "environment == ''"
  approval: none
---
apiVersion: portico.dev/v1
kind: AccessRule
metadata: {name: side-by-side}
spec:
  capabilities: [scaffolder.run]
  subjects: [{kind: Everyone}]
  approval:
    distinct: false
    allOf:
      - {anyOf: [{role: warden}], count: 2, escalation: [{after: 4h, anyOf: [{onCall: payments}]}]}
      - {anyOf: [{owners: true}]}
---
apiVersion: portico.dev/v1
kind: AccessRule
metadata: {name: one-after-the-other}
spec:
  capabilities: [scaffolder.run]
  subjects: [{kind: Everyone}]
  approval:
    distinct: true
    stages:
      - {name: Owners, anyOf: [{owners: true}], count: 1}
      - {allOf: [{anyOf: [{kind: Group, name: security}]}]}
---
apiVersion: portico.dev/v1
kind: Role
metadata: {name: warden}
rules: [{resources: [gate], verbs: [open]}]
---
apiVersion: portico.dev/v1
kind: DenyRule
metadata: {name: nobody}
spec:
  roles: ["*"]
  capabilities: ["*"]
  subjects: [{kind: Group, name: contractors}]
  entities: "kind=component"
  environments: [production]
  message: Not for you.
---
apiVersion: portico.dev/v1
kind: OnCall
metadata: {name: payments}
spec:
  timeZone: Europe/Berlin
  start: "2026-11-02T09:00"
  shift: 7d
  people: [{kind: User, name: tomas}, {kind: Group, name: payments}]
  overrides: [{from: "2026-12-24", until: "2026-12-26", people: [{kind: User, name: ines}]}]
---
apiVersion: portico.dev/v1
kind: Bundle
metadata: {name: kit}
roles: [logs]
environments: [production]
---
apiVersion: portico.dev/v1
kind: VisibilityRule
metadata: {name: lab}
spec: {entities: "metadata.namespace=lab", visibleTo: [{kind: Group, name: founders}]}
---
apiVersion: portico.dev/v1
kind: RuleTest
metadata: {name: one}
given:
  subject: {kind: User, name: maya, groups: [support]}
  people: [{name: tomas, groups: [payments]}]
  entity: {kind: Component, metadata: {name: payments}, spec: {owner: payments}}
  environment: production
  role: logs
  duration: 2h
  breakGlass: true
  reason: PAY-1
  now: "2026-11-25T10:00:00+01:00"
cases:
  - {name: a, given: {duration: 1h}, expect: {verdict: deny, rule: logs, message: x}}
  - {name: b, expect: {verdict: allow, approvers: [payments], approvals: 1, deciders: [tomas]}}
---
apiVersion: portico.dev/v1
kind: RuleTest
metadata: {name: two}
given: {subject: {name: maya}, entity: "component:payments", capability: scaffolder.run}
expect: {verdict: allow}
"""
KNOWN = re.compile(r"zz is not a field here. Known: ([^.]*)")
VALIDATOR = jsonschema.Draft202012Validator(schema())
WRONG: list[Any] = [
    None,
    "",
    " ",
    "x",
    "a b c",
    [],
    [None],
    [""],
    {},
    {"zz": 1},
    0,
    7,
    True,
    ["x"],
    "0h",
    "Group:a",
]
# What the reader refuses and no shape can tell: `BEYOND_SHAPE`, and what a test is given as a whole.
BEYOND = (
    *(
        "there is no Role",
        "there is no OnCall",
        "longer than",
        "is longer than maxDuration",
        "total is shorter",
    ),
    *("when:", "ticket is not a pattern", "ticket matches an empty", "timeZone:", "must be a time like"),
    *("until must be later", "shift must be between", "now must be a moment", "deciders are people"),
    *(
        "given names either",
        "duration is for roles",
        "breakGlass is for roles",
        "given.subject is missing",
        "given.entity",
        "exists already",
    ),
    *("is not a length of time", "decideWithin is for rules"),
    *("nobody waits that long", "must be later than the one before", "is bound to Everyone"),
)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    path = tmp_path_factory.mktemp("rules") / "rules.yaml"
    path.write_text(SET)
    return [document.data for document in read_documents(path, "rules.yaml")]


def refusals(documents: list[dict[str, Any]], changed: int) -> list[str]:
    """What the reader says against one document of the set."""
    read = [Document(str(number), 1, data) for number, data in enumerate(documents)]
    problems = read_set([one for one in read if not is_test(one)])[1]
    problems += read_tests([one for one in read if is_test(one)])[1]
    return [words for path, _, words in problems if path == str(changed)]


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*above, key)
            yield from places(inner, (*above, key))


def mutations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each part left out, replaced by something else, or with a field that nobody knows."""
    for place in places(document):
        if place[:2] in {("metadata", "labels"), ("metadata", "annotations")} and len(place) > 2:
            continue
        for wrong in WRONG:
            yield f"{place} = {wrong!r}", changed(document, place, wrong)
        yield f"{place} left out", changed(document, place, None, leave_out=True)
        if (
            isinstance(at(document, place), dict)
            and "entity" not in place
            and place[-1] not in ("labels", "annotations")
        ):
            yield f"{place} with zz", changed(document, (*place, "zz"), 1)
    yield "zz", changed(document, ("zz",), 1)


def at(document: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        document = document[key]
    return document


def changed(
    document: dict[str, Any], place: tuple[Any, ...], value: Any, *, leave_out: bool = False
) -> dict[str, Any]:
    copied = deepcopy(document)
    inner = at(copied, place[:-1])
    if leave_out:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return copied


def test_the_schema_is_one(good: list[dict[str, Any]]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    for document in good:
        VALIDATOR.validate(document)
    assert read_set([Document("x", 1, one) for one in good if one["kind"] != "RuleTest"])[1] == []


def test_it_knows_every_kind(good: list[dict[str, Any]]) -> None:
    assert set(KINDS) == {*policy_schema.KINDS, "RuleTest"} == {document["kind"] for document in good}
    assert len(good) == 13


@pytest.mark.slow
@pytest.mark.parametrize("number", range(13))
def test_the_schema_accepts_what_the_reader_accepts_and_nothing_else(
    good: list[dict[str, Any]], number: int
) -> None:
    """Some hundred slips of the pen in each document; the two may differ only in what no shape can tell."""
    differ = []
    for what, document in mutations(good[number]):
        said = refusals([*good[:number], document, *good[number + 1 :]], number)
        fits = VALIDATOR.is_valid(document)
        beyond = bool(said) and all(any(words in one for words in BEYOND) for one in said)
        if fits != (not said) and not (fits and beyond):
            differ.append((what, "fits" if fits else "does not fit", said[:1]))
    assert differ == []


def test_both_know_the_same_fields_and_the_set_above_names_each(good: list[dict[str, Any]]) -> None:
    """So a field that was added to the reader alone, or to the schema alone, is found."""
    told: set[str] = set()
    for number, document in enumerate(good):
        for what, slip in mutations(document):
            if "zz" in what:
                said = " ".join(refusals([*good[:number], slip, *good[number + 1 :]], number))
                told.update(name for known in KNOWN.findall(said) for name in known.split(", "))
    used = {place[-1] for document in good for place in places(document) if isinstance(place[-1], str)}
    assert told | {"owners"} == set(fields_of(schema()))  # {owners: true} is compared as a whole
    assert told - used == set()


def fields_of(shape: Any) -> Iterator[str]:
    """Names of all fields below mappings that allow no others."""
    if isinstance(shape, dict):
        if shape.get("additionalProperties") is False:
            yield from shape["properties"]
        for inner in shape.values():
            yield from fields_of(inner)
    elif isinstance(shape, list):
        for inner in shape:
            yield from fields_of(inner)


def test_the_demos_documents_fit() -> None:
    for path in sorted((settings.BASE_DIR / "demo" / "policy").rglob("*.yaml")):
        for document in read_documents(path, path.name):
            VALIDATOR.validate(document.data)


def test_the_reference_in_the_docs_is_that_of_the_schema() -> None:
    kept = (settings.BASE_DIR / "docs" / "rules-reference.md").read_text()
    assert kept == reference(), "run: manage.py rules reference > docs/rules-reference.md"


def test_the_commands_print_both() -> None:
    said = StringIO()
    call_command("rules", "schema", stdout=said)
    assert json.loads(said.getvalue()) == schema()
    said = StringIO()
    call_command("rules", "reference", stdout=said)
    assert said.getvalue() == reference()
