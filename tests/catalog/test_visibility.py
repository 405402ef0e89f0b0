"""A hidden entity is nowhere for a stranger, on no page and in no number; its owners and whom a rule names see it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.api.kept import answers
from catalog.listing import Filters, facets, list_entities
from catalog.models import CatalogRevision, Entity, Location, Problem, Relation
from catalog.naming import location_ref
from catalog.preview import preview
from catalog.terms import key_of
from catalog.visibility import covered, without_hidden
from control import policy
from control.errors import PolicyInvalid
from control.filters import parse
from control.models import User
from tests import factories
from tests.catalog.api.conftest import caller
from tests.catalog.pages import queries, relate
from tests.catalog.places import component

pytestmark = pytest.mark.django_db

HIDDEN_NAME = "quasar"
RULES = """
apiVersion: portico.dev/v1
kind: VisibilityRule
metadata: {name: unannounced}
spec:
  entities: "metadata.name=quasar"
  visibleTo: [{kind: Group, name: support}]
---
apiVersion: portico.dev/v1
kind: Role
metadata: {name: logs}
rules: [{resources: [logs], verbs: [read]}]
---
apiVersion: portico.dev/v1
kind: AccessRule
metadata: {name: logs}
spec:
  roles: [logs]
  subjects: [{kind: Everyone}]
  maxDuration: 4h
  approval: none
