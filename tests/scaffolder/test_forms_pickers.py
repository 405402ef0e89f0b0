"""Pickers: what the catalogue offers, what is taken, and what becomes of a name that somebody types."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import signing
from django.test import override_settings

from control.models import User
from scaffolder.forms import pickers
from tests import factories
from tests.scaffolder.form_tools import answer, controls, page_with

pytestmark = pytest.mark.django_db
TEAM_FILTER = {"catalogFilter": {"kind": "Group", "spec.type": "team"}}


def picker(field: str, /, **options: Any) -> dict[str, Any]:
    return page_with(["a"], a={"type": "string", "title": "Owner", "ui:field": field, "ui:options": options})


@pytest.fixture
def teams(maya: User) -> None:
    factories.entity("group:default/payments", title="Payments", type="team")
    factories.entity("group:default/support", title="Support", type="team")
    factories.entity("group:default/board", type="committee")
    factories.entity("user:default/maya.okafor", title="Maya Okafor")
    factories.entity("system:default/money", title="Money", owner_ref="group:default/support")
    factories.entity("component:default/payments", owner_ref="group:default/payments")


def offered(page: dict[str, Any], person: User) -> list[str]:
    return [option.code for option in controls(page, person)["a"].options]


def test_owners_are_groups_and_people_own_ones_first(maya: User, teams: None) -> None:
    found = offered(picker("OwnerPicker"), maya)
    assert set(found[:2]) == {"group:default/support", "user:default/maya.okafor"}
    assert set(found[2:]) == {"group:default/payments", "group:default/board"}


def test_the_person_s_own_team_is_the_default_owner(maya: User, teams: None) -> None:
    assert controls(picker("OwnerPicker", **TEAM_FILTER), maya)["a"].text == "group:default/support"


def test_a_default_owner_that_the_catalogue_knows_is_kept(maya: User, teams: None) -> None:
    page = page_with(a={"type": "string", "ui:field": "OwnerPicker", "default": "payments"})
    assert controls(page, maya)["a"].text == "group:default/payments"


def test_a_catalogue_filter_narrows_the_offer(maya: User, teams: None) -> None:
    assert "group:default/board" not in offered(picker("OwnerPicker", **TEAM_FILTER), maya)


def test_a_list_of_filters_is_or_and_a_list_of_values_too(maya: User, teams: None) -> None:
    both = [{"kind": "System"}, {"kind": ["Component", "API"]}]
    assert offered(picker("EntityPicker", catalogFilter=both), maya) == [
        "system:default/money",
        "component:default/payments",
    ]


def test_a_filter_may_ask_that_something_exists(maya: User, teams: None) -> None:
    factories.entity("component:default/shop", type="website")
    page = picker("EntityPicker", catalogFilter={"kind": "Component", "spec.type": {"exists": True}})
    assert offered(page, maya) == ["component:default/shop"]


def test_allowed_kinds(maya: User, teams: None) -> None:
    assert offered(picker("EntityPicker", allowedKinds=["System"]), maya) == ["system:default/money"]


def test_only_what_the_person_s_teams_own(maya: User, teams: None) -> None:
    assert offered(picker("OwnedEntityPicker"), maya) == ["system:default/money"]


def test_only_the_person_s_groups(maya: User, teams: None) -> None:
    assert offered(picker("MyGroupsPicker"), maya) == ["group:default/support"]
    assert (
        "offers nothing called" in answer(picker("MyGroupsPicker"), maya, a="group:default/payments")[1]["a"]
    )


@pytest.mark.parametrize(
    "typed", ["payments", "Payments", "group:payments", "group:default/payments", "GROUP:PAYMENTS"]
)
def test_a_typed_name_becomes_the_reference(maya: User, teams: None, typed: str) -> None:
    assert answer(picker("OwnerPicker"), maya, a=typed) == ({"a": "group:default/payments"}, {})


def test_a_name_that_nobody_knows_is_refused_where_the_template_closes_the_list(
    maya: User, teams: None
) -> None:
    page = picker("OwnerPicker", allowArbitraryValues=False)
    assert answer(page, maya, a="strangers")[1] == {
        "a": "The catalogue offers nothing called “strangers” here. Choose from the list."
    }


def test_otherwise_an_unknown_name_becomes_a_reference_of_the_default_kind(maya: User, teams: None) -> None:
    page = picker("EntityPicker", allowedKinds=["System"], defaultKind="System")
    assert answer(page, maya, a="new-one") == ({"a": "system:default/new-one"}, {})


def test_a_long_list_is_searched_instead_of_drawn(maya: User) -> None:
    for number in range(pickers.LIMIT + 5):
        factories.entity(f"system:default/system-{number:03}")
    field = controls(picker("EntityPicker", allowedKinds=["System"]), maya)["a"]
    assert (field.kind, len(field.options)) == ("entity", pickers.LIMIT)
    assert "Type to search" in field.hint
    found = pickers.Catalogue(maya).search(pickers.unseal(field.search), "system-20")
    assert [option.ref for option in found.options] == [
        f"system:default/system-{n}" for n in (200, 201, 202, 203, 204)
    ]


def test_a_search_that_was_altered_is_refused() -> None:
    with pytest.raises(signing.BadSignature):
        pickers.unseal(pickers.seal(pickers.Wanted()) + "x")


def test_an_empty_catalogue_leaves_a_text(maya: User) -> None:
    field = controls(picker("EntityPicker", allowedKinds=["AWSEnvironment"]), maya)["a"]
    assert (field.kind, "nothing of this kind" in field.hint) == ("entity", True)


def test_several_entities(maya: User, teams: None) -> None:
    page = page_with(
        a={
            "type": "array",
            "ui:field": "MultiEntityPicker",
            "ui:options": {"catalogFilter": {"kind": "Group"}},
        }
    )
    assert controls(page, maya)["a"].kind == "checkboxes"
    typed = ["", "group:default/payments", "support"]
    assert answer(page, maya, a=typed) == ({"a": ["group:default/payments", "group:default/support"]}, {})


def test_tags(maya: User) -> None:
    factories.entity("component:default/x", tags=["java", "batch"])
    page = page_with(a={"type": "array", "ui:field": "EntityTagsPicker"})
    assert [option.code for option in controls(page, maya)["a"].options] == ["batch", "java"]
    assert answer(page, maya, a="Java, data-lake java") == ({"a": ["java", "data-lake"]}, {})
    assert "is no tag" in answer(page, maya, a="no_tag")[1]["a"]


@pytest.mark.parametrize("typed", ["payments-api", "Payments.API_2"])
def test_a_name_for_the_catalogue(typed: str) -> None:
    assert answer(picker("EntityNamePicker"), a=typed) == ({"a": typed}, {})


@pytest.mark.parametrize("typed", ["two words", "-x", "x" * 64, "../x"])
def test_what_is_no_name_for_the_catalogue(typed: str) -> None:
    assert answer(picker("EntityNamePicker"), a=typed)[1]


REPO = {"type": "string", "title": "Repository", "ui:field": "RepoUrlPicker"}
HOSTS = override_settings(
    PORTICO_GIT_HOSTS={"git.localhost": "file:///srv/{owner}/{repo}.git", "gitlab.acme.org": "x"}
)


@HOSTS
def test_a_repository_is_host_owner_and_name() -> None:
    page = page_with(["r"], r=REPO)
    fields = controls(page)
    assert [option.code for option in fields["r/host"].options] == ["git.localhost", "gitlab.acme.org"]
    assert answer(page, r__host="git.localhost", r__owner="halfmoon", r__repo="gift-cards") == (
        {"r": "git.localhost?owner=halfmoon&repo=gift-cards"},
        {},
    )


@HOSTS
def test_a_repository_without_a_name_is_told_so_and_keeps_the_rest() -> None:
    problems = answer(page_with(["r"], r=REPO), r__host="git.localhost", r__owner="halfmoon", r__repo="")[1]
    assert problems == {"r": "Name of the repository is missing. Type it here."}


@HOSTS
def test_an_optional_repository_may_stay_empty() -> None:
    assert answer(page_with(r=REPO), r__host="git.localhost", r__owner="", r__repo="") == ({}, {})


@HOSTS
@pytest.mark.parametrize(
    "options, typed, words",
    [
        ({"allowedHosts": ["git.localhost"]}, ("gitlab.acme.org", "a", "b"), "live on git.localhost"),
        ({"allowedOwners": ["halfmoon"]}, ("git.localhost", "others", "b"), "Choose halfmoon"),
        ({"allowedRepos": ["x", "y"]}, ("git.localhost", "a", "b"), "Choose x or y"),
        ({}, ("git.localhost", "..", "b"), "cannot be part of an address"),
        ({}, ("git.localhost", "a&repo=x", "b"), "cannot be part of an address"),
    ],
)
def test_a_repository_elsewhere_is_refused(
    options: dict[str, Any], typed: tuple[str, str, str], words: str
) -> None:
    page = page_with(["r"], r={**REPO, "ui:options": options})
    host, owner, repo = typed
    assert words in answer(page, r__host=host, r__owner=owner, r__repo=repo)[1]["r"]


@HOSTS
def test_hosts_that_portico_does_not_know_are_offered_with_a_hint() -> None:
    fields = controls(page_with(r={**REPO, "ui:options": {"allowedHosts": ["github.com"]}}))
    assert [option.code for option in fields["r/host"].options] == ["github.com"]
    assert "github.com" in fields["r"].hint


def test_azure_has_an_organisation_and_a_project() -> None:
    page = page_with(["r"], r={**REPO, "ui:options": {"allowedHosts": ["dev.azure.com"]}})
    typed = {"r__host": "dev.azure.com", "r__organization": "acme", "r__project": "Shop One", "r__repo": "x"}
    assert answer(page, **typed) == ({"r": "dev.azure.com?organization=acme&project=Shop+One&repo=x"}, {})


@HOSTS
@pytest.mark.parametrize(
    ("owner", "repo", "words"),
    [
        ("halfmoon", "Payout Reports", "Try payout-reports."),
        ("half moon", "x", "Owner: “half moon” cannot be part of an address."),
        ("halfmoon", ".git", "cannot be part of an address"),
        ("halfmoon", "x.lock", "cannot be part of an address"),
    ],
)
def test_a_name_that_cannot_be_published_is_told_before_anybody_is_asked(
    owner: str, repo: str, words: str
) -> None:
    problems = answer(page_with(["r"], r=REPO), r__host="git.localhost", r__owner=owner, r__repo=repo)[1]
    assert words in problems["r"]


@HOSTS
def test_names_for_other_hosts_are_theirs_to_judge() -> None:
    typed = {"r__host": "dev.azure.com", "r__organization": "acme", "r__project": "my team", "r__repo": "x"}
    assert answer(page_with(r={**REPO, "ui:options": {"allowedHosts": ["dev.azure.com"]}}), **typed)[1] == {}
