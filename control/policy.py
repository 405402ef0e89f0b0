"""The rules in force: loaded as one set, validated whole, swapped atomically, every revision kept.

A set with any problem is not taken and the one before stays in force. Reading is `policy_yaml`, meaning is
`policy_schema`, deciding is `decide`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection, transaction

from control import audit
from control.capability import registry
from control.errors import PolicyInvalid
from control.models import PolicyRevision, User
from control.policy_documents import PolicySet
from control.policy_fields import Problem
from control.policy_schema import read_set, unknown_capabilities
from control.policy_yaml import Document, UnreadableYamlError, read_documents

if TYPE_CHECKING:
    from control.rule_tests import Case

DEFAULT_PATH = Path(__file__).parent / "default_policy"  # everybody may run templates, nothing else
SUFFIXES = {".yaml", ".yml"}
_PUBLISH_LOCK = 7_340_003  # any number, the same in every process


def load(paths: Sequence[Path]) -> PolicySet:
    """Read and check files and folders as one set, writing nothing. Raises `PolicyInvalid`.

    Tests that lie with the rules must pass.
    """
    from control.rule_test_run import problems_of  # it decides, and deciding asks this module

    found, cases = read(paths)
    if not found.documents:
        raise PolicyInvalid([(_named(paths), 1, "there is no rule document here. Name files or folders.")])
    if problems := problems_of(cases, found):
        raise PolicyInvalid(problems)
    return found


def read(paths: Sequence[Path]) -> tuple[PolicySet, list[Case]]:
    """The rules in files and folders, and the cases of their tests, which are not run. Raises `PolicyInvalid`.

    Without rules the set is empty.
    """
    from control.rule_tests import is_test, read_tests

    documents, problems = _read(paths)
    found, meaning_problems = read_set([document for document in documents if not is_test(document)])
    cases, test_problems = read_tests([document for document in documents if is_test(document)])
    problems += meaning_problems + unknown_capabilities(found, registry.names()) + test_problems
    if not documents and not problems:
        problems.append((_named(paths), 1, "there is no rule document here. Name files or folders."))
    if problems:
        raise PolicyInvalid(problems)
    return found, cases


def _named(paths: Iterable[Path]) -> str:
    return ", ".join(map(str, paths))


def publish(paths: Sequence[Path], *, by: User | None) -> PolicyRevision:
    """Put the set in `paths` in force; a set that is in force already stays the same revision.

    Raises `PolicyInvalid`, and then nothing has changed. One publisher at a time.
    """
    found = load(paths)
    digest = digest_of(found)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_PUBLISH_LOCK])
        before = in_force()
        if before and before.digest == digest:
            return before
        revision = PolicyRevision.objects.create(
            digest=digest,
            documents=[{"path": doc.path, "line": doc.line, "document": doc.data} for doc in found.documents],
            sources=[{"path": str(path), "sha256": _sha256(path)} for path in _files(paths)],
            published_by=by,
        )
        _record(revision, before, by)
    return revision


def publish_at_start() -> PolicyRevision:
    """What PORTICO_POLICY_PATHS names; without it the shipped default, unless rules were published before."""
    if settings.PORTICO_POLICY_PATHS:
        return publish(settings.PORTICO_POLICY_PATHS, by=None)
    return in_force() or publish([DEFAULT_PATH], by=None)


def in_force() -> PolicyRevision | None:
    """The newest revision; its documents are read only when they are needed."""
    return PolicyRevision.objects.defer("documents").order_by("-id").first()


def parsed(revision: PolicyRevision) -> PolicySet:
    """The revision's set, parsed once per process."""
    return parsed_by_key(revision.pk, revision.digest)


@lru_cache(maxsize=8)
def parsed_by_key(pk: int, digest: str) -> PolicySet:
    """As `parsed`, for callers that have read no more than these two columns."""
    kept = PolicyRevision.objects.values_list("documents", flat=True).get(pk=pk, digest=digest)
    found, problems = read_set(_documents(kept))
    if problems:
        raise PolicyInvalid(problems)
    return found


def documents_of(revision: PolicyRevision) -> list[Document]:
    """As they were published, also if today's Portico would not take them any more."""
    return _documents(revision.documents)


def _documents(kept: Iterable[dict[str, Any]]) -> list[Document]:
    return [Document(item["path"], item["line"], item["document"]) for item in kept]


def digest_of(found: PolicySet) -> str:
    """SHA-256 over what the documents say; moving them between files or lines changes nothing."""
    said = sorted(json.dumps(doc.data, sort_keys=True, separators=(",", ":")) for doc in found.documents)
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


def _record(revision: PolicyRevision, before: PolicyRevision | None, by: User | None) -> None:
    audit.record(
        "policy.published",
        actor=by,
        summary=f"Rules {revision.short} are in force",
        detail=f"Before: {before.short}." if before else "These are the first rules.",
        before={"digest": before.digest} if before else {},
        after={"digest": revision.digest, "sources": revision.sources},
    )


def _files(paths: Iterable[Path]) -> list[Path]:
    """Raises `OSError` for a folder that cannot be read: what it holds may be what forbids something."""
    found = [item for path in paths for item in (_inside(path) if path.is_dir() else [path])]
    return list(dict.fromkeys(found))


def _inside(folder: Path) -> list[Path]:
    def give_up(error: OSError) -> None:
        raise error

    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=give_up):
        folders[:] = [name for name in folders if not name.startswith(".")]  # .git; ..data of Kubernetes
        found += [Path(place, name) for name in names if Path(name).suffix.lower() in SUFFIXES]
    return sorted(found)


def _read(paths: Sequence[Path]) -> tuple[list[Document], list[Problem]]:
    documents: list[Document] = []
    problems: list[Problem] = []
    try:
        files = _files(paths)
    except OSError as error:
        return [], [(str(error.filename), 1, f"cannot be read: {error.strerror or error}.")]
    for path in files:
        try:
            documents += list(read_documents(path, str(path)))
        except UnreadableYamlError as error:
            problems.append((str(path), error.line, error.message))
        except OSError as error:
            problems.append((str(path), 1, f"cannot be read: {error.strerror or error}."))
    return documents, problems


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
