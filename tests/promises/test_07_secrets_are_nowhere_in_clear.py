"""Promise 7: secrets never reach the database in clear, logs, audit, or a page.

What is stored is read as the database has it: every row of every table as text. What is logged is every record of every
logger, down to DEBUG. What is shown is every page that speaks of the thing, for everybody who may see it.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from django.db import connection
from django.test import Client
from psycopg import sql
from psycopg.conninfo import make_conninfo
from pytest_django.fixtures import Settings

from access.models import Grant, OutsideRight
from access.sweep import sweep
from catalog.models import Location
from control import approvals, execution
from control.errors import InvalidParameters
from control.models import Intent, State, User
from scaffolder import runs
from scaffolder.models import Run
from tests import factories
from tests.access import room
from tests.access.conftest import admin_dsn, log_store, rules, service
from tests.scaffolder import room as scaffolder_room
from tests.scaffolder.conftest import folders
from tests.scaffolder.templates import document, finish, log_of, log_step, template

pytestmark = pytest.mark.django_db
__all__ = ["admin_dsn", "folders", "log_store", "rules", "service"]
SECRET = "hunter2/hunter2 + é"
KEY = "Hunter2Key"
FORMS = (
    SECRET,
    quote(SECRET),
    quote(SECRET, safe=""),
    base64.b64encode(SECRET.encode()).decode(),
    SECRET.encode().hex(),  # as PostgreSQL shows bytes
    KEY,
    "hunter2",
)
SignedIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """But not the statements themselves, which no setting of ours logs."""
    with caplog.at_level(logging.INFO, "django.db.backends"), caplog.at_level(logging.DEBUG):
        yield


def stored() -> str:
    """Every row of every table, as one text."""
    found = []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT t::text FROM {table} t")
            found += [row for (row,) in cursor.fetchall()]
    return "\n".join(found)


def assert_nowhere(caplog: pytest.LogCaptureFixture, *pages: Any, forms: tuple[str, ...] = FORMS) -> None:
    shown = "\n".join(page.getvalue().decode() + str(dict(page.items())) for page in pages)
    for form in forms:
        assert form not in stored()
        assert form not in caplog.text
        assert form not in shown


# Secret answers of a template


ASKS: dict[str, Any] = {
    "properties": {
        "name": {"type": "string"},
        "token": {"type": "string", "title": "Token", "ui:field": "Secret"},
        "more": {"type": "object", "properties": {"key": {"type": "string", "ui:widget": "password"}}},
        "rows": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "user": {"type": "string"},
                    "password": {"type": "string", "ui:options": {"field": "Secret"}},
                },
            },
        },
    }
}
# Each way in which a step could bring a secret out: log, output, error, name of a file, address of a repository.
TELL = [
    log_step("Bearer ${{ secrets.token }}", id="say"),
    log_step({"as data": ["${{ secrets.token }}"], "${{ secrets.token }}": 1}),
    log_step("${{ secrets.token | dump }} and ${{ secrets | dump }}"),
]
FAIL = {
    "address": {
        "action": "fetch:plain",
        "input": {"url": "https://oauth2:${{ secrets.token }}@git.invalid/a/b"},
    },
    "name before @": {
        "action": "fetch:plain",
        "input": {"url": "https://${{ secrets.token }}@git.invalid/a/b"},
    },
    "host": {"action": "fetch:plain", "input": {"url": "https://${{ secrets.key }}.invalid/a/b"}},
    "file": {"action": "fs:delete", "input": {"files": ["../${{ secrets.token }}"]}},
    "entity": {"action": "catalog:write", "input": {"entity": "${{ secrets.token }}"}},
    "location": {
        "action": "catalog:register",
        "input": {"catalogInfoUrl": "https://x:${{ secrets.token }}@git.invalid/c.yaml"},
    },
    "repository": {
        "action": "publish:git",
        "input": {"repoUrl": "git.localhost?owner=a&repo=${{ secrets.token }}"},
    },
    "expression": log_step("${{ secrets.token.no.such.thing() }}"),
}


def pages_about(run: Run, client_for: SignedIn, *people: User) -> list[Any]:
    urls = [
        f"/runs/{run.pk}/",
        f"/runs/{run.pk}/log/",
        f"/runs/{run.pk}/log.txt",
        "/runs/",
        "/inbox/?tab=mine",
    ]
    urls += [
        f"/inbox/{run.pk}/",
        "/inbox/?tab=decided",
        "/",
        "/create/",
        "/catalog/template/default/service/activity/",
    ]
    return [client_for(person).get(url, follow=True) for person in people for url in urls]


def approved_run(steps: list[dict[str, Any]], by: User, approver: User, tmp_path: Path) -> Run:
    """Asked for with a secret, read in the inbox, approved, and not yet begun."""
    scaffolder_room.publish(tmp_path, scaffolder_room.OWNERS)
    described = document(
        steps, parameters=ASKS, output={"text": [{"content": "${{ secrets.token }}"}], "token": TOLD}
    )
    entity = template(described)
    entity.owner_ref = "group:default/payments"
    entity.save(update_fields=["owner_ref"])
    intent = runs.start(entity, {"name": "a"}, {"token": SECRET, "key": KEY}, by=by, reason="Payouts.")
    approvals.approve(intent.pk, by=approver, digest=intent.plan_digest)
    return Run.objects.select_related("intent").get(pk=intent.pk)


TOLD = "${{ secrets.token }} ${{ steps.say.output | dump }}"


def test_a_secret_that_waits_and_works_is_nowhere_in_clear(
    maya: User,
    tomas: User,
    root_admin: User,
    client_for: SignedIn,
    folders: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = approved_run(TELL, maya, tomas, tmp_path)
    assert run.sealed_secrets, "the run holds it, or this test shows nothing"
    assert_nowhere(caplog, *pages_about(run, client_for, maya, tomas, root_admin))
    execution.run(run.pk)
    assert finish(run) == "succeeded"
    assert "Bearer ***" in log_of(run), "the step had it, or this test shows nothing"
    assert_nowhere(caplog, *pages_about(run, client_for, maya, tomas, root_admin))
    assert Run.objects.get().sealed_secrets is None
    left = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert not [path for path in left if b"hunter2" in path.read_bytes()]


@pytest.mark.parametrize("way", FAIL)
@pytest.mark.slow
def test_a_step_that_fails_over_a_secret_does_not_tell_it(
    way: str,
    maya: User,
    tomas: User,
    client_for: SignedIn,
    folders: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = approved_run([FAIL[way]], maya, tomas, tmp_path)
    execution.run(run.pk)
    run.intent.refresh_from_db()
    assert run.intent.state == State.FAILED
    assert run.intent.error
    assert_nowhere(caplog, *pages_about(run, client_for, maya, tomas))


def test_a_rejected_run_forgets_its_secret(maya: User, tomas: User, folders: Path, tmp_path: Path) -> None:
    scaffolder_room.publish(tmp_path, scaffolder_room.OWNERS)
    entity = scaffolder_room.template(spec={"parameters": ASKS, "steps": TELL})
    intent = runs.start(entity, {"name": "a"}, {"token": SECRET}, by=maya, reason="Payouts.")
    assert Run.objects.get().sealed_secrets
    approvals.reject(intent.pk, by=tomas, digest=intent.plan_digest, comment="No.")
    assert Run.objects.get().sealed_secrets is None


@pytest.mark.parametrize(
    "values",
    [
        {"token": SECRET},
        {"more": {"key": SECRET}},
        {"rows": [{"user": "a", "password": SECRET}]},
        {"rows": [{"user": "a"}, {"user": "b", "password": SECRET}]},
    ],
)
def test_a_secret_sent_as_a_plain_answer_is_refused_and_not_repeated(
    values: Mapping[str, Any], maya: User, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scaffolder_room.publish(tmp_path, scaffolder_room.AT_ONCE)
    entity = scaffolder_room.template(spec={"parameters": ASKS, "steps": TELL})
    with pytest.raises(InvalidParameters, match="Send it apart") as refusal:
        runs.start(entity, {"name": "a", **values}, by=maya)
    assert "hunter2" not in f"{refusal.value} {refusal.value.fields}"
    assert not Intent.objects.exists()
    assert_nowhere(caplog)


def test_a_form_that_is_sent_back_does_not_repeat_the_secret(
    maya: User, client_for: SignedIn, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The reason is missing, so the page comes again: without what was typed into the secret field."""
    scaffolder_room.publish(tmp_path, scaffolder_room.OWNERS)
    factories.user("tomas.lind", groups=["group:default/payments"])
    asks = {"properties": {"token": {**ASKS["properties"]["token"], "minLength": 8, "pattern": "^[a-z]+$"}}}
    scaffolder_room.template(spec={"parameters": asks, "steps": TELL})
    client = client_for(maya)
    page = client.get("/create/default/hello/")
    for number, do in ((0, "next"), (1, "submit")):
        answers = page.content.decode().split('name="answers" value="')[1].split('"')[0]
        data = {"answers": answers, "page": number, "do": do, "secret/token": SECRET, "v/token": SECRET}
        page = client.post("/create/default/hello/", data)
    assert page.status_code == 422
    assert b"This does not fit." in page.content
    assert not Intent.objects.exists()
    assert_nowhere(caplog, page)


