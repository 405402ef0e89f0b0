from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog import yaml12
from catalog.models import Location
from control.models import User
from scaffolder import actions, workspace
from scaffolder.actions import skeletons
from scaffolder.actions.cataloguing import target_of
from scaffolder.errors import ActionFailed, InputInvalid, PathRefused
from scaffolder.testing import Bench
from tests import factories

# Every action


@pytest.mark.parametrize("name", actions.names())
def test_each_action_describes_itself_with_a_working_example(name: str) -> None:
    action = actions.find(name)
    assert action is not None
    step = yaml.safe_load(action.example)
    assert step["action"] == name
    action.check(step["input"])
    assert action.description.endswith(".")
    for schema in filter(None, (action.schema, action.output)):
        assert all(part.get("description") for part in schema["properties"].values())


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("fetch:template", {}, "input.url is missing; fetch:template needs it."),
        ("fetch:template", {"url": 5}, "input.url must be a text for fetch:template."),
        ("fetch:template", {"url": "x", "values": []}, "input.values must be a map"),
        ("fs:rename", {"files": [{"from": "a"}]}, "input.files[0].to is missing"),
        ("fs:delete", {"files": "a"}, "input.files must be a list"),
        ("publish:git", {}, "publish:git needs repoUrl or remoteUrl."),
        ("catalog:register", {"optional": True}, "catalog:register needs repoContentsUrl or catalogInfoUrl."),
        ("catalog:write", {"entity": "x"}, "input.entity must be a map"),
    ],
)
def test_a_wrong_input_is_named_with_what_is_needed(
    bench: Bench, name: str, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputInvalid) as caught:
        bench.perform(name, **given)
    assert words in str(caught.value)


# fetch:plain


def test_fetch_plain_copies_files_as_they_are(bench: Bench) -> None:
    bench.source({"a/${{ values.x }}.txt": "${{ values.x }}", "run.sh": "#!/bin/sh\n", "bin": b"\x00\xff"})
    (bench.home / "sources" / "skeleton" / "run.sh").chmod(0o755)
    bench.perform("fetch:plain", url="skeleton", targetPath="out")
    assert bench.files()["out/a/${{ values.x }}.txt"] == "${{ values.x }}"
    assert (bench.workspace / "out" / "bin").read_bytes() == b"\x00\xff"
    assert os.access(bench.workspace / "out" / "run.sh", os.X_OK)
    assert not os.access(bench.workspace / "out" / "bin", os.X_OK)


def test_fetch_plain_takes_a_single_file(bench: Bench) -> None:
    bench.source({"a.txt": "a"})
    bench.perform("fetch:plain", url="skeleton/a.txt")
    assert bench.files() == {"a.txt": "a"}


@pytest.mark.parametrize("target", ["../out", "/tmp/out", ".git", "a/../../out"])
def test_fetch_does_not_write_outside(bench: Bench, target: str) -> None:
    bench.source({"a.txt": "a"})
    for name in ("fetch:plain", "fetch:template"):
        with pytest.raises(PathRefused):
            bench.perform(name, url="skeleton", targetPath=target)


def test_links_inside_a_source_stay_links(bench: Bench) -> None:
    bench.source({"docs/a.txt": "a"})
    (bench.home / "sources" / "skeleton" / "link").symlink_to("docs/a.txt")
    (bench.home / "sources" / "skeleton" / "docs" / "up").symlink_to("../docs/a.txt")
    bench.perform("fetch:template", url="skeleton")
    assert (bench.workspace / "link").readlink() == Path("docs/a.txt")
    assert (bench.workspace / "docs" / "up").read_text() == "a"


@pytest.mark.parametrize("name", ["fetch:plain", "fetch:template"])
def test_a_link_in_a_source_that_leads_out_is_refused_before_anything_is_written(
    bench: Bench, name: str
) -> None:
    bench.source({"a.txt": "a"})
    (bench.home / "secret").write_text("secret")
    (bench.home / "sources" / "skeleton" / "z").symlink_to("../../secret")
    with pytest.raises(PathRefused, match="z is a link that leads out"):
        bench.perform(name, url="skeleton")
    assert bench.files() == {}


