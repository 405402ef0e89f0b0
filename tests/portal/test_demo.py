"""The demo organisation: its files are sound, and loading it gives a portal in use, once."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
import yaml
from django.core.management import CommandError, call_command
from psycopg.conninfo import make_conninfo

from access.models import Batch, Grant, OutsideRight, OwedReview
from catalog.models import Entity, Location, Problem
from control import intents, people, policy, subjects
from control.capability import Draft
from control.models import AuditEvent, Intent, PolicyRevision, User
from portal import demo, demo_history, demo_logs, demo_repositories
from portal.demo_repositories import DEMO

DESCRIPTORS = [
    *sorted(path for path in (DEMO / "repositories").rglob("*.yaml") if "apis" not in path.parts),
    *sorted((DEMO / "templates").glob("*/template.yaml")),
    DEMO / "templates" / "catalog-info.yaml",
]


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def entities() -> list[dict[str, Any]]:
    return [
        entity
        for path in DESCRIPTORS
        for entity in documents(path)
        if "kind" in entity and "metadata" in entity
    ]


def ref_of(entity: dict[str, Any]) -> str:
    return f"{entity['kind']}:default/{entity['metadata']['name']}".lower()


def refs_in(entity: dict[str, Any], key: str, default_kind: str) -> list[str]:
    value = entity["spec"].get(key, [])
    names = [value] if isinstance(value, str) else value
    return [_full(name, default_kind) for name in names]


def _full(name: str, default_kind: str) -> str:
    kind, _, rest = name.rpartition(":")
    return f"{kind or default_kind}:{rest if '/' in rest else f'default/{rest}'}".lower()


REFERENCES = {
    "owner": "group",
    "system": "system",
    "domain": "domain",
    "memberOf": "group",
    "parent": "group",
    "children": "group",
    "providesApis": "api",
    "consumesApis": "api",
    "dependsOn": "component",
    "subcomponentOf": "component",
}


def test_every_yaml_file_outside_the_skeletons_can_be_read() -> None:
    unwritten = {path for folder in DEMO.glob("templates/*/*/") for path in folder.rglob("*.yaml")}
    found = set(DEMO.rglob("*.yaml")) - unwritten
    assert len(found) >= 30
    assert [path for path in found if not documents(path)] == []


def test_the_catalogue_has_every_kind_and_enough_to_look_at() -> None:
    kinds = Counter(entity["kind"] for entity in entities())
    assert sum(kinds.values()) >= 38
    assert set(kinds) == {
        "API", "Component", "Domain", "Environment", "Group", "Location", "Resource", "System", "Template", "User",
    }  # fmt: skip
    assert (kinds["User"], kinds["Template"]) == (12, 3)
    teams = [
        entity for entity in entities() if entity["kind"] == "Group" and entity["spec"]["type"] == "team"
    ]
    assert len(teams) == 6


def test_no_entity_is_described_twice() -> None:
    refs = Counter(ref_of(entity) for entity in entities())
    assert [ref for ref, count in refs.items() if count > 1] == []


def test_only_the_intended_references_lead_nowhere() -> None:
    known = {ref_of(entity) for entity in entities()}
    unknown = {
        (ref_of(entity), target)
        for entity in entities()
        for key, kind in REFERENCES.items()
        for target in refs_in(entity, key, kind)
        if target not in known
    }
    assert unknown == {
        ("component:default/recommendations", "group:default/personalisation"),
        ("component:default/dispatch", "resource:default/label-printer-queue"),
    }


def test_only_the_returns_desk_has_no_owner() -> None:
    owned = {"Component", "API", "Resource", "System", "Domain", "Template", "Environment"}
    without = [ref_of(e) for e in entities() if e["kind"] in owned and not e["spec"].get("owner")]
    assert without == ["component:default/returns-desk"]


def test_every_person_of_the_catalogue_can_sign_in_under_the_same_name() -> None:
    described = {e["metadata"]["name"]: e["spec"]["profile"] for e in entities() if e["kind"] == "User"}
    signing_in = {person.username: person.name for person in demo.people()}
    assert signing_in == {name: profile["displayName"] for name, profile in described.items()}
    assert {profile["email"] for profile in described.values()} == {
        f"{name}@example.org" for name in described
    }


def test_every_text_placeholder_and_every_documentation_page_exists() -> None:
    for path in DESCRIPTORS:
        for entity in documents(path):
            definition = entity.get("spec", {}).get("definition")
            if isinstance(definition, dict):
                assert (path.parent / definition["$text"]).is_file(), f"{path}: {definition}"
            if entity.get("metadata", {}).get("annotations", {}).get("backstage.io/techdocs-ref"):
                assert documentation_pages(path.parent) > 0


def documentation_pages(folder: Path) -> int:
    pages = [page for entry in documents(folder / "mkdocs.yml")[0]["nav"] for page in entry.values()]
    assert [page for page in pages if not (folder / "docs" / page).is_file()] == []
    return len(pages)


def test_git_repositories_have_the_history_of_their_people(tmp_path: Path) -> None:
    names = {person.username: person.name for person in demo.people()}
    made = demo_repositories.create(tmp_path, names)
    assert len(made) == 10
    payments = next(one for one in demo_repositories.all_repositories() if one.name == "payments")
    log = git(payments.bare(tmp_path), "log", "--reverse", "--format=%an <%ae>")
    assert log.splitlines() == [
        "Samuel Adeyemi <samuel.adeyemi@example.org>",
        "Ines Duarte <ines.duarte@example.org>",
        "Tomas Lind <tomas.lind@example.org>",
    ]
    files = set(git(payments.bare(tmp_path), "ls-tree", "-r", "--name-only", "main").splitlines())
    assert files == {str(p.relative_to(payments.source)) for p in payments.source.rglob("*") if p.is_file()}


def test_a_second_start_makes_no_repository_and_changes_no_commit(tmp_path: Path) -> None:
    names = {person.username: person.name for person in demo.people()}
    demo_repositories.create(tmp_path, names)
    before = heads(tmp_path)
    assert demo_repositories.create(tmp_path, names) == []
    assert heads(tmp_path) == before


def test_the_same_files_give_the_same_commits_everywhere(tmp_path: Path) -> None:
    names = {person.username: person.name for person in demo.people()}
    demo_repositories.create(tmp_path / "one", names)
    demo_repositories.create(tmp_path / "two", names)
    assert heads(tmp_path / "one") == heads(tmp_path / "two")


def heads(home: Path) -> dict[str, str]:
    return {
        one.name: git(one.bare(home), "rev-parse", "main") for one in demo_repositories.all_repositories()
    }


def git(bare: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", f"--git-dir={bare}", *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture
def home(tmp_path: Path, settings: Any, db: None) -> Path:
    settings.PORTICO_HOME = tmp_path  # workspaces of its own: other test processes clear theirs
    settings.PORTICO_FILE_ROOTS = [tmp_path / "git"]
    settings.PORTICO_GIT_HOSTS = {"git.localhost": f"file://{tmp_path}/git/{{owner}}/{{repo}}.git"}
    settings.PORTICO_CONNECTORS = {"payments-logs": {"type": "postgresql", "database": "payments_logs"}}
    settings.PORTICO_POLICY_PATHS = []
    # Heartbeats come from a connection of their own, which cannot see the rows of a test's transaction.
    settings.PORTICO_LEASE_SECONDS = 3_600
    return tmp_path


def address() -> str:
    return os.environ["DATABASE_URL"]


@pytest.mark.slow
def test_a_first_start_looks_like_a_portal_in_use_and_a_second_changes_nothing(home: Path) -> None:
    first = demo.load(home, database_url=address())
    assert first.notes == []
    assert [str(step).split()[0] for step in first.lines] == [
        "10",
        "12",
        "Database",
        "Rules",
        "10",
        "History:",
    ]
    assert_catalogue_is_read()
    assert_people_are_in_their_teams()
    assert_rules_say_what_the_handbook_says()
    assert_history_is_told()
    counts = row_counts()

    second = demo.load(home, database_url=address())
    assert second.lines == []
    assert row_counts() == counts


def assert_catalogue_is_read() -> None:
    problems = Problem.objects.values_list("code", "entity_ref")
    assert set(problems) == {
        ("dangling", "component:default/recommendations"),
        ("dangling", "component:default/dispatch"),
        ("invalid", "component:default/returns-desk"),
    }
    assert Entity.objects.get(ref="component:default/payments").owner_ref == "group:default/payments"
    assert Entity.objects.get(ref="component:default/invoice-mailer").lifecycle == "deprecated"
    assert not Entity.objects.filter(ref="component:default/returns-desk").exists()
    assert Entity.objects.filter(ref="component:default/stock").exists()
    assert Location.objects.filter(is_org_source=True).count() == 1


def assert_people_are_in_their_teams() -> None:
    assert {user.username for user in people.members_of("group:default/payments")} == {
        "tomas.lind",
        "ines.duarte",
        "samuel.adeyemi",
    }
    assert {user.username for user in User.objects.filter(is_staff=True)} == {"noor.haddad"}
    assert User.objects.get(username="maya.okafor").check_password(demo.PASSWORD)


def assert_rules_say_what_the_handbook_says() -> None:
    assert answer("maya.okafor", "production-logs", "payments", "production") == ("needs_approval", 1)
    assert answer("maya.okafor", "production-logs", "ledger", "production") == ("deny", 0)
    assert answer("maya.okafor", "staging-shell", "order-lookup", "staging") == ("allow", 0)
    assert answer("tomas.lind", "production-logs", "payments", "production") == ("allow", 0)
    assert answer("ines.duarte", "production-database-read", "ledger", "production") == ("needs_approval", 2)
    assert answer("noor.haddad", "production-shell", "stock", "production") == ("needs_approval", 1)
    assert answer("maya.okafor", "customer-records", "basket", "production") == ("needs_approval", 2)
    assert answer("maya.okafor", "customer-records", "payments", "production") == ("deny", 0)
    assert answer("elias.brandt", "staging-shell", "stock", "staging") == ("allow", 0)
    assert answer("elias.brandt", "production-shell", "stock", "production") == ("deny", 0)


def answer(username: str, role: str, component: str, environment: str) -> tuple[str, int]:
    draft = Draft(
        "access.grant",
        User.objects.get(username=username),
        subjects.resolve(f"component:default/{component}"),
        environment,
        {"role": role, "duration": "30m"},
        "To see what the rules say.",
    )
    verdict = intents.preview(draft).verdict
    return verdict.verdict, verdict.approvals_needed


def assert_history_is_told() -> None:
    assert Counter(Intent.objects.values_list("capability", "state")) == {
        ("access.grant", "succeeded"): 3,
        ("access.grant", "awaiting_approval"): 6,
        ("scaffolder.run", "succeeded"): 1,
        ("scaffolder.run", "awaiting_approval"): 1,
    }
    assert waiting_for("tomas.lind") == {"Production shell of Capture worker"}
    assert waiting_for("chloe.marsh") == set()
    assert waiting_for("freya.nilsen") == {
        "Customer records of Basket",
        "Staging shell of Basket",
        "Staging shell of Storefront gateway",
    }
    assert waiting_for("noor.haddad") == {
        "Customer records of Storefront gateway",
        "Production database, read of Ledger",
        "Python service: returns-labels",
    }
    assert Batch.objects.get().lines.count() == 2
    assert [owed.grant.user.username for owed in OwedReview.objects.unanswered()] == ["chloe.marsh"]
    assert [grant.user.username for grant in Grant.objects.live()] == ["chloe.marsh"]
    assert OutsideRight.objects.get().observed == OutsideRight.Observed.PRESENT


def waiting_for(username: str) -> set[str]:
    waiting = Intent.objects.waiting_for(User.objects.get(username=username))
    return set(waiting.values_list("title", flat=True))


def row_counts() -> dict[str, int]:
    models = (User, Location, Entity, Problem, PolicyRevision, Intent, Grant, AuditEvent)
    return {model.__name__: model.objects.count() for model in models}


@pytest.mark.slow
def test_a_load_that_stopped_in_the_middle_goes_on_without_doing_anything_twice(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(demo_history, "_waiting_access", stop)
        with pytest.raises(KeyboardInterrupt):
            demo.load(home, database_url=address())
    assert Intent.objects.count() == 3
    before = row_counts()

    again = demo.load(home, database_url=address())
    assert [line.split(":")[0] for line in again.lines] == ["History"]
    assert Intent.objects.count() == 11
    assert {name: row_counts()[name] for name in ("User", "PolicyRevision", "Grant")} == {
        name: before[name] for name in ("User", "PolicyRevision", "Grant")
    }


def test_rules_that_somebody_wrote_stay_in_force(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        demo_repositories, "all_repositories", list
    )  # rules do not need them, and they take a while
    own = tmp_path / "own.yaml"
    own.write_text("apiVersion: portico.dev/v1\nkind: Role\nmetadata: {name: reader}\nrules:\n"
                   "  - {resources: [logs], verbs: [read]}\n")  # fmt: skip
    written = policy.publish([own], by=None)
    summary = demo.load(home, database_url=address())
    assert policy.in_force() == written
    assert not Intent.objects.exists()
    assert summary.lines[-1] == "No history: it would need the rules of the demo"


def test_only_the_reader_role_may_read_the_logs_and_it_may_do_nothing_else(home: Path) -> None:
    assert demo_logs.create(address(), DEMO / "logs.sql") == ""
    assert demo_logs.create(address(), DEMO / "logs.sql") == ""
    with psycopg.connect(make_conninfo(address(), dbname=demo_logs.DATABASE)) as store:
        assert one(store, "select count(*) from entries") == 200
        assert one(store, "select has_database_privilege('public', current_database(), 'connect')") is False
        assert one(store, "select count(*) from entries where message ~ '[0-9]{13}'") == 0
        store.execute("set role payments_logs_reader")
        assert one(store, "select count(*) from entries") == 200
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            store.execute("delete from entries")


def one(store: psycopg.Connection, question: LiteralString) -> Any:
    row = store.execute(question).fetchone()
    assert row is not None
    return row[0]


def test_the_command_refuses_a_database_that_is_not_for_trying_things_out(settings: Any, db: None) -> None:
    settings.PORTICO_DEMO = False
    with pytest.raises(CommandError, match="PORTICO_DEMO=1"):
        call_command("load_demo")
    assert not User.objects.exists()


def test_the_command_names_the_three_people_of_the_story(
    home: Path, settings: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.PORTICO_DEMO = True
    monkeypatch.setattr(demo, "load", lambda *_args, **_named: demo.DemoSummary(demo.people()))
    call_command("load_demo")
    said = capsys.readouterr().out
    assert "The demo is loaded already" in said
    assert f"password {demo.PASSWORD}" in said
    assert "maya.okafor     Support engineer   asks for access" in said
    assert "tomas.lind      Payments lead      decides requests" in said
    assert "noor.haddad     Platform lead      administers the portal" in said
