"""A portal with many rules, grants and waiting requests. Django is set up before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from access.capability import NAME
from access.models import Grant
from catalog import ingest as ingestion
from catalog.models import Entity, Location
from catalog.subjects import resolve
from control import policy
from control.capability import Ask
from control.decide import decide
from control.models import Approver, Decision, Intent, PolicyRevision, State, User
from measuring.descriptors import generate

PEOPLE = 1_000
BATCH = 5_000
ROLE = """
apiVersion: portico.dev/v1
kind: Role
metadata: {name: %(name)s}
rules: [{resources: [logs], verbs: [read]}]
---
"""
ROLES = 100
RULE = """apiVersion: portico.dev/v1
kind: AccessRule
metadata: {name: rule-%(number)d}
spec:
  roles: [logs, logs-%(role)d]
  subjects: [{kind: Group, name: team-%(number)d}, {kind: Group, name: everybody}]
  entities: "kind=component,metadata.namespace=default"
  environments: [production]
  maxDuration: 4h
  when: ['entity.kind == "component" && time.hour < 24', 'request.duration <= duration("%(minutes)dm")']
  approval: {anyOf: [{kind: Group, name: owners}, {kind: Group, name: team-%(number)d}], count: 2}
---
"""
# Conditions that no other rule shares: as many of them are evaluated as are needed, each for the first time.
ALONE = """apiVersion: portico.dev/v1
kind: AccessRule
metadata: {name: alone-%(number)06d}
spec:
  roles: [alone]
  subjects: [{kind: Group, name: team-%(number)d}, {kind: Group, name: everybody}]
  entities: "kind=component,metadata.namespace=default"
  environments: [production]
  maxDuration: 4h
  when: ['size(entity.tags) < 1000 + %(number)d', 'request.reason == "%(number)d"']
  approval: {anyOf: [{kind: Group, name: owners}], count: 2}
