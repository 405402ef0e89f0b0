"""Promise 9: the number of queries per page does not grow with the number of rows shown, and no query reads them all.

Each page is measured with 4, with 10 and with 1,000 rows of everything that it shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db import connection
from django.db.models import F
from django.test import Client
from django.utils import timezone

from access.models import Grant
from catalog.models import CatalogRevision, Entity, Location, Problem, Relation
from catalog.relations import INVERSE
from control.models import (
    Approval,
    Approver,
    AuditEvent,
    Decision,
    Delegation,
    Happening,
    Intent,
    Notice,
    PolicyRevision,
    State,
    User,
)
from scaffolder.models import Run, RunLog, RunStep
from tests import factories
from tests.access import room
from tests.access.conftest import rules
from tests.scaffolder import room as scaffolder_room

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
__all__ = ["rules"]
FEWEST, FEW, MANY = 4, 10, 1_000  # four, because ten of some things fill their page already
MOST_ROWS = 250  # of a statement without a limit: a graph names the 200 entities that it draws
# Rules may match on each relation of the one entity that is asked about; with some left out a denial could be missed.
READ_WHOLE = (
    'SELECT "catalog_relation"."type" AS "type", "catalog_relation"."target_ref" AS "target_ref" FROM'
)
OWNERS = "group:default/payments"
SYSTEM = "system:default/checkout"
TEMPLATE = "template:default/hello"
RUN = UUID("00000000-0000-4000-8000-000000000001")
WAITING = UUID("00000000-0000-4000-8000-000000000002")
GRANTED = UUID("00000000-0000-4000-8000-000000000003")
PLACE = UUID("00000000-0000-4000-8000-000000000004")

PAGES = {
    "home": "/",
    "catalogue": "/catalog/",
    "catalogue, filtered": "/catalog/?filter=kind%3Dcomponent&owner=group:default/payments&sort=changed",
    "catalogue, last page": "/catalog/?page=20",
    "search": "/search/?q=service",
    "palette": "/palette/?q=service",
    "entity": "/catalog/component/default/payments/",
    "entity, dependencies": "/catalog/component/default/payments/dependencies/",
    "entity, api": "/catalog/component/default/payments/api/",
    "entity, docs": "/catalog/component/default/payments/docs/",
    "entity, access": "/catalog/component/default/payments/access/",
    "entity, source": "/catalog/component/default/payments/source/",
    "entity, activity": "/catalog/component/default/payments/activity/",
    "system": "/catalog/system/default/checkout/",
    "group": "/catalog/group/default/payments/",
    "group, activity": "/catalog/group/default/payments/activity/",
    "user": "/catalog/user/default/tomas.lind/",
    "inbox, waiting": "/inbox/",
    "inbox, mine": "/inbox/?tab=mine",
    "inbox, decided": "/inbox/?tab=decided",
    "inbox, one": f"/inbox/{WAITING}/",
    "notifications": "/notifications/",
    "deputies": "/deputies/",
    "rules": "/rules/",
    "my access": "/access/",
    "choose for access": "/access/request/",
    "ask for access": f"/access/request/?entity={room.REF}",
    "decision": f"/access/request/decision/?entity={room.REF}&role=production-logs&duration=1h",
    "one access": f"/access/requests/{GRANTED}/",
    "templates": "/create/",
    "template form": "/create/default/hello/",
    "runs": "/runs/",
    "runs, of all": "/runs/?of=all&state=done",
    "run": f"/runs/{RUN}/",
    "locations": "/locations/",
    "locations, troubled": "/locations/?state=problems",
    "location": f"/locations/{PLACE}/",
    "removing a location": f"/locations/{PLACE}/remove/",
}


@dataclass
class Cost:
    statements: list[str]
    most_rows: int = 0
    greediest: str = ""


@contextmanager
def measured() -> Iterator[Cost]:
    """Statements, and the most rows that one without a limit brought."""
    cost = Cost([])

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        cost.statements.append(sql)
        if is_open_ended(sql) and context["cursor"].rowcount > cost.most_rows:
            cost.most_rows, cost.greediest = context["cursor"].rowcount, sql
        return result

    with connection.execute_wrapper(note):
        yield cost


def is_open_ended(sql: str) -> bool:
    is_reading = sql.lstrip("( ").upper().startswith(("SELECT", "WITH"))
    return is_reading and " LIMIT " not in sql and not sql.startswith(READ_WHOLE)


@pytest.fixture
def people(maya: User, tomas: User, payments: Group) -> list[User]:
    """The reader asks and decides: for Maya's requests, and her own wait for Ines."""
    owner = factories.user("ines.duarte", groups=[payments])
    tomas.groups.add(factories.group("group:default/support"))
    return [tomas, maya, owner]


