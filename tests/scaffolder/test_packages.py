"""Actions of installed packages: found by their entry points, shown, run, and named when they cannot be used."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.test import Client

from control.models import Intent, State, User
from scaffolder import actions, document, runs
from scaffolder.effects import StepEffects
from scaffolder.models import RunStep, StepEffect
from scaffolder.runs import KEEP_FILES
from scaffolder.testing import FakeHost
from tests.conftest import ROOT
from tests.scaffolder import templates
from tests.scaffolder.templates import finish, log_of

pytestmark = pytest.mark.django_db
EXAMPLE = Path(__file__).parent / "example_package"
Install = Callable[..., None]
CELLS = re.compile(
    r'<span class="ref">([^<]+)</span>(?:[^<]|<span class="dim">required</span>)*</td>\s*<td[^>]*>([^<]*)'
)
GOOD = '''
from pydantic import BaseModel, Field, SecretStr
from scaffolder.plugin import Change, Work, action

class Part(BaseModel):
    size: int = Field(description="How much")

class Given(BaseModel):
    name: str = Field(description="What it is called")
    parts: list[Part] = Field(default=[], description="What it is made of")
    owner: str | None = Field(default=None, description="Whose it is")
    token: SecretStr = Field(default=SecretStr(""), description="A key")

class Made(BaseModel):
    size: int = Field(description="All in all")

@action("acme:thing:make", plan=lambda given: [Change("+", "Acme", given.name)],
        example="action: acme:thing:make\\ninput: {name: x}")
def make(work: Work, given: Given) -> Made:
    """Makes a thing."""
    work.journal.info(f"with {given.token.get_secret_value()} for {work.once('number', lambda key: key)}")
    return Made(size=sum(part.size for part in given.parts))
'''


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts a module on the path, with the entry point that an installation would leave."""
    names: list[str] = []

    def put(name: str, code: str, target: str = "make", version: str = "2.0") -> None:
        site = tmp_path / "site"
        site.mkdir(exist_ok=True)
        (site / f"{name}.py").write_text(code)
        info = site / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[portico.actions]\nall = {name}:{target}\n")
        monkeypatch.syspath_prepend(str(site))
        names.append(name)
        actions.read_again()

    yield put
    monkeypatch.undo()
    for name in names:
        sys.modules.pop(name, None)
    actions.read_again()


def problems() -> str:
    return "\n".join(map(str, actions.problems()))


def test_an_action_of_a_package_is_on_the_page_with_all_that_its_model_says(
    install: Install, client: Client, maya: User
) -> None:
    install("acme_things", GOOD)
    client.force_login(maya)
    page = client.get("/create/actions/", {"q": "acme"}).content.decode()
    assert "from acme_things 2.0" in page
    assert "Makes a thing." in page
    cells = CELLS.findall(page)
    assert cells == [
        ("name", "string"),
        ("parts", "list of objects"),
        ("parts[].size", "integer"),
        ("owner", "string"),
        ("token", "secret"),
        ("size", "integer"),
    ]
    assert not actions.problems()


def test_a_template_runs_it_as_any_other(install: Install, maya: User, anybody_may_run: object) -> None:
    install("acme_things", GOOD)
    parts = [{"size": "3"}, {"size": 4}]
    given = {"name": "Box", "parts": parts, "token": "${{ secrets.key }}"}
    step = {"id": "a", "action": "acme:thing:make", "input": given}
    entity = templates.template(templates.document([step], output={"size": "${{ steps.a.output.size }}"}))
    run = templates.start(entity, by=maya, secrets={})
    assert [(change["where"], change["what"]) for change in run.intent.plan["changes"]] == [("Acme", "Box")]
    done = templates.work_off(run)
    assert finish(done) == "succeeded"
    assert done.output == {"size": 7}


def test_a_secret_that_a_package_takes_is_masked_though_nobody_else_knows_it(
    install: Install, maya: User, anybody_may_run: object
) -> None:
    install("acme_things", GOOD)
    step = {"action": "acme:thing:make", "input": {"name": "Box", "token": "only-the-model-knows"}}
    done = templates.run(templates.template(templates.document([step])), by=maya)
    assert "with *** for" in log_of(done)


@pytest.mark.parametrize(
    "given, words",
    [
        ({}, "input.name is missing; acme:thing:make needs it."),
        ({"name": "x", "parts": [{"size": "many"}]}, "input.parts[0].size does not fit acme:thing:make: "),
    ],
)
def test_wrong_input_fails_the_step_by_field(
    install: Install, maya: User, anybody_may_run: object, given: dict[str, object], words: str
) -> None:
    install("acme_things", GOOD)
    step = {"action": "acme:thing:make", "input": given}
    done = templates.run(templates.template(templates.document([step])), by=maya)
    assert words in finish(done)
    assert "many" not in finish(done)


