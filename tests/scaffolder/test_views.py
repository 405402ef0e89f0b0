"""The scaffolder's pages as people use them: choose, fill in, review, send."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import Entity
from control.errors import InvalidParameters
from control.models import Intent, State, User
from scaffolder import runs
from scaffolder.models import Run
from tests import factories
from tests.scaffolder import room

pytestmark = pytest.mark.django_db
URL = "/create/default/hello/"


@pytest.fixture
def hello(db: None) -> Entity:
    return room.template()


@pytest.fixture
def at_once(tmp_path: Path) -> None:
    room.publish(tmp_path, room.AT_ONCE)


@pytest.fixture
def client(client_for: Callable[[User], Client], maya: User) -> Client:
    return client_for(maya)


def carried(page: str) -> str:
    found = re.search(r'name="answers" value="([^"]+)"', page)
    assert found
    return found[1]


def step(client: Client, page: Any, number: int, do: str = "next", /, **typed: str) -> Any:
    """Press a button of a page."""
    data = {"answers": carried(page.content.decode()), "page": number, "do": do}
    return client.post(URL, {**data, **{f"v/{name}": text for name, text in typed.items()}})


def review(client: Client) -> Any:
    first = client.get(URL)
    second = step(client, first, 0, name="payout-reports")
    return step(client, second, 1, size="5")


def submit(client: Client, page: Any, **typed: str) -> Any:
    return client.post(URL, {"answers": carried(page.content.decode()), "page": 2, "do": "submit", **typed})


def test_the_list_shows_each_template_with_its_owner_and_use(
    client: Client, hello: Entity, tomas: User
) -> None:
    room.run_of(tomas, state=State.SUCCEEDED)
    page = client.get("/create/").content.decode()
    assert f'href="{URL}"' in page
    assert "payments" in page
    assert "100" in page


def test_a_template_that_cannot_run_is_listed_with_the_reason_and_breaks_nothing(
    client: Client, hello: Entity
) -> None:
    room.template("template:default/argo", {"steps": [{"action": "argocd:create-resources"}]})
    room.template("template:default/odd", {**room.HELLO, "parameters": 5})
    page = client.get("/create/").content.decode()
    assert "argocd:create-resources" in page
    assert "neither a page nor a list" in page
    assert f'href="{URL}"' in page
    form = client.get("/create/default/argo/")
    assert "cannot be used" in form.content.decode()
    assert 'name="answers"' not in form.content.decode()


def test_the_list_is_narrowed_by_words_and_marks(client: Client, hello: Entity) -> None:
    room.template("template:default/site", type="website", tags=["html"])
    assert "/create/default/site/" not in client.get("/create/?type=service").content.decode()
    assert "/create/default/hello/" not in client.get("/create/?tag=html").content.decode()
    assert "No template fits" in client.get("/create/?q=nothing-like-this").content.decode()


def test_an_empty_list_says_what_to_do(client: Client) -> None:
    page = client.get("/create/").content.decode()
    assert "There are no templates yet" in page
    assert reverse("catalog:register") in page


def test_a_form_goes_through_its_pages_to_a_run(
    client: Client, hello: Entity, at_once: None, maya: User
) -> None:
    page = review(client)
    words = page.content.decode()
    assert "payout-reports" in words
    assert "Allowed at once" in words
    assert "Say hello" in words
    answer = submit(client, page)
    run = Run.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/runs/{run.pk}/")
    assert run.values == {"name": "payout-reports", "size": 5}
    assert run.intent.requested_by == maya


def test_sending_the_same_form_twice_makes_one_run(client: Client, hello: Entity, at_once: None) -> None:
    page = review(client)
    assert submit(client, page)["Location"] == submit(client, page)["Location"]
    assert Run.objects.count() == 1


def test_a_wrong_answer_is_told_at_the_field_and_kept(client: Client, hello: Entity) -> None:
    page = step(client, client.get(URL), 0, name="Payout Reports")
    words = page.content.decode()
    assert page.status_code == 422
    assert 'value="Payout Reports"' in words
    assert 'aria-invalid="true"' in words
    assert 'href="#f-name"' in words
    assert "Try payout-reports." in words


def test_back_and_change_keep_the_answers(client: Client, hello: Entity, at_once: None) -> None:
    page = review(client)
    first = client.post(URL, {"answers": carried(page.content.decode()), "page": 2, "do": "goto:0"})
    assert 'value="payout-reports"' in first.content.decode()


def test_the_review_shows_every_stage_with_its_people_and_who_is_let_in_later(
    client: Client, hello: Entity, tmp_path: Path, tomas: User, root_admin: User
) -> None:
    room.publish(tmp_path, room.IN_STAGES)
    words = " ".join(review(client).content.decode().replace("\u00a0", " ").split())
    owners, admins = words.index("<b>Owners</b>"), words.index("<b>Platform</b>")
    assert owners < words.index("1 of payments must agree") < words.index("Tomas Lind") < admins
    assert "after 4 h, Root Admin too" in words
    assert admins < words.rindex("Root Admin")


def test_a_run_that_others_decide_needs_a_reason(
    client: Client, hello: Entity, tmp_path: Path, tomas: User
) -> None:
    room.publish(tmp_path, room.OWNERS)
    page = review(client)
    assert "Needs approval" in page.content.decode()
    assert "Tomas Lind" in page.content.decode()
    refused = submit(client, page)
    assert (refused.status_code, Intent.objects.count()) == (422, 0)
    submit(client, page, reason="For the audit")
    assert (Intent.objects.get().state, Intent.objects.get().reason) == (
        State.AWAITING_APPROVAL,
        "For the audit",
    )


def test_without_a_rule_there_is_nothing_to_send(client: Client, hello: Entity) -> None:
    words = review(client).content.decode()
    assert "Refused" in words
    assert 'value="submit" data-busy' not in words


@pytest.mark.parametrize("altered", ["", "x", "eyJhIjoxfQ:1tXyZ:abc"])
def test_altered_answers_are_refused_and_the_form_begins_again(
    client: Client, hello: Entity, altered: str
) -> None:
    page = client.post(URL, {"answers": altered, "page": 2, "do": "submit"})
    assert page.status_code == 422
    assert "Not taken over." in page.content.decode()
    assert not Intent.objects.exists()


def test_somebody_else_s_answers_are_refused(
    client: Client, hello: Entity, at_once: None, client_for: Callable[[User], Client], tomas: User
) -> None:
    page = review(client)
    assert submit(client_for(tomas), page).status_code == 422
    assert not Intent.objects.exists()


def test_a_template_that_changed_meanwhile_asks_for_another_look(client: Client, hello: Entity) -> None:
    first = client.get(URL)
    Entity.objects.filter(pk=hello.pk).update(digest="1" * 64)
    assert "The template changed while you answered." in step(client, first, 0, name="x").content.decode()


SECRET = {
    **room.HELLO,
    "parameters": {
        "required": ["token"],
        "properties": {"token": {"type": "string", "title": "Token", "ui:field": "Secret"}},
    },
}


def test_a_secret_is_asked_on_the_last_page_and_shown_nowhere(client: Client, at_once: None) -> None:
    room.template(spec=SECRET)
    last = step(client, client.get(URL), 0)
    assert 'type="password"' in last.content.decode()
    data = {"answers": carried(last.content.decode()), "page": 1, "do": "submit"}
    refused = client.post(URL, data)
    assert "Token is missing." in refused.content.decode()
    answer = client.post(URL, {**data, "secret/token": "hunter2hunter2"}, follow=True)
    run = Run.objects.get()
    assert "hunter2" not in answer.content.decode()
    assert "secret, not shown" in answer.content.decode()
    assert "hunter2" not in str(run.intent.parameters) + str(run.values)
    assert (run.secret_names, bool(run.sealed_secrets)) == (["token"], True)


def test_htmx_gets_the_form_alone_and_a_redirect_it_understands(
    client: Client, hello: Entity, at_once: None
) -> None:
    fragment = client.post(
        URL,
        {"answers": carried(client.get(URL).content.decode()), "page": 0, "v/name": "x"},
        headers={"HX-Request": "true"},
    )
    assert "<html" not in fragment.content.decode()
    assert 'id="scaffold"' in fragment.content.decode()
    data = {"answers": carried(review(client).content.decode()), "page": 2, "do": "submit"}
    sent = client.post(URL, data, headers={"HX-Request": "true"})
    assert sent["HX-Redirect"] == f"/runs/{Run.objects.get().pk}/"


def test_hostile_words_of_a_template_stay_words(client: Client) -> None:
    evil = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    props = {
        "a": {
            "type": "string",
            "title": evil,
            "description": evil,
            "default": evil,
            "enum": [evil],
            "ui:help": evil,
        }
    }
    page = {"title": evil, "description": evil + "[x](javascript:alert(1))", "properties": props}
    room.template(spec={**room.HELLO, "parameters": [page]}, title=evil, description=evil)
    for url in ("/create/", URL):
        words = client.get(url).content.decode()
        assert "<script>alert" not in words
        assert "<img src=x" not in words
        assert "javascript:alert" not in words


def test_a_picker_s_list_is_searched(client: Client) -> None:
    from scaffolder.forms import pickers

    factories.entity("system:default/money", title="Money")
    factories.entity("component:default/money-box")
    signed = pickers.seal(
        pickers.wanted({"ui:field": "EntityPicker", "ui:options": {"allowedKinds": ["System"]}})
    )
    found = client.get("/create/options/", {"of": signed, "v/system": "mon"}).content.decode()
    assert "system:default/money" in found
    assert "money-box" not in found
    assert client.get("/create/options/", {"of": signed + "x", "v/a": "m"}).status_code == 404


def test_an_unknown_template_is_not_found(client: Client) -> None:
    assert client.get("/create/default/nothing/").status_code == 404


@pytest.mark.parametrize("url", ["/create/", URL, "/create/options/", "/runs/"])
def test_strangers_are_asked_to_sign_in(hello: Entity, url: str) -> None:
    answer = Client().get(url)
    assert (answer.status_code, answer["Location"].startswith("/signin/")) == (302, True)


@pytest.mark.parametrize("url", ["/create/", "/create/options/", "/runs/"])
def test_lists_only_answer_reading(client: Client, url: str) -> None:
    assert client.post(url).status_code == 405


def test_the_list_of_templates_costs_the_same_for_many(
    client: Client, hello: Entity, django_assert_max_num_queries: Any
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client.get("/create/")
    with CaptureQueriesContext(connection) as few:
        client.get("/create/")
    for number in range(40):
        room.template(f"template:default/hello-{number}")
    client.get("/create/")
    with CaptureQueriesContext(connection) as many:
        client.get("/create/")
    assert len(many) <= len(few)


def test_a_run_that_cannot_be_started_after_all_is_said_and_nothing_is_lost(
    client: Client, hello: Entity, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: Any, **named: Any) -> None:
        raise InvalidParameters({"template": "The template changed just now. Look again."})

    page = review(client)
    monkeypatch.setattr(runs, "start", refuse)
    answer = submit(client, page)
    assert answer.status_code == 422
    words = answer.content.decode()
    assert "The template changed just now. Look again." in words
    assert "payout-reports" in words
    assert carried(words)


def test_a_zero_byte_in_a_reason_is_no_defect(client: Client, hello: Entity, at_once: None) -> None:
    assert submit(client, review(client), reason="a\x00b").status_code == 302
    assert Intent.objects.get().reason == "ab"


def test_what_the_template_fixes_cannot_be_changed_by_another_way(maya: User, at_once: None) -> None:
    region = {"type": "string", "default": "eu-1", "ui:readonly": True}
    entity = room.template(spec={**room.HELLO, "parameters": {"properties": {"region": region}}})
    with pytest.raises(InvalidParameters, match="fixed by the template"):
        runs.start(entity, {"region": "us-1"}, by=maya)
