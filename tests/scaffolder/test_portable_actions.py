"""Actions that templates of other portals use: cookiecutter, files, data, requests."""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pytest_django.fixtures import Settings

from catalog.models import Entity, Location
from control.models import User
from scaffolder import actions, jsonata
from scaffolder.errors import ActionFailed, InputInvalid, PathRefused
from scaffolder.hosting import places
from scaffolder.templating.backstage import RepoUrl
from scaffolder.testing import Bench, FakeHost, documented
from tests import factories
from tests.scaffolder import templates

OWN = [
    *("fetch:template:file", "fetch:cookiecutter", "fs:read", "fs:readdir", "http:backstage:request"),
    *("catalog:annotate", "catalog:timestamping", "catalog:template:version", "catalog:scaffolded-from"),
    *(name for name in actions.names() if name.startswith("roadiehq:")),
]


@pytest.mark.parametrize("name", OWN)
def test_everything_about_them_is_documented(name: str) -> None:
    found = actions.find(name)
    assert found is not None
    documented(found)


ENDLESS = "($f:=function($x){$f($x+1)};$f(1))"
BACKTRACKING = '$match("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!",/(a+)+$/)'


# fetch:template:file


def test_one_file_is_rendered_with_its_mode(bench: Bench) -> None:
    bench.source({"run.sh": "echo ${{ values.n }}"})
    (bench.home / "sources/skeleton/run.sh").chmod(0o755)
    bench.perform("fetch:template:file", url="skeleton/run.sh", targetPath="bin/go", values={"n": "x"})
    assert bench.files() == {"bin/go": "echo x"}
    assert (bench.workspace / "bin/go").stat().st_mode & 0o100


def test_one_file_that_is_there_stays_unless_replaced(bench: Bench) -> None:
    bench.source({"a": "new"})
    bench.place({"b": "old"})
    bench.perform("fetch:template:file", url="skeleton/a", targetPath="b")
    assert bench.files() == {"b": "old"}
    bench.perform("fetch:template:file", url="skeleton/a", targetPath="b", replace=True)
    assert bench.files() == {"b": "new"}


@pytest.mark.parametrize(
    "given, words",
    [
        ({"url": "skeleton", "targetPath": "x"}, "is a folder"),
        ({"url": "skeleton/binary", "targetPath": "x"}, "is no text in UTF-8"),
        ({"url": "skeleton/broken", "targetPath": "x"}, "cannot be rendered"),
        ({"url": "skeleton/a", "targetPath": "../x"}, "leads out of the workspace"),
    ],
)
def test_one_file_is_refused_in_words(bench: Bench, given: dict[str, str], words: str) -> None:
    bench.source({"a": "a", "binary": b"\x00\xff", "broken": "${{ oh no }}"})
    with pytest.raises(ActionFailed, match=words):
        bench.perform("fetch:template:file", **given)
    assert bench.files() == {}


# fetch:cookiecutter


def test_contents_alone_are_rendered_as_backstage_does(bench: Bench) -> None:
    bench.source(
        {"{{ cookiecutter.n }}.md": "# {{ cookiecutter.n|upper }}\n", "raw.j2": "{{ cookiecutter.n }}"}
    )
    bench.perform("fetch:cookiecutter", url="skeleton", values={"n": "pay"}, copyWithoutRender=["*.j2"])
    assert bench.files() == {"pay.md": "# PAY\n", "raw.j2": "{{ cookiecutter.n }}"}


def test_a_whole_project_brings_its_defaults_and_leaves_its_hooks(bench: Bench, tmp_path: Path) -> None:
    defaults = {
        "name": "Pay Out",
        "slug": "{{ cookiecutter.name|lower|replace(' ', '-') }}",
        "licence": ["MIT", "GPL"],
        "_copy_without_render": ["*.raw"],
        "_extensions": ["evil.Extension"],
    }
    bench.source(
        {
            "cookiecutter.json": json.dumps(defaults),
            "hooks/post_gen_project.py": f"open({str(tmp_path / 'ran')!r}, 'w')",
            "{{ cookiecutter.slug }}/{{ cookiecutter.slug }}.txt": "{{cookiecutter.name}}, {{cookiecutter.licence}}",
            "{{ cookiecutter.slug }}/a.raw": "{{ cookiecutter.name }}",
        }
    )
    bench.perform("fetch:cookiecutter", url="skeleton", values={"name": "Big Pay"}, targetPath="out")
    assert bench.files() == {"out/big-pay.txt": "Big Pay, MIT", "out/a.raw": "{{ cookiecutter.name }}"}
    assert not (tmp_path / "ran").exists()
    said = "\n".join(bench.lines.lines)
    assert "hooks of this template are not run" in said
    assert "_extensions of cookiecutter.json are left out" in said


