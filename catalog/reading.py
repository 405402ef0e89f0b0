"""Reading all of a location: its files, the Location entities in them and what those point to, to rows and troubles.

Writes nothing. A file whose bytes are as at the last read is not parsed again: what it yielded then still stands. What
cannot be read or understood is a Trouble, and what it described before is kept; nothing is concluded from a failure.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from catalog import custom_kinds, placeholders
from catalog.custom_kinds import Defined
from catalog.entity_rows import EntityRow, entity_row
from catalog.errors import Unreadable
from catalog.excess import faults_of_size
from catalog.kind_definitions import is_definition
from catalog.models import Problem, SourceFile
from catalog.refs import ref_of
from catalog.sources import Source
from catalog.validate import Fault, faults_of, is_name, is_namespace, unknown_version
from catalog.web import Content, Validators
from catalog.yaml12 import Document, YamlError, decode, documents, line_of, lines_of

# Mixed into every digest: what is made of a file changed with the program, so it must be read anew.
FORMAT = b"2"
DEPTH_LIMIT = 20  # Location entities that point to Location entities
FILE_LIMIT = 100_000
ORG_KINDS = frozenset({"user", "group"})
CONTENTS_LIMIT_BYTES = 50_000_000
BATCH = 500  # rows handed on at once: bounds memory, and round trips too
_MESSAGES_PER_DOCUMENT = 10


@dataclass(frozen=True)
class Trouble:
    """A problem as it will be shown."""

    code: str
    message: str
    path: str
    line: int | None = None
    entity_ref: str = ""
    severity: str = Problem.Severity.ERROR


@dataclass(frozen=True)
class Target:
    """What a Location entity points to: `key` of a file, the pointer and where it stands."""

    key: str
    pointer: str = ""  # ref of the Location entity
    line: int = 1
    is_optional: bool = False


class State(Enum):
    PARSED = "parsed"
    SAME = "same"  # not parsed: its bytes, and those it pulls in, are as at the last read
    UNREADABLE = "unreadable"


@dataclass
class FileRead:
    """What became of one file; its rows were handed on while reading."""

    key: str
    state: State
    digest: str = ""  # empty: parse it again next time
    refs: list[str] = field(default_factory=list)  # that it describes
    kept: set[str] = field(default_factory=set)  # that it described, and that are to stay though broken now
    reads: dict[str, str] = field(default_factory=dict)
    validators: dict[str, list[str]] = field(default_factory=dict)
    targets: list[Target] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)


@dataclass
class Reading:
    files: list[FileRead]
    troubles: list[Trouble]

    @property
    def described(self) -> set[str]:
        """What the location describes now."""
        return {ref for file in self.files for ref in file.refs}

    @property
    def kept(self) -> set[str]:
        """What it described before and does not take back: its file or document is broken."""
        return {ref for file in self.files for ref in file.kept} - self.described


def read_location(
    source: Source,
    known: Mapping[str, SourceFile],
    *,
    is_org_source: bool,
    defined: Defined,
    emit: Callable[[list[EntityRow]], None],
    progress: Callable[[str], None],
) -> Reading:
    """All that `source` yields; rows go to `emit` in batches. Raises `Unreadable` when its entry cannot be read."""
    reader = _Reader(source, known, is_org_source, defined, emit)
    reader.walk(progress)
    return Reading(list(reader.files.values()), reader.troubles)


class _Reader:
    def __init__(
        self,
        source: Source,
        known: Mapping[str, SourceFile],
        is_org_source: bool,
        defined: Defined,
        emit: Callable[[list[EntityRow]], None],
    ) -> None:
        self._source = source
        self._known = known
        self._is_org_source = is_org_source
        self._defined = defined
        self._emit = emit
        self._rows: list[EntityRow] = []
        self._claimed: dict[str, str] = {}  # ref → key of the file that describes it: the first one
        self._contents: dict[str, Content] = {}  # of what placeholders pull in, up to `CONTENTS_LIMIT_BYTES`
        self._contents_bytes = 0
        self._renewed: dict[str, dict[str, list[str]]] = {}  # key → its validators, where they alone changed
        self.files: dict[str, FileRead] = {}
        self.troubles: list[Trouble] = []

    def walk(self, progress: Callable[[str], None]) -> None:
        entries = self._source.entries()
        queue = deque((Target(key), "", 0) for key in entries)
        while queue:
            target, parent_path, depth = queue.popleft()
            if target.key in self.files:
                continue  # read already: also where Location entities point in a circle
            if depth > DEPTH_LIMIT or len(self.files) >= FILE_LIMIT:
                self._stop(target, parent_path)
                continue
            found = self._file(target, parent_path, is_only=len(entries) == 1 and depth == 0)
            self.files[target.key] = found
            queue.extend((next_target, target.key, depth + 1) for next_target in found.targets)
            self._flush(at_least=BATCH)
            progress(f"Reading: {len(self.files):,} files, {len(queue):,} more known")
        self._flush(at_least=1)

    def _flush(self, *, at_least: int) -> None:
        if len(self._rows) >= at_least:
            self._emit(self._rows)
            self._rows = []

    def _stop(self, target: Target, parent_path: str) -> None:
        self.files[target.key] = self._as_before(target.key)
        self.troubles.append(
            Trouble(
                Problem.Code.UNREADABLE,
                f"{target.key} is not followed: at most {FILE_LIMIT:,} files and {DEPTH_LIMIT} Location entities in "
                "a row are read. Register it as a location of its own.",
                parent_path,
                target.line,
                target.pointer,
            )
        )

    def _file(self, target: Target, parent_path: str, *, is_only: bool) -> FileRead:
        if not target.key.isprintable() or not _is_text(target.key):
            shown = target.key.encode("unicode_escape", "surrogatepass").decode()
            words = f"The name {shown} holds characters that cannot be shown. Rename the file."
            self._trouble(Problem.Code.UNREADABLE, words, shown, 1)
            return FileRead(target.key, State.UNREADABLE)
        known = self._known.get(target.key)
        try:
            content = self._if_changed(known) if known else self._content_of(target.key)
        except Unreadable as error:
            if is_only:
                raise
            if not target.is_optional:
                self.troubles.append(
                    Trouble(
                        Problem.Code.UNREADABLE,
                        str(error),
                        parent_path or target.key,
                        target.line,
                        target.pointer,
                    )
                )
            return self._as_before(target.key)
        return self._parsed(target, content) if content else self._unchanged(self._known[target.key])

    def _unchanged(self, known: SourceFile) -> FileRead:
        self._claimed |= dict.fromkeys(known.refs, known.key)
        return _same(known, self._renewed.get(known.key, {}))

    def _content_of(self, key: str) -> Content:
        content = self._source.read_if_changed(key, None)
        if content is None:
            raise Unreadable(f"{key} was not sent. Try again later.")
        return content

    def _if_changed(self, known: SourceFile) -> Content | None:
        """The bytes of a file that was read before; None when what it yielded then still stands."""
        if not (known.digest and self._is_unclaimed(known) and self._reads_same(known)):
            return self._content_of(known.key)
        content = self._source.read_if_changed(known.key, _validators(known, known.key))
        if content and digest_of(content.data) == known.digest:  # sent again, though it is the same
            self._renewed[known.key] = _as_kept(known.key, content)
            return None
        return content

    def _is_unclaimed(self, known: SourceFile) -> bool:
        """Another file may describe now what this one did: then it must be read for that to be said."""
        return not any(ref in self._claimed for ref in known.refs)

    def _as_before(self, key: str) -> FileRead:
        """A file that could not be read: what it described stays, and what it pointed to is still followed."""
        known = self._known.get(key)
        if known is None:
            return FileRead(key, State.UNREADABLE)
        targets = [Target(*target) for target in known.targets]
        return FileRead(key, State.UNREADABLE, kept=set(known.refs), targets=targets)

    def _reads_same(self, known: SourceFile) -> bool:
        try:
            return all(self._is_as_read(known, key) for key in known.reads)
        except Unreadable:
            return False

    def _is_as_read(self, known: SourceFile, key: str) -> bool:
        """Is what `known` pulled in from `key`, or was judged by, as it was then?"""
        digest: str = known.reads[key]
        if key.startswith(custom_kinds.READS):
            return custom_kinds.is_judged_the_same(key, digest, self._defined)
        content = self._contents.get(key) or self._source.read_if_changed(key, _validators(known, key))
        if content is None:
            return True
        self._keep_content(key, content)
        return digest_of(content.data) == digest

    def _content(self, key: str) -> Content:
        content = self._contents.get(key) or self._content_of(key)
        self._keep_content(key, content)
        return content

    def _keep_content(self, key: str, content: Content) -> None:
        if key not in self._contents and self._contents_bytes + len(content.data) <= CONTENTS_LIMIT_BYTES:
            self._contents[key] = content
            self._contents_bytes += len(content.data)

    def _parsed(self, target: Target, content: Content) -> FileRead:
        data, digest = content.data, digest_of(content.data)
        found = FileRead(target.key, State.PARSED, validators=_as_kept(target.key, content))
        before = len(self.troubles)
        try:
            for document in documents(decode(data)):
                self._document(document, target, found)
        except YamlError as error:  # not even text, or more than is read: said before what is wrong inside
            self.troubles.insert(before, Trouble(Problem.Code.YAML, str(error), target.key, error.line))
            found.kept |= self._refs_before(target.key)
        if len(self.troubles) == before:
            found.digest = digest
        return found

    def _trouble(self, code: str, message: str, path: str, line: int, ref: str = "") -> None:
        self.troubles.append(Trouble(code, message, path, line, ref))

    def _refs_before(self, key: str) -> set[str]:
        known = self._known.get(key)
        return set(known.refs) if known else set()

    def _document(self, document: Document, target: Target, found: FileRead) -> None:
        if document.error:
            self._trouble(Problem.Code.YAML, str(document.error), target.key, document.error.line)
            found.kept |= self._refs_before(target.key)  # which of them it was cannot be told
            return
        if document.value is None:
            return
        value = self._filled(document, found)
        if value is None:
            return
        faults = faults_of(value) or faults_of_size(value) or self._faults_by_definition(value, found)
        if faults:
            self._refuse(document, value, faults, found)
        else:
            self._accept(document, value, target, found)

    def _faults_by_definition(self, value: dict[str, Any], found: FileRead) -> list[Fault]:
        found.reads |= custom_kinds.judged_by(value, self._defined)
        return custom_kinds.faults_of(value, self._defined)

    def _filled(self, document: Document, found: FileRead) -> Any:
        """The document with its placeholders replaced; None when one could not be."""
        if self._source.is_whole or not placeholders.has_any(document.text):
            return document.value

        def read(target: str) -> bytes:
            [key, *more] = self._source.resolve(found.key, target)
            if more:
                raise Unreadable(f"{target} names several files. Name one.")
            content = self._content(key)
            found.reads[key] = digest_of(content.data)
            found.validators |= _as_kept(key, content)
            return content.data

        try:
            return placeholders.resolved(document.value, read)
        except placeholders.PlaceholderFailed as error:
            self._refuse(
                document, document.value, [Fault(error.path, str(error))], found, Problem.Code.UNREADABLE
            )
            return None

    def _refuse(
        self,
        document: Document,
        value: Any,
        faults: list[Fault],
        found: FileRead,
        code: str = Problem.Code.INVALID,
    ) -> None:
        ref = _likely_ref(value)
        before = self._refs_before(found.key)
        found.kept |= {ref} & before if ref else before
        for fault in faults[:_MESSAGES_PER_DOCUMENT]:
            line = line_of(document.text, fault.path, first_line=document.line)
            self._trouble(code, fault.message, found.key, line, ref)

    def _accept(self, document: Document, value: dict[str, Any], target: Target, found: FileRead) -> None:
        ref = ref_of(value)
        if refusal := self._refusal(value, ref):
            self._trouble(*refusal, found.key, document.line, ref)
            return
        self._claimed[ref] = found.key
        found.refs.append(ref)
        kind = self._defined.get(value["kind"].lower())
        row, errors = entity_row(
            value,
            path=found.key,
            line=document.line,
            text=document.text,
            parent_ref=target.pointer,
            defined=kind.relations if kind else (),
            defined_digest=kind.relations_digest if kind else "",
        )
        self._rows.append(row)
        for stated in errors[:_MESSAGES_PER_DOCUMENT]:
            line = line_of(document.text, ("spec", stated.field), first_line=document.line)
            self._trouble(Problem.Code.INVALID, f"spec.{stated.field}: {stated.error}", found.key, line, ref)
        if unknown := unknown_version(value):
            line = line_of(document.text, ("apiVersion",), first_line=document.line)
            warning = Problem.Severity.WARNING
            self.troubles.append(Trouble(Problem.Code.INVALID, unknown, found.key, line, ref, warning))
        if row.kind == "location" and not self._source.is_whole:
            found.targets += self._targets(document, value, ref, found)

    def _refusal(self, value: dict[str, Any], ref: str) -> tuple[str, str] | None:
        """Why a valid entity cannot be taken from here."""
        if value["kind"].lower() in ORG_KINDS and not self._is_org_source:
            return Problem.Code.NOT_ALLOWED, (
                f"A {value['kind']} cannot come from this location, because groups decide about requests. Ask an "
                "administrator to register the location as a source of people and teams."
            )
        if is_definition(value) and not self._is_org_source:
            return Problem.Code.NOT_ALLOWED, (
                "A KindDefinition cannot come from this location, because it decides which documents of all teams are "
                "taken. Ask an administrator to put it into a source of people and teams."
            )
        if ref in self._claimed:
            return Problem.Code.CONFLICT, (
                f"{ref} is described already in {self._claimed[ref]}, which is used. Delete one of them, or rename it."
            )
        return None

    def _targets(
        self, document: Document, value: dict[str, Any], ref: str, found: FileRead
    ) -> Iterator[Target]:
        spec = value["spec"] if isinstance(value.get("spec"), dict) else {}
        several = spec.get("targets") or []
        lines = lines_of(document.text, ("spec", "targets"), len(several), first_line=document.line)
        written = list(zip(lines, several, strict=True))
        if "target" in spec:
            line = line_of(document.text, ("spec", "target"), first_line=document.line)
            written.insert(0, (line, spec["target"]))
        is_optional = spec.get("presence") == "optional"
        for line, target in written:
            if not isinstance(target, str):
                continue
            try:
                for key in self._source.resolve(found.key, target):
                    yield Target(key, ref, line, is_optional)
            except Unreadable as error:
                if not is_optional:
                    self._trouble(Problem.Code.UNREADABLE, str(error), found.key, line, ref)


def digest_of(data: bytes) -> str:
    return hashlib.sha256(FORMAT + data).hexdigest()


def _is_text(key: str) -> bool:
    """Not for names of files in another encoding: Python keeps such bytes as half characters."""
    return not any("\ud800" <= character <= "\udfff" for character in key)


def _validators(known: SourceFile, key: str) -> Validators | None:
    """None too when what is made of a file changed with the program: then an unchanged file must be read as well."""
    etag, last_modified, format = known.validators.get(key) or ("", "", "")
    return Validators(etag, last_modified) if format == FORMAT.decode() else None


def _as_kept(key: str, content: Content) -> dict[str, list[str]]:
    said = content.validators
    return {key: [said.etag, said.last_modified, FORMAT.decode()]} if said else {}


def _same(known: SourceFile, renewed: dict[str, list[str]]) -> FileRead:
    return FileRead(
        known.key,
        State.SAME,
        known.digest,
        refs=list(known.refs),
        reads=known.reads,
        validators={**known.validators, **renewed},
        targets=[Target(*target) for target in known.targets],
    )


def _likely_ref(value: Any) -> str:
    """Which entity a refused document is about, when its envelope says so."""
    if not isinstance(value, dict) or not isinstance(value.get("metadata"), dict):
        return ""
    kind, name = value.get("kind"), value["metadata"].get("name")
    namespace = value["metadata"].get("namespace") or "default"
    if not (is_name(kind) and is_name(name) and is_namespace(namespace)):
        return ""
    return f"{kind}:{namespace}/{name}".lower()
