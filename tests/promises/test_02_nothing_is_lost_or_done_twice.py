"""Promise 2: no committed intent is lost or executed twice when a worker is killed or the broker is wiped.

A real worker on a real queue is killed with SIGKILL at a place that the test chooses: while git on the other side holds
the push back, or after the outside system took the change and before the record could be written.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from access.models import Grant, OutsideRight
from catalog.models import Entity
from control import approvals, execution
from control.models import AuditEvent, Intent, PolicyRevision, State, User
from control.tasks import sweep
from portal.celery import QUEUE
from scaffolder import runs
from tests import factories
from tests.access import room as access_room
from tests.access.conftest import admin_dsn, log_store
from tests.access.conftest import rules as access_rules
from tests.scaffolder import room as scaffolder_room
from tests.waiting import wait_until
from tests.worker import RealWorker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.service]
__all__ = ["access_rules", "admin_dsn", "log_store"]
PATIENCE_SECONDS = 60
LEASE_SECONDS = 3


@pytest.fixture
def worker(real_worker: RealWorker, settings: Any, tmp_path: Path) -> RealWorker:
    settings.PORTICO_LEASE_SECONDS = LEASE_SECONDS
    settings.PORTICO_HOME = tmp_path / "home"
    return real_worker


def state_of(intent: Intent) -> str:
    return Intent.objects.values_list("state", flat=True).get(pk=intent.pk)


def ring_until(intent: Intent, wanted: State, worker: RealWorker) -> None:
    """What the schedule does every few seconds, until the intent is there."""

    def rung() -> bool:
        sweep()
        return state_of(intent) == wanted

    wait_until(rung, PATIENCE_SECONDS, f"the intent is {wanted}", lambda: worker.output)


PUBLISH = {
    "parameters": {"properties": {"name": {"type": "string"}}},
    "steps": [
        {
            "id": "write",
            "name": "Write the entry",
            "action": "catalog:write",
            "input": {
                "entity": {
                    "apiVersion": "backstage.io/v1alpha1",
                    "kind": "Component",
                    "metadata": {"name": "${{ parameters.name }}"},
                    "spec": {"type": "service", "lifecycle": "experimental", "owner": "payments"},
                }
            },
        },
        {
            "id": "publish",
            "name": "Publish",
            "action": "publish:git",
            "input": {"repoUrl": "git.localhost?owner=acme&repo=${{ parameters.name }}"},
        },
        {
            "id": "register",
            "name": "Register",
            "action": "catalog:register",
            "input": {
                "repoContentsUrl": "${{ steps.publish.output.repoContentsUrl }}",
                "catalogInfoPath": "/catalog-info.yaml",
            },
        },
    ],
}


@pytest.fixture
def held_remote(tmp_path: Path, settings: Any, worker: RealWorker) -> Path:
    """An empty repository that takes a push only once the file `go` lies beside it."""
    roots = tmp_path / "git"
    remote = roots / "acme" / "payout-reports.git"
    remote.parent.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(remote)], check=True)
    hook = remote / "hooks" / "pre-receive"
    hook.write_text(
        f"#!/bin/sh\ntouch {tmp_path}/pushing\nwhile [ ! -e {tmp_path}/go ]; do sleep 0.05; done\n"
    )
    hook.chmod(0o755)
    settings.PORTICO_FILE_ROOTS = [roots]
    settings.PORTICO_GIT_HOSTS = {"git.localhost": f"file://{roots}/{{owner}}/{{repo}}.git"}
    return remote


def commits_in(remote: Path) -> list[str]:
    command = ["git", "-c", "safe.directory=*", "-C", str(remote), "log", "--format=%H", "--all"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def start_with(worker: RealWorker, settings: Any) -> None:
    worker.start(
        PORTICO_FILE_ROOTS=",".join(map(str, settings.PORTICO_FILE_ROOTS)),
        PORTICO_GIT_HOSTS=",".join(f"{name}={remote}" for name, remote in settings.PORTICO_GIT_HOSTS.items()),
    )


def test_a_worker_killed_during_a_push_leaves_one_repository_and_one_entity(
    worker: RealWorker, held_remote: Path, settings: Any, tmp_path: Path, maya: User
) -> None:
    scaffolder_room.publish(tmp_path, scaffolder_room.AT_ONCE)
    template = scaffolder_room.template(spec=PUBLISH)
    start_with(worker, settings)
    intent = runs.start(template, {"name": "payout-reports"}, by=maya)
    wait_until((tmp_path / "pushing").exists, PATIENCE_SECONDS, "the push has begun", lambda: worker.output)
    worker.kill()
    (tmp_path / "go").touch()
    assert state_of(intent) == State.RUNNING

    start_with(worker, settings)
    ring_until(intent, State.SUCCEEDED, worker)
    assert len(commits_in(held_remote)) == 1
    wait_until(
        lambda: Entity.objects.filter(ref="component:default/payout-reports").count() == 1,
        PATIENCE_SECONDS,
        "the new component is in the catalogue",
        lambda: worker.output,
    )
    steps = intent.run.steps.values_list("step_id", "state", "attempts")
    assert list(steps) == [
        ("write", "succeeded", 1),
        ("publish", "succeeded", 2),
        ("register", "succeeded", 1),
    ]
    assert AuditEvent.objects.filter(intent=intent, action="intent.taken_over").count() == 1
    assert AuditEvent.objects.filter(intent=intent, action="intent.succeeded").count() == 1


@pytest.fixture
def record_held_back() -> Iterator[psycopg.Connection]:
    """While this connection is open nobody can write an audit event: everybody who wants to stands and waits."""
    own = connection.get_connection_params()
    known = {name: own[name] for name in ("host", "port", "user", "password", "dbname") if own.get(name)}
    with psycopg.connect(**known) as holder:
        yield holder


def is_member(dsn: str) -> bool:
    with psycopg.connect(dsn) as server:
        row = server.execute(
            "SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid WHERE r.rolname = %s",
            [access_room.RIGHT],
        ).fetchone()
    assert row
    assert row[0] <= 1
    return bool(row[0])


def test_a_worker_killed_between_the_outside_change_and_its_record_says_it_once(
    worker: RealWorker,
    access_rules: PolicyRevision,
    log_store: str,
    maya: User,
    tomas: User,
    record_held_back: psycopg.Connection,
) -> None:
    factories.entity(access_room.REF, type="service", owner_ref="group:default/payments")
    connectors = json.dumps({access_room.TARGET: {"type": "postgresql", "dsn": log_store}})
    grant = access_room.granted(maya, by=tomas)
    record_held_back.execute("LOCK TABLE control_auditevent IN EXCLUSIVE MODE")
    worker.start(PORTICO_CONNECTORS=connectors)
    wait_until(
        lambda: is_member(log_store), PATIENCE_SECONDS, "the outside role is given", lambda: worker.output
    )
    worker.kill()
    record_held_back.rollback()
    assert not AuditEvent.objects.filter(intent=grant.intent, summary__startswith="Joined").exists()

    worker.start(PORTICO_CONNECTORS=connectors)
    ring_until(grant.intent, State.SUCCEEDED, worker)
    assert is_member(log_store)
    assert Grant.objects.filter(intent=grant.intent).count() == 1
    assert OutsideRight.objects.get().observed == "present"
    for action in ("intent.succeeded", "grant.opened"):
        assert AuditEvent.objects.filter(intent=grant.intent, action=action).count() == 1


def test_a_wiped_queue_loses_nothing(worker: RealWorker, settings: Any, tmp_path: Path, maya: User) -> None:
    scaffolder_room.publish(tmp_path, scaffolder_room.AT_ONCE)
    intent = runs.start(scaffolder_room.template(), {"name": "hello", "size": 3}, by=maya)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pgmq.purge_queue(%s)", [QUEUE])
    worker.start()
    Intent.objects.filter(pk=intent.pk).update(rung_at=intent.requested_at - execution.RING_AGAIN * 2)
    ring_until(intent, State.SUCCEEDED, worker)
    assert intent.run.steps.get().attempts == 1


GATE = {
    "parameters": {"properties": {"name": {"type": "string"}}},
    "steps": [
        {"id": "before", "action": "debug:log", "input": {"message": "before"}},
        {"id": "gate", "action": "approval:wait", "input": {"approvers": ["payments"]}},
        {"id": "after", "action": "debug:log", "input": {"message": "after"}},
    ],
}


def test_a_run_that_waits_outlives_its_worker_and_the_queue(
    worker: RealWorker, tmp_path: Path, maya: User, tomas: User
) -> None:
    scaffolder_room.publish(tmp_path, scaffolder_room.AT_ONCE)
    intent = runs.start(scaffolder_room.template(spec=GATE), {"name": "hello"}, by=maya)
    worker.start()
    waits = Intent.objects.filter(pk=intent.pk, waits_on__isnull=False)
    wait_until(waits.exists, PATIENCE_SECONDS, "the run is put aside", lambda: worker.output)
    worker.kill()
    asked = Intent.objects.get(asked_by_step__step__run=intent.pk)
    approvals.approve(asked.pk, by=tomas, digest=asked.plan_digest)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pgmq.purge_queue(%s)", [QUEUE])

    worker.start()
    Intent.objects.update(rung_at=intent.requested_at - execution.RING_AGAIN * 2)
    ring_until(intent, State.SUCCEEDED, worker)
    assert list(intent.run.steps.values_list("step_id", "attempts")) == [
        ("before", 1),
        ("gate", 1),
        ("after", 1),
    ]
    assert Intent.objects.filter(asked_by_step__step__run=intent.pk).count() == 1
    assert not AuditEvent.objects.filter(intent=intent, action="intent.taken_over").exists()
