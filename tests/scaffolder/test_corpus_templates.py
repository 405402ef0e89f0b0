"""Templates that other people wrote: each is read, refused by name where an action is missing, and run.

Hosts are servers of the test, with their REST API and git over http. Steps with actions that Portico does not have are
left out, so that the rest of each template runs.
"""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from catalog import placeholders, yaml12
from catalog.errors import Missing
from catalog.models import Entity, Location
from catalog.tree import Tree
from control.errors import InvalidParameters
from control.models import User
from scaffolder import actions, document, dry_run, runs, templating
from scaffolder.context import base_context
from scaffolder.forms import pickers
from scaffolder.forms.schema import pages_of
from scaffolder.linting import lint_text
from scaffolder.models import RunStep
from scaffolder.templating.backstage import RepoUrl
from tests import factories
from tests.catalog.hosts.server import TOKEN, Endpoint, Host, Question, Reply, running
from tests.conftest import CORPUS
from tests.scaffolder import plausible, templates
from tests.scaffolder.forge import git_http, gitea, github, gitlab
from tests.scaffolder.forge.world import Forge

pytestmark = [pytest.mark.corpus, pytest.mark.django_db, pytest.mark.usefixtures("anybody_may_run")]

HOST = "github.com"
REAL_HOST = re.compile(r"[a-z0-9.-]+")
HOSTS = [HOST, "gitlab.com", "git.localhost"]
APIS: dict[str, Any] = {"github": github, "gitlab": gitlab, "gitea": gitea}
# What these need nobody has: filters of a company's own, which Backstage lacks too, folders that the corpus left out,
# and a quotation mark in the name of a repository. The run fails and says so.
SAYS_WHAT_IS_MISSING = {
    "giantswarm__backstage-catalogs__app-deployment": "There is no filter fromJson.",
    "DEFRA__adp-software-templates__adp-backend-dotnet": "There is no filter githubRepoUrl.",
    "DEFRA__adp-software-templates__adp-helm-only": "There is no filter githubRepoUrl.",
    "RoadieHQ__software-templates__debug-template": "There is no file ./template.md",
    "RoadieHQ__software-templates__pr-with-catalog-entry": "There is no filter now.",
    "janus-idp__software-templates__sdlc-app": "There is no folder ./app-gitops to publish.",
    "cds-snc__backstage-scaffolder-templates__simple-static-website": "cannot be the name of a repository.",
    "q-shift__software-templates__quarkus-application": "There is no file skeletons/github-actions.",
}
# In two templates of the 37, outputs hold `a || b`, which Nunjucks does not know either.
SYNTAX_ERRORS_OF_BACKSTAGE_TOO = ("||", "&&", "?")


@dataclass(frozen=True)
class Sample:
    folder: Path
    entry: str
    described: dict[str, Any]

    @property
    def name(self) -> str:
        return self.folder.name


@cache
def samples() -> list[Sample]:
    home = CORPUS / "templates"
    if not home.is_dir():
        return []
    rows = list(csv.DictReader((home / "INDEX.csv").open()))
    return [found for row in rows for found in _samples_in(home / row["folder"], row["entry"])]


def _samples_in(folder: Path, entry: str) -> Iterator[Sample]:
    path = folder / entry

    def read(target: str) -> bytes:
        try:
            return (path.parent / target).read_bytes()
        except OSError as error:
            raise Missing(str(error)) from error

    for found in yaml12.documents(path.read_text()):
        if isinstance(found.value, dict) and found.value.get("kind") == "Template":
            yield Sample(folder, entry, _filled(found.value, read))


def _filled(value: Any, read: placeholders.Read) -> Any:
    """Placeholders in place; one whose file the corpus left out stays, and is dropped by `runnable`."""
    if isinstance(value, dict):
        try:
            return placeholders.resolved(value, read)
        except placeholders.PlaceholderFailed:
            return {key: _filled(item, read) for key, item in value.items()}
    return [_filled(item, read) for item in value] if isinstance(value, list) else value


def runnable(described: Mapping[str, Any], beside: Path) -> dict[str, Any]:
    """The same template with what Portico has: no missing actions, nothing from the web."""
    spec = described["spec"]
    pages = spec.get("parameters") or []
    pages = [page for page in (pages if isinstance(pages, list) else [pages]) if "$yaml" not in page]
    steps = [step for raw in spec["steps"] if "$yaml" not in raw and (step := _replaced(raw, beside))]
    steps = steps or [templates.log_step("nothing left")]
    return {**described, "spec": {**spec, "parameters": _with_real_hosts(pages), "steps": steps}}


