"""Dry runs: everything a run would leave, and no effect."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from pytest_django.fixtures import Settings

from catalog.models import Entity, Location
from catalog.tree import Tree
from control.models import Intent, User
from scaffolder import actions, beside, dry_run
from scaffolder.actions.base import Action
from scaffolder.dry_run import AHEAD, DONE, FAILED, FORESEEN, SKIPPED, Outcome
from scaffolder.errors import ActionFailed, TemplateUnusable
from scaffolder.workspace import Limits
from tests import factories
from tests.scaffolder import templates
from tests.scaffolder.templates import document, log_step, publish_step, template_step

SKELETON = {
    "skeleton/README.md": b"# ${{ values.name }}\n",
    "skeleton/catalog-info.yaml": b"kind: Component\nmetadata:\n  name: ${{ values.name }}\n",
}
WRITE = template_step(values={"name": "${{ parameters.name }}"})
PERSON: dict[str, Any] = {"user": {"entity": {}, "ref": ""}, "context": {"task": {"id": ""}}}


@pytest.fixture(autouse=True)
def own_home(folders: Path) -> None:
    """Repositories of git.localhost are made below the test's own folder."""


def tried(
    steps: list[dict[str, Any]],
    values: Mapping[str, Any] | None = None,
    files: Mapping[str, bytes] = SKELETON,
    *,
    output: Mapping[str, Any] | None = None,
    **more: Any,
) -> Outcome:
    described = document(steps, output=output)
    text = yaml.safe_dump(described, sort_keys=False)
    given = {"name": "payout"} if values is None else values
    person = User(username="maya.okafor", first_name="Maya")
    return dry_run.of_files(described, given, files, person=person, text=text, context=PERSON, **more)


def states(outcome: Outcome) -> list[str]:
    return [step.state for step in outcome.steps]


def texts(outcome: Outcome) -> dict[str, str | None]:
    return {file.path: file.text for file in outcome.files}


def test_files_are_rendered_as_a_run_renders_them() -> None:
    outcome = tried(
        [WRITE, {"action": "fs:rename", "input": {"files": [{"from": "README.md", "to": "docs/index.md"}]}}]
    )
    assert outcome.problem is None
    assert states(outcome) == [DONE, DONE]
    assert texts(outcome) == {
        "catalog-info.yaml": "kind: Component\nmetadata:\n  name: payout\n",
        "docs/index.md": "# payout\n",
    }


def test_publishing_is_only_said_and_gives_later_steps_its_addresses() -> None:
    register = {
        "id": "register",
        "action": "catalog:register",
        "input": {"repoContentsUrl": "${{ steps.publish.output.repoContentsUrl }}"},
    }
    links = [{"title": "Repository", "url": "${{ steps.publish.output.remoteUrl }}"}]
    text = [{"title": "As", "content": "${{ steps.register.output.entityRef }}"}]
    outcome = tried([WRITE, publish_step(), register], output={"links": links, "text": text})
    assert states(outcome) == [DONE, FORESEEN, FORESEEN]
    address = outcome.output["links"][0]["url"]
    assert address.endswith("/remotes/halfmoon/payout.git")
    assert outcome.output["text"] == [{"title": "As", "content": "component:default/payout"}]
    assert [change.what for change in outcome.changes] == [
        "repository halfmoon/payout, branch main",
        f"location {address}#catalog-info.yaml",
    ]
    assert not templates.remote("halfmoon", "payout").exists()


def test_nothing_is_left_of_a_dry_run() -> None:
    tried([WRITE])
    assert list((settings.PORTICO_HOME / "dry-runs").iterdir()) == []


def test_what_a_killed_process_left_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    left = settings.PORTICO_HOME / "dry-runs" / "left"
    left.mkdir(parents=True)
    tried([WRITE])
    assert left.is_dir()
    monkeypatch.setattr(beside, "KEEP_SECONDS", -1)
    tried([WRITE])
    assert not left.exists()


@pytest.mark.django_db
def test_no_row_is_written(maya: User) -> None:
    entity = templates.template(
        document(
            [WRITE, publish_step(), {"action": "catalog:register", "input": {"catalogInfoUrl": "/x.yaml"}}]
        ),
        {path: content.decode() for path, content in SKELETON.items()},
    )
    before = Entity.objects.count(), Location.objects.count()
    Location.objects.update(
        type="file", target=f"{settings.PORTICO_FILE_ROOTS[0]}/acme/service/template.yaml"
    )
    Entity.objects.update(source_path="acme/service/template.yaml")
    entity.refresh_from_db()
    outcome = dry_run.of_entity(entity, {"name": "payout"}, person=maya)
    assert outcome.problem is None
    assert texts(outcome)["README.md"] == "# payout\n"
    assert (Entity.objects.count(), Location.objects.count()) == before
    assert not Intent.objects.exists()