def changed(*pairs: tuple[str, str]) -> str:
    code = GOOD
    for old, new in pairs:
        assert old in code
        code = code.replace(old, new)
    return code


_LOOSE = ("(BaseModel):", "(BaseModel, arbitrary_types_allowed=True):")
BAD = {
    "import no_such_module_anywhere": "cannot be imported. ModuleNotFoundError",
    "raise SystemExit(3)": "cannot be imported. SystemExit",
    "make = 5": "must be an action, or a list of actions",
    "make = 'text'": "must be an action, or a list of actions",
    changed(('"acme:thing:make", plan', '"Thing", plan')): "'Thing' is no name of an action",
    changed(('"""Makes a thing."""', "")): "has no docstring",
    changed(("action: acme:thing:make", "action: other")): "must be one step that begins with",
    changed(("input: {name: x}", "input: {name: x")): "the example is no YAML",
    changed(("given: Given) -> Made", "given: dict) -> Made")): "M a pydantic model",
    changed(("work: Work, given", "given")): "M a pydantic model",
    changed(("-> Made", "-> int")): "it must return a pydantic model or None",
    changed(
        ('size: int = Field(description="All', 'size: SecretStr = Field(description="All')
    ): "holds a secret",
    changed(("name: str", "name: type('Odd', (), {})"), _LOOSE): "cannot be described as JSON Schema",
}


@pytest.mark.parametrize("code, words", BAD.items(), ids=BAD.values())
def test_a_bad_package_is_named_and_breaks_nothing(
    install: Install, client: Client, maya: User, code: str, words: str
) -> None:
    before = actions.names()
    install("acme_broken", code)
    assert actions.names() == before
    assert words in problems()
    client.force_login(maya)
    page = client.get("/create/actions/").content.decode()
    assert re.search(r"1\saction of a package is missing\.", page)
    assert "acme_broken 2.0" in page
    (found,) = [one for one in run_checks() if one.id == "scaffolder.W001"]
    assert "acme_broken 2.0" in found.msg
    assert not found.is_serious()


def test_what_a_broken_package_says_is_for_administrators(
    install: Install, client: Client, maya: User, django_user_model: type[User]
) -> None:
    install("acme_broken", "raise RuntimeError('password is hunter2')")
    client.force_login(maya)
    assert "hunter2" not in client.get("/create/actions/").content.decode()
    maya.is_staff = True
    maya.save()
    assert "hunter2" in client.get("/create/actions/").content.decode()


def test_a_name_that_is_taken_stays_with_whom_it_was(install: Install) -> None:
    install("acme_things", GOOD)
    install("beta_things", GOOD)
    install("gamma_things", GOOD.replace("acme:thing:make", "debug:log"))
    found, own = actions.find("acme:thing:make"), actions.find("debug:log")
    assert found is not None
    assert own is not None
    assert (found.origin, own.origin) == ("acme_things 2.0", "")
    assert "beta_things 2.0: The name acme:thing:make is taken by acme_things 2.0." in problems()
    assert "gamma_things 2.0: The name debug:log is taken by Portico itself." in problems()


def test_a_package_that_went_is_refused_by_the_name_of_its_action(install: Install) -> None:
    step = {"action": "acme:thing:make", "input": {}}
    (problem,) = document.problems_of(templates.document([step]))
    assert "uses the action acme:thing:make in step 1" in problem


def test_a_plan_that_breaks_says_so_to_approvers(
    install: Install, maya: User, anybody_may_run: object
) -> None:
    install("acme_things", GOOD.replace('[Change("+", "Acme", given.name)]', "1 / 0"))
    step = {"name": "Make it", "action": "acme:thing:make", "input": {"name": "Box"}}
    run = templates.start(templates.template(templates.document([step])), by=maya)
    (change,) = run.intent.plan["changes"]
    assert (change["where"], change["what"]) == (
        "acme:thing:make",
        "what “Make it” changes is known when it runs",
    )


# Effects


COUNTS = GOOD.replace("given.token.get_secret_value()", "'x'").replace(
    "lambda key: key", "lambda key: __import__('acme_counter').add(key)"
)


