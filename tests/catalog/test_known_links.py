"""Links from files that anybody may write: only what a browser may follow becomes one."""

from __future__ import annotations

from typing import Any

import pytest

from catalog.known_links import safe_url, written_links
from catalog.models import Entity
from catalog.well_known import annotation_links


def described(**metadata: Any) -> Entity:
    return Entity(ref="component:default/payments", kind="component", document={"metadata": metadata})


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        " JAVASCRIPT:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html;base64,PHNjcmlwdD4=",
        "vbscript:msgbox(1)",
        "file:///etc/passwd",
        "//evil.example",
        "https://",
        "http://[broken",
        "",
        None,
        7,
    ],
)
def test_an_address_that_is_no_place_on_the_web_is_no_link(url: object) -> None:
    assert safe_url(url) == ""


@pytest.mark.parametrize(
    "url", ["https://example.org/a?b=c#d", "http://wiki.local:8080/x", "mailto:team@example.org"]
)
def test_ordinary_addresses_stay_as_they_are(url: str) -> None:
    assert safe_url(url) == url


def test_a_written_link_without_title_is_called_by_its_host() -> None:
    (link,) = written_links(described(links=[{"url": "https://grafana.example.org/d/1"}]))
    assert link.title == "grafana.example.org"


def test_a_link_with_a_dangerous_address_is_left_out_and_its_neighbours_stay() -> None:
    links = [
        {"url": "javascript:alert(1)", "title": "Dashboard"},
        {"url": "https://ok.example", "title": "Runbook"},
        "x",
    ]
    assert [link.title for link in written_links(described(links=links))] == ["Runbook"]


def test_links_that_are_no_list_are_no_links() -> None:
    assert written_links(described(links={"url": "https://ok.example"})) == []


def test_an_unknown_icon_falls_back_to_an_arrow() -> None:
    (link,) = written_links(described(links=[{"url": "https://ok.example", "icon": "sparkles"}]))
    assert link.icon == "external-link"


def test_known_annotations_become_links() -> None:
    found = annotation_links(
        described(
            annotations={
                "github.com/project-slug": "acme/payments",
                "backstage.io/source-location": "url:https://git.example.org/acme/payments/",
                "sentry.io/project-slug": "acme/payments",
                "pagerduty.com/service-id": "PHM41PAY",
                "example.org/unknown": "https://example.org",
            }
        )
    )
    assert {link.title: link.url for link in found} == {
        "Source code": "https://git.example.org/acme/payments/",
        "GitHub": "https://github.com/acme/payments",
        "Sentry": "https://sentry.io/organizations/acme/projects/payments/",
        "PagerDuty": "https://app.pagerduty.com/service-directory/PHM41PAY",
    }


@pytest.mark.parametrize(
    "value", ["javascript:alert(1)", "acme/<script>", "https://evil.example/x", "", "acme"]
)
def test_an_annotation_that_is_no_slug_leads_nowhere(value: str) -> None:
    assert annotation_links(described(annotations={"github.com/project-slug": value})) == []
