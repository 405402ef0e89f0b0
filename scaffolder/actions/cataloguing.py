"""catalog:fetch, catalog:write and catalog:register: what is in the catalogue, and what was made into it."""

from __future__ import annotations

import time
from typing import Any

from catalog import ingest, locations, refs, yaml12
from catalog.models import Entity, Location
from control.capability import Change
from control.errors import ControlError
from scaffolder.actions.base import Action, Input, Output, Work, flag, object_schema, text, texts
from scaffolder.errors import ActionFailed
from scaffolder.yaml_words import dumped

DEFAULT_FILE = "catalog-info.yaml"
READ_SECONDS = 300  # to wait for somebody else's read
POLL_SECONDS = 0.5
_PAGES_OF_FILES = ("/blob/", "/tree/", "/src/", "/raw/", "/-/")


def _write(work: Work, given: Input) -> Output:
    path = given.get("filePath") or DEFAULT_FILE
    entity = given["entity"]
    work.workspace.write(path, dumped(entity).encode())
    work.journal.info(f"Wrote {path}")
    reference = _reference(entity)
    return {"entityRef": reference} if reference else {}


def _fetch(work: Work, given: Input) -> Output:
    """Only what the requester may see: for all others an entity is not there."""
    if given.get("entityRef"):
        return {"entity": _document(work, given, str(given["entityRef"]))}
    return {"entities": [_document(work, given, str(text)) for text in given["entityRefs"]]}


def _document(work: Work, given: Input, text: str) -> Any:
    kind, namespace = given.get("defaultKind") or "", given.get("defaultNamespace") or "default"
    try:
        ref = refs.canonical(text, kind=kind, namespace=namespace)
    except ValueError as problem:
        raise ActionFailed(f"{text} is no reference of an entity. {problem}") from None
    found = work.entities.get(ref) if work.entities is not None else _seen(work, ref)
    if found is None and not given.get("optional"):
        raise ActionFailed(f"There is no {ref} in the catalogue. Check the reference, or set optional: true.")
    return found


def _seen(work: Work, ref: str) -> Any:
    seen = Entity.objects.visible_to(work.requester).filter(ref=ref)
    return seen.values_list("document", flat=True).first()


def _reference(entity: Any) -> str:
    try:
        return refs.ref_of(entity)
    except (KeyError, TypeError, AttributeError):
        return ""


def target_of(given: Input) -> tuple[str, str]:
    """Type and target of the location to register. Raises `ActionFailed` when nothing is named."""
    path = str(given.get("catalogInfoPath") or DEFAULT_FILE).lstrip("/")
    if contents := given.get("repoContentsUrl"):
        if any(mark in contents for mark in _PAGES_OF_FILES):
            return Location.Type.URL, f"{contents.rstrip('/')}/{path}"
        return Location.Type.GIT, f"{contents.partition('#')[0]}#{path}"
    url = given.get("catalogInfoUrl")
    if not url:
        raise ActionFailed("There is nothing to register: repoContentsUrl and catalogInfoUrl are both empty.")
    if url.startswith(("http://", "https://")) and not url.partition("#")[0].endswith(".git"):
        return Location.Type.URL, url
    return (Location.Type.GIT, url) if "://" in url or url.startswith("git@") else (Location.Type.FILE, url)


def _register(work: Work, given: Input) -> Output:
    kind, target = target_of(given)
    try:
        location = locations.register(kind, target, by=work.requester)
        work.journal.info(f"Registered {target}")
        _read(location, work)
    except ControlError as refusal:
        if not given.get("optional"):
            raise ActionFailed(f"{target} cannot be registered. {refusal}") from None
        work.journal.warning(f"{target} was not registered. {refusal}")
        return {"catalogInfoUrl": target}
    location.refresh_from_db()
    return {"catalogInfoUrl": target, **_entity_of(location, given, work)}


def _read(location: Location, work: Work) -> None:
    """Read it now; when another worker is at it already, wait for that one."""
    ends_at = time.monotonic() + READ_SECONDS
    while ingest.ingest(location.pk) is None:
        work.go_on()
        if time.monotonic() > ends_at:
            raise ActionFailed(
                f"{location.target} is still being read after {READ_SECONDS} s. Run this again later."
            )
        time.sleep(POLL_SECONDS)