def _with_real_hosts(value: Any) -> Any:
    """`allowedHosts` that another installation would fill in, such as `{{ gitlab_hostname }}`, are github.com."""
    if isinstance(value, list):
        return [_with_real_hosts(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: _with_real_hosts(item) for key, item in value.items()}
    if hosts := found.get("allowedHosts"):
        real = [host for host in hosts if isinstance(host, str) and REAL_HOST.fullmatch(host)]
        found["allowedHosts"] = real or [HOST]
    return found


def _replaced(step: Mapping[str, Any], beside: Path) -> dict[str, Any] | None:
    action, given = step["action"], step.get("input") or {}
    if action == "catalog:register":
        return {**step, "input": {**given, "optional": True}}
    if actions.find(action) is None or _is_elsewhere(str(given.get("url", ".")), beside):
        return None
    return dict(step)


def _is_elsewhere(url: str, beside: Path) -> bool:
    """In the web, or among the files that the corpus left out."""
    return "://" in url or ("${{" not in url and not (beside / url).exists())


@pytest.fixture
def forge(folders: Path, settings: Settings) -> Iterator[Forge]:
    """One server that is every host that a template names, of every kind."""
    found = Forge(folders / "forge")
    found.root.mkdir()
    endpoints: dict[str, Endpoint] = {api.PREFIX: api.endpoint(found) for api in APIS.values()}

    def endpoint(question: Question) -> Reply:
        return endpoints[question.path[: len(github.PREFIX)]](question)

    with running(Host(endpoint)) as host:
        host.git = git_http.serving(found.root, TOKEN, [])
        named = {host for sample in samples() for host in _hosts_in(sample.described)}
        settings.PORTICO_INTEGRATIONS = [
            {"type": type, "host": name, "api": f"{host.url}{api.PREFIX}", "token": TOKEN}
            for name in {*HOSTS, *named}
            for type, api in APIS.items()
        ]
        settings.PORTICO_READING_ALLOW = [host.netloc]
        settings.PORTICO_GIT_HOSTS = dict.fromkeys([*HOSTS, *named], f"{host.url}/{{owner}}/{{repo}}.git")
        yield found


def seeded(forge: Forge, described: dict[str, Any], values: dict[str, Any], person: User) -> None:
    """The repositories that requests are opened in, unless an earlier step makes them."""
    context = base_context(values, person)
    made: set[str] = set()
    for step in described["spec"]["steps"]:
        given = step.get("input") or {}
        if "repoUrl" not in given:
            continue
        try:
            url = RepoUrl.parse(str(templating.render_value(given["repoUrl"], context)))
        except ValueError:  # of another host, whose step is skipped with these answers
            continue
        name = f"{url.owner}/{url.repo}"
        if "request" not in step["action"]:
            made.add(name)
        elif name not in made and url.owner and not forge.find(name):
            forge.seed(name, {"README.md": "theirs"}, branch=str(given.get("targetBranchName") or "main"))


def _hosts_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (host for host in value.get("allowedHosts") or () if isinstance(host, str))
        for item in value.values():
            yield from _hosts_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from _hosts_in(item)


def catalogued(described: dict[str, Any], values: dict[str, Any], person: User) -> None:
    """The entities that steps fetch from the catalogue."""
    for step in described["spec"]["steps"]:
        given = step.get("input") or {}
        if step["action"] == "catalog:fetch" and "entityRef" in given:
            ref = str(templating.render_value(given["entityRef"], base_context(values, person))).lower()
            if not Entity.objects.filter(ref=ref).exists():
                factories.entity(ref)


def placed(sample: Sample, described: dict[str, Any]) -> Entity:
    """The template in the catalogue, its folder as a repository."""
    home = templates.repository({"README.md": ""}, name="corpus")
    shutil.copytree(sample.folder, home, dirs_exist_ok=True, symlinks=True)
    templates.git("add", "--all", "--force", at=home)
    templates.git("commit", "--quiet", "--allow-empty", "--message", "All", at=home)
    location = Location.objects.create(type="git", target=f"file://{home}#{sample.entry}")
    name = str(described["metadata"]["name"]).lower()
    entity = factories.entity(f"template:default/{name}", location=location, source_path=sample.entry)
    entity.document = described
    entity.save(update_fields=["document"])
    return entity


def test_all_templates_of_the_corpus_are_read(corpus: Path) -> None:
    assert len(samples()) == 37


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: sample.name)
def test_its_expressions_are_read_as_nunjucks_reads_them(sample: Sample) -> None:
    spec = sample.described["spec"]
    for problem in templating.check({"steps": spec["steps"], "output": spec.get("output")}):
        assert problem.where.startswith("output")
        assert any(sign in problem.excerpt for sign in SYNTAX_ERRORS_OF_BACKSTAGE_TOO), problem


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: sample.name)
def test_a_dry_run_comes_to_the_end_without_any_host(sample: Sample, tomas: User) -> None:
    """Hosts are not set up here, which is only told; what a run would stop at anyway, a dry run stops at too."""
    root, entry = sample.folder.resolve(), (sample.folder / sample.entry).resolve()
    described = runnable(sample.described, entry.parent)
    pages = pages_of(described)
    values = plausible.answers(pages, HOST)
    catalogued(described, values, tomas)
    secrets = list(plausible.secrets(pages, values))
    outcome = dry_run.of_tree(described, values, Tree(root, entry.parent), person=tomas, secrets=secrets)
    # PostgreSQL keeps another order of keys than files do, so of two mistakes in one step another may come first.
    assert (outcome.problem is not None) == (sample.name in SAYS_WHAT_IS_MISSING), outcome.problem


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: sample.name)
def test_each_finding_of_the_linter_stands_in_a_line_of_a_file(sample: Sample) -> None:
    root, entry = sample.folder.resolve(), (sample.folder / sample.entry).resolve()
    found = lint_text(entry.read_text(), file=sample.entry, tree=Tree(root, entry.parent))
    for one in found:
        lines = (root / one.file).read_text().count("\n") + 1
        assert 1 <= one.line <= lines, one
        assert one.message.endswith((".", "?")), one
    missing = {step["action"] for step in sample.described["spec"]["steps"] if "action" in step}
    missing = {name for name in missing if actions.find(name) is None}
    assert {one.message.split()[4].rstrip(".") for one in found if one.rule == "action"} == missing


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: sample.name)
def test_a_missing_action_is_refused_by_name(sample: Sample, maya: User) -> None:
    steps = [step for step in sample.described["spec"]["steps"] if "$yaml" not in step]
    missing = [step["action"] for step in steps if actions.find(step["action"]) is None]
    problems = document.problems_of(sample.described)
    for action in missing:
        assert any(f"uses the action {action} in step " in problem for problem in problems)
    if missing:
        with pytest.raises(InvalidParameters) as caught:
            runs.start(placed(sample, sample.described), {}, by=maya)
        assert missing[0] in str(caught.value) or "could not be read" in str(caught.value)


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: sample.name)
def test_it_runs_to_the_end_with_plausible_answers(sample: Sample, tomas: User, forge: Forge) -> None:
    described = runnable(sample.described, (sample.folder / sample.entry).parent)
    pages, catalogue = pages_of(described), pickers.Catalogue(tomas)
    values = plausible.answers(pages, HOST)
    for ref, found in dict(plausible.entities_wanted(pages, values)).items():
        spec = found.get("spec", {})
        factories.entity(ref, type=spec.get("type", ""), spec=spec, metadata=found.get("metadata", {}))
    assert plausible.problems(pages, values, catalogue) == {}
    seeded(forge, described, values, tomas)
    catalogued(described, values, tomas)
    secrets = dict.fromkeys(plausible.secrets(pages, values), TOKEN)
    done = templates.run(placed(sample, described), values, by=tomas, secrets=secrets)
    if expected := SAYS_WHAT_IS_MISSING.get(sample.name):
        assert expected in templates.finish(done)
        return
    rows = [f"{row.step_id}: {row.state} {row.error}" for row in done.steps.order_by("index")]
    assert templates.finish(done) == "succeeded", rows
    assert not done.steps.exclude(state__in=[RunStep.State.SUCCEEDED, RunStep.State.SKIPPED]).exists()
