"""The workshop: a template is written and tried, and nothing is kept, made or read that is not the writer's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from catalog.models import Entity, Location
from control.models import Intent, User
from scaffolder import dry_run, workshop
from tests import factories
from tests.scaffolder import room, templates
from tests.scaffolder.templates import document, template_step
from tests.scaffolder.test_linting import FORM, HEAD, SAY

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("folders")]
URL = "/create/workshop/"
FILES: dict[str, str | bytes] = {
    "skeleton/README.md": "# ${{ values.name }}",
    "skeleton/logo.bin": b"\x00\x01",
    "private/plan.txt": "nobody's business",
}
SECRETS_BESIDE = {"credentials.txt": "the keys"}


@pytest.fixture
def client(client_for: Callable[[User], Client], maya: User) -> Client:
    return client_for(maya)


def placed(steps: list[dict[str, Any]] | None = None) -> Entity:
    """A template in a folder, with its files and others beside them."""
    beside: dict[str, str | bytes] = {**FILES, **SECRETS_BESIDE}
    entity = templates.template(document(steps or [template_step(values={"name": "payout"})]), beside)
    root = Path(settings.PORTICO_FILE_ROOTS[0])
    Location.objects.update(type="file", target=f"{root}/acme/service/template.yaml")
    text = (root / "acme/service/template.yaml").read_text()
    Entity.objects.filter(pk=entity.pk).update(source_path="acme/service/template.yaml", source_text=text)
    entity.refresh_from_db()
    return entity


def sent(client: Client, text: str, more: Mapping[str, Any] | None = None, *, fragment: bool = False) -> str:
    headers = {"HX-Request": "true"} if fragment else {}
    answer = client.post(URL, {"template": text, **(more or {})}, headers=headers)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_it_begins_with_an_example_that_works(client: Client) -> None:
    page = client.get(URL).content.decode()
    assert "nothing found" in page
    assert "README.md" in page
    assert "# gift-cards" in page.replace("</span>", "").replace('<span class="gh">', "")


def test_it_shows_findings_form_and_files_of_what_is_written(client: Client) -> None:
    page = sent(client, HEAD + FORM + SAY + "    - action: fs:delet\n")
    assert "Portico has no action fs:delet. Did you mean fs:delete?" in page
    assert 'data-goto="16"' in page
    assert 'name="v/name"' in page
    assert "Answer Name in the form above" in page
    assert "Asked for at the end, and *** here: pass." in page


def test_answers_of_the_form_are_tried(client: Client) -> None:
    page = sent(client, HEAD + FORM + SAY, {"v/name": "payout"}, fragment=True)
    assert "<html" not in page
    assert "payout</code>" in page
    assert not Intent.objects.exists()


def test_an_answer_that_does_not_fit_is_told_at_once_and_one_that_is_missing_when_it_is_tried(
    client: Client,
) -> None:
    form = FORM.replace("title: Name", "title: Name, pattern: '^a'")
    assert "does not fit" in sent(client, HEAD + form + SAY, {"v/name": "b"})
    assert "is missing" not in sent(client, HEAD + form + SAY, {"v/name": ""})
    assert "is missing" in sent(client, HEAD + form + SAY, {"do": "try", "v/name": ""})


def test_files_that_are_written_are_rendered(client: Client) -> None:
    step = "  steps: [{id: f, action: fetch:template, input: {url: ./s, values: {a: 7}}}]\n"
    named = {
        "file-path": ["s/one.txt", "s/two.txt"],
        "file-content": ["a is ${{ values.a }}", "b ${{ values.b }}"],
    }
    page = sent(client, HEAD + step, named)
    assert "a is 7" in page
    assert "s/two.txt, line 1" in page
    assert "The step hands over no b under values" in page


def test_files_are_added_opened_and_taken_out(client: Client) -> None:
    entity = placed()
    two = {"file-path": ["a.txt", "b.txt"], "file-content": ["A", "B"], "from": entity.ref}
    assert sent(client, HEAD + SAY, {"do": "file-add", **two}).count('name="file-path"') == 3
    page = sent(client, HEAD + SAY, {"do": "file-remove:0", **two})
    assert ('value="a.txt"' in page, 'value="b.txt"' in page) == (False, True)
    page = sent(client, HEAD + SAY, {"do": "file-open", "open": "skeleton/README.md", **two})
    assert "# ${{ values.name }}</textarea>" in page


def test_two_files_of_one_name_stay_two(client: Client) -> None:
    page = sent(client, HEAD + SAY, {"file-path": ["a.txt", "a.txt"], "file-content": ["A", "B"]})
    assert 'value="a-2.txt"' in page


def test_a_template_of_the_catalogue_comes_with_the_files_that_its_steps_name(client: Client) -> None:
    entity = placed()
    page = client.get(URL, {"from": entity.ref}).content.decode()
    assert "# payout" in page.replace("</span>", "").replace('<span class="gh">', "")
    assert "<option>skeleton/README.md</option>" in page
    assert "logo.bin</option>" not in page


@pytest.mark.parametrize(
    "url", ["./private", "../..", ".", "./credentials.txt", "/etc", "./skeleton/../private"]
)
def test_other_files_of_its_repository_are_not_read(client: Client, url: str) -> None:
    entity = placed()
    text = HEAD + f"  steps: [{{action: fetch:plain, input: {{url: {url}}}}}]\n"
    page = sent(client, text, {"from": entity.ref})
    assert "business" not in page
    assert "the keys" not in page


def test_a_skeleton_that_answers_choose_brings_the_folder_before_them(client: Client) -> None:
    kept = workshop.kept_files(placed([template_step("./skeleton/${{ parameters.kind }}")]))
    assert sorted(kept.beside()) == ["skeleton/README.md", "skeleton/logo.bin"]


def test_parts_of_the_template_in_other_files_come_along(client: Client) -> None:
    entity = placed()
    root = Path(settings.PORTICO_FILE_ROOTS[0]) / "acme/service"
    (root / "form.yaml").write_text("properties: {colour: {type: string, title: Colour of it}}")
    text = HEAD + "  parameters: [{$yaml: ./form.yaml}]\n" + SAY.replace("name", "colour")
    Entity.objects.filter(pk=entity.pk).update(source_text=text)
    page = client.get(URL, {"from": entity.ref}).content.decode()
    assert "Colour of it" in page
    assert "nothing found" in page


def test_a_template_that_the_person_does_not_see_is_not_there(client: Client, tmp_path: Path) -> None:
    entity = placed()
    room.publish(
        tmp_path,
        "apiVersion: portico.dev/v1\nkind: VisibilityRule\nmetadata: {name: hidden}\n"
        "spec: {entities: 'kind=template', visibleTo: []}\n",
    )
    assert client.get(URL, {"from": entity.ref}).status_code == 404
    assert client.post(URL, {"template": "x", "from": entity.ref}).status_code == 404
    assert "Load" not in client.get(URL).content.decode()


def test_entities_that_the_person_does_not_see_are_not_fetched(client: Client, tmp_path: Path) -> None:
    factories.entity("component:default/ledger", owner_ref="group:default/payments")
    room.publish(
        tmp_path,
        "apiVersion: portico.dev/v1\nkind: VisibilityRule\nmetadata: {name: hidden}\n"
        "spec: {entities: 'metadata.name=ledger', visibleTo: []}\n",
    )
    text = HEAD + "  steps: [{action: catalog:fetch, input: {entityRef: component:default/ledger}}]\n"
    assert "There is no component:default/ledger in the catalogue" in sent(client, text)


def test_files_that_are_not_kept_are_told(client: Client) -> None:
    entity = room.template()
    Location.objects.update(type="url", target="https://example.org/template.yaml")
    page = client.get(URL, {"from": entity.ref}).content.decode()
    assert "The files around this descriptor are not kept." in page


def test_nobody_gets_in_without_signing_in() -> None:
    assert Client().post(URL, {"template": "x"}).status_code == 302


@pytest.mark.parametrize("name", ["MAX_TEMPLATE", "MAX_FILE", "MAX_FILES"])
def test_too_much_is_not_looked_at(client: Client, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(workshop, name, 0)
    page = sent(client, HEAD + SAY, {"file-path": "a", "file-content": "b"})
    assert "Not looked at." in page
    assert "A template" not in page


@pytest.mark.parametrize("path", ["../../x", "/etc/passwd", ".git/config", "a\u0000b", "x" * 3_000])
def test_a_file_that_would_lie_elsewhere_is_refused(client: Client, path: str) -> None:
    assert (
        "Not looked at." in sent(client, HEAD + SAY, {"file-path": path, "file-content": "b"}) or "\0" in path
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00",
        "kind: Template",
        "kind: Template\nspec: {steps: [{action: debug:log}]}\napiVersion: scaffolder.backstage.io/v1beta3",
        "kind: Template\nmetadata: []\nspec: 3",
        HEAD + "  parameters: 3\n  steps: 4\n",
        HEAD + "  parameters: [{properties: {a: {type: object, properties: 3}}}]\n" + SAY,
        HEAD + "  parameters: {properties: {a: {type: array, items: {$ref: '#/spec'}}}}\n" + SAY,
        HEAD + "  steps: [{action: debug:log, input: {message: '${{ '}}]\n",
        HEAD + "  steps: [{action: debug:log, each: 3}]\n",
        HEAD + "  steps: [{$yaml: ./x.yaml}]\n",
        "a: &a [*a]\n",
        "\ud800",
        "- " * 5_000,
    ],
)
def test_hostile_text_breaks_nothing(client: Client, text: str) -> None:
    sent(client, text.encode("utf-8", "surrogatepass").decode("utf-8", "replace"))


def test_markup_is_shown_and_never_used(client: Client) -> None:
    text = HEAD.replace("hello", "hello, title: '<script>alert(1)</script>'") + SAY.replace(
        "${{ parameters.name }}", "<img src=x onerror=alert(1)>"
    )
    page = sent(client, text, {"file-path": '"><script>', "file-content": "</textarea><script>"})
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "</textarea><script>" not in page


def test_while_others_try_it_says_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dry_run, "WAIT_SECONDS", 0.01)
    with dry_run._turn:
        page = sent(client, HEAD + SAY.replace("${{ parameters.name }}", "x"))
    assert "Others are trying their templates right now." in page


def test_the_number_of_queries_stays_the_same(client: Client, django_assert_max_num_queries: Any) -> None:
    questions = "".join(f"        q{number}: {{type: string}}\n" for number in range(30))
    with django_assert_max_num_queries(12):
        sent(client, HEAD + "  parameters:\n    - properties:\n" + questions + SAY)


def test_authors_find_it_from_the_list_and_from_a_template(client: Client) -> None:
    room.template()
    assert f'href="{URL}"' in client.get("/create/").content.decode()
    assert (
        f'href="{URL}?from=template%3Adefault/hello"' in client.get("/create/default/hello/").content.decode()
    )