---
"""


@dataclass
class Room:
    maya: User
    owner: User
    entity: Entity
    revision: PolicyRevision
    rules: int

    def questions(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        subject, hour = resolve(self.entity.ref), timedelta(hours=1)
        client = Client()
        client.force_login(self.owner, backend="django.contrib.auth.backends.ModelBackend")
        first = Intent.objects.filter(state=State.AWAITING_APPROVAL).earliest("requested_at")
        stranger = User.objects.get(username="person-7")

        def asked(role: str, reason: str = "why", *, refused: bool = False) -> Callable[[], object]:
            def ask() -> object:
                wish = Ask(NAME, role, hour, reason)
                verdict = decide(actor=self.maya, subject=subject, ask=wish, environment="production")
                assert verdict.is_refused is refused, verdict.message
                return verdict

            return ask

        def page(address: str) -> Callable[[], object]:
            def get() -> object:
                answer = client.get(address)
                assert answer.status_code == 200
                return answer

            return get

        def check(user: User, expected: bool) -> Callable[[], object]:
            def has() -> object:
                found = user.has_perm("catalog.logs:read@production", self.entity)
                assert found is expected
                return found

            return has

        yield "decide: one rule in a hundred offers the role", "decide", asked("logs-7")
        yield "decide: every rule offers the role and holds", "decide", asked("logs")
        last = asked("alone", str(self.rules - 1))
        yield (
            "decide: every rule offers the role, no condition is shared, only the last holds",
            "decide",
            last,
        )
        none = asked("alone", refused=True)
        yield "decide: every rule offers the role, no condition is shared, none holds", "decide", none
        yield "check a right that is held", "check", check(self.maya, True)
        yield "check a right that is not held", "check", check(stranger, False)
        yield "inbox: list with the first request opened", "inbox", page("/inbox/")
        yield "inbox: one request", "inbox", page(f"/inbox/{first.pk}/")
        yield "any page: the number beside Inbox", "inbox", page("/profile/")


def fill(scratch: Path, rules: int, grants: int, waiting: int) -> Room:
    generate(scratch / "files", 1_000)
    location = Location.objects.create(
        type="file", target=f"{scratch}/files/*/*.yaml", is_outside_roots=True, is_org_source=True
    )
    ingestion.ingest(location.pk)
    entity = Entity.objects.filter(kind="component").order_by("ref")[0]
    folder = scratch / "rules"
    folder.mkdir()
    names = ["logs", "alone", *(f"logs-{number}" for number in range(ROLES))]
    text = "".join(ROLE % {"name": name} for name in names) + "".join(
        RULE % {"number": number, "role": number % ROLES, "minutes": 60 + number % 60}
        for number in range(rules)
    )
    text += "".join(ALONE % {"number": number} for number in range(rules))
    (folder / "rules.yaml").write_text(text)
    people = User.objects.bulk_create(
        User(username=f"person-{number}", entity_ref=f"user:bench/person-{number}")
        for number in range(PEOPLE)
    )
    owners = Group.objects.create(name="group:default/owners")
    everybody = Group.objects.create(name="group:default/everybody")
    maya, owner, second = people[0], people[1], people[2]
    maya.groups.add(everybody)
    for one in (owner, second):
        one.groups.add(owners)
    revision = policy.publish([folder], by=None)
    _grants(people, grants)
    _waiting(people[10:], owners, entity, revision, waiting)
    return Room(maya, owner, entity, revision, rules)


def _intent(person: User, entity: Entity, **fields: Any) -> Intent:
    now = timezone.now()
    base: dict[str, Any] = {
        "id": uuid4(),
        "capability": NAME,
        "title": f"Logs of {entity.name}",
        "subject_ref": entity.ref,
        "subject_title": entity.name,
        "environment": "production",
        "parameters": {"role": "logs", "entity": entity.ref, "environment": "production", "duration": "1h"},
        "reason": "Because",
        "requested_by": person,
        "requested_at": now,
        "decide_before": now + timedelta(days=7),
        "plan": {"summary": "Reads logs", "facts": [], "changes": [], "data": {"role_title": "Logs"}},
        "plan_digest": "0" * 64,
    }
    return Intent(**{**base, **fields})


def _grants(people: list[User], count: int) -> None:
    entities = list(Entity.objects.filter(kind="component").order_by("ref")[:200])
    now, holders = timezone.now(), [one for one in people if one.username != "person-7"]
    for start in range(0, count, BATCH):
        made = [
            _intent(
                holders[number % len(holders)],
                entities[number % len(entities)],
                state=State.SUCCEEDED,
                decided_at=now,
            )
            for number in range(start, min(start + BATCH, count))
        ]
        Intent.objects.bulk_create(made)
        Grant.objects.bulk_create(
            Grant(
                intent=intent,
                user=intent.requested_by,
                role="logs",
                role_title="Logs",
                entity_ref=intent.subject_ref,
                environment="production",
                permissions=["logs:read"],
                starts_at=now - timedelta(hours=1),
                expires_at=now + timedelta(days=1),
            )
            for intent in made
        )


def _waiting(people: list[User], owners: Group, entity: Entity, revision: PolicyRevision, count: int) -> None:
    shape = [
        {
            "name": "",
            "parts": [
                {
                    "count": 2,
                    "tiers": [
                        {"after": "0m", "groups": [owners.name], "users": [], "roles": [], "rotas": []}
                    ],
                }
            ],
        }
    ]
    for start in range(0, count, BATCH):
        made = [
            _intent(people[number % len(people)], entity, state=State.AWAITING_APPROVAL)
            for number in range(start, min(start + BATCH, count))
        ]
        Intent.objects.bulk_create(made)
        explanation = {
            "message": "Two of the owners must agree.",
            "checks": [],
            "stages": shape,
            "distinct": True,
        }
        Decision.objects.bulk_create(
            Decision(
                intent=intent,
                verdict=Decision.Verdict.NEEDS_APPROVAL,
                policy=revision,
                rule="rule-0",
                inputs={},
                explanation=explanation,
                approvals_needed=2,
                decided_at=intent.requested_at,
            )
            for intent in made
        )
        Approver.objects.bulk_create(
            Approver(
                intent=intent, group=owners, counts_from=intent.requested_at, asked_at=intent.requested_at
            )
            for intent in made
        )
