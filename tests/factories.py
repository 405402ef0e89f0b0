"""Rows for tests: plain functions with defaults. The value under test is written in the test itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth.models import Group
from django.contrib.postgres.search import SearchVectorField
from django.db.models import Value
from django.db.models.functions import Cast
from django.utils import timezone

from catalog.entity_rows import search_vector
from catalog.models import Entity, Location
from catalog.store import raise_revision
from catalog.terms import keys_of
from catalog.words import name_words, words
from control.models import User

PASSWORD = "correct-horse-battery"


def group(ref: str = "group:default/payments") -> Group:
    return Group.objects.get_or_create(name=ref)[0]


def user(
    username: str = "maya.okafor", name: str = "", *, groups: Iterable[Group | str] = (), **fields: Any
) -> User:
    """Groups may be given by their refs."""
    first, _, last = (name or username.replace(".", " ").title()).partition(" ")
    fields.setdefault("entity_ref", f"user:default/{username}")
    defaults = {
        "email": f"{username}@example.org",
        "password": PASSWORD,
        "first_name": first,
        "last_name": last,
    }
    person = User.objects.create_user(username, **{**defaults, **fields})
    person.groups.set([group(given) if isinstance(given, str) else given for given in groups])
    return person


def location(target: str = "file:///srv/git/acme.git#catalog-info.yaml", **fields: Any) -> Location:
    return Location.objects.create(**{"type": "git", "target": target, **fields})


def entity(ref: str = "component:default/payments", **fields: Any) -> Entity:
    """One row as ingestion would leave it. `spec` and `metadata` go into the document; terms follow from it."""
    kind, _, rest = ref.partition(":")
    namespace, _, name = rest.partition("/")
    document = _document(kind, namespace, name, fields.pop("metadata", {}), fields.pop("spec", {}), fields)
    source = fields.pop("location", None) or Location.objects.first() or location()
    defaults = {
        "kind": kind,
        "namespace": namespace,
        "name": name,
        "document": document,
        "digest": "0" * 64,
        "term_keys": keys_of(_terms("", document)),
        "location": source,
        "changed_at": timezone.now(),
        "search": searchable(
            name, **{key: fields[key] for key in ("title", "description", "tags") if key in fields}
        ),
    }
    raise_revision(at=timezone.now())
    return Entity.objects.create(**{"ref": ref, **defaults, **fields})


def searchable(name: str, *, title: str = "", description: str = "", tags: Iterable[str] = ()) -> Cast:
    """The search vector, as the reader makes it."""
    vector = search_vector([*name_words(name), *words(title)], words(" ".join(tags)), words(description))
    return Cast(Value(vector), SearchVectorField())


def _document(
    kind: str,
    namespace: str,
    name: str,
    metadata: Mapping[str, Any],
    spec: Mapping[str, Any],
    columns: Mapping[str, Any],
) -> dict[str, Any]:
    said = {"type": "type", "lifecycle": "lifecycle", "owner_ref": "owner", "system_ref": "system"}
    shown = {key: columns[key] for key in ("title", "description", "tags") if columns.get(key)}
    return {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": kind.capitalize() if kind != "api" else "API",
        "metadata": {"name": name, "namespace": namespace, **shown, **metadata},
        "spec": {**{word: columns[column] for column, word in said.items() if columns.get(column)}, **spec},
    }


def _terms(path: str, value: Any) -> Iterable[str]:
    """As the filter language reads a document: `path` and `path=value`, lower case."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _terms(f"{path}.{key}" if path else str(key), inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _terms(path, inner)
    else:
        yield path.lower()
        yield f"{path}={value}".lower()