# fetch:template


def test_fetch_template_renders_names_and_contents(bench: Bench) -> None:
    bench.source(
        {"src/${{ values.package }}/__init__.py": "NAME = ${{ values.name | dump }}\n", "plain": "{{ x }}"}
    )
    bench.perform("fetch:template", url="skeleton", values={"package": "pay/out", "name": "p"})
    assert bench.files() == {"src/pay/out/__init__.py": 'NAME = "p"\n', "plain": "{{ x }}"}


def test_a_name_that_renders_to_nothing_leaves_the_file_out(bench: Bench) -> None:
    bench.source(
        {
            "${{ 'a.txt' if values.on }}": "a",
            "${{ 'dir' if values.on }}/b.txt": "b",
            "sub/${{ 'dir' if values.on }}/c.txt": "c",
            "d.txt": "d",
        }
    )
    bench.perform("fetch:template", url="skeleton", values={"on": False})
    assert bench.files() == {"d.txt": "d"}


@pytest.mark.parametrize(
    "name", ["../../evil", "/etc/evil", "..", ".git/hooks/pre-push", "a/../../evil", "~/evil"]
)
def test_a_value_cannot_lead_a_file_out(bench: Bench, name: str) -> None:
    bench.source({"x-${{ values.a }}": "", "${{ values.name }}/f": "x"})
    with suppress(PathRefused):
        bench.perform("fetch:template", url="skeleton", values={"name": name, "a": "a"})
    inside = {path for path in bench.home.rglob("*evil*") if not path.is_relative_to(bench.workspace)}
    assert not inside
    assert not (bench.workspace / ".git").exists()


def test_copy_without_templating_keeps_contents_and_renders_names(bench: Bench) -> None:
    bench.source({".github/${{ values.n }}.yml": "${{ secrets.X }}", "a": "${{ values.n }}"})
    bench.perform("fetch:template", url="skeleton", values={"n": "ci"}, copyWithoutTemplating=[".github"])
    assert bench.files() == {".github/ci.yml": "${{ secrets.X }}", "a": "ci"}


def test_copy_without_render_keeps_names_too(bench: Bench) -> None:
    bench.source({"raw/${{ values.n }}": "${{ values.n }}", "a": "${{ values.n }}"})
    bench.perform("fetch:template", url="skeleton", values={"n": "x"}, copyWithoutRender=["raw/**"])
    assert bench.files() == {"raw/${{ values.n }}": "${{ values.n }}", "a": "x"}


@pytest.mark.parametrize(("extension", "ending"), [(True, ".njk"), (".tmpl", ".tmpl")])
def test_with_a_template_extension_only_such_files_are_rendered(
    bench: Bench, extension: object, ending: str
) -> None:
    bench.source({f"a.txt{ending}": "${{ values.n }}", "b.txt": "${{ values.n }}", "${{ values.n }}.c": "c"})
    bench.perform("fetch:template", url="skeleton", values={"n": "x"}, templateFileExtension=extension)
    assert bench.files() == {"a.txt": "x", "b.txt": "${{ values.n }}", "x.c": "c"}


def test_files_that_are_there_stay_unless_replaced(bench: Bench) -> None:
    bench.source({"a": "new"})
    bench.place({"a": "old"})
    bench.perform("fetch:template", url="skeleton")
    assert bench.files() == {"a": "old"}
    bench.perform("fetch:template", url="skeleton", replace=True)
    assert bench.files() == {"a": "new"}


def test_cookiecutter_templates_use_their_own_delimiters(bench: Bench) -> None:
    bench.source(
        {"{{ cookiecutter.n }}.txt": "{{ cookiecutter.n }} ${{ values.n }} {{ cookiecutter.m | jsonify }}"}
    )
    bench.perform("fetch:template", url="skeleton", values={"n": "x", "m": {"a": 1}}, cookiecutterCompat=True)
    assert bench.files() == {"x.txt": 'x $ {"a":1}'}


