"""A hidden entity is nowhere for a stranger, on no page and in no number; its owners and whom a rule names see it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.db import connection
from django.test import Client

from catalog.listing import Filters, facets, list_entities
from catalog.models import CatalogRevision, Entity, Location, Problem, Relation
from catalog.visibility import covered, without_hidden
from control import policy
from control.errors import PolicyInvalid
from control.filters import parse
from control.models import User
from tests import factories
from tests.catalog.pages import queries, relate

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
