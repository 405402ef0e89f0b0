"""catalog:annotate and its kind: marks in the descriptor that a template wrote, of when and from what it was made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scaffolder.actions.base import Action, Input, Output, Work, flag, object_schema, text
from scaffolder.actions.cataloguing import DEFAULT_FILE
from scaffolder.actions.reading import content_of, documents_of
from scaffolder.errors import ActionFailed
from scaffolder.yaml_words import all_dumped

TIMESTAMP, VERSION = "backstage.io/createdAt", "backstage.io/template-version"
Marks = Mapping[str, Mapping[str, Any]]  # annotations, labels and spec to put in


def _annotate(work: Work, given: Input) -> Output:
    marks = {name: given[name] for name in ("annotations", "labels") if given.get(name)}
    return _marked(work, given, marks)


def _timestamp(work: Work, given: Input) -> Output:
    return _marked(work, given, {"annotations": {TIMESTAMP: work.requested_at.isoformat()}})


def _version(work: Work, given: Input) -> Output:
    """What the template says of itself; one that says nothing leaves no mark."""
    found = _annotations_of(work.template).get(VERSION)
    if not found:
        work.journal.warning(f"The template has no annotation {VERSION}, so nothing was marked.")
    return _marked(work, given, {"annotations": {VERSION: str(found)}} if found else {})


def _origin(work: Work, given: Input) -> Output:
    return _marked(work, given, {"spec": {"scaffoldedFrom": _reference(work.template)}})


def _annotations_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = document.get("metadata")
    found = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _reference(document: Mapping[str, Any]) -> str:
    metadata = document.get("metadata") or {}
    return f"template:{metadata.get('namespace') or 'default'}/{metadata.get('name', '')}"


def _marked(work: Work, given: Input, marks: Marks) -> Output:
    if isinstance(given.get("objectYaml"), Mapping):
        return {"annotatedObject": _with(given["objectYaml"], marks)}
    path = given.get("annotateEntityFilePath") or given.get("entityFilePath") or DEFAULT_FILE
    documents = [_with(one, marks) for one in documents_of(path, content_of(work, path))]
    if not documents:
        raise ActionFailed(f"{path} holds no entity. Check the path and the steps before.")
    if given.get("writeToFile", True):
        work.workspace.write(path, all_dumped(documents).encode())
        work.journal.info(f"Marked {path}: {', '.join(name for mark in marks.values() for name in mark)}")
    return {"annotatedObject": documents[0]}


def _with(entity: Any, marks: Marks) -> Any:
    if not isinstance(entity, Mapping) or not isinstance(entity.get("metadata"), Mapping):
        raise ActionFailed("Only entities can be marked: a map with metadata.")
    made = {**entity, "metadata": dict(entity["metadata"])}
    for name, values in marks.items():
        home = made if name == "spec" else made["metadata"]
        home[name] = {**(home.get(name) or {}), **values}
    return made


def _action(
    name: str, description: str, perform: Callable[[Work, Input], Output], example: str, **more: Any
) -> Action:
    return Action(
        name=name,
        description=description,
        schema=object_schema(
            **more,
            entityFilePath=text("The descriptor in the workspace; catalog-info.yaml by default"),
            objectYaml={"type": "object", "description": "Or an entity as data, which is only given back"},
            writeToFile=flag("Write the file; true by default"),
        ),
        output=object_schema(annotatedObject={"type": "object", "description": "The entity with its marks"}),
        perform=perform,
        changes_files=True,
        is_contained=True,
        example=f"action: {name}\n{example}",
    )


_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}

ACTIONS = (
    _action(
        "catalog:annotate",
        "Puts annotations and labels into a descriptor of the workspace. Its comments are lost.",
        _annotate,
        "input:\n  annotations:\n    acme.example/cost-centre: ${{ parameters.costCentre }}\n",
        annotations={**_TEXTS, "description": "Annotations to put in"},
        labels={**_TEXTS, "description": "Labels to put in"},
        annotateEntityFilePath=text("The same as entityFilePath, under its older name"),
    ),
    _action(
        "catalog:timestamping",
        f"Marks a descriptor with when the run was asked for ({TIMESTAMP}).",
        _timestamp,
        "input:\n  entityFilePath: catalog-info.yaml\n",
    ),
    _action(
        "catalog:template:version",
        f"Marks a descriptor with the version of its template, as the template's annotation {VERSION} says it.",
        _version,
        "input:\n  entityFilePath: catalog-info.yaml\n",
    ),
    _action(
        "catalog:scaffolded-from",
        "Marks a descriptor with the template that it was made from (spec.scaffoldedFrom).",
        _origin,
        "input:\n  entityFilePath: catalog-info.yaml\n",
    ),
)
