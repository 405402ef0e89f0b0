"""What an entity may look like: Backstage's rules, in words that say what to type."""

from __future__ import annotations

from typing import Any

import pytest

from catalog.validate import faults_of, is_url, kind_of
from catalog.yaml12 import load

BASE = """
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: payments}
spec: {type: service, lifecycle: production, owner: payments}
"""


def document(**changes: Any) -> dict[str, Any]:
    """A valid component; keys like `metadata__tags` reach inside, None as value stays None."""
    value: dict[str, Any] = load(BASE)
    for path, change in changes.items():
        *parents, last = path.split("__")
        target = value
        for parent in parents:
            target = target[parent]
        target[last] = change
    return value


def test_a_plain_component_has_no_faults() -> None:
    assert faults_of(document()) == []


@pytest.mark.parametrize(
    "change",
    [
        {"metadata__name": "A.b_c-1"},
        {"metadata__namespace": "a--b"},
        {"metadata__tags": ["c++", "c#", "a:b", "go-1"]},
        {"metadata__labels": {"example.com/x": "", "y": "A_b.c"}},
        {"metadata__annotations": {"example.com/x_y.z": ""}},
        {"metadata__links": [{"url": "https://x", "icon": "no such icon"}, {"url": "mailto:a@b"}]},
        {"metadata__anything": {"kept": True}},
        {"spec__unknown": [1, {"a": None}]},
        {"spec__owner": "guest@example.com"},
        {"spec__dependencyOf": "not checked"},
        {"apiVersion": "backstage.io/v1beta1"},
        {"kind": "S3Bucket", "spec": {}},
    ],
)
def test_odd_things_that_backstage_takes_are_taken(change: dict[str, Any]) -> None:
    assert faults_of(document(**change)) == []


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"apiVersion": ""}, ("apiVersion",), "empty"),
        ({"kind": "a-b"}, ("kind",), "letters and digits"),
        ({"kind": "component"}, ("kind",), "spelled Component"),
        ({"metadata__name": "pay ments"}, ("metadata", "name"), "for example pay-ments"),
        ({"metadata__name": "x" * 64}, ("metadata", "name"), "at most 63"),
        ({"metadata__name": "x\n"}, ("metadata", "name"), "not valid"),
        ({"metadata__namespace": "a.b"}, ("metadata", "namespace"), "for example a-b"),
        ({"metadata__namespace": None}, ("metadata", "namespace"), "Leave it out"),
        ({"metadata__title": None}, ("metadata", "title"), "delete the line"),
        ({"metadata__tags": "java"}, ("metadata", "tags"), "[java, backend]"),
        ({"metadata__tags": ["Java"]}, ("metadata", "tags", 0), "for example java"),
        ({"metadata__tags": [None]}, ("metadata", "tags", 0), "empty"),
        ({"metadata__labels": {"a b": "x"}}, ("metadata", "labels", "a b"), "name or domain/name"),
        ({"metadata__labels": {"a": 1}}, ("metadata", "labels", "a"), "the number 1"),
        ({"metadata__annotations": {"a": True}}, ("metadata", "annotations", "a"), "put it in quotes"),
        ({"metadata__annotations": {"a/b/c": "x"}}, ("metadata", "annotations", "a/b/c"), "domain/name"),
        ({"metadata__links": [{"title": "x"}]}, ("metadata", "links", 0), "whole address"),
        ({"metadata__links": [{"url": "/x"}]}, ("metadata", "links", 0, "url"), "whole address"),
        ({"links": []}, ("links",), "below metadata or spec"),
        ({"spec": None}, ("spec",), "spec is empty"),
        ({"spec__owner": None}, ("spec", "owner"), "for example group:team-name"),
        ({"spec__system": ["a"]}, ("spec", "system"), "a list"),
        ({"spec__providesApis": "a"}, ("spec", "providesApis"), "[a]"),
        ({"spec__dependsOn": ["", 1]}, ("spec", "dependsOn", 0), "Entry 1"),
        ({"kind": "Group", "spec": {"type": "team"}}, ("spec", "children"), "children: []"),
        ({"kind": "User", "spec": {}}, ("spec", "memberOf"), "missing"),
        ({"kind": "Location", "spec": {"presence": "maybe"}}, ("spec", "presence"), "required or optional"),
    ],
)
def test_each_fault_names_its_field_and_what_to_write(
    change: dict[str, Any], path: tuple[Any, ...], words: str
) -> None:
    [fault, *_] = faults_of(document(**change))
    assert fault.path == path
    assert words in fault.message


@pytest.mark.parametrize("value", [None, [], "text", 1, True])
def test_a_document_that_is_no_mapping_is_refused(value: Any) -> None:
    assert "begins with apiVersion" in faults_of(value)[0].message


def test_a_template_needs_steps_with_actions() -> None:
    template = document(apiVersion="scaffolder.backstage.io/v1beta3", kind="Template")
    assert [fault.path for fault in faults_of(template)] == [("spec", "steps")]
    template["spec"]["steps"] = [{"id": "a"}]
    assert [fault.path for fault in faults_of(template)] == [("spec", "steps", 0, "action")]
    template["spec"]["steps"] = [{"action": "debug:log", "input": {}}]
    assert faults_of(template) == []
    assert kind_of(template) is not None


@pytest.mark.parametrize(
    "url", ["https://a.b", "http://a:80/x?y#z", "mailto:x", "https:a", "HTTP://A", "https://[::1]/"]
)
def test_addresses_that_browsers_take(url: str) -> None:
    assert is_url(url)


@pytest.mark.parametrize(
    "url", ["", "a", "//a.b", "https://", "https:///", "http://a b", "http://a:port", None, 1, "/x"]
)
def test_addresses_that_browsers_refuse(url: Any) -> None:
    assert not is_url(url)
