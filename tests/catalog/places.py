"""Folders of descriptors for tests, registered as at the command line and read at once."""

from __future__ import annotations

import textwrap
from pathlib import Path

from catalog import ingest, locations
from catalog.ingest import Outcome
from catalog.models import Entity, Problem


class Place:
    """A folder that is a location of the catalogue."""

    def __init__(self, folder: Path, *, is_org_source: bool = False, pattern: str = "*.yaml") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.location = locations.register(
            "file", f"{folder}/{pattern}", by=None, is_org_source=is_org_source
        )

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"))
        return path

    def read(self) -> Outcome:
        outcome = ingest.ingest(self.location.pk)
        assert outcome is not None
        self.location.refresh_from_db()
        return outcome

    @property
    def refs(self) -> set[str]:
        return set(Entity.objects.filter(location=self.location).values_list("ref", flat=True))

    @property
    def problems(self) -> list[Problem]:
        return list(Problem.objects.filter(location=self.location).order_by("path", "line", "pk"))


def component(name: str = "payments", **spec: str) -> str:
    """A valid descriptor; `spec` replaces or adds fields."""
    fields = {"type": "service", "lifecycle": "production", "owner": "payments"} | spec
    lines = "\n".join(f"  {key}: {value}" for key, value in fields.items())
    return (
        f"apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: {name}\n"
        f"  description: What {name} does\nspec:\n{lines}\n"
    )


def team(name: str, *members: str) -> str:
    return (
        f"apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata:\n  name: {name}\n"
        f"spec:\n  type: team\n  children: []\n  members: [{', '.join(members)}]\n"
    )


def entity(ref: str) -> Entity:
    return Entity.objects.get(ref=ref)


def relations(ref: str) -> list[tuple[str, str]]:
    return list(entity(ref).relations.order_by("type", "target_ref").values_list("type", "target_ref"))