@pytest.mark.parametrize(
    "files, given, words",
    [
        ({"cookiecutter.json": "{}", "a": ""}, {}, "one folder with cookiecutter in its name; found 0"),
        ({"cookiecutter.json": "{", "{{cookiecutter.n}}/a": ""}, {}, "cookiecutter.json is no JSON"),
        ({"cookiecutter.json": "[]", "{{cookiecutter.n}}/a": ""}, {}, "must be a map"),
        ({"a": ""}, {"extensions": ["x.Y"]}, "runs no code of templates"),
    ],
)  # fmt: skip
def test_a_project_that_makes_no_sense_is_refused(
    bench: Bench, files: dict[str, str], given: dict[str, Any], words: str
) -> None:
    bench.source(files)
    with pytest.raises(ActionFailed, match=words):
        bench.perform("fetch:cookiecutter", url="skeleton", **given)
    assert bench.files() == {}


# Files


def test_a_file_is_read_up_to_a_size(bench: Bench) -> None:
    bench.place({"a.txt": "hello", "big": "x" * 200_001, "bin": b"\xff"})
    assert bench.perform("fs:read", path="./a.txt") == {"content": "hello"}
    for path, words in {"big": "at most", "bin": "no text", "no": "no file", "..": "leads out"}.items():
        with pytest.raises(ActionFailed, match=words):
            bench.perform("fs:read", path=path)


def test_folders_are_listed_without_telling_where_they_lie(bench: Bench) -> None:
    bench.place({"a.txt": "", "docs/b.md": "", "docs/deep/c.md": "", "node_modules/x": ""})
    found = bench.perform("fs:readdir", paths=["."], exclude=["node_modules"])
    assert [one["fullPath"] for one in found["files"]] == ["a.txt", "docs/b.md", "docs/deep/c.md"]
    assert found["folders"][1] == {"name": "deep", "path": "docs", "fullPath": "docs/deep"}
    shallow = bench.perform("fs:readdir", paths=["docs"], recursive=False)
    assert [one["name"] for one in shallow["files"]] == ["b.md"]
    assert str(bench.home) not in json.dumps(found)
    with pytest.raises(ActionFailed, match="no folder nowhere"):
        bench.perform("fs:readdir", paths=["nowhere"])


def test_data_of_files_is_parsed_as_yaml_1_2(bench: Bench) -> None:
    bench.place(
        {
            "a.yaml": "on: yes\nn: 0o7\n",
            "b.yaml": "a: 1\n---\nb: 2\n",
            "c.json": '{"x": [1]}',
            "bad.yaml": "a: [\n",
        }
    )
    parse = "roadiehq:utils:fs:parse"
    assert bench.perform(parse, path="a.yaml") == {"content": "on: yes\nn: 0o7\n"}
    assert bench.perform(parse, path="a.yaml", parser="yaml") == {"content": {"on": "yes", "n": 7}}
    assert bench.perform(parse, path="b.yaml", parser="multiyaml") == {"content": [{"a": 1}, {"b": 2}]}
    assert bench.perform(parse, path="c.json", parser="json") == {"content": {"x": [1]}}
    for path, words in {"b.yaml": "multiyaml", "bad.yaml": "cannot be read as YAML"}.items():
        with pytest.raises(ActionFailed, match=words):
            bench.perform(parse, path=path, parser="yaml")