# Passwords of outside systems


UNREACHABLE = {
    "nobody listens": "postgresql://portico:hunter2@127.0.0.1:1/logs",
    "no such host": "postgresql://portico:hunter2@nowhere.invalid/logs",
    "port that is none": "postgresql://portico:hunter2@db:port/logs",
    "no address at all": "portico:hunter2@db/logs",
    "unknown option": "host=127.0.0.1 port=1 password=hunter2 hunter2=1",
}


@pytest.mark.usefixtures("service", "rules")
@pytest.mark.parametrize("way", UNREACHABLE)
@pytest.mark.slow
def test_an_outside_system_that_cannot_be_reached_does_not_tell_its_password(
    way: str,
    maya: User,
    tomas: User,
    client_for: SignedIn,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("access.capability.WAITS_SECONDS", ())
    settings.PORTICO_CONNECTORS = {room.TARGET: {"type": "postgresql", "dsn": UNREACHABLE[way]}}
    grant = room.granted(maya, by=tomas)
    execution.run(grant.intent_id)
    assert OutsideRight.objects.get().last_error
    OutsideRight.objects.update(observed="present")
    urls = [f"/access/requests/{grant.intent_id}/", "/access/", "/catalog/component/default/payments/access/"]
    pages = [client_for(person).get(url) for person in (maya, tomas) for url in urls]
    pages.append(client_for(maya).post(f"/access/requests/{grant.intent_id}/sign-in/"))
    assert_nowhere(caplog, *pages, forms=("hunter2",))


@pytest.mark.usefixtures("service", "rules")
def test_the_password_of_a_sign_in_is_in_one_answer_and_nowhere_else(
    maya: User,
    tomas: User,
    root_admin: User,
    client_for: SignedIn,
    log_store: str,
    sent: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    grant = room.granted(maya, by=tomas)
    sweep()
    page = f"/access/requests/{grant.intent_id}/"
    answer = client_for(maya).post(f"{page}sign-in/")
    password = answer.context["sign_in"].password
    assert opens(log_store, password)
    assert password in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    urls = [page, "/access/", f"/inbox/{grant.intent_id}/", "/catalog/component/default/payments/activity/"]
    people = (maya, tomas, root_admin)
    assert_nowhere(
        caplog, *(client_for(who).get(url, follow=True) for who in people for url in urls), forms=(password,)
    )
    assert "SCRAM-SHA-256" in str(sent)
    assert password not in str(sent)
    assert Grant.objects.get() == grant


def opens(dsn: str, password: str) -> bool:
    with psycopg.connect(make_conninfo(dsn, user="portico_maya_okafor", password=password)) as session:
        return session.execute("SELECT 1 FROM entries").fetchone() is not None


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that outside systems get, as their own logs may keep them."""
    found: list[str] = []
    execute = psycopg.Connection.execute

    def noted(self: Any, query: Any, params: Any = None, **how: Any) -> Any:
        found.append(query.as_string(self) if isinstance(query, sql.Composable) else f"{query} {params}")
        return execute(self, query, params, **how)

    monkeypatch.setattr(psycopg.Connection, "execute", noted)
    return found


# Tokens in the addresses of repositories


@pytest.mark.parametrize(
    "address",
    [
        "https://oauth2:hunter2@git.example.org/team/a.git",
        "https://hunter2@git.example.org/team/a.git",
        "https://oauth2:hunter2@git.example.org:port/team/a.git",
        "https://oauth2:hunter2/hunter2@git.example.org/team/a.git",
        "https://oauth2:hunter2@[git.example.org/team/a.git",
        "ssh://git:hunter2@git.example.org/team/a.git",
        "https://git.example.org/team/a.git?private_token=hunter2",
        "https://raw.example.org/team/a/main/catalog-info.yaml?token=hunter2",
        "https://oauth2:hunter2@raw.example.org/catalog-info.yaml",
    ],
)
def test_a_token_in_an_address_is_refused_and_not_kept(
    address: str, maya: User, client_for: SignedIn, caplog: pytest.LogCaptureFixture
) -> None:
    page = client_for(maya).post("/locations/register/", {"target": address, "type": ""})
    assert page.status_code == 422
    words = page.content.decode().replace(
        f'value="{address}"', ""
    )  # what they typed stands in the field again
    assert "hunter2" not in words
    assert not Location.objects.exists()
    assert_nowhere(caplog, forms=("hunter2",))


def test_a_token_in_the_operator_s_setting_is_not_told_by_a_run(
    maya: User,
    tomas: User,
    client_for: SignedIn,
    folders: Path,
    settings: Settings,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.PORTICO_GIT_HOSTS = {"git.example.org": "https://hunter2@git.example.org/{owner}/{repo}.git"}
    step = {"action": "publish:git", "input": {"repoUrl": "git.example.org?owner=a&repo=b"}}
    run = approved_run([step], maya, tomas, tmp_path)
    execution.run(run.pk)
    assert "Leave names, passwords and tokens out" in finish(run)
    assert_nowhere(caplog, *pages_about(run, client_for, maya, tomas), forms=("hunter2@",))