def test_blocks_can_be_trimmed(bench: Bench) -> None:
    bench.source({"a": "{% if true %}\n  {% if true %}\nx\n{% endif %}{% endif %}"})
    bench.perform("fetch:template", url="skeleton", trimBlocks=True, lstripBlocks=True)
    assert bench.files() == {"a": "x\n"}


def test_binary_files_and_line_ends_stay_as_they_are(bench: Bench) -> None:
    image = b"\x89PNG\x00${{ values.n }}\xff"
    latin = "caf\xe9 ${{ values.n }}".encode("latin-1")
    bench.source({"logo.png": image, "old.txt": latin, "crlf.txt": "a\r\n${{ values.n }}\r\n"})
    bench.perform("fetch:template", url="skeleton", values={"n": "x"})
    assert (bench.workspace / "logo.png").read_bytes() == image
    assert (bench.workspace / "old.txt").read_bytes() == latin
    assert (bench.workspace / "crlf.txt").read_bytes() == b"a\r\nx\r\n"


def test_an_executable_template_stays_executable(bench: Bench) -> None:
    bench.source({"run.sh": "echo ${{ values.n }}"})
    (bench.home / "sources" / "skeleton" / "run.sh").chmod(0o755)
    bench.perform("fetch:template", url="skeleton", values={"n": "x"})
    assert os.access(bench.workspace / "run.sh", os.X_OK)


def test_empty_folders_are_made(bench: Bench) -> None:
    bench.source({"a": ""})
    (bench.home / "sources" / "skeleton" / "empty").mkdir()
    bench.perform("fetch:template", url="skeleton")
    assert (bench.workspace / "empty").is_dir()


def test_options_that_contradict_each_other_are_refused(bench: Bench) -> None:
    bench.source({"a": ""})
    with pytest.raises(InputInvalid, match="not both"):
        bench.perform("fetch:template", url="skeleton", copyWithoutRender=["a"], copyWithoutTemplating=["a"])
    with pytest.raises(InputInvalid, match="not both"):
        bench.perform("fetch:template", url="skeleton", copyWithoutRender=["a"], templateFileExtension=True)


# fs


def test_rename_moves_files_and_folders(bench: Bench) -> None:
    bench.place({"a.txt": "a", "dir/b.txt": "b"})
    bench.perform("fs:rename", files=[{"from": "a.txt", "to": "new/c.txt"}, {"from": "dir", "to": "moved"}])
    assert bench.files() == {"moved/b.txt": "b", "new/c.txt": "a"}


def test_rename_replaces_only_when_told(bench: Bench) -> None:
    bench.place({"a": "a", "b": "b"})
    with pytest.raises(ActionFailed, match="b is there already"):
        bench.perform("fs:rename", files=[{"from": "a", "to": "b"}])
    bench.perform("fs:rename", files=[{"from": "a", "to": "b", "overwrite": True}])
    assert bench.files() == {"b": "a"}


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("a", "../b"),
        ("../x", "b"),
        ("a", "/tmp/b"),
        ("/etc/passwd", "b"),
        ("a", ".git/config"),
        (".git/config", "a"),
        (".", "b"),
        ("dir", "dir/in"),
        ("a", "dir/../../b"),
        ("dir/b", "dir"),
    ],
)
def test_rename_leaves_what_is_outside_or_makes_no_sense(bench: Bench, source: str, target: str) -> None:
    bench.place({"a": "a", "dir/b": "b"})
    before = bench.files()
    with pytest.raises(ActionFailed):
        bench.perform("fs:rename", files=[{"from": source, "to": target, "overwrite": True}])
    assert bench.files() == before


def test_rename_through_a_link_that_leads_out_is_refused(bench: Bench) -> None:
    bench.place({"a": "a"})
    (bench.workspace / "link").symlink_to(bench.home / "sources")
    with pytest.raises(PathRefused):
        bench.perform("fs:rename", files=[{"from": "a", "to": "link/a"}])


def test_delete_takes_paths_folders_and_patterns(bench: Bench) -> None:
    bench.place({"a.txt": "", "b.md": "", "dir/c.txt": "", "dir/deep/d.md": "", "e": ""})
    bench.perform("fs:delete", files=["a.txt", "dir/deep", "*.md", "none"])
    assert sorted(bench.files()) == ["dir/c.txt", "e"]