def test_an_effect_is_done_once_though_the_worker_dies(
    install: Install, maya: User, anybody_may_run: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(
        "acme_counter",
        "keys = []\nmake = []\n\n\ndef add(key):\n    keys.append(key)\n    return len(keys)\n",
    )
    install("acme_things", COUNTS)
    import acme_counter  # type: ignore[import-not-found]  # made above

    class Dies(BaseException):
        pass

    def dying(self: StepEffects, name: str, do: Callable[[str], object]) -> object:
        done(self, name, do)
        raise Dies

    done = StepEffects.once
    step = {"action": "acme:thing:make", "each": [1, 2], "input": {"name": "x"}}
    run = templates.start(templates.template(templates.document([step])), by=maya)
    monkeypatch.setattr(StepEffects, "once", dying)
    for _ in range(2):
        with pytest.raises(Dies):
            templates.work_off(run)
        Intent.objects.filter(pk=run.pk).update(lease_expires_at="2020-01-01T00:00:00Z")
    monkeypatch.setattr(StepEffects, "once", done)
    again = templates.work_off(run)
    assert finish(again) == "succeeded"
    assert acme_counter.keys == [f"{run.pk}-0-0-number", f"{run.pk}-0-1-number"]
    assert "with x for 1" in log_of(again)


def test_what_came_of_an_effect_is_sealed_and_goes_with_the_run(
    install: Install, maya: User, anybody_may_run: object
) -> None:
    install("acme_things", GOOD.replace("lambda key: key", "lambda key: 'secret-of-a-host'"))
    fails = {"action": "fs:rename", "input": {"files": [{"from": "no", "to": "b"}]}}
    steps = [{"action": "acme:thing:make", "input": {"name": "x"}}, fails]
    failed = templates.run(templates.template(templates.document(steps)), by=maya)
    kept = StepEffect.objects.get()
    assert failed.intent.state == State.FAILED
    assert b"secret-of-a-host" not in bytes(kept.sealed_result or b"")
    assert failed.intent.finished_at is not None
    runs.forget_ended(at=failed.intent.finished_at + KEEP_FILES / 2)
    assert StepEffect.objects.exclude(sealed_result=None).count() == 1
    runs.forget_ended(at=failed.intent.finished_at + KEEP_FILES * 2)
    assert StepEffect.objects.exclude(sealed_result=None).count() == 0
    RunStep.objects.update(state=RunStep.State.PENDING)
    Intent.objects.update(state=State.APPROVED, lease=None, lease_expires_at=None)
    assert "was erased when the run had ended" in finish(templates.work_off(failed))


def test_a_run_that_succeeded_keeps_no_results(install: Install, maya: User, anybody_may_run: object) -> None:
    install("acme_things", GOOD)
    step = {"action": "acme:thing:make", "input": {"name": "x"}}
    templates.run(templates.template(templates.document([step])), by=maya)
    assert list(StepEffect.objects.values_list("name", "sealed_result")) == [("number", None)]


# The example of docs/actions.md


def test_the_tutorial_shows_the_package_as_it_is() -> None:
    text = (ROOT / "docs" / "actions.md").read_text()
    shown = re.findall(r"```(?:python|toml)\n(.*?)```", text, re.DOTALL)
    for name in ("pyproject.toml", "acme_tickets.py", "test_acme_tickets.py"):
        assert (EXAMPLE / name).read_text() in shown, name


@pytest.mark.slow
def test_the_example_package_is_installed_and_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, maya: User, anybody_may_run: object
) -> None:
    site, copy = tmp_path / "site", tmp_path / "package"
    subprocess.run(["cp", "-r", str(EXAMPLE), str(copy)], check=True)
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", str(site)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(copy)], check=True)
    sys.modules.pop("acme_tickets", None)
    monkeypatch.syspath_prepend(str(site))
    actions.read_again()
    try:
        with FakeHost() as tracker:
            tracker.answer("POST", "/api/tickets", {"number": 7}, status=201)
            given = {"server": tracker.url, "title": "Review", "token": "${{ secrets.token }}"}
            steps = [{"id": "ticket", "action": "acme:ticket:open", "input": given}]
            output = {"links": [{"title": "Ticket", "url": "${{ steps.ticket.output.url }}"}]}
            asks = {"properties": {"token": {"type": "string", "ui:field": "Secret"}}}
            entity = templates.template(templates.document(steps, parameters=asks, output=output))
            done = templates.run(entity, by=maya, secrets={"token": "tracker-secret"})
            assert finish(done) == "succeeded"
            assert done.output["links"] == [{"title": "Ticket", "url": f"{tracker.url}/tickets/7"}]
            assert tracker.asked[0].headers["authorization"] == "Bearer tracker-secret"
        found = actions.find("acme:ticket:open")
        assert found is not None
        assert found.origin == "acme-tickets 1.2.0"
    finally:
        monkeypatch.undo()
        sys.modules.pop("acme_tickets", None)
        actions.read_again()