def test_files_are_written_appended_and_replaced(bench: Bench) -> None:
    bench.perform("roadiehq:utils:fs:write", path="a/b.txt", content="one.two one\n")
    bench.perform("roadiehq:utils:fs:append", file="a/b.txt", content="three\n")
    bench.perform("roadiehq:utils:fs:append", file="new.txt", content="x")
    files = [
        {"file": "a/b.txt", "find": "one", "replaceWith": "$1"},
        {"file": "a/b.txt", "find": r"(t\w+)\n", "replaceWith": "<$1>", "matchRegex": True},
    ]
    bench.perform("roadiehq:utils:fs:replace", files=files)
    assert bench.files() == {"a/b.txt": "$1.two $1\n<three>", "new.txt": "x"}


def test_a_pattern_cannot_take_forever(bench: Bench) -> None:
    bench.place({"a": "a" * 5_000 + "!"})
    begun = time.monotonic()
    bench.perform(
        "roadiehq:utils:fs:replace",
        files=[{"file": "a", "find": "(a+)+$", "replaceWith": "", "matchRegex": True}],
    )
    assert time.monotonic() - begun < 2
    with pytest.raises(ActionFailed, match="cannot be used"):
        bench.perform(
            "roadiehq:utils:fs:replace",
            files=[{"file": "a", "find": "(?=a)", "replaceWith": "", "matchRegex": True}],
        )


@pytest.mark.parametrize(
    "name", ["roadiehq:utils:fs:write", "roadiehq:utils:fs:append", "roadiehq:utils:zip"]
)
def test_nothing_is_written_outside(bench: Bench, name: str) -> None:
    out = "../out"
    given = (
        {"path": out, "file": out, "content": "x"}
        if name != "roadiehq:utils:zip"
        else {"path": ".", "outputPath": out}
    )
    with pytest.raises(PathRefused):
        bench.perform(name, **given)


def test_an_archive_is_the_same_each_time_and_holds_no_links(bench: Bench) -> None:
    bench.place({"docs/a.txt": "a", "docs/b/c.txt": "c"})
    (bench.workspace / "docs" / "link").symlink_to("a.txt")
    bench.performs_twice("roadiehq:utils:zip", path="docs", outputPath="docs.zip")
    with zipfile.ZipFile(bench.workspace / "docs.zip") as archive:
        assert sorted(archive.namelist()) == ["a.txt", "b/c.txt"]
        assert archive.read("b/c.txt") == b"c"


# Data


def test_data_is_serialized(bench: Bench) -> None:
    data = {"name": "pay", "on": True, "words": "yes"}
    assert bench.perform("roadiehq:utils:serialize:json", data=data)["serialized"] == json.dumps(data)
    made = bench.perform("roadiehq:utils:serialize:yaml", data=data)["serialized"]
    assert made == "name: pay\n'on': true\nwords: 'yes'\n"


@pytest.mark.parametrize("content", [{"b": {"c": 2}, "l": [2, 3]}, "b: {c: 2}\nl: [2, 3]"])
def test_maps_are_merged_deeply_and_lists_when_wanted(bench: Bench, content: Any) -> None:
    bench.place(
        {"a.json": '{"a": 1, "b": {"x": 1, "c": 1}, "l": [1, 2]}', "a.yaml": "b: {x: 1}\nl: [1, 2]\n"}
    )
    bench.perform("roadiehq:utils:merge", path="a.json", content=content)
    assert json.loads(bench.files()["a.json"]) == {"a": 1, "b": {"x": 1, "c": 2}, "l": [2, 3]}
    bench.perform("roadiehq:utils:merge", path="a.yaml", content=content, mergeArrays=True)
    assert yaml.safe_load(bench.files()["a.yaml"]) == {"b": {"x": 1, "c": 2}, "l": [1, 2, 3]}
    for path, words in {"a.txt": "neither JSON nor YAML", "none.json": "no file"}.items():
        with pytest.raises(ActionFailed, match=words):
            bench.perform("roadiehq:utils:merge", path=path, content=content)