@pytest.mark.slow
def test_each_page_costs_as_many_queries_for_1000_rows_as_for_10(
    people: list[User], client_for: Callable[[User], Client]
) -> None:
    """All pages in one test, because the rows take longer than the pages."""
    client = client_for(people[0])
    begin(people)
    fewest = costs_with(people, client, 0, FEWEST)
    few = costs_with(people, client, FEWEST, FEW)
    many = costs_with(people, client, FEW, MANY)
    for less, more in ((fewest, few), (few, many)):
        grown = {
            page: difference(less[page], more[page]) for page in PAGES if not is_same(less[page], more[page])
        }
        assert grown == {}
    greedy = {page: cost.greediest for page, cost in many.items() if cost.most_rows > MOST_ROWS}
    assert greedy == {}


def costs_with(people: list[User], client: Client, start: int, stop: int) -> dict[str, Cost]:
    fill(people, start, stop)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as autovacuum does: a planner that knows nothing joins row by row
    return {page: cost_of(client, url) for page, url in PAGES.items()}


def is_same(few: Cost, many: Cost) -> bool:
    return len(few.statements) == len(many.statements)


def cost_of(client: Client, url: str) -> Cost:
    """Of the second visit: the first fills what is kept for everybody."""
    cache.clear()
    CatalogRevision.objects.update(number=F("number") + 1)
    client.get(url)
    with measured() as cost:
        answer = client.get(url)
    assert answer.status_code == 200, answer.content.decode()
    return cost


def difference(few: Cost, many: Cost) -> str:
    """How many there were, and the statements that came more often, each once."""
    more = [
        sql
        for sql in dict.fromkeys(many.statements)
        if many.statements.count(sql) > few.statements.count(sql)
    ]
    return "\n".join([f"{len(few.statements)} and {len(many.statements)} statements", *more])


# One of each that pages are about


def begin(people: list[User]) -> None:
    place = factories.location(pk=PLACE, read_at=timezone.now(), registered_by=people[0])
    factories.entity(
        room.REF,
        type="service",
        owner_ref=OWNERS,
        system_ref=SYSTEM,
        location=place,
        source_text="kind: Component\n",
        spec={"providesApis": ["a"]},
        metadata={"annotations": {"backstage.io/techdocs-ref": "dir:."}},
    )
    factories.entity(SYSTEM, owner_ref=OWNERS, location=place)
    factories.entity(OWNERS, location=place)
    factories.entity("user:default/tomas.lind", location=place)
    scaffolder_room.template()
    reader, maya, _ = people
    run = intent_row(reader, pk=RUN, capability="scaffolder.run", subject_ref=TEMPLATE, state=State.SUCCEEDED)
    waiting = intent_row(maya, pk=WAITING)
    granted = intent_row(reader, pk=GRANTED, state=State.SUCCEEDED)
    write_intents([run, waiting, granted], asked=OWNERS)
    Run.objects.create(intent=run, template_ref=TEMPLATE, template=factories_template())
    Grant.objects.create(**grant_row(reader, granted))
    now = timezone.now()
    Delegation.objects.create(**delegation_row(people[2], reader, now, now + timedelta(days=1)))


def factories_template() -> dict[str, Any]:
    document: dict[str, Any] = Entity.objects.get(ref=TEMPLATE).document
    return document


