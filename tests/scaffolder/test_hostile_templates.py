"""Templates and answers that mean harm, run from beginning to end. Published flaws of portals like this:
test_flaws_of_others.py beside it, and those with a number here."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from catalog.models import Entity
from control.errors import InvalidParameters
from control.models import State, User
from scaffolder.models import Run
from tests.scaffolder import templates
from tests.scaffolder.templates import (
    document,
    finish,
    log_of,
    log_step,
    publish_step,
    template,
    template_step,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("anybody_may_run")]

TREASURE = "the-treasure-of-the-machine"


@pytest.fixture(autouse=True)
def treasure(folders: Path) -> Path:
    """A file that no run may ever show."""
    path = folders / "treasure"
    path.write_text(TREASURE)
    return path


def run(entity: Entity, values: dict[str, Any] | None = None, *, by: User) -> Run:
    done = templates.run(entity, values, by=by)
    remotes = templates.remote("halfmoon", "payout")
    shown = (
        templates.published("halfmoon", "payout")
        if remotes.exists() and done.intent.state == State.SUCCEEDED
        else {}
    )
    assert TREASURE not in f"{finish(done)} {log_of(done)} {done.output} {shown}"
    return done


@pytest.mark.parametrize(
    "url",
    [
        "../../treasure",
        "../../../../../../../../etc",
        "/etc",
        "./skeleton/../../../treasure",
        "./skeleton/link",
        "./link",
        ".git",
        "./skeleton/../.git",
        "file:///etc",
        "file://localhost/etc/passwd",
        "./skeleton\x00/../../x",
        "--upload-pack=x",
        "ext::sh -c touch% /tmp/x",
    ],
)
@pytest.mark.slow
def test_cve_2026_24046_reading_outside_of_the_template_s_repository_is_refused(
    maya: User, treasure: Path, url: str
) -> None:
    entity = template(
        document([{"action": "fetch:plain", "input": {"url": "${{ parameters.url }}"}}]), {"skeleton/a": "a"}
    )
    home = Path(entity.location.target.removeprefix("file://").partition("#")[0])
    for name in ("link", "skeleton/link"):
        (home / name).symlink_to(treasure)
    templates.git("add", "--all", at=home)
    templates.git("commit", "--quiet", "--message", "Link", at=home)
    assert run(entity, {"url": url.replace("\x00", "")}, by=maya).intent.state == State.FAILED


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:1/a/b",
        "https://localhost:1/a/b",
        "https://[::1]/a/b",
        "https://0x7f000001/a/b",
        "https://2130706433/a/b",
        "git@127.0.0.1:a/b.git",
        "ssh://127.0.0.1/a/b.git",
        "https://10.0.0.1/a/b/tree/main/x",
    ],
)
def test_a_skeleton_is_not_fetched_from_inside_networks(maya: User, url: str) -> None:
    done = run(template(document([{"action": "fetch:plain", "input": {"url": url}}])), by=maya)
    assert done.intent.state == State.FAILED
    assert "cannot be fetched" in finish(done)


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/x.git", "https://127.0.0.1:1/x.git", "git@127.0.0.1:a/b.git"]
)
def test_publishing_does_not_reach_inside_networks(maya: User, url: str) -> None:
    done = run(template(document([{"action": "publish:git", "input": {"remoteUrl": url}}])), by=maya)
    assert done.intent.state == State.FAILED


def test_cve_2026_24046_a_symbolic_link_of_the_skeleton_that_leads_out_is_refused(
    maya: User, treasure: Path
) -> None:
    entity = template(document([template_step(), publish_step()]), {"skeleton/a": "a"})
    home = Path(entity.location.target.removeprefix("file://").partition("#")[0])
    (home / "skeleton" / "link").symlink_to(treasure)
    templates.git("add", "--all", at=home)
    templates.git("commit", "--quiet", "--message", "Link", at=home)
    assert "link is a link that leads out of its folder" in finish(run(entity, by=maya))


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
        "{% set x = 'x' %}{% for i in range(99) %}{% set x = x ~ x %}{% endfor %}${{ x }}",
    ],
)
@pytest.mark.slow
def test_endless_and_growing_skeletons_are_stopped(maya: User, source: str) -> None:
    started = time.monotonic()
    done = run(template(document([template_step()]), {"skeleton/a": source}), by=maya)
    assert "This " in finish(done)
    assert done.intent.state == State.FAILED
    assert time.monotonic() - started < 60


def test_growth_in_an_expression_of_a_step_is_stopped(maya: User) -> None:
    step = log_step("${{ 'x'.repeat(99999999) }}")
    assert "text of more than" in finish(run(template(document([step])), by=maya))


@pytest.mark.slow
def test_a_log_without_end_is_cut(maya: User) -> None:
    step = log_step("${{ 'line\\n'.repeat(30000) }}")
    done = run(template(document([step])), by=maya)
    assert finish(done) == "succeeded"
    assert "More than 20,000 lines: the rest is left out." in log_of(done)
    assert log_of(done).endswith("All steps are done.")
    assert done.log.count() < 20_100


def test_a_log_of_few_endless_lines_is_cut(maya: User) -> None:
    step = log_step("${{ ('x'.repeat(7000) ~ '\\n').repeat(900) }}")
    done = run(template(document([step])), by=maya)
    assert finish(done) == "succeeded"
    assert "More than 4,000,000 characters: the rest is left out." in log_of(done)
    assert len(log_of(done)) < 4_100_000


def test_a_giant_output_is_left_out_and_said(maya: User) -> None:
    output = {
        "text": [
            {"title": "Much", "content": "${{ 'x'.repeat(200000) }}"},
            {"title": "Next", "content": "little"},
        ],
        "more": "${{ 'y'.repeat(99000) }}",
        "too_long": "${{ 'z'.repeat(2000) }}",
    }
    done = run(template(document([log_step("x")], output=output)), by=maya)
    assert finish(done) == "succeeded"
    assert done.output["text"] == [{"title": "Next", "content": "little"}]
    assert "more" in done.output
    assert "too_long" not in done.output
    assert "output.text[0] is too long" in log_of(done)


def test_each_over_very_many_entries_is_refused(maya: User) -> None:
    done = run(template(document([log_step("x", each="${{ range(5000) }}")])), by=maya)
    assert "at most 200 are run" in finish(done)


def test_a_zero_byte_in_a_message_is_no_defect(maya: User) -> None:
    done = run(template(document([log_step("a${{ parameters.x }}b")])), {"x": "ok"}, by=maya)
    assert finish(done) == "succeeded"


def test_a_skeleton_of_very_many_folders_neither_runs_nor_stays(maya: User, folders: Path) -> None:
    deep = "/".join(["d"] * 600) + "/x"
    entity = template(document([template_step(), log_step("x")]), {"skeleton/" + deep: "x"})
    assert "more than 100 folders deep" in finish(run(entity, by=maya))


def test_git_attributes_and_settings_of_a_skeleton_run_nothing(maya: User, folders: Path) -> None:
    mark = folders / "ran"
    entity = template(
        document([template_step(), publish_step()]),
        {
            "skeleton/.gitattributes": "* filter=evil\n",
            "skeleton/.gitmodules": f'[submodule "x"]\n\tpath = x\n\turl = ext::sh -c "touch {mark}"\n',
            "skeleton/.gitconfig": f'[filter "evil"]\n\tclean = touch {mark}\n',
        },
    )
    assert finish(run(entity, by=maya)) == "succeeded"
    assert not mark.exists()


def test_a_name_and_message_with_line_breaks_add_nothing_to_the_commit(maya: User) -> None:
    step = publish_step(
        gitAuthorName="A\nauthor B <b@x>", gitAuthorEmail="a@x>\nb", gitCommitMessage="-m\n\n--amend"
    )
    entity = template(document([template_step(), step]), {"skeleton/a": "a"})
    assert finish(run(entity, by=maya)) == "succeeded"
    shown = templates.git("log", "--format=%an|%ae|%s", at=templates.remote("halfmoon", "payout"))
    assert shown == "Aauthor B b@x|a@xb|-m"


def test_a_template_cannot_register_an_organisation(maya: User, folders: Path) -> None:
    info = (
        "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: payments}\n"
        "spec: {type: team, children: [], members: [maya.okafor]}\n"
    )
    steps = [
        template_step(),
        publish_step(),
        {
            "action": "catalog:register",
            "input": {"repoContentsUrl": "${{ steps.publish.output.repoContentsUrl }}"},
        },
    ]
    run(template(document(steps), {"skeleton/catalog-info.yaml": info}), by=maya)
    assert not maya.groups.filter(name="group:default/payments").exists()


@pytest.mark.parametrize("target", ["/etc/passwd", "file:///etc/passwd"])
def test_a_template_cannot_register_files_of_the_machine(maya: User, target: str) -> None:
    done = run(
        template(document([{"action": "catalog:register", "input": {"catalogInfoUrl": target}}])), by=maya
    )
    assert done.intent.state == State.FAILED
    assert "cannot be registered" in finish(done)


# Answers, and the plan that people wait for


def _nested(depth: int) -> Any:
    data: Any = "x"
    for _ in range(depth):
        data = {"a": data}
    return data


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"data": _nested(90)}, "more than 50 levels deep"),
        ({"data": [{"a": number} for number in range(1_001)]}, "more than 1,000 items"),
        ({"data": "\ud800"}, "half a character"),
        ({"\udfff": 1}, "half a character"),
        ({"data": "x\x00"}, "a zero byte"),
    ],
)
def test_answers_that_break_something_later_are_refused_in_words(
    maya: User, values: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidParameters, match=words):
        templates.start(template(document([log_step("x")])), values, by=maya)


def test_answers_that_are_deep_but_bearable_run(maya: User) -> None:
    done = run(template(document([log_step("${{ parameters.data }}")])), {"data": _nested(45)}, by=maya)
    assert finish(done) == "succeeded"


@pytest.mark.parametrize(
    "given",
    [
        {f"a{number}": "{% for i in range(90000) %}{% endfor %}" + str(number) for number in range(60)},
        {f"a{number}": "${{ parameters.list | length }}" + str(number) for number in range(4_000)},
    ],
)
@pytest.mark.slow
def test_a_plan_is_made_soon_whatever_the_template_asks(maya: User, given: dict[str, str]) -> None:
    steps = [{"action": "debug:log", "input": {"extra": given}} for _ in range(20)]
    entity = template(document(steps))
    started = time.process_time()
    templates.start(entity, {"list": list(range(900))}, by=maya)
    assert time.process_time() - started < 8


def test_an_expression_that_is_wrong_only_for_these_answers_breaks_no_plan(maya: User) -> None:
    step = log_step("x", **{"if": "${{ parameters.data | parseEntityRef }}"})
    assert templates.start(template(document([step])), {"data": {}}, by=maya).intent.plan