def test_jsonata_answers_and_says_what_is_wrong(bench: Bench) -> None:
    data = [{"metadata": {"uid": "a"}}, {"metadata": {"uid": "b"}}]
    ask = "roadiehq:utils:jsonata"
    assert bench.perform(ask, data=data, expression="$.metadata.uid") == {"result": ["a", "b"]}
    assert bench.perform(ask, data=data[0], expression="metadata.uid") == {"result": "a"}
    assert bench.perform(ask, data={}, expression="nothing") == {"result": None}
    with pytest.raises(ActionFailed, match="cannot be evaluated"):
        bench.perform(ask, data={}, expression="$.[")
    bench.place({"a.yaml": "metadata: {name: pay}\n", "a.json": '{"name": "pay"}'})
    transform = "roadiehq:utils:jsonata:yaml:transform"
    assert bench.perform(transform, path="a.yaml", expression="metadata") == {"result": "name: pay\n"}
    transform = "roadiehq:utils:jsonata:json:transform"
    given = {"path": "a.json", "expression": "name"}
    assert bench.perform(transform, **given, **{"as": "object"}) == {"result": "pay"}


@pytest.mark.slow
@pytest.mark.parametrize("expression", [ENDLESS, BACKTRACKING, '$pad("x",1000000000)'])
def test_jsonata_that_would_never_end_is_ended(monkeypatch: pytest.MonkeyPatch, expression: str) -> None:
    monkeypatch.setattr(jsonata, "MAX_SECONDS", 2.0)
    begun = time.monotonic()
    with pytest.raises(ActionFailed, match=r"cannot be evaluated|Make it simpler"):
        jsonata.evaluated(expression, {}, go_on=lambda: None)
    assert time.monotonic() - begun < 6


def test_jsonata_stops_when_the_run_is_cancelled() -> None:
    class Stopped(Exception):
        pass

    def stop() -> None:
        raise Stopped

    with pytest.raises(Stopped):
        jsonata.evaluated(BACKTRACKING, {}, go_on=stop)


# Descriptors


def test_descriptors_are_marked(bench: Bench) -> None:
    bench.place(
        {"catalog-info.yaml": "kind: Component\nmetadata:\n  name: pay\n  annotations: {a: b}\nspec: {}\n"}
    )
    bench.template = {
        "metadata": {"name": "service", "annotations": {"backstage.io/template-version": "1.2"}}
    }
    bench.perform("catalog:annotate", annotations={"c": "d"}, labels={"l": "m"})
    bench.perform("catalog:timestamping")
    bench.perform("catalog:template:version")
    found = bench.perform("catalog:scaffolded-from")["annotatedObject"]
    assert found == yaml.safe_load(bench.files()["catalog-info.yaml"])
    assert found["metadata"]["labels"] == {"l": "m"}
    assert found["spec"] == {"scaffoldedFrom": "template:default/service"}
    assert found["metadata"]["annotations"] == {
        "a": "b",
        "c": "d",
        "backstage.io/createdAt": "2026-03-02T09:30:00+00:00",
        "backstage.io/template-version": "1.2",
    }


def test_a_template_without_a_version_leaves_no_mark(bench: Bench) -> None:
    given = {"objectYaml": {"metadata": {"name": "pay"}}}
    assert bench.perform("catalog:template:version", **given) == {"annotatedObject": given["objectYaml"]}
    assert "has no annotation" in bench.lines.lines[0]
    with pytest.raises(ActionFailed, match=r"no file catalog-info.yaml"):
        bench.perform("catalog:timestamping")


@pytest.mark.django_db
def test_a_run_knows_its_template(maya: User, anybody_may_run: object) -> None:
    steps = [
        {"id": "a", "action": "catalog:scaffolded-from", "input": {"objectYaml": {"metadata": {"name": "x"}}}}
    ]
    described = templates.document(
        steps, output={"from": "${{ steps.a.output.annotatedObject.spec.scaffoldedFrom }}"}
    )
    done = templates.run(templates.template(described), by=maya)
    assert done.output == {"from": "template:default/service"}


# http:backstage:request

REQUEST = "http:backstage:request"


@pytest.fixture
def host(settings: Settings) -> Iterator[FakeHost]:
    with FakeHost() as found:
        settings.PORTICO_REQUEST_HOSTS = [found.url.partition("://")[2]]
        found.answer("GET", "/a", {"x": 1})
        found.answer("POST", "/a", {"made": True}, status=201)
        yield found


