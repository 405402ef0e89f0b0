"""What a template would create, looked at before anything is created: on the review, and by those who decide."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from catalog.models import Entity
from control.models import Intent, State, User
from scaffolder import trial_page
from scaffolder.dry_run import File, Outcome
from tests import factories
from tests.scaffolder import room, templates
from tests.scaffolder.test_views import URL, carried, review

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(client_for: Callable[[User], Client], maya: User) -> Client:
    return client_for(maya)


@pytest.fixture
def hello(tmp_path: Path) -> Entity:
    room.publish(tmp_path, room.AT_ONCE)
    described = [
        *room.HELLO["steps"],
        {"action": "catalog:write", "input": {"entity": {"kind": "Component", "metadata": {"name": "<b>"}}}},
    ]
    return room.template(spec={**room.HELLO, "steps": described})


def tried(client: Client, **more: Any) -> Any:
    page = review(client)
    data = {"answers": carried(page.content.decode()), "page": 2, "do": "try", "reason": "Because I may"}
    return client.post(URL, data, **more)


def test_the_review_shows_files_steps_and_log_and_starts_nothing(client: Client, hello: Entity) -> None:
    page = tried(client).content.decode()
    assert "What it would create" in page
    assert "1\u00a0file, " in page
    assert "catalog-info.yaml" in page
    assert '<span class="nt">metadata</span>' in page
    assert "&lt;b&gt;" in page
    assert "payout-reports</code>" in page
    assert not Intent.objects.exists()


def test_without_javascript_the_answers_and_the_reason_are_still_there(
    client: Client, hello: Entity, tmp_path: Path, tomas: User
) -> None:
    room.publish(tmp_path, room.OWNERS)
    page = tried(client).content.decode()
    assert "Because I may</textarea>" in page
    assert carried(page)
    assert "Send for approval" in page


def test_with_htmx_only_the_trial_is_sent(client: Client, hello: Entity) -> None:
    page = tried(client, headers={"HX-Request": "true", "HX-Target": "trial"}).content.decode()
    assert page.strip().startswith("<section")
    assert "<html" not in page


def test_answers_that_are_not_right_any_more_lead_back_to_their_page(client: Client, hello: Entity) -> None:
    first = client.get(URL)
    page = client.post(URL, {"answers": carried(first.content.decode()), "page": 2, "do": "try"})
    assert "What it would create" not in page.content.decode()


def test_a_step_that_would_fail_is_told_with_its_line(client: Client, tmp_path: Path) -> None:
    room.publish(tmp_path, room.AT_ONCE)
    steps = [
        {
            "id": "x",
            "name": "Say",
            "action": "debug:log",
            "input": {"message": "${{ parameters.name | now }}"},
        }
    ]
    entity = room.template(spec={**room.HELLO, "steps": steps})
    Entity.objects.filter(pk=entity.pk).update(
        source_text="spec:\n  steps:\n    - input:\n        message: x\n"
    )
    page = tried(client).content.decode()
    assert "Step 1 (Say) would fail, line 4 of the template." in page
    assert "There is no filter now" in page


@pytest.fixture
def waiting(tmp_path: Path, hello: Entity, maya: User, tomas: User) -> Intent:
    room.publish(tmp_path, room.OWNERS)
    return templates.start(hello, {"name": "payout-reports", "size": 3}, by=maya).intent


def test_who_decides_sees_what_would_be_created(
    client_for: Callable[[User], Client], tomas: User, waiting: Intent
) -> None:
    client = client_for(tomas)
    assert f"/runs/{waiting.pk}/trial/" in client.get(f"/runs/{waiting.pk}/").content.decode()
    page = client.get(f"/runs/{waiting.pk}/trial/").content.decode()
    assert "with the answers of Maya Okafor" in page
    assert "payout-reports</code>" in page
    waiting.refresh_from_db()
    assert waiting.state == State.AWAITING_APPROVAL


def test_the_inbox_leads_there(client_for: Callable[[User], Client], tomas: User, waiting: Intent) -> None:
    page = client_for(tomas).get(f"/inbox/{waiting.pk}/").content.decode()
    assert f'href="/runs/{waiting.pk}/trial/">See what it would create</a>' in page


def test_who_decides_sees_no_entities_that_only_the_other_may_see(
    client_for: Callable[[User], Client], tmp_path: Path, tomas: User, maya: User
) -> None:
    room.publish(
        tmp_path,
        room.OWNERS
        + """---
apiVersion: portico.dev/v1
kind: VisibilityRule
metadata: {name: ledger}
spec:
  entities: "metadata.name=ledger"
  visibleTo: [{kind: Group, name: support}]
""",
    )
    factories.entity("component:default/ledger", owner_ref="group:default/support")
    steps = [
        {"id": "find", "action": "catalog:fetch", "input": {"entityRef": "component:default/ledger"}},
        {"action": "debug:log", "input": {"message": "${{ steps.find.output.entity.metadata.name }}"}},
    ]
    entity = room.template(spec={**room.HELLO, "steps": steps})
    intent = templates.start(entity, {"name": "payout-reports"}, by=maya).intent
    page = client_for(tomas).get(f"/runs/{intent.pk}/trial/").content.decode()
    assert "There is no component:default/ledger in the catalogue" in page


def test_a_run_that_is_nobody_s_business_is_not_there(
    client_for: Callable[[User], Client], waiting: Intent
) -> None:
    stranger = factories.user("stranger")
    assert client_for(stranger).get(f"/runs/{waiting.pk}/trial/").status_code == 404


def test_a_run_that_was_decided_leads_to_its_page(client: Client, maya: User) -> None:
    run = room.run_of(maya, state=State.SUCCEEDED)
    assert client.get(f"/runs/{run.pk}/trial/").headers["Location"] == f"/runs/{run.pk}/"


def test_a_template_that_is_gone_is_told(client: Client, waiting: Intent, hello: Entity) -> None:
    hello.delete()
    page = client.get(f"/runs/{waiting.pk}/trial/").content.decode()
    assert "template:default/hello is no longer in the catalogue" in page


def outcome(*files: File) -> Outcome:
    return Outcome([], [], files, {}, None)


def test_folders_that_hold_nothing_but_a_folder_are_one() -> None:
    tree = trial_page.Trial(outcome(File("a/b/c.txt", 1, b"x"), File("a/b/d/e.txt", 1, b"x"))).tree
    assert [folder.name for folder in tree.folders] == ["a/b"]
    assert [folder.name for folder in tree.folders[0].folders] == ["d"]


def test_what_is_too_much_is_listed_without_content(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_page, "CHARACTERS_SHOWN", 10)
    tree = trial_page.Trial(outcome(File("a.txt", 9, b"123456789"), File("b.txt", 2, b"12"))).tree
    assert [bool(file.lines) for file in tree.files] == [True, False]
    assert tree.files[1].note == "not shown: there is too much to show all"


def test_very_many_files_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_page, "FILES_SHOWN", 1)
    trial = trial_page.Trial(outcome(File("a.txt", 1, b"1"), File("b.txt", 1_500, b"12")))
    assert ([file.name for file in trial.tree.files], trial.files_hidden) == (["a.txt"], 1)
    assert trial.size == "1.5\u00a0kB"
