"""Questions stand in the order in which their author wrote them, though the database forgets it."""

from __future__ import annotations

from scaffolder.forms.order import as_written

TEXT = """
spec:
  parameters:
    - title: What it is
      properties:
        name: {type: string}
        description: {type: string}
        owner: {type: string}
    - $yaml: ./other.yaml
"""


def test_keys_follow_the_author_and_values_the_database() -> None:
    stored = {
        "owner": {"type": "string"},
        "name": {"type": "integer"},
        "new": {},
        "description": {"type": "string"},
    }
    other: dict[str, object] = {"properties": {"b": {}, "a": {}}}
    document = {"spec": {"parameters": [{"properties": stored, "title": "What it is"}, other]}}
    found = as_written(document, TEXT)
    assert found == document
    assert list(found["spec"]["parameters"][0]["properties"]) == ["name", "description", "owner", "new"]
    assert found["spec"]["parameters"][1] == other


def test_without_a_readable_source_the_document_stays_as_it_is() -> None:
    for text in ("", "{", "- 1"):
        assert as_written({"a": 1}, text) == {"a": 1}