@pytest.mark.parametrize("path", ["../sources", "/etc/passwd", ".git", "a/../../sources", "!../x"])
def test_delete_refuses_what_is_outside(bench: Bench, path: str) -> None:
    bench.source({"keep": "x"})
    with pytest.raises(PathRefused):
        bench.perform("fs:delete", files=[path])
    assert (bench.home / "sources" / "skeleton" / "keep").exists()


# catalog


def test_catalog_write_writes_yaml_that_reads_the_same_everywhere(bench: Bench) -> None:
    entity = {
        "kind": "Component",
        "metadata": {
            "name": "x",
            "odd": ["yes", "1e3", "0o17", "2024-01-01", "~", "1.0", "null", "", "a: b", "é"],
        },
        "spec": {"text": "one\ntwo\n", "on": True, "number": 5},
    }
    output = bench.perform("catalog:write", entity=entity)
    text = (bench.workspace / "catalog-info.yaml").read_text()
    assert output == {"entityRef": "component:default/x"}
    assert yaml12.load(text) == entity
    assert yaml.safe_load(text) == entity


def test_catalog_write_stays_inside(bench: Bench) -> None:
    with pytest.raises(PathRefused):
        bench.perform("catalog:write", entity={}, filePath="../catalog-info.yaml")


@pytest.mark.parametrize(
    ("given", "target"),
    [
        ({"repoContentsUrl": "file:///g/x.git"}, ("git", "file:///g/x.git#catalog-info.yaml")),
        (
            {"repoContentsUrl": "https://h/o/x.git", "catalogInfoPath": "/a/b.yaml"},
            ("git", "https://h/o/x.git#a/b.yaml"),
        ),
        (
            {"repoContentsUrl": "https://h/o/x/blob/main"},
            ("url", "https://h/o/x/blob/main/catalog-info.yaml"),
        ),
        ({"catalogInfoUrl": "https://h/o/x/blob/main/c.yaml"}, ("url", "https://h/o/x/blob/main/c.yaml")),
        ({"catalogInfoUrl": "https://h/o/x.git#c.yaml"}, ("git", "https://h/o/x.git#c.yaml")),
        ({"catalogInfoUrl": "git@h:o/x.git#c.yaml"}, ("git", "git@h:o/x.git#c.yaml")),
        ({"catalogInfoUrl": "/srv/c.yaml"}, ("file", "/srv/c.yaml")),
    ],
)
def test_what_is_registered_follows_from_the_address(given: dict[str, str], target: tuple[str, str]) -> None:
    assert target_of(given) == target
    assert target[0] in Location.Type.values


# Growth and places


def test_copying_again_and_again_ends_when_the_workspace_is_full(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "MAX_BYTES", 100)
    bench.source({"a": "x" * 40})
    for target in "ab":
        bench.perform("fetch:plain", url="skeleton", targetPath=target)
    with pytest.raises(ActionFailed, match="more than 100 bytes"):
        bench.perform("fetch:plain", url="skeleton", targetPath="c")


def test_a_skeleton_that_grows_is_stopped_while_it_grows(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "MAX_BYTES", 1_000)
    bench.source({f"{number:02}": "${{ 'x'.repeat(300) }}" for number in range(20)})
    with pytest.raises(ActionFailed, match=r"more than 1,000 bytes"):
        bench.perform("fetch:template", url="skeleton")
    assert len(bench.files()) == 3


