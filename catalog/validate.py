"""Is this document an entity, by Backstage's rules? What is wrong is said in plain words, with the path of the field.

Envelope, names, labels, annotations, tags and links hold for every kind; `spec` for the kinds of `kinds.py`. Documents
of other kinds are kept as they are. References are not followed here, and placeholders must be resolved before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from catalog.kinds import KINDS, Kind, Shape, shape_of

Path = tuple[str | int, ...]
ROOT_FIELDS = frozenset({"apiVersion", "kind", "metadata", "spec"})
LONGEST_NAME = 63

_NAME = re.compile(r"(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_LABEL = re.compile(r"[a-z0-9]+(?:-+[a-z0-9]+)*")
_KIND = re.compile(r"[a-zA-Z][a-z0-9A-Z]*")
_VERSION = re.compile(r"[a-z0-9A-Z]+")
_TAG = re.compile(r"[a-z0-9:+#]+(?:-[a-z0-9:+#]+)*")
_URL = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*):(?P<rest>.*)", re.DOTALL)
# Schemes that name a host, which must be there (WHATWG URL).
_WITH_HOST = frozenset({"http", "https", "ftp", "ws", "wss"})
_SPELLINGS = {name.lower(): name for name in KINDS}
_HOST = re.compile(r"(?:[^/?#]*@)?(?:\[[0-9A-Fa-f:.]+\]|[^\s/?#@:<>\[\]\\^|%]+)(?::\d{0,5})?(?=[/?#\\]|\Z)")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with the value at `path`, and what to write."""

    path: Path
    message: str


def faults_of(document: Any) -> list[Fault]:
    """Everything wrong with one document; an empty list accepts it."""
    if not isinstance(document, dict):
        return [
            Fault(
                (),
                f"The document is {_called(document)}. An entity begins with apiVersion, kind and metadata.",
            )
        ]
    found = [*_envelope(document)]
    # Names are checked only in an envelope that has them.
    if not found:
        found = [*_formats(document), *_metadata(document["metadata"]), *_spec(document)]
    return found


def kind_of(document: Mapping[str, Any]) -> Kind | None:
    """The known kind of a document with a valid envelope; None for kinds, or versions, that nobody described."""
    kind = KINDS.get(document["kind"])
    return kind if kind and document["apiVersion"] in kind.api_versions else None


def unknown_version(document: Mapping[str, Any]) -> str:
    """Words for a known kind in a version that nobody described: kept, but its spec is not looked at."""
    kind = KINDS.get(document["kind"])
    if kind is None or document["apiVersion"] in kind.api_versions:
        return ""
    known = min(kind.api_versions)
    return f"apiVersion {document['apiVersion']} is not known for {kind.name}, so spec is not checked. Write {known}."