@pytest.mark.django_db
def test_files_that_are_not_kept_here_are_told_and_fail_nothing(maya: User) -> None:
    entity = templates.template(document([WRITE, log_step("end")]))
    Location.objects.update(type="url", target="https://git.example.org/acme/service/template.yaml")
    entity.refresh_from_db()
    outcome = dry_run.of_entity(entity, {"name": "payout"}, person=maya)
    assert outcome.problem is None
    assert states(outcome) == [FORESEEN, DONE]
    assert outcome.warnings[0].startswith("A run fetches ./skeleton, whose files are missing here.")


@pytest.mark.django_db
def test_a_folder_that_the_template_s_repository_does_not_have_fails(maya: User) -> None:
    entity = templates.template(document([WRITE]))
    Location.objects.update(
        type="file", target=f"{settings.PORTICO_FILE_ROOTS[0]}/acme/service/template.yaml"
    )
    entity.refresh_from_db()
    outcome = dry_run.of_entity(entity, {"name": "payout"}, person=maya)
    assert states(outcome) == [FAILED]
    assert outcome.problem is not None
    assert outcome.problem.words.startswith("./skeleton cannot be fetched. There is no file")


@pytest.mark.django_db
def test_entities_are_fetched_only_as_far_as_the_person_sees_them(maya: User) -> None:
    factories.entity("component:default/payments", title="Payments")
    steps = [
        {"id": "find", "action": "catalog:fetch", "input": {"entityRef": "component:default/payments"}},
        log_step("${{ steps.find.output.entity.metadata.name }}"),
    ]
    outcome = dry_run.of_files(document(steps), {}, {}, person=maya)
    assert [line.text for line in outcome.log] == ["payments"]


def test_a_condition_skips_and_each_repeats() -> None:
    outcome = tried(
        [
            log_step("never", **{"if": "${{ parameters.big }}"}),
            log_step("${{ each.key }}=${{ each.value }}", each="${{ parameters.parts }}"),
        ],
        {"parts": ["a", "b"]},
    )
    assert states(outcome) == [SKIPPED, DONE]
    assert [(line.text, line.step) for line in outcome.log] == [("0=a", 1), ("1=b", 1)]


def test_an_expression_that_fails_names_step_and_line() -> None:
    outcome = tried(
        [log_step("fine"), log_step({"who": "${{ parameters.name | nonsense }}"}), log_step("later")]
    )
    assert states(outcome) == [DONE, FAILED, AHEAD]
    assert outcome.problem is not None
    assert "There is no filter nonsense" in outcome.problem.words
    assert (outcome.problem.step, outcome.problem.line) == (1, 16)


def test_an_input_that_does_not_fit_names_its_line() -> None:
    outcome = tried([{"action": "fetch:plain", "input": {"targetPath": "docs", "url": 3}}])
    assert outcome.problem is not None
    assert "input.url must be a text" in outcome.problem.words
    assert outcome.problem.line == 13


def test_a_skeleton_that_is_not_there_fails_in_words() -> None:
    outcome = tried([template_step("./skeletons")])
    assert outcome.problem is not None
    assert "./skeletons cannot be fetched. There is no file skeletons." in outcome.problem.words


@pytest.mark.parametrize("path", ["../out.txt", "/etc/passwd", ".git/config"])
def test_files_beside_the_template_stay_in_their_folder(path: str) -> None:
    with pytest.raises(ActionFailed):
        tried([WRITE], files={path: b"x"})


@pytest.mark.parametrize("url", ["https://git.example.org/a/b", "git@git.example.org:a/b.git", "file:///etc"])
def test_nothing_is_fetched_from_elsewhere(url: str) -> None:
    rename = {"action": "fs:rename", "input": {"files": [{"from": "a", "to": "b"}]}}
    outcome = tried([template_step(url), rename, log_step("end")])
    assert states(outcome) == [FORESEEN, FORESEEN, DONE]
    assert outcome.warnings[0].startswith(f"A run fetches {url}, which a dry run does not")
    assert "Perhaps that is only because files of an earlier step are missing here." in outcome.warnings[1]


def test_a_host_that_is_not_set_up_is_told_and_its_addresses_are_made_up() -> None:
    publish = {
        "id": "publish",
        "action": "publish:github",
        "input": {"repoUrl": "github.com?owner=halfmoon&repo=payout"},
    }
    outcome = tried([WRITE, publish], output={"page": "${{ steps.publish.output.repoContentsUrl }}"})
    assert states(outcome) == [DONE, FORESEEN]
    assert (
        outcome.steps[1]
        .warnings[0]
        .startswith("A run would stop here. Portico may not change anything at github.com")
    )
    assert outcome.output == {"page": "https://github.com/halfmoon/payout/blob/main"}


def test_a_name_that_no_repository_has_fails_as_in_a_run() -> None:
    publish = {"action": "publish:github", "input": {"repoUrl": "github.com?owner=halfmoon&repo=a%20b"}}
    outcome = tried([WRITE, publish])
    assert outcome.problem is not None
    assert "cannot be the name of a repository" in outcome.problem.words