def test_a_slow_skeleton_is_asked_often_whether_to_go_on_and_ends(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(skeletons, "MAX_SECONDS", 0.0)
    bench.source({"a": "a", "b": "b"})
    with pytest.raises(ActionFailed, match="takes longer than 0 s"):
        bench.perform("fetch:template", url="skeleton")


def test_a_single_file_that_is_huge_is_not_read(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skeletons, "MAX_FILE_BYTES", 3)
    bench.source({"a": "xxxx"})
    with pytest.raises(ActionFailed, match="has more than 3 bytes"):
        bench.perform("fetch:plain", url="skeleton/a")


def test_a_link_that_would_lead_out_from_its_new_place_is_refused(bench: Bench) -> None:
    bench.place({"a/b/c/x": "x"})
    (bench.workspace / "a" / "b" / "c" / "link").symlink_to("../../../etc/passwd")
    with pytest.raises(PathRefused, match="leads out of its folder"):
        bench.perform("fs:rename", files=[{"from": "a/b/c/link", "to": "link"}])


def test_a_link_through_an_earlier_link_does_not_lead_out(bench: Bench) -> None:
    bench.source({"a/b/c/x": "x"}, "one")
    (bench.home / "sources/one/a/b/c/up").symlink_to("../../..")
    bench.source({"a/b/c/up/x": "x"}, "two")
    (bench.home / "sources/two/a/b/c/up/link").symlink_to("../../../../x")
    bench.perform("fetch:plain", url="one")
    with pytest.raises(PathRefused):
        bench.perform("fetch:plain", url="two")


def test_a_folder_may_replace_a_file(bench: Bench) -> None:
    bench.place({"folder/x": "x", "file": "y"})
    bench.perform("fs:rename", files=[{"from": "folder", "to": "file", "overwrite": True}])
    assert bench.files() == {"file/x": "x"}


def test_a_file_whose_name_renders_to_nothing_is_left_out_of_its_folder(bench: Bench) -> None:
    bench.source({"a/x": "x", "a/${{ values.no }}": "y"})
    bench.perform("fetch:template", url="skeleton", replace=True)
    assert bench.files() == {"a/x": "x"}


# debug:wait, fetch:plain:file, catalog:fetch


def test_wait_waits_and_asks_whether_to_go_on(bench: Bench) -> None:
    begun_at = time.monotonic()
    bench.perform("debug:wait", seconds=0.1, milliseconds=100)
    assert 0.2 <= time.monotonic() - begun_at < 2


@pytest.mark.parametrize("given", [{"minutes": 10, "seconds": 1}, {"minutes": 1e300}])
def test_wait_does_not_hold_a_worker_for_long(bench: Bench, given: dict[str, float]) -> None:
    with pytest.raises(ActionFailed, match="at most 10 minutes"):
        bench.perform("debug:wait", **given)


def test_one_file_is_fetched_under_its_new_name(bench: Bench) -> None:
    bench.source({"a.txt": "${{ values.x }}"})
    bench.perform("fetch:plain:file", url="skeleton/a.txt", targetPath="docs/b.txt")
    assert bench.files() == {"docs/b.txt": "${{ values.x }}"}
    with pytest.raises(ActionFailed, match="is a folder"):
        bench.perform("fetch:plain:file", url="skeleton", targetPath="x")
    with pytest.raises(PathRefused):
        bench.perform("fetch:plain:file", url="skeleton/a.txt", targetPath="../x")


def test_catalog_fetch_gives_entities_in_their_order(bench: Bench, maya: User) -> None:
    bench.person = maya
    for name in "ab":
        factories.entity(f"component:default/{name}")
    found = bench.perform(
        "catalog:fetch", entityRefs=["b", "Component:a", "none"], defaultKind="Component", optional=True
    )
    assert [entity and entity["metadata"]["name"] for entity in found["entities"]] == ["b", "a", None]
    assert bench.perform("catalog:fetch", entityRef="component:a")["entity"]["metadata"]["name"] == "a"
    with pytest.raises(ActionFailed, match="There is no component:default/none in the catalogue"):
        bench.perform("catalog:fetch", entityRef="component:none")


def test_catalog_fetch_shows_nothing_that_the_requester_may_not_see(bench: Bench, maya: User) -> None:
    factories.entity("component:default/payments")
    with pytest.raises(ActionFailed, match="There is no component:default/payments"):
        bench.perform("catalog:fetch", entityRef="component:payments")  # by somebody without an account
    bench.person = maya
    assert bench.perform("catalog:fetch", entityRef="component:payments")["entity"]["kind"] == "Component"