def _entity_of(location: Location, given: Input, work: Work) -> dict[str, str]:
    """The entity that the location brought: a component first, as Backstage has it."""
    found = Entity.objects.visible_to(work.requester).filter(location=location)
    chosen = found.filter(kind="component").order_by("ref").first() or found.exclude(kind="location").first()
    if chosen is not None:
        work.journal.info(f"In the catalogue as {chosen.ref}")
        return {"entityRef": chosen.ref}
    problem = location.failure or next(
        (problem.message for problem in location.problems.visible_to(work.requester)[:1]), ""
    )
    words = f"{location.target} was read, but no entity came from it. {problem}".strip()
    if not given.get("optional"):
        raise ActionFailed(f"{words} Correct the descriptor that the template writes.")
    work.journal.warning(words)
    return {}


def _pretend_to_register(work: Work, given: Input) -> Output:
    """The entity is the one that the descriptor in the workspace describes, where it lies there."""
    target = target_of(given)[1]
    work.journal.info(f"Would register {target}")
    return {"catalogInfoUrl": target, "entityRef": _described(work, given) or "<entityRef>"}


def _described(work: Work, given: Input) -> str:
    """A component first, as Backstage has it; empty when no such file was written, or it is no descriptor."""
    path = work.workspace.path(str(given.get("catalogInfoPath") or DEFAULT_FILE).lstrip("/"))
    if not path.is_file() or path.is_symlink():
        return ""
    found = [_reference(one.value) for one in yaml12.documents(path.read_text(errors="replace"))]
    refs = [ref for ref in found if ref]
    return next((ref for ref in refs if ref.startswith("component:")), refs[0] if refs else "")


def _foresee(given: Input) -> list[Change]:
    if not given.get("repoContentsUrl") and not given.get("catalogInfoUrl"):
        return [Change("+", "Catalogue", "what this run publishes")]
    return [Change("+", "Catalogue", f"location {target_of(given)[1]}")]


ACTIONS = (
    Action(
        name="catalog:register",
        description="Registers a descriptor in the catalogue and reads it at once. Doing it twice changes nothing.",
        schema={
            **object_schema(
                repoContentsUrl=text("The repository, as publish:git gives it"),
                catalogInfoPath=text("The descriptor in the repository; /catalog-info.yaml by default"),
                catalogInfoUrl=text("Or the address of the descriptor itself"),
                optional=flag("Go on when it cannot be registered"),
            ),
            "anyOf": [{"required": ["repoContentsUrl"]}, {"required": ["catalogInfoUrl"]}],
        },
        output=object_schema(
            entityRef=text("The entity that was read"),
            catalogInfoUrl=text("The location that was registered"),
        ),
        perform=_register,
        pretend=_pretend_to_register,
        foresee=_foresee,
        example=(
            "action: catalog:register\ninput:\n"
            "  repoContentsUrl: ${{ steps.publish.output.repoContentsUrl }}\n"
            "  catalogInfoPath: /catalog-info.yaml\n"
        ),
    ),
    Action(
        name="catalog:fetch",
        description="Gives entities of the catalogue, as far as who started the run may see them.",
        schema={
            **object_schema(
                entityRef=text("One entity, as kind:namespace/name"),
                entityRefs=texts("Or several"),
                optional=flag("Go on with nothing when it is not there"),
                defaultKind=text("The kind of references that name none"),
                defaultNamespace=text("The namespace of references that name none; default"),
            ),
            "anyOf": [{"required": ["entityRef"]}, {"required": ["entityRefs"]}],
        },
        output=object_schema(
            entity={"type": "object", "description": "The entity, for entityRef"},
            entities={"type": "array", "description": "The entities in their order, for entityRefs"},
        ),
        perform=_fetch,
        is_contained=True,
        example="action: catalog:fetch\ninput:\n  entityRef: component:default/payments\n",
    ),
    Action(
        name="catalog:write",
        description="Writes a descriptor into the workspace.",
        schema=object_schema(
            ("entity",),
            entity={"type": "object", "description": "The entity, as it stands in a descriptor"},
            filePath=text("The file to write; catalog-info.yaml by default"),
        ),
        output=object_schema(entityRef=text("The reference of the entity")),
        perform=_write,
        changes_files=True,
        is_contained=True,
        example=(
            "action: catalog:write\ninput:\n  entity:\n    apiVersion: backstage.io/v1alpha1\n    kind: Component\n"
            "    metadata:\n      name: ${{ parameters.name }}\n"
            "    spec: {type: service, lifecycle: experimental, owner: payments}\n"
        ),
    ),
)
