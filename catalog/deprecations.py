"""What a descriptor says in a way that is on its way out, and what to write instead: quiet notes on its page.

The sources are Backstage's documentation (descriptor format, well-known annotations) and release notes; all of it is
still read. What is wrong is said by `validate.py`, when the file is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from catalog.known_links import annotations_of
from catalog.models import Entity

_API_VERSIONS = {
    "backstage.io/v1beta1": "Write backstage.io/v1alpha1, which every Backstage understands.",
    "backstage.io/v1beta2": "Such templates are not run any more. Migrate it to scaffolder.backstage.io/v1beta3.",
    "scaffolder.backstage.io/v1beta2": (
        "Such templates are not run any more. Migrate it to scaffolder.backstage.io/v1beta3: expressions are "
        "${{ parameters.name }} there."
    ),
}
_ANNOTATIONS = {
    "backstage.io/github-actions-id": "Write github.com/project-slug, with the same value.",
    "backstage.io/definition-at-location": "Write spec.definition with $text: and the path of the file.",
    "jenkins.io/github-folder": "Write jenkins.io/job-full-name.",
    "backstage.io/orphan": "The catalogue finds that out by itself. Delete the line.",
    "backstage.io/managed-by-location": "The catalogue knows that by itself. Delete the line.",
    "backstage.io/managed-by-origin-location": "The catalogue knows that by itself. Delete the line.",
}
_FIELDS = {  # of `spec`, by kind in lower case
    ("component", "implementsApis"): "Write providesApis.",
    ("component", "subComponentOf"): "Write subcomponentOf, with a small c: this one is not read.",
    ("api", "apiConsumedBy"): "Write consumesApis in the component that calls it.",
    ("system", "components"): "Write system in each component: this field is not read.",
}
_STEP_INPUTS = {"copyWithoutRender": "copyWithoutTemplating"}


def deprecations_of(entity: Entity) -> list[str]:
    """One sentence or two for each, with what to do."""
    document: dict[str, Any] = entity.document if isinstance(entity.document, dict) else {}
    return list(_found(entity, document))


def _found(entity: Entity, document: dict[str, Any]) -> Iterator[str]:
    if entity.lifecycle == "deprecated":
        yield "Its lifecycle is deprecated: it is on its way out. Ask its owner what replaces it before you use it."
    version = document.get("apiVersion")
    if isinstance(version, str) and (words := _API_VERSIONS.get(version)):
        yield f"apiVersion {version} is old. {words}"
    for key, words in _ANNOTATIONS.items():
        if key in annotations_of(entity):
            yield f"The annotation {key} is not meant to be written (any more). {words}"
    spec = document.get("spec")
    if isinstance(spec, dict):
        yield from _in_spec(entity.kind, spec)


def _in_spec(kind: str, spec: dict[str, Any]) -> Iterator[str]:
    for (of_kind, name), words in _FIELDS.items():
        if of_kind == kind and name in spec:
            yield f"spec.{name} is no field of this kind (any more). {words}"
    steps = spec.get("steps")
    inputs = (
        [step.get("input") for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    )
    for old, new in _STEP_INPUTS.items():
        if kind == "template" and any(isinstance(given, dict) and old in given for given in inputs):
            yield f"A step says {old}, which is the older name. Write {new}."