@pytest.fixture
def asking(bench: Bench, maya: User) -> Bench:
    bench.person = maya
    return bench


@pytest.mark.django_db
def test_the_own_api_is_read_as_the_requester_may(asking: Bench) -> None:
    factories.entity("component:default/pay")
    path = "/catalog/entities/by-name/component/default/pay"
    found = asking.perform(REQUEST, method="GET", path=path)
    assert found["code"] == 200
    assert found["body"]["metadata"]["name"] == "pay"
    listed = asking.perform(
        REQUEST, method="GET", path="/api/catalog/entities", params={"filter": "kind=component"}
    )
    assert [one["metadata"]["name"] for one in listed["body"]] == ["pay"]
    with pytest.raises(ActionFailed, match=r"was answered 404. No entity named 'no'"):
        asking.perform(REQUEST, method="GET", path="/catalog/entities/by-name/component/default/no")
    missing = asking.perform(REQUEST, method="GET", path="/catalog/nothing", continueOnBadResponse=True)
    assert missing["code"] == 404


@pytest.mark.django_db
def test_the_catalogue_is_changed_with_the_rights_of_the_requester(asking: Bench, tomas: User) -> None:
    location = Location.objects.create(type="url", target="https://example.org/x.yaml")
    entity = factories.entity("component:default/pay", location=location, owner_ref="group:default/nobody")
    shown = asking.perform(REQUEST, method="GET", path="/catalog/entities/by-name/component/default/pay")
    path = f"/catalog/entities/by-uid/{shown['body']['metadata']['uid']}"
    given = {"method": "DELETE", "path": path, "continueOnBadResponse": True}
    assert asking.perform(REQUEST, **given)["code"] in (403, 409)
    assert Entity.objects.filter(ref=entity.ref).exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path",
    [
        "/api/access/requests",
        "/access/requests/7d1ed2a4-1d0a-4d76-8b6b-a0a7f7a7ce2e/approve",
        "/scaffolder/v2/tasks",
        "/catalog/../access/x",
        "/catalog/%2e%2e/x",
    ],
)
def test_a_template_changes_nothing_else_for_anybody(asking: Bench, path: str) -> None:
    with pytest.raises(ActionFailed, match=r"A step may not change|is not plain"):
        asking.perform(REQUEST, method="POST", path=path, body={})


@pytest.mark.django_db
def test_a_stream_is_not_read(asking: Bench) -> None:
    path = "/scaffolder/v2/tasks/7d1ed2a4-1d0a-4d76-8b6b-a0a7f7a7ce2e/eventstream"
    with pytest.raises(ActionFailed, match="A step may not read"):
        asking.perform(REQUEST, method="GET", path=path)


@pytest.mark.django_db
def test_nothing_is_asked_in_the_name_of_a_closed_account(asking: Bench) -> None:
    User.objects.filter(pk=asking.person.pk).update(is_active=False)
    with pytest.raises(ActionFailed, match="account of who started this run is closed"):
        asking.perform(REQUEST, method="GET", path="/catalog/entities")


def test_a_host_is_asked_and_its_secrets_are_not_written(bench: Bench, host: FakeHost) -> None:
    headers = {"Authorization": "Bearer hush", "Host": "evil.example"}
    found = bench.perform(
        REQUEST, method="GET", path=f"{host.url}/a?key=hush", headers=headers, params={"y": "z"}
    )
    assert found["body"] == {"x": 1}
    (asked,) = host.asked
    assert asked.path == "/a?key=hush&y=z"
    assert asked.headers["authorization"] == "Bearer hush"
    assert asked.headers["host"] != "evil.example"
    assert "hush" not in "\n".join(bench.lines.lines)


def test_what_changes_a_host_is_sent_once(bench: Bench, host: FakeHost) -> None:
    given = {"method": "POST", "path": f"{host.url}/a", "body": {"n": 1}}
    output = bench.performs_twice(REQUEST, host=host, **given)
    assert (output["code"], output["body"]) == (201, {"made": True})
    assert [one.data for one in host.changes()] == [{"n": 1}]
    (change,) = bench.plan(REQUEST, **given)
    assert change.what == "POST /a"