"""
FORM = {
    "parameters": [
        {
            "title": "Beside what",
            "properties": {
                "beside": {
                    "type": "string",
                    "ui:field": "EntityPicker",
                    "ui:options": {"catalogFilter": {"kind": "Component"}},
                }
            },
        }
    ],
    "steps": [{"id": "say", "name": "Say", "action": "debug:log", "input": {"message": "hello"}}],
}


def publish(folder: Path, text: str = RULES) -> None:
    path = folder / "rules.yaml"
    path.write_text(text)
    policy.publish([path], by=None)
    cache.clear()


@pytest.fixture
def stranger(db: None) -> User:
    return factories.user("wanda.stone", groups=["group:default/web"])


@pytest.fixture
def quasar(tmp_path: Path) -> Entity:
    """Hidden, alone in its location, and related to much that everybody sees."""
    publish(tmp_path)
    open_place = factories.location("file:///srv/git/shop.git")
    dark_place = factories.location(f"file:///srv/git/{HIDDEN_NAME}.git", entity_count=1)
    hidden = factories.entity(
        f"component:default/{HIDDEN_NAME}",
        title="Quasar engine",
        type="quasar-type",
        lifecycle="quasar-stage",
        tags=["quasar-tag"],
        owner_ref="group:default/payments",
        system_ref="system:default/money",
        location=dark_place,
    )
    team = factories.entity("group:default/payments", location=open_place, type="team")
    system = factories.entity("system:default/money", location=open_place, owner_ref=team.ref)
    shop = factories.entity(
        "component:default/shop",
        location=open_place,
        type="service",
        owner_ref=team.ref,
        spec={"dependsOn": [f"component:default/{HIDDEN_NAME}"], "subcomponentOf": HIDDEN_NAME},
        source_text=f"kind: Component\nspec:\n  dependsOn: [component:default/{HIDDEN_NAME}]\n",
    )
    api = factories.entity("api:default/orders", location=open_place, type="openapi", owner_ref=team.ref)
    template = factories.entity("template:default/hello", location=open_place, owner_ref=team.ref, spec=FORM)
    template.document["apiVersion"] = "scaffolder.backstage.io/v1beta3"
    template.save()
    for source, type, target in (
        (hidden, "ownedBy", team),
        (hidden, "partOf", system),
        (shop, "dependsOn", hidden),
        (shop, "partOf", hidden),
        (shop, "providesApi", api),
        (hidden, "consumesApi", api),
    ):
        relate(source, type, target)
    Problem.objects.create(
        location=open_place,
        entity_ref=hidden.ref,
        code=Problem.Code.CONFLICT,
        path="copy.yaml",
        line=1,
        message=f"{hidden.ref} belongs to {dark_place}, which was first.",
    )
    Location.objects.filter(pk=open_place.pk).update(entity_count=5, problem_count=1)
    return hidden


# Address and whether it names the hidden entity to whoever may see it.
PAGES = [
    ("/", True),
    ("/palette/?q=quas", True),
    ("/search/?q=quas", True),
    ("/search/?q=quaser", True),
    ("/catalog/", True),
    ("/catalog/?kind=component", True),
    ("/catalog/?sort=changed", True),
    ("/catalog/?filter=kind%3Dcomponent", True),
    ("/catalog/?show=unowned", False),
    ("/catalog/system/default/money/", True),
    ("/catalog/system/default/money/source/", False),
    ("/catalog/group/default/payments/", True),
    ("/catalog/group/default/payments/activity/", False),
    ("/catalog/component/default/shop/", True),
    ("/catalog/component/default/shop/dependencies/", True),
    ("/catalog/component/default/shop/api/", False),
    ("/catalog/component/default/shop/source/", True),
    ("/catalog/component/default/shop/activity/", False),
    ("/catalog/component/default/shop/access/", False),
    ("/catalog/api/default/orders/", True),
    ("/catalog/api/default/orders/dependencies/", True),
    ("/locations/", True),
    ("/locations/?state=problems", False),
    ("/locations/register/", False),
    ("/access/", False),
    ("/access/request/", True),
    ("/access/request/?q=quas", True),
    ("/access/request/?entity=component:default/shop", False),
    ("/access/request/decision/?entity=component:default/shop&role=logs&duration=1h", False),
    ("/create/", False),
    ("/create/default/hello/", True),
    ("/runs/", False),
    ("/runs/?of=all", False),
    ("/inbox/", False),
    ("/rules/", False),
]


def seen(client: Client, url: str) -> bool:
    response = client.get(url)
    assert response.status_code == 200, (url, response.status_code)
    return HIDDEN_NAME in response.content.decode().lower().replace("q=quasar", "")


def open_location(quasar: Entity) -> str:
    return f"/locations/{Location.objects.get(target__contains='shop').pk}/"


@pytest.mark.parametrize(("url", "shows"), PAGES)
@pytest.mark.slow
def test_a_hidden_entity_is_on_no_page_of_a_stranger_and_on_those_of_who_may_see_it(
    quasar: Entity,
    url: str,
    shows: bool,
    stranger: User,
    maya: User,
    tomas: User,
    root_admin: User,
    client_for: Callable[[User], Client],
) -> None:
    assert not seen(client_for(stranger), url)
    for user in (maya, tomas):
        assert seen(client_for(user), url) is shows, user
    assert seen(client_for(root_admin), url) is (shows or url == "/rules/")


# The API: method, address, body, and whether it tells of the hidden entity to whoever may see it.
def _has(**query: Any) -> dict[str, Any]:
    return {"query": query, "fields": ["metadata.name", "spec", "relations"]}


IT = f"component:default/{HIDDEN_NAME}"
GOOD = {
    "apiVersion": "backstage.io/v1alpha1",
    "kind": "Component",
    "metadata": {"name": HIDDEN_NAME},
    "spec": {"type": "service", "lifecycle": "production", "owner": "payments", "dependsOn": [IT]},
}
LIST, BY_QUERY, FACETS = "/entities", "/entities/by-query", "/entity-facets"
CALLS: list[tuple[str, str, Any, bool]] = [
    ("GET", LIST, None, True),
    ("GET", f"{LIST}?limit=100", None, True),
    ("GET", f"{LIST}?filter=kind=component&fields=spec.dependsOn,relations", None, True),
    ("GET", f"{LIST}?fields=relations.0.targetRef,relations.1.targetRef", None, True),
    ("GET", BY_QUERY, None, True),
    ("GET", f"{BY_QUERY}?fullTextFilterTerm=quas&fullTextFilterFields=metadata.name", None, True),
    ("POST", BY_QUERY, _has(kind="component"), True),
    ("GET", "/entities/by-name/component/default/shop", None, True),
    ("GET", "/entities/by-name/system/default/money", None, True),
    ("GET", "/entities/by-name/api/default/orders/ancestry", None, True),
    ("POST", "/entities/by-refs", {"entityRefs": [IT, "component:default/shop"]}, True),
    *(
        ("GET", f"{FACETS}?facet={facet}", None, True)
        for facet in (
            *("metadata.name", "spec.type", "spec.lifecycle", "metadata.tags", "spec.dependsOn"),
            *("spec.dependsOn.0", "spec.subcomponentOf", "relations.dependsOn", "relations.apiConsumedBy"),
        )
    ),
    ("POST", FACETS, {"facets": ["relations.partOf", "metadata.title"]}, True),
    ("GET", "/locations", None, True),
    ("POST", "/locations/by-query", {}, True),
    ("POST", "/locations/by-query", {"query": {"target": {"$hasPrefix": "file:///srv/git/q"}}}, True),
    ("GET", "/../search/query?term=quas", None, True),
    ("GET", "/../search/query", None, True),
    ("POST", "/validate-entity", {"location": "url:https://x.invalid/a", "entity": GOOD}, False),
    ("POST", "/analyze-location", {"location": {"type": "url", "target": "https://x.invalid/a/b"}}, False),
]


def called(user: User, method: str, path: str, body: Any = None) -> Any:
    path = "/api" + path.removeprefix("/..") if path.startswith("/..") else f"/api/catalog{path}"
    return caller(user).raw(method, path, body, prefix="")


def content(response: Any) -> str:
    text = b"".join(response) if response.streaming else response.content
    cursors = "".join(
        base64.urlsafe_b64decode(found).decode()
        for found in re.findall(r'"(?:next|prev)Cursor": ?"([^"]+)', text.decode())
    )
    return (text.decode() + cursors).lower()


@pytest.mark.parametrize(("method", "path", "body", "tells"), CALLS)
@pytest.mark.slow
def test_the_api_tells_of_a_hidden_entity_only_to_who_may_see_it(
    quasar: Entity,
    method: str,
    path: str,
    body: Any,
    tells: bool,
    stranger: User,
    maya: User,
    tomas: User,
    root_admin: User,
) -> None:
    for user in (stranger, maya, tomas, root_admin):
        response = called(user, method, path, body)
        assert response.status_code == 200, response.content
        assert (HIDDEN_NAME in content(response)) is (tells and user != stranger), user


# What asks for the hidden entity by a name that was guessed: how many are found for who may see it.
GUESSES: list[tuple[str, Any, int]] = [
    *(
        (f"{BY_QUERY}?filter={text}", None, 1)
        for text in (
            f"relations.dependsOn={IT}",
            f"spec.dependsOn={IT}",
            f"spec.dependsOn.{IT}",
            f"spec.dependsOn.{IT}=true",
            "spec.subcomponentOf=quasar",
            "spec.subcomponentOf=Default/Quasar",
            "metadata.name=quasar",
        )
    ),
    (f"{BY_QUERY}?fullTextFilterTerm=quasar&fullTextFilterFields=spec.dependsOn.0", None, 1),
    (f"{BY_QUERY}?fullTextFilterTerm=quasar&fullTextFilterFields=spec.subcomponentOf", None, 1),
    (f"{BY_QUERY}?orderField=spec.subcomponentOf", None, 1),
    (BY_QUERY, _has(**{"spec.dependsOn": {"$contains": IT}}), 1),
    (BY_QUERY, _has(**{"spec.subcomponentOf": {"$hasPrefix": "quas"}}), 1),
    (BY_QUERY, _has(**{"relations.dependsOn": {"$hasPrefix": "component:default/quas"}}), 1),
    (BY_QUERY, _has(relations={"$contains": {"type": "dependsOn", "targetRef": IT}}), 1),
    (BY_QUERY, _has(**{"relations.dependsOn": {"$in": [IT]}}), 1),
]


@pytest.mark.parametrize(("path", "body", "found"), GUESSES)
def test_a_guessed_name_is_not_confirmed(
    quasar: Entity, path: str, body: Any, found: int, stranger: User, maya: User
) -> None:
    shop = Entity.objects.get(name="shop")
    shop.term_keys += [key_of(f"spec.dependson.{IT}"), key_of(f"spec.dependson.{IT}=true")]
    shop.term_keys.append(key_of("spec.subcomponentof=default/quasar"))  # another spelling
    shop.save()
    for user, total in ((stranger, 0), (maya, found)):
        response = called(user, "POST" if body else "GET", path, body)
        assert response.status_code == 200, response.content
        assert json.loads(response.content)["totalItems"] == total, (user, response.content)


def test_not_asked_for_is_as_if_it_were_not_there(quasar: Entity, stranger: User, maya: User) -> None:
    query = {"$all": [{"metadata.name": "shop"}, {"$not": {"spec.dependsOn": IT}}]}
    for user, total in ((stranger, 1), (maya, 0)):
        response = called(user, "POST", BY_QUERY, {"query": query})
        assert json.loads(response.content)["totalItems"] == total


# What is answered about a hidden thing is what is answered about one that is not there.
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/entities/by-name/component/default/NAME", None),
        ("GET", "/entities/by-name/component/default/NAME/ancestry", None),
        ("GET", "/entities/by-uid/UID", None),
        ("DELETE", "/entities/by-uid/UID", None),
        ("POST", "/entities/by-refs", {"entityRefs": ["component:default/NAME"]}),
        ("GET", "/locations/by-entity/component/default/NAME", None),
        ("GET", "/locations/by-entity/location/default/GENERATED", None),
        ("GET", "/locations/LOCATION", None),
        ("PUT", "/locations/LOCATION", {"type": "url", "target": "https://git.example.org/a/b"}),
        ("DELETE", "/locations/LOCATION", None),
        ("POST", "/refresh", {"entityRef": "component:default/NAME"}),
        ("POST", "/refresh", {"entityRef": "location:default/GENERATED"}),
    ],
)
def test_the_api_answers_about_it_as_about_what_does_not_exist(
    quasar: Entity, stranger: User, method: str, path: str, body: Any
) -> None:
    here = {
        "NAME": HIDDEN_NAME,
        "UID": str(quasar.pk),
        "LOCATION": str(quasar.location_id),
        "GENERATED": location_ref(quasar.location).partition("/")[2],
    }
    nowhere = {
        "NAME": "zzz-absent-zz",
        "UID": str(uuid4()),
        "LOCATION": str(uuid4()),
        "GENERATED": "generated-" + "0" * 40,
    }

    def answer(words: dict[str, str]) -> tuple[int, str]:
        said = json.dumps([path, body])
        for name, value in words.items():
            said = said.replace(name, value)
        response = called(stranger, method, *json.loads(said))
        text = response.content.decode()
        for name, value in words.items():
            text = text.replace(value, name)
        return response.status_code, text

    assert answer(here) == answer(nowhere)
    assert Entity.objects.filter(pk=quasar.pk).exists()
    assert Location.objects.get(pk=quasar.location_id).refresh_asked_at is None


def test_pages_of_the_api_do_not_lead_to_it_by_their_cursors(
    quasar: Entity, stranger: User, maya: User
) -> None:
    """One by one in any order, also with the cursor of somebody who sees more."""
    for order in ("metadata.name", "spec.subcomponentOf", "spec.dependsOn.0", "relations.ownedBy"):
        first = f"{BY_QUERY}?limit=1&orderField={order}"
        for starts in (stranger, maya):
            text = called(starts, "GET", first).content.decode()
            texts = [] if starts == maya else [text]
            for _ in range(8):
                cursor = json.loads(text)["pageInfo"].get("nextCursor")
                if not cursor:
                    break
                response = called(stranger, "GET", f"{BY_QUERY}?limit=1&cursor={cursor}")
                text = response.content.decode()
                texts.append(content(response))
            assert not any(HIDDEN_NAME in one for one in texts), order


def test_a_hidden_owner_is_named_nowhere_by_the_api(tmp_path: Path, stranger: User) -> None:
    publish(tmp_path, RULES.replace("metadata.name=quasar", "kind=group"))
    team = factories.entity("group:default/night-shift", type="team")
    note = {"annotations": {"example.org/note": "Of night-shift."}}
    shop = factories.entity("component:default/shop", owner_ref=team.ref, metadata=note)
    relate(shop, "ownedBy", team)
    asked = (
        *(LIST, f"{BY_QUERY}?orderField=relations.ownedBy", f"{LIST}?order=asc:spec.owner"),
        *(f"{FACETS}?facet=spec.owner&facet=relations.ownedBy", "/../search/query?term=shop"),
    )
    for path in asked:
        assert "night-shift" not in content(called(stranger, "GET", path)), path
    for text in ("spec.owner=night-shift", "relations.ownedBy=group:default/night-shift"):
        response = called(stranger, "GET", f"{BY_QUERY}?filter={text}")
        assert json.loads(response.content)["totalItems"] == 0, text


def test_a_preview_does_not_say_that_a_hidden_place_is_registered(
    quasar: Entity, stranger: User, maya: User, tmp_path: Path, settings: Any
) -> None:
    settings.PORTICO_FILE_ROOTS = [tmp_path]
    place = tmp_path / "place"
    place.mkdir()
    (place / "catalog-info.yaml").write_text(component("payments"))
    checked = preview("file", str(place), by=maya).location.target
    Location.objects.filter(pk=quasar.location_id).update(type="file", target=checked)
    dry = {"type": "file", "target": str(place)}
    for user, is_told in ((stranger, False), (maya, True)):
        assert preview("file", str(place), by=user).is_registered is is_told
        response = called(user, "POST", "/locations?dryRun=true", dry)
        assert json.loads(response.content)["exists"] is is_told


def test_what_the_veil_leaves_is_what_the_entity_says_of_itself(tmp_path: Path, stranger: User) -> None:
    """A hidden name that is also a word of the visible one blots out no more than references."""
    publish(tmp_path, RULES.replace("metadata.name=quasar", "kind=resource"))
    secret = factories.entity("resource:default/shop")
    shop = factories.entity(
        "component:default/shop", type="shop", spec={"dependsOn": ["resource:shop", "api:default/orders"]}
    )
    relate(shop, "dependsOn", secret)
    relate(shop, "dependsOn", "api:default/orders")
    said = json.loads(called(stranger, "GET", "/entities/by-name/component/default/shop").content)
    assert (said["metadata"]["name"], said["spec"]["type"]) == ("shop", "shop")
    assert said["spec"]["dependsOn"] == ["resource:█████", "api:default/orders"]
    assert said["relations"] == [{"type": "dependsOn", "targetRef": "api:default/orders"}]


@pytest.mark.parametrize("path", [f"{LIST}?limit=40", LIST, f"{BY_QUERY}?filter=kind=component"])
def test_hiding_costs_the_api_no_query_for_each_row(quasar: Entity, stranger: User, path: str) -> None:
    from tests.catalog.pages import many

    def asked() -> int:
        cache.clear()
        answers.clear()
        with CaptureQueriesContext(connection) as captured:
            called(stranger, "GET", path)
        return len(captured)

    asked()
    few = asked()
    for entity in many(25, prefix="part"):
        relate(entity, "dependsOn", quasar)
    assert asked() == few


def test_problems_that_name_it_are_not_on_the_page_of_another_location(
    quasar: Entity, stranger: User, maya: User, client_for: Callable[[User], Client]
) -> None:
    assert not seen(client_for(stranger), open_location(quasar))
    assert seen(client_for(maya), open_location(quasar))


@pytest.mark.parametrize("tab", ["", "dependencies/", "api/", "docs/", "source/", "activity/", "access/"])
def test_its_pages_are_those_of_something_that_does_not_exist(
    quasar: Entity, stranger: User, tab: str, client_for: Callable[[User], Client]
) -> None:
    def page(name: str) -> str:
        response = client_for(stranger).get(f"/catalog/component/default/{name}/{tab}")
        assert response.status_code == 404
        of_this_request = r'"X-CSRFToken": "\w+"|value="\w{64}"|req \w{16}'
        return re.sub(of_this_request, "", response.content.decode()).replace(name, "NAME")

    assert page(HIDDEN_NAME) == page("zzz-absent-zz")


@pytest.mark.parametrize(
    "url",
    [
        "/create/default/quasar/",
        "/access/request/?entity=component:default/quasar",
        "/access/request/decision/?entity=component:default/quasar",
        "/access/check/?entity=component:default/quasar&permission=logs:read",
    ],
)
def test_asking_for_it_by_name_finds_nothing(
    quasar: Entity, stranger: User, url: str, client_for: Callable[[User], Client]
) -> None:
    assert client_for(stranger).get(url).status_code == 404


def test_changes_by_name_are_refused_as_for_what_is_not_there(
    quasar: Entity, stranger: User, client_for: Callable[[User], Client]
) -> None:
    client = client_for(stranger)
    assert client.post("/catalog/component/default/quasar/refresh/").status_code == 404
    assert client.post("/access/request/", {"entity": quasar.ref}).status_code == 404
    assert client.post(f"/locations/{quasar.location_id}/refresh/").status_code == 404
    assert client.get(f"/locations/{quasar.location_id}/").status_code == 404


def test_numbers_do_not_tell_of_it(quasar: Entity, stranger: User, maya: User) -> None:
    for user, components, owned in ((maya, 2, 5), (stranger, 1, 4)):
        counted = facets(Filters(), user=user)
        assert {v.value: v.count for v in counted["kind"]}["component"] == components
        assert {v.value: v.count for v in counted["owner"]}["group:default/payments"] == owned
        assert ("quasar-type" in {v.value for v in counted["type"]}) is (user == maya)
        assert facets(Filters(), user=user) == counted  # kept
        assert list_entities(Filters(), user=user).total == 4 + components
    assert (
        "quasar-type" in str(CatalogRevision.objects.get().facets) or not CatalogRevision.objects.get().facets
    )


def test_counts_that_were_kept_for_one_are_not_shown_to_another(
    quasar: Entity, stranger: User, tomas: User, root_admin: User
) -> None:
    """Whoever comes first: what is kept is kept for those who see the same."""
    for user in (root_admin, stranger, tomas, stranger, root_admin):
        kinds = {v.value: v.count for v in facets(Filters(), user=user)["kind"]}
        assert kinds["component"] == (1 if user == stranger else 2)


def test_relations_of_it_cannot_be_asked_for(quasar: Entity, stranger: User, maya: User) -> None:
    asked = parse("relations.dependsOn=component:default/quasar")
    assert without_hidden(asked, stranger) is None
    assert without_hidden(asked, maya) == asked
    filters = Filters(query=asked)
    assert list_entities(filters, user=stranger).total == 0
    assert list_entities(filters, user=maya).total == 1
    either = parse(["relations.hasPart=component:default/quasar", "kind=api"])
    assert list_entities(Filters(query=either), user=stranger).total == 1


def test_what_an_owner_who_is_hidden_is_called_is_not_said(tmp_path: Path, stranger: User) -> None:
    publish(tmp_path, RULES.replace("metadata.name=quasar", "kind=group"))
    factories.entity("group:default/night-shift", type="team")
    owned = factories.entity("component:default/shop", owner_ref="group:default/night-shift")
    assert [one.owner_ref for one in covered([owned], stranger)] == ["group:default/not shown to you"]
    assert facets(Filters(), user=stranger)["owner"] == []
    assert list_entities(Filters({"owner": ("group:default/night-shift",)}), user=stranger).total == 0


def see(user: Any) -> set[str]:
    return set(Entity.objects.visible_to(user).values_list("name", flat=True))


def rules(*pairs: tuple[str, str]) -> str:
    return "\n---\n".join(
        f"apiVersion: portico.dev/v1\nkind: VisibilityRule\nmetadata: {{name: rule-{number}}}\n"
        f"spec: {{entities: {entities!r}, visibleTo: {named}}}"
        for number, (entities, named) in enumerate(pairs)
    )


def test_of_several_rules_any_that_names_somebody_shows_it(
    tmp_path: Path, maya: User, stranger: User
) -> None:
    factories.entity("component:default/one", tags=["dark"], type="service")
    factories.entity("component:default/two", type="service")
    factories.entity("api:default/three")
    web, support = "[{kind: Group, name: web}]", "[{kind: Group, name: support}]"
    publish(tmp_path, rules(("metadata.tags=dark", web), ("spec.type=service", support)))
    assert see(stranger) == {"one", "three"}
    assert see(maya) == {"one", "two", "three"}


def test_a_rule_that_names_nobody_leaves_owners_and_administrators(
    tmp_path: Path, maya: User, tomas: User, root_admin: User
) -> None:
    factories.entity("component:default/one", owner_ref="group:default/payments")
    factories.entity("component:default/two", owner_ref="user:default/maya.okafor")
    factories.entity("group:default/payments")
    publish(tmp_path, rules(("kind=component", "[]"), ("kind=group", "[]")))
    assert see(tomas) == {"one", "payments"}
    assert see(maya) == {"two"}
    assert see(root_admin) == {"one", "two", "payments"}


def test_everybody_and_one_person_can_be_named(tmp_path: Path, maya: User, stranger: User) -> None:
    factories.entity("component:default/one")
    factories.entity("api:default/two")
    publish(
        tmp_path,
        rules(
            ("kind=component", "[{kind: User, name: maya.okafor}]"),
            ("kind=api", "[]"),
            ("metadata.name=two", "[{kind: Everyone}]"),
        ),
    )
    assert see(maya) == {"one", "two"}
    assert see(stranger) == {"two"}


def test_nobody_who_is_not_signed_in_and_no_closed_account_sees_anything(
    tmp_path: Path, maya: User, root_admin: User
) -> None:
    factories.entity("component:default/one")
    assert see(AnonymousUser()) == set()
    User.objects.filter(pk__in=[maya.pk, root_admin.pk]).update(is_active=False)
    assert see(User.objects.get(pk=maya.pk)) == set()
    assert see(User.objects.get(pk=root_admin.pk)) == set()
    assert Entity.objects.hidden_from(AnonymousUser()).count() == 1
    assert Relation.objects.visible_to(AnonymousUser()).count() == 0
    assert Location.objects.visible_to(AnonymousUser()).count() == 0


def test_an_agent_sees_at_most_what_its_person_sees(quasar: Entity, stranger: User, tomas: User) -> None:
    named = factories.user("bot.one", acts_for=stranger, groups=["group:default/support"], is_staff=True)
    assert HIDDEN_NAME not in see(named)
    assert HIDDEN_NAME in see(factories.user("bot.two", acts_for=tomas))
    User.objects.filter(pk=tomas.pk).update(is_active=False)
    assert see(User.objects.get(username="bot.two")) == set()


def test_rules_that_cannot_be_read_show_nothing(quasar: Entity, maya: User, root_admin: User) -> None:
    from control.models import PolicyRevision

    PolicyRevision.objects.create(
        digest="f" * 64, documents=[{"path": "x", "line": 1, "document": {"kind": "?"}}]
    )
    assert see(maya) == set()
    assert HIDDEN_NAME in see(root_admin)


def test_rules_and_groups_are_read_once_for_a_page(
    quasar: Entity, stranger: User, client_for: Callable[[User], Client]
) -> None:
    client = client_for(stranger)
    client.get("/catalog/")
    statements: list[str] = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        statements.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        client.get("/catalog/")
    assert sum("control_policyrevision" in sql for sql in statements) == 1


@pytest.mark.parametrize("url", ["/catalog/", "/locations/", "/catalog/system/default/money/"])
@pytest.mark.slow
def test_hiding_costs_no_query_for_each_row(
    quasar: Entity, stranger: User, url: str, client_for: Callable[[User], Client]
) -> None:
    from tests.catalog.pages import many

    client = client_for(stranger)
    few = queries(client, url)
    system = Entity.objects.get(ref="system:default/money")
    for entity in many(25, prefix="part"):
        relate(entity, "partOf", system)
    cache.clear()
    assert queries(client, url) <= few + 1  # a second page of the list asks for its count


def test_access_to_it_is_refused_whoever_calls(quasar: Entity, stranger: User) -> None:
    from control import intents, subjects
    from control.capability import Draft
    from control.errors import InvalidParameters

    draft = Draft(
        capability="access.grant",
        actor=stranger,
        subject=subjects.resolve(quasar.ref),
        environment="",
        parameters={"role": "logs", "duration": "1h"},
        reason="Curious",
    )
    with pytest.raises(InvalidParameters) as refusal:
        intents.submit(draft)
    assert refusal.value.fields["entity"].startswith("The catalogue has no component:default/quasar")


@pytest.mark.parametrize(
    ("broken", "line", "words"),
    [
        (RULES.replace('entities: "metadata.name=quasar"', "x: 1"), 6, "x is not a field here"),
        (RULES.replace('"metadata.name=quasar"', "[]"), 6, "entities must be a filter"),
        (RULES.replace("visibleTo: [{kind: Group, name: support}]", ""), 5, "visibleTo is missing"),
        (
            RULES.replace("[{kind: Group, name: support}]", "[{kind: Robot, name: x}]"),
            7,
            "kind must be Group",
        ),
        (RULES.replace("[{kind: Group, name: support}]", "support"), 7, "must be a list"),
    ],
)
def test_a_rule_with_a_mistake_is_told_with_file_and_line_and_changes_nothing(
    tmp_path: Path, quasar: Entity, stranger: User, broken: str, line: int, words: str
) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(broken)
    with pytest.raises(PolicyInvalid) as refusal:
        policy.publish([path], by=None)
    assert any(at == line and words in message for _, at, message in refusal.value.problems), (
        refusal.value.problems
    )
    assert HIDDEN_NAME not in see(stranger)