# Many of everything


def fill(people: list[User], start: int, stop: int) -> None:
    """Rows number `start` to `stop` of every table that some page lists, in a few statements."""
    numbers = range(start, stop)
    fill_catalogue(numbers)
    fill_people(numbers)
    fill_requests(people, numbers)
    fill_runs(people, numbers)
    fill_notices(people[0], numbers)
    fill_delegations(people[0], people[2], numbers)
    AuditEvent.objects.bulk_create(
        AuditEvent(action="test.happened", actor_name="Portico", subject_ref=ref, summary=f"Number {n}")
        for n in numbers
        for ref in (room.REF, OWNERS)
    )
    AuditEvent.objects.bulk_create(
        AuditEvent(action="test.happened", actor_name="Portico", intent_id=pk, summary=f"Number {n}")
        for n in numbers
        for pk in (RUN, GRANTED)
    )


def fill_catalogue(numbers: range) -> None:
    place, payments = Location.objects.get(pk=PLACE), Entity.objects.get(ref=room.REF)
    Location.objects.bulk_create(
        Location(
            type="url", target=f"https://example.com/{n}.yaml", problem_count=n % 2, read_at=timezone.now()
        )
        for n in numbers
    )
    hello = Entity.objects.get(ref=TEMPLATE)
    entities = Entity.objects.bulk_create(
        [copy_of(payments, f"component:default/service-{n}", tags=[f"tag-{n}"]) for n in numbers]
        + [copy_of(hello, f"template:default/hello-{n}") for n in numbers]
    )
    fill_relations(payments, entities[: len(numbers)])
    Problem.objects.bulk_create(
        Problem(
            location=place,
            entity=payments,
            entity_ref=room.REF,
            code="dangling",
            message=f"Number {n}",
            line=n + 1,
        )
        for n in numbers
    )


def copy_of(entity: Entity, ref: str, **fields: Any) -> Entity:
    known = {field.attname: getattr(entity, field.attname) for field in Entity._meta.concrete_fields}
    name = ref.rpartition("/")[2]
    return Entity(**{**known, "id": uuid4(), "ref": ref, "name": name, "search": None, **fields})


def fill_relations(payments: Entity, services: list[Entity]) -> None:
    """Each depends on payments and is depended on, is part of the system, owned by the group, provides an API."""
    system, group = Entity.objects.get(ref=SYSTEM), Entity.objects.get(ref=OWNERS)
    pairs = [
        (source, type, target)
        for service in services
        for source, type, target in (
            (service, "dependsOn", payments),
            (payments, "dependsOn", service),
            (service, "partOf", system),
            (service, "ownedBy", group),
            (payments, "consumesApi", service),
        )
    ]
    rows = [Relation(source=source, type=type, target_ref=target.ref) for source, type, target in pairs]
    rows += [
        Relation(source=target, type=INVERSE[type], target_ref=source.ref) for source, type, target in pairs
    ]
    Relation.objects.bulk_create(rows, ignore_conflicts=True)


def fill_people(numbers: range) -> None:
    """Members of the team that owns nothing and asks; who decides stays few."""
    team = factories.group("group:default/support")
    made = User.objects.bulk_create(
        User(username=f"person.{n}", entity_ref=f"user:default/person.{n}", email=f"p{n}@example.org")
        for n in numbers
    )
    User.groups.through.objects.bulk_create(User.groups.through(user=user, group=team) for user in made)


def intent_row(by: User, **fields: Any) -> Intent:
    row = room.ended_request(by, state=State.AWAITING_APPROVAL, decided_at=None)
    for name, value in {"id": uuid4(), **fields}.items():
        setattr(row, name, value)
    if row.state not in (State.AWAITING_APPROVAL, State.SUBMITTED):
        row.decided_at = row.requested_at
    if row.state == State.SUCCEEDED:
        row.started_at, row.finished_at = row.requested_at, row.requested_at + timedelta(minutes=1)
    row.decide_before = timezone.now() + timedelta(days=5)
    row.plan = {"title": row.title, "summary": "", "changes": [], "facts": [], "data": {"role_title": "Logs"}}
    return row