def test_a_refused_change_is_not_taken_for_done(bench: Bench, host: FakeHost) -> None:
    host.answer("POST", "/a", {"error": {"message": "No."}}, status=500)
    given = {"method": "POST", "path": f"{host.url}/a"}
    with pytest.raises(ActionFailed, match=r"was answered 500. No."):
        bench.perform(REQUEST, **given)
    host.answer("POST", "/a", {}, status=200)
    assert bench.again(REQUEST, **given)["code"] == 200


@pytest.mark.parametrize(
    "path, words",
    [
        ("https://other.example/a", "may send nothing to other.example"),
        ("http://169.254.169.254/latest", "may send nothing to 169.254.169.254"),
        ("http://u:p@host/a", "hold no name or password"),
        ("file:///etc/passwd", "must begin with https"),
        ("/proxy/x", "Portico has no proxy"),
    ],
)
def test_other_places_are_refused(bench: Bench, host: FakeHost, path: str, words: str) -> None:
    with pytest.raises(ActionFailed, match=words):
        bench.perform(REQUEST, method="GET", path=path)


def test_a_named_host_in_a_private_network_must_be_opened_too(bench: Bench, settings: Settings) -> None:
    settings.PORTICO_REQUEST_HOSTS = ["127.0.0.1:9"]
    with pytest.raises(ActionFailed, match="PORTICO_READING_ALLOW"):
        bench.perform(REQUEST, method="GET", path="http://127.0.0.1:9/")


def test_a_redirect_leads_to_named_hosts_alone_and_takes_no_headers_along(
    bench: Bench, host: FakeHost, settings: Settings
) -> None:
    host.redirect("/away", "http://169.254.169.254/latest")
    with pytest.raises(ActionFailed, match=r"may send nothing to 169.254.169.254"):
        bench.perform(REQUEST, method="GET", path=f"{host.url}/away")
    with FakeHost() as other:
        settings.PORTICO_REQUEST_HOSTS = [*settings.PORTICO_REQUEST_HOSTS, other.url.partition("://")[2]]
        other.answer("GET", "/b", {"there": True})
        host.redirect("/on", f"{other.url}/b")
        found = bench.perform(REQUEST, method="GET", path=f"{host.url}/on", headers={"Authorization": "hush"})
        assert found["body"] == {"there": True}
        assert "authorization" not in other.asked[0].headers
    host.redirect("/round", "/round")
    with pytest.raises(ActionFailed, match="redirects more than"):
        bench.perform(REQUEST, method="GET", path=f"{host.url}/round")


def test_a_header_cannot_smuggle_another(bench: Bench, host: FakeHost) -> None:
    with pytest.raises(ActionFailed, match="line break"):
        bench.perform(REQUEST, method="GET", path=f"{host.url}/a", headers={"x": "1\r\nHost: evil"})


def test_a_method_that_is_none_is_refused(bench: Bench) -> None:
    with pytest.raises(InputInvalid):
        bench.perform(REQUEST, method="TRACE", path="/catalog/entities")


# Addresses of repositories


@pytest.mark.parametrize(
    "text, parts",
    [
        (
            "cnoe.localtest.me:8443/gitea?owner=giteaAdmin&repo=pay",
            ("cnoe.localtest.me:8443", "giteaAdmin", "pay"),
        ),
        ("https://github.com/acme/pay", ("github.com", "acme", "pay")),
        ("https://gitlab.example/a/b/pay.git", ("gitlab.example", "a/b", "pay")),
        ("GitHub.com?owner=acme&repo=pay", ("github.com", "acme", "pay")),
    ],
)
def test_plain_addresses_name_a_repository_too(text: str, parts: tuple[str, str, str]) -> None:
    url = RepoUrl.parse(text)
    assert (url.host, url.owner, url.repo) == parts
    found = places.named({"repoUrl": text})
    assert (found.host, found.owner, found.repo) == parts


def test_publish_git_takes_the_address_of_the_repository(bench: Bench, folders: Path) -> None:
    bench.place({"a": "a"})
    output = bench.perform("publish:git", repoUrl="https://git.localhost/halfmoon/pay")
    assert output["remoteUrl"].endswith("/remotes/halfmoon/pay.git")
