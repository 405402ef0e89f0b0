"""Well-known annotations as links and words, deprecations with what to do, and the status that others report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from catalog.deprecations import deprecations_of
from catalog.entity_status import status_items
from catalog.models import Entity
from catalog.validate import faults_of
from catalog.well_known import annotation_links, docs_owner, docs_ref, edit_url, source_template
from control.models import User
from tests import factories
from tests.catalog.pages import links
from tests.catalog.places import Place, component, entity


def annotated(**annotations: str) -> Entity:
    return Entity(ref="x", namespace="default", document={"metadata": {"annotations": annotations}})


@pytest.mark.parametrize(
    ("key", "value", "url"),
    [
        ("backstage.io/source-location", "url:https://git.example/a/b/", "https://git.example/a/b/"),
        ("backstage.io/view-url", "https://git.example/view", "https://git.example/view"),
        ("backstage.io/adr-location", "https://git.example/adr", "https://git.example/adr"),
        ("github.com/project-slug", "acme/pay", "https://github.com/acme/pay"),
        ("github.com/team-slug", "acme/core", "https://github.com/orgs/acme/teams/core"),
        ("github.com/user-login", "maya", "https://github.com/maya"),
        ("gitlab.com/project-slug", "acme/sub/pay", "https://gitlab.com/acme/sub/pay"),
        ("gitlab.com/project-id", "42", "https://gitlab.com/projects/42"),
        (
            "circleci.com/project-slug",
            "github/acme/pay",
            "https://app.circleci.com/pipelines/github/acme/pay",
        ),
        ("circleci.com/project-slug", "acme/pay", "https://app.circleci.com/pipelines/bitbucket/acme/pay"),
        ("buildkite.com/project-slug", "acme/pay", "https://buildkite.com/acme/pay"),
        ("sentry.io/project-slug", "acme/pay", "https://sentry.io/organizations/acme/projects/pay/"),
        ("rollbar.com/project-slug", "acme/pay", "https://rollbar.com/acme/pay"),
        ("pagerduty.com/service-id", "PAY1", "https://app.pagerduty.com/service-directory/PAY1"),
        ("endoflife.date/products", "python,nginx", "https://endoflife.date/python"),
        ("newrelic.com/dashboard-guid", "MTIz", "https://one.newrelic.com/redirect/entity/MTIz"),
        ("datadoghq.com/dashboard-url", "https://app.datadoghq.eu/d/1", "https://app.datadoghq.eu/d/1"),
        ("lighthouse.com/website-url", "https://example.org", "https://example.org"),
        (
            "graph.microsoft.com/group-id",
            "c57e",
            "https://portal.azure.com/#view/Microsoft_AAD_IAM/GroupDetailsMenuBlade/~/Overview/groupId/c57e",
        ),
        (
            "graph.microsoft.com/user-id",
            "2de2",
            "https://portal.azure.com/#view/Microsoft_AAD_UsersAndTenants/UserProfileMenuBlade/~/overview/userId/2de2",
        ),
    ],
)
def test_an_annotation_whose_tool_has_one_address_is_a_link(key: str, value: str, url: str) -> None:
    assert [link.url for link in annotation_links(annotated(**{key: value}))] == [url]


@pytest.mark.parametrize(
    "key",
    [
        *(
            "backstage.io/kubernetes-id",
            "backstage.io/kubernetes-label-selector",
            "backstage.io/code-coverage",
        ),
        *("backstage.io/kubernetes-namespace", "backstage.io/ldap-dn", "backstage.io/ldap-rdn"),
        *("backstage.io/ldap-uuid", "graph.microsoft.com/tenant-id", "sonarqube.org/project-key"),
        *("argocd/app-name", "argocd/app-selector", "jenkins.io/job-full-name", "gocd.org/pipelines"),
        *("periskop.io/service-name", "vault.io/secrets-path", "sentry.io/project-slug", "jira/project-key"),
    ],
)
def test_an_annotation_for_a_tool_of_the_company_is_said_in_words(key: str) -> None:
    (link,) = annotation_links(annotated(**{key: "pay"}))
    assert (link.url, link.value) == ("", "pay")


@pytest.mark.parametrize(
    "value", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "a b\x00c", ""]
)
def test_no_annotation_makes_a_link_that_runs(value: str) -> None:
    from catalog.well_known import _ANNOTATIONS

    every = dict.fromkeys(_ANNOTATIONS, value) | {"gitlab.com/project-slug": value}
    for link in annotation_links(annotated(**every)):
        assert link.url == "" or link.url.startswith("https://")


@pytest.mark.parametrize("host", ["evil.example/@", "javascript:x", "a b", "user:pw@gitlab.com"])
def test_an_instance_that_is_no_host_leads_nowhere(host: str) -> None:
    found = annotated(**{"gitlab.com/instance": host, "gitlab.com/project-slug": "acme/pay"})
    assert annotation_links(found) == []


def test_a_gitlab_of_the_company_is_linked_by_its_host() -> None:
    found = annotated(**{"gitlab.com/instance": "git.acme.example", "gitlab.com/project-slug": "acme/pay"})
    assert [link.url for link in annotation_links(found)] == ["https://git.acme.example/acme/pay"]


def test_annotations_about_the_page_are_read() -> None:
    assert docs_ref(annotated(**{"backstage.io/techdocs-ref": "dir:."})) == "dir:."
    assert (
        docs_owner(annotated(**{"backstage.io/techdocs-entity": "component:shop"}))
        == "component:default/shop"
    )
    both = {"backstage.io/techdocs-ref": "dir:.", "backstage.io/techdocs-entity": "component:shop"}
    assert docs_owner(annotated(**both)) == ""
    assert docs_owner(annotated(**{"backstage.io/techdocs-entity": "shop"})) == ""
    assert source_template(annotated(**{"backstage.io/source-template": "template:default/svc"})) == (
        "template:default/svc"
    )
    assert edit_url(annotated(**{"backstage.io/edit-url": "javascript:alert(1)"})) == ""


@pytest.mark.django_db
def test_documentation_of_another_entity_is_shown_where_it_is_named(
    place: Place, maya: User, client_for: Callable[[User], Client]
) -> None:
    docs = "  annotations:\n    backstage.io/techdocs-ref: dir:.\n"
    shared = "  annotations:\n    backstage.io/techdocs-entity: component:whole\n"
    place.write("a.yaml", component("whole").replace("spec:\n", docs + "spec:\n"))
    place.write("b.yaml", component("part").replace("spec:\n", shared + "spec:\n"))
    place.write("c.yaml", component("bare"))
    (place.folder / "mkdocs.yml").write_text("site_name: x\n")
    place.write("docs/index.md", "# How the whole works\n")
    place.read()
    client = client_for(maya)
    assert "How the whole works" in client.get("/catalog/component/default/part/docs/").content.decode()
    for name, has_tab in (("whole", True), ("part", True), ("bare", False)):
        page = links(client.get(f"/catalog/component/default/{name}/").content.decode())
        assert (f"/catalog/component/default/{name}/docs/" in page) is has_tab


@pytest.mark.django_db
def test_what_an_entity_was_made_from_is_linked(maya: User, client_for: Callable[[User], Client]) -> None:
    factories.entity("template:default/svc", title="A service")
    made = factories.entity(
        "component:default/shop",
        metadata={"annotations": {"backstage.io/source-template": "template:default/svc"}},
    )
    page = client_for(maya).get(made.get_absolute_url()).content.decode()
    assert "Made from A service" in page
    assert "/catalog/template/default/svc/" in links(page)


def described(kind: str = "component", **document: Any) -> Entity:
    return Entity(kind=kind, lifecycle=document.pop("lifecycle", ""), document=document)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (described(lifecycle="deprecated"), "Ask its owner what replaces it"),
        (described(apiVersion="backstage.io/v1beta1"), "Write backstage.io/v1alpha1"),
        (described("template", apiVersion="scaffolder.backstage.io/v1beta2"), "Migrate it to"),
        (described(metadata={"annotations": {"backstage.io/definition-at-location": "x"}}), "$text:"),
        (
            described(metadata={"annotations": {"backstage.io/github-actions-id": "x"}}),
            "github.com/project-slug",
        ),
        (described(metadata={"annotations": {"jenkins.io/github-folder": "x"}}), "jenkins.io/job-full-name"),
        (described(metadata={"annotations": {"backstage.io/orphan": "true"}}), "Delete the line"),
        (described(spec={"implementsApis": ["x"]}), "Write providesApis"),
        (described(spec={"subComponentOf": "x"}), "subcomponentOf"),
        (
            described("template", spec={"steps": [{"input": {"copyWithoutRender": []}}, 7]}),
            "copyWithoutTemplating",
        ),
    ],
)
def test_what_is_on_the_way_out_is_said_with_what_to_do(found: Entity, words: str) -> None:
    (said,) = deprecations_of(found)
    assert words in said
    assert said.endswith(".")


@pytest.mark.parametrize("document", [{}, {"spec": 3, "metadata": []}, {"spec": {"steps": "x"}}])
def test_a_descriptor_of_today_has_no_such_notes(document: dict[str, Any]) -> None:
    assert deprecations_of(described("template", **document)) == []


def test_a_file_cannot_say_the_status_of_an_entity_as_in_backstage() -> None:
    document = {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Location",
        "metadata": {"name": "x"},
        "spec": {},
        "status": {"items": []},
    }
    (fault,) = faults_of(document)
    assert fault.path == ("status",)
    assert "status" in fault.message


@pytest.mark.django_db
def test_the_status_that_came_with_an_entity_is_on_its_page(
    maya: User, client_for: Callable[[User], Client]
) -> None:
    made = factories.entity("component:default/shop", lifecycle="deprecated")
    made.document["status"] = {
        "items": [
            {
                "type": "backstage.io/catalog-processing",
                "level": "error",
                "message": "<b>Policy check failed</b>",
            },
            {"level": "warning", "error": {"message": "Slow"}},
            7,
            {"message": ["x"]},
        ]
    }
    made.save()
    assert [item.state for item in status_items(made)] == ["bad", "warn"]
    page = client_for(maya).get(made.get_absolute_url()).content.decode()
    assert "&lt;b&gt;Policy check failed&lt;/b&gt;" in page
    assert "1\u00a0thing is on the way out" in page


def test_a_status_of_another_shape_is_no_status() -> None:
    shapes: list[Any] = [None, [], {"items": "x"}, {"items": [None]}]
    for status in shapes:
        assert status_items(Entity(document={"status": status})) == []


@pytest.mark.django_db
def test_descriptors_of_an_older_version_are_taken_with_a_quiet_note(
    place: Place, tmp_path: Path, maya: User, client_for: Callable[[User], Client]
) -> None:
    place.write("a.yaml", component("old").replace("v1alpha1", "v1beta1"))
    place.read()
    assert {problem.code for problem in place.problems} == {"dangling"}
    page = client_for(maya).get(entity("component:default/old").get_absolute_url()).content.decode()
    assert "apiVersion backstage.io/v1beta1 is old" in page