def write_intents(rows: list[Intent], *, asked: str) -> None:
    Intent.objects.bulk_create(rows)
    revision = PolicyRevision.objects.latest("id")
    Decision.objects.bulk_create(
        Decision(
            intent=row,
            verdict="needs_approval",
            policy=revision,
            inputs={},
            explanation={},
            approvals_needed=1,
            decided_at=row.requested_at,
        )
        for row in rows
    )
    group = factories.group(asked)
    Approver.objects.bulk_create(
        Approver(intent=row, group=group, counts_from=row.requested_at) for row in rows
    )


def fill_requests(people: list[User], numbers: range) -> None:
    """Waiting for the reader, waiting for others, decided by the reader, and held by many."""
    reader, maya, _ = people
    waiting = [intent_row(maya) for _ in numbers]
    mine = [intent_row(reader) for _ in numbers]
    rejected = [intent_row(reader, state=State.REJECTED) for _ in numbers]
    decided = [intent_row(maya, state=State.SUCCEEDED) for _ in numbers]
    held = [intent_row(reader, state=State.SUCCEEDED) for _ in numbers]
    over = [intent_row(reader, state=State.SUCCEEDED) for _ in numbers]
    write_intents([*waiting, *mine, *rejected, *decided, *held, *over], asked=OWNERS)
    Approval.objects.bulk_create(
        Approval(intent=row, by=reader, answer="approved", digest=row.plan_digest, decided_at=timezone.now())
        for row in decided
    )
    Grant.objects.bulk_create(
        [Grant(**grant_row(maya, row)) for row in decided]
        + [Grant(**grant_row(reader, row)) for row in held]
        + [Grant(**grant_row(reader, row, ended=True)) for row in over]
    )


def fill_delegations(reader: User, other: User, numbers: range) -> None:
    """Windows that are over: of those that count there are only a few at once."""
    begin, end = timezone.now() - timedelta(days=2), timezone.now() - timedelta(days=1)
    rows = [delegation_row(one, two, begin, end) for one, two in ((reader, other), (other, reader))]
    Delegation.objects.bulk_create(Delegation(**row) for row in rows for _ in numbers)


def delegation_row(absent: User, deputy: User, starts_at: datetime, expires_at: datetime) -> dict[str, Any]:
    window = {"created_at": starts_at, "starts_at": starts_at, "expires_at": expires_at}
    return {"absent": absent, "deputy": deputy, "reason": "Holiday", **window}


def fill_notices(reader: User, numbers: range) -> None:
    told = Happening.objects.bulk_create(
        Happening(
            event="test.said", topic="decided", key=f"said-{n}", sign="ok", title=f"Number {n}", url="/"
        )
        for n in numbers
    )
    Notice.objects.bulk_create(Notice(user=reader, happening=one) for one in told)


def grant_row(user: User, intent: Intent, *, ended: bool = False) -> dict[str, Any]:
    now, hour = timezone.now(), timedelta(hours=1)
    window = (now - 2 * hour, now - hour) if ended else (now - hour, now + hour)
    return room._window(user, intent.pk, *window, {})


def fill_runs(people: list[User], numbers: range) -> None:
    reader = people[0]
    done = [
        intent_row(reader, capability="scaffolder.run", subject_ref=TEMPLATE, state=State.SUCCEEDED)
        for _ in numbers
    ]
    write_intents(done, asked=OWNERS)
    Run.objects.bulk_create(
        Run(intent=row, template_ref=f"template:default/hello-{n}", template={})
        for row, n in zip(done, numbers, strict=True)
    )
    RunStep.objects.bulk_create(
        RunStep(run_id=RUN, index=n, step_id=f"s{n}", name=f"Step {n}", action="debug:log") for n in numbers
    )
    RunLog.objects.bulk_create(RunLog(run_id=RUN, text=f"line {n}") for n in numbers)