def test_secrets_are_never_taken() -> None:
    outcome = tried([log_step("key ${{ secrets.token }}")], secrets=["token"])
    assert [line.text for line in outcome.log] == ["key ***"]


def test_an_action_that_says_nothing_of_dry_runs_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    def perform(work: object, given: object) -> dict[str, Any]:
        raise AssertionError("called")

    output = {"type": "object", "properties": {"ref": {"type": "string"}, "count": {"type": "number"}}}
    acme = Action("acme:do", "Does it.", {"type": "object"}, perform, "", output, changes_files=True)
    monkeypatch.setitem(actions._found().actions, "acme:do", acme)
    outcome = tried([{"id": "do", "action": "acme:do"}], output={"ref": "${{ steps.do.output }}"})
    assert states(outcome) == [FORESEEN]
    assert outcome.output == {"ref": {"ref": "<ref>", "count": 1}}
    assert [line.text for line in outcome.log] == ["Would do acme:do, with outputs that only a run can know"]


def test_a_defect_of_an_action_ends_the_dry_run_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def perform(work: object, given: object) -> dict[str, Any]:
        raise KeyError("defect")

    acme = Action("acme:do", "Does it.", {"type": "object"}, perform, "", is_contained=True)
    monkeypatch.setitem(actions._found().actions, "acme:do", acme)
    outcome = tried([{"action": "acme:do"}])
    assert outcome.problem is not None
    assert outcome.problem.words.startswith("Portico met a defect (KeyError).")


@pytest.mark.parametrize("action", actions.every(), ids=lambda action: action.name)
def test_every_action_says_what_a_dry_run_does_with_it(action: Action) -> None:
    assert action.is_contained != (action.pretend is not None)


def test_it_ends_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dry_run, "MAX_SECONDS", 0.05)
    endless = "{% for a in range(90000) %}{% for b in range(90000) %}x{% endfor %}{% endfor %}"
    outcome = tried([WRITE], files={"skeleton/a.txt": endless.encode()})
    assert outcome.problem is not None
    assert "longer than 0.05 s" in outcome.problem.words


def test_waiting_is_only_said() -> None:
    outcome = tried([{"action": "debug:wait", "input": {"minutes": 10}}])
    assert [line.text for line in outcome.log] == ["Would wait for 600 s"]


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(1, 1_000, 1_000), "more than 1 files"),
        (Limits(10, 20, 1_000), "more than 20 bytes"),
        (Limits(10, 1_000, 5), "at most 5 are taken"),
    ],
)
def test_too_many_files_end_it(monkeypatch: pytest.MonkeyPatch, limits: Limits, words: str) -> None:
    described = document([WRITE])
    home = Path(settings.PORTICO_FILE_ROOTS[0]).resolve()
    for path, content in SKELETON.items():
        (home / path).parent.mkdir(exist_ok=True)
        (home / path).write_bytes(content)
    monkeypatch.setattr(beside, "LIMITS", limits)
    tree = Tree(home, home)
    outcome = dry_run.of_tree(described, {"name": "x"}, tree, person=User(), context=PERSON)
    assert outcome.problem is not None
    assert words in outcome.problem.words


def test_a_long_file_is_cut_and_a_binary_one_has_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dry_run, "MAX_CONTENT", 5)
    files = {"skeleton/long.txt": "abcdä".encode(), "skeleton/a.bin": b"a\x00"}
    found = {file.path: file for file in tried([WRITE], files=files).files}
    assert (found["long.txt"].text, found["long.txt"].size, found["long.txt"].is_cut) == ("abcd", 6, True)
    assert (found["a.bin"].text, found["a.bin"].is_cut) == (None, False)


def test_a_log_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dry_run, "MAX_LINES", 2)
    lines = [line.text for line in tried([log_step("a\nb\nc\nd")]).log]
    assert lines == ["a", "b", "More than 2 lines: the rest is left out."]


def test_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dry_run, "WAIT_SECONDS", 0.01)
    with dry_run._turn:
        refused: list[BaseException] = []

        def another() -> None:
            try:
                tried([WRITE])
            except dry_run.Busy as problem:
                refused.append(problem)

        thread = threading.Thread(target=another)
        thread.start()
        thread.join()
    assert refused
    assert tried([WRITE]).problem is None


def test_when_enough_wait_the_next_is_refused_at_once() -> None:
    places = [dry_run._queue.acquire(blocking=False) for _ in range(1 + dry_run.MAX_WAITING)]
    assert all(places)
    begun_at = time.monotonic()
    try:
        with pytest.raises(dry_run.Busy):
            tried([WRITE])
    finally:
        for _ in places:
            dry_run._queue.release()
    assert time.monotonic() - begun_at < dry_run.WAIT_SECONDS / 2
    assert tried([WRITE]).problem is None


def test_a_template_that_cannot_run_is_refused(settings: Settings) -> None:
    with pytest.raises(TemplateUnusable, match="acme:nothing"):
        tried([{"action": "acme:nothing"}])