def is_name(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_NAME and _NAME.fullmatch(value) is not None


def is_namespace(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_NAME and _LABEL.fullmatch(value) is not None


def _envelope(document: dict[str, Any]) -> Iterator[Fault]:
    for name, example in (("apiVersion", "backstage.io/v1alpha1"), ("kind", "Component")):
        yield from _text(document, name, (), required=True, hint=example)
    metadata = document.get("metadata")
    if not isinstance(metadata, dict):
        words = f"is {_called(metadata)}" if "metadata" in document else "is missing"
        yield Fault(("metadata",), f"metadata {words}. Write metadata: with an indented name: below it.")
        return
    yield from _text(metadata, "name", ("metadata",), required=True, hint="my-service")
    if "spec" in document and not isinstance(document["spec"], dict):
        yield Fault(("spec",), f"spec is {_called(document['spec'])}. Write its fields below it, indented.")
    for name in document.keys() - ROOT_FIELDS:
        yield Fault(
            (name,),
            f"{name} cannot stand at the top of an entity. Move it below metadata or spec, or delete it.",
        )


def _formats(document: dict[str, Any]) -> Iterator[Fault]:
    version, kind, name = document["apiVersion"], document["kind"], document["metadata"]["name"]
    if not _is_prefixed(version, lambda part: len(part) <= 63 and _VERSION.fullmatch(part) is not None):
        yield Fault(
            ("apiVersion",), f"apiVersion {_quoted(version)} is not valid. Write backstage.io/v1alpha1."
        )
    if len(kind) > 63 or not _KIND.fullmatch(kind):
        yield Fault(
            ("kind",), f"kind {_quoted(kind)} is not valid. Write letters and digits only, like Component."
        )
    elif kind not in KINDS and kind.lower() in _SPELLINGS:
        yield Fault(("kind",), f"kind {_quoted(kind)} is spelled {_SPELLINGS[kind.lower()]}. Write it so.")
    if not is_name(name):
        yield Fault(
            ("metadata", "name"),
            f"metadata.name {_quoted(name)} is not valid. Use letters, digits and - _ . between them, at most 63"
            f"{_suggestion(name, _NAME)}.",
        )


def _metadata(metadata: dict[str, Any]) -> Iterator[Fault]:
    for name in ("uid", "etag", "title"):
        yield from _text(metadata, name, ("metadata",))
    description = metadata.get("description", "")
    if not isinstance(description, str):
        yield Fault(
            ("metadata", "description"),
            f"metadata.description is {_called(description)}. Put the text in quotes.",
        )
    yield from _namespace(metadata)
    yield from _pairs(
        metadata, "labels", _is_label_value, "a word of letters, digits and - _ . with at most 63 characters"
    )
    yield from _pairs(
        metadata, "annotations", lambda value: isinstance(value, str), "a text; put it in quotes"
    )
    yield from _tags(metadata)
    yield from _links(metadata)


def _namespace(metadata: dict[str, Any]) -> Iterator[Fault]:
    if "namespace" in metadata and not is_namespace(metadata["namespace"]):
        value = metadata["namespace"]
        yield Fault(
            ("metadata", "namespace"),
            f"metadata.namespace {_quoted(value)} is not valid. Use a-z, 0-9 and - between them, at most 63"
            f"{_suggestion(value, _LABEL)}. Leave it out for “default”.",
        )


def _pairs(
    metadata: dict[str, Any], field: str, is_value: Callable[[Any], bool], wanted: str
) -> Iterator[Fault]:
    if field not in metadata:
        return
    pairs = metadata[field]
    if not isinstance(pairs, dict):
        yield Fault(
            ("metadata", field), f"metadata.{field} is {_called(pairs)}. Write it as key: value lines."
        )
        return
    for key, value in pairs.items():
        if not _is_key(key):
            yield Fault(
                ("metadata", field, key),
                f"The key {_quoted(key)} of metadata.{field} is not valid. Write name or domain/name, with letters, "
                "digits and - _ . only.",
            )
        elif not is_value(value):
            yield Fault(
                ("metadata", field, key), f"metadata.{field}.{key} is {_shown(value)}. Write {wanted}."
            )


def _tags(metadata: dict[str, Any]) -> Iterator[Fault]:
    tags = metadata.get("tags", [])
    if not isinstance(tags, list):
        yield Fault(
            ("metadata", "tags"), f"metadata.tags is {_called(tags)}. Write it as a list: [java, backend]."
        )
        return
    for i, tag in enumerate(tags):
        if not (isinstance(tag, str) and len(tag) <= LONGEST_NAME and _TAG.fullmatch(tag)):
            yield Fault(
                ("metadata", "tags", i),
                f"The tag {_shown(tag)} is not valid. Use a-z, 0-9, : + # and - between them, at most 63"
                f"{_suggestion(tag, _TAG)}.",
            )


def _links(metadata: dict[str, Any]) -> Iterator[Fault]:
    links = metadata.get("links", [])
    if not isinstance(links, list):
        yield Fault(
            ("metadata", "links"), f"metadata.links is {_called(links)}. Write it as a list of url and title."
        )
        return
    for i, link in enumerate(links):
        path: Path = ("metadata", "links", i)
        if not isinstance(link, dict):
            yield Fault(path, f"The link is {_called(link)}. Write url: and title: for it.")
            continue
        if not is_url(link.get("url")):
            yield Fault(
                (*path, "url") if "url" in link else path,
                f"The url of the link is {_shown(link.get('url'))}. Write a whole address, like https://example.com.",
            )
        for name in ("title", "icon", "type"):
            yield from _text(link, name, path, blank=name == "type")


def is_url(value: Any) -> bool:
    """An absolute address, as browsers judge it."""
    if not isinstance(value, str):
        return False
    parts = _URL.fullmatch(value.strip())
    if not parts:
        return False
    if parts["scheme"].lower() not in _WITH_HOST:
        return True
    return _HOST.match(parts["rest"].lstrip("/\\")) is not None


def _spec(document: dict[str, Any]) -> Iterator[Fault]:
    kind = kind_of(document)
    if kind is None:
        return
    if "spec" not in document:
        yield Fault(("spec",), f"spec is missing. A {kind.name} needs it{_needs(kind.spec)}.")
        return
    spec = document["spec"]
    yield from _shape(spec, shape_of(kind, spec), ("spec",), kind.hints)
    if kind.name == "Template":
        yield from _template(spec)


def _needs(shape: Shape) -> str:
    names = [*shape.required, *shape.required_lists, *shape.required_objects]
    return f", with {', '.join(names)}" if names else ", even when empty: spec: {}"


def _shape(value: dict[str, Any], shape: Shape, path: Path, hints: Mapping[str, str]) -> Iterator[Fault]:
    for name in shape.required:
        yield from _text(value, name, path, required=True, hint=hints.get(name, ""))
    for name in shape.texts:
        if name in value:
            yield from _text(value, name, path, hint=hints.get(name, ""))
    for name in (*shape.required_lists, *shape.lists):
        if name in value:
            yield from _list(value[name], (*path, name))
        elif name in shape.required_lists:
            yield Fault(
                (*path, name), f"{_dotted(path, name)} is missing. Write {name}: {hints.get(name, '[]')}."
            )
    yield from _parts(value, shape, path, hints)


def _parts(value: dict[str, Any], shape: Shape, path: Path, hints: Mapping[str, str]) -> Iterator[Fault]:
    for name, inner in shape.mappings.items():
        if name in value:
            yield from _inner(value[name], inner, (*path, name))
    for name in shape.required_objects:
        yield from _objects(value, name, path, hints)
    for name, words in shape.choices.items():
        if value.get(name, words[0]) not in words:
            yield Fault(
                (*path, name), f"{_dotted(path, name)} is {_shown(value[name])}. Write {' or '.join(words)}."
            )


def _inner(value: Any, shape: Shape, path: Path) -> Iterator[Fault]:
    if isinstance(value, dict):
        yield from _shape(value, shape, path, {})
    else:
        yield Fault(path, f"{_dotted(path)} is {_called(value)}. Write its fields below it, indented.")


def _objects(value: dict[str, Any], name: str, path: Path, hints: Mapping[str, str]) -> Iterator[Fault]:
    found = value.get(name)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        words = f"is {_called(found)}" if name in value else "is missing"
        yield Fault(
            (*path, name),
            f"{_dotted(path, name)} {words}. Write a list of mappings{_like(hints.get(name, ''))}.",
        )


def _list(value: Any, path: Path) -> Iterator[Fault]:
    if not isinstance(value, list):
        yield Fault(
            path, f"{_dotted(path)} is {_called(value)}. Write it as a list: [{value if value else 'name'}]."
        )
        return
    for i, item in enumerate(value):
        if not isinstance(item, str) or not item:
            yield Fault((*path, i), f"Entry {i + 1} of {_dotted(path)} is {_shown(item)}. Write a text.")


def _template(spec: dict[str, Any]) -> Iterator[Fault]:
    parameters = spec.get("parameters", [])
    pages = parameters if isinstance(parameters, list) else [parameters]
    if not all(isinstance(page, dict) for page in pages):
        yield Fault(
            ("spec", "parameters"),
            "spec.parameters is not a form. Write a list of pages with title and properties.",
        )
    steps = spec.get("steps")
    for i, step in enumerate(steps if isinstance(steps, list) else []):
        if isinstance(step, dict):
            yield from _text(
                step, "action", ("spec", "steps", i), required=True, hint="fetch:template", blank=True
            )
            if not isinstance(step.get("input", {}), dict):
                yield Fault(
                    ("spec", "steps", i, "input"),
                    f"The input of step {i + 1} is not a mapping. Write key: value lines.",
                )


def _text(
    parent: dict[str, Any],
    name: str,
    path: Path,
    *,
    required: bool = False,
    hint: str = "",
    blank: bool = False,
) -> Iterator[Fault]:
    """A text that says something; `blank` allows one of blanks only, as the schemas do where no policy looks closer."""
    value = parent.get(name)
    if isinstance(value, str) and value and (blank or path[:2] != ("metadata", "links") or value.strip()):
        return
    if name not in parent:
        if required:
            yield Fault((*path, name), f"{_dotted(path, name)} is missing. Write {name}: {hint or 'a text'}.")
        return
    words = "empty" if value in ("", None) else _called(value)
    yield Fault(
        (*path, name), f"{_dotted(path, name)} is {words}. Write one text{_like(hint)}, or delete the line."
    )


def _is_label_value(value: Any) -> bool:
    return value == "" or is_name(value)


@lru_cache(maxsize=4096)  # the same few keys stand in every file
def _is_key(value: str) -> bool:
    return _is_prefixed(value, is_name)


def _is_prefixed(value: str, is_suffix: Callable[[str], bool]) -> bool:
    prefix, slash, suffix = value.rpartition("/")
    if slash and not (len(prefix) <= 253 and all(is_namespace(part) for part in prefix.split("."))):
        return False
    return bool(suffix) and is_suffix(suffix)


def _suggestion(value: Any, pattern: re.Pattern[str]) -> str:
    """`, for example …`: the text made valid, where that is possible."""
    if not isinstance(value, str) or "{{" in value:
        return ""
    better = re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")[:LONGEST_NAME].rstrip("-")
    return f", for example {better}" if better and better != value and pattern.fullmatch(better) else ""


def _like(hint: str) -> str:
    return f", for example {hint}" if hint else ""


def _dotted(path: Path, name: str = "") -> str:
    return ".".join(str(part) for part in (*path, *([name] if name else [])))


def _quoted(value: Any) -> str:
    text = str(value)
    return f"“{text if len(text) <= 80 else text[:79] + '…'}”"


def _shown(value: Any) -> str:
    return _quoted(value) if isinstance(value, str) and value else _called(value)


def _called(value: Any) -> str:
    if value is None or value == "":
        return "empty"
    if isinstance(value, bool):
        return f"the truth value {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value}"
    return "a list" if isinstance(value, list) else "a mapping" if isinstance(value, dict) else "a text"
