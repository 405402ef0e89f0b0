"""The rules in force: loaded as one set, validated whole, swapped atomically, every revision kept.

A set with any problem is not taken and the one before stays in force. Reading is `policy_yaml`, meaning is
`policy_schema`, deciding is `decide`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from control import audit, prepared
from control.capability import registry
from control.errors import PlanChanged, PolicyInvalid
from control.models import Intent, PolicyProposal, PolicyRevision, User
from control.policy_documents import PolicySet
from control.policy_fields import Problem
from control.policy_schema import allowed_alone, read_set, unknown_capabilities
from control.policy_yaml import Document, UnreadableYamlError, read_documents

if TYPE_CHECKING:
    from control.rule_tests import Case

Origin = PolicyRevision.Origin
Shown = Callable[[Path], str]
DEFAULT_PATH = Path(__file__).parent / "default_policy"  # everybody may run templates, nothing else
SUFFIXES = {".yaml", ".yml"}
_PUBLISH_LOCK = 7_340_003  # any number, the same in every process


@dataclass(frozen=True)
class Loaded:
    """A whole, valid set: what it says, where it was read, and how many tests it passed."""

    found: PolicySet
    digest: str
    sources: list[dict[str, Any]]
    tests: int

    @property
    def documents(self) -> list[dict[str, Any]]:
        """As they are stored."""
        return [{"path": doc.path, "line": doc.line, "document": doc.data} for doc in self.found.documents]


def load(paths: Sequence[Path]) -> PolicySet:
    """Read and check files and folders as one set, writing nothing. Raises `PolicyInvalid`.

    Tests that lie with the rules must pass.
    """
    return load_whole(paths).found


def load_whole(paths: Sequence[Path], *, shown: Shown = str) -> Loaded:
    """As `load`, with where it was read; `shown` says how a file is called in messages and on pages."""
    from control.rule_test_run import problems_of  # it decides, and deciding asks this module

    found, cases = read(paths, shown=shown)
    if not found.documents:
        raise PolicyInvalid([(_named(paths), 1, "there is no rule document here. Name files or folders.")])
    if problems := problems_of(cases, found):
        raise PolicyInvalid(problems)
    sources = [{"path": shown(path), "sha256": _sha256(path)} for path in _files(paths)]
    return Loaded(found, digest_of(found), sources, len(cases))


def read(paths: Sequence[Path], *, shown: Shown = str) -> tuple[PolicySet, list[Case]]:
    """The rules in files and folders, and the cases of their tests, which are not run. Raises `PolicyInvalid`.

    Without rules the set is empty.
    """
    from control.rule_tests import is_test, read_tests

    documents, problems = _read(paths, shown)
    found, meaning_problems = read_set([document for document in documents if not is_test(document)])
    cases, test_problems = read_tests([document for document in documents if is_test(document)])
    problems += meaning_problems + unknown_capabilities(found, registry.names()) + test_problems
    problems += allowed_alone(found, [name for name in registry.names() if registry.administers(name)])
    if not documents and not problems:
        problems.append((_named(paths), 1, "there is no rule document here. Name files or folders."))
    if problems:
        raise PolicyInvalid(problems)
    return found, cases


def _named(paths: Iterable[Path]) -> str:
    return ", ".join(map(str, paths))


def publish(
    paths: Sequence[Path], *, by: User | None, origin: Origin = Origin.FILES, note: str = ""
) -> PolicyRevision:
    """Put the set in `paths` in force; a set that is in force already stays the same revision.

    Raises `PolicyInvalid`, and then nothing has changed.
    """
    return put_in_force(load_whole(paths), by=by, origin=origin, note=note)


@transaction.atomic
def put_in_force(
    loaded: Loaded, *, by: User | None, origin: Origin = Origin.FILES, note: str = ""
) -> PolicyRevision:
    """The set, unless it is in force already. One publisher at a time, and not in the midst of an approval."""
    stay(to_change=True)
    before = in_force()
    if before and before.digest == loaded.digest:
        return before
    revision = PolicyRevision.objects.create(
        digest=loaded.digest,
        documents=loaded.documents,
        sources=loaded.sources,
        published_by=by,
        origin=origin,
        note=note,
    )
    _record(revision, before, by)
    return revision


@transaction.atomic
def put_proposed_in_force(proposal: PolicyProposal, intent: Intent) -> PolicyRevision:
    """What was approved, in the approving transaction. Raises `PlanChanged` when other rules came into force meanwhile.

    The documents must be those whose digest was approved, and still a valid set.
    """
    stay(to_change=True)
    before = in_force()
    if before is None or before.pk != proposal.based_on_id:
        raise PlanChanged(
            "Other rules came into force since this was proposed, so what was compared is not what would change. "
            "Reject it, and let it be proposed again."
        )
    found, problems = read_set(_documents(proposal.documents))
    if problems or digest_of(found) != intent.parameters["digest"]:
        raise PlanChanged(
            "The proposed rules are not what was sent. Reject this, and let it be proposed again."
        )
    revision = PolicyRevision.objects.create(
        digest=proposal.digest,
        documents=proposal.documents,
        sources=proposal.sources,
        published_by=intent.requested_by,
        origin=Origin.CHANGE,
        intent=intent,
    )
    _record(revision, before, intent.requested_by, intent)
    return revision


def stay(*, to_change: bool = False) -> None:
    """Until this transaction ends nobody else puts rules in force: all that it asks is asked of the same ones.

    `to_change` is for whoever will: they wait for everybody who decides by the rules of before. Say so from the
    beginning; two who stay and then want to change would wait for each other.
    """
    lock = "pg_advisory_xact_lock" if to_change else "pg_advisory_xact_lock_shared"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {lock}(%s)", [_PUBLISH_LOCK])


def has_rules_of_its_own() -> bool:
    """Whether rules other than those that Portico ships are in force."""
    revision = in_force()
    return revision is not None and revision.digest != digest_of(load([DEFAULT_PATH]))


_COLUMNS = ("id", "digest", "published_at", "published_by_id", "origin", "note", "intent_id")
_NEWEST = f"SELECT {', '.join(_COLUMNS)} FROM control_policyrevision ORDER BY id DESC LIMIT 1"  # noqa: S608


def in_force() -> PolicyRevision | None:
    """The newest revision; what it says, and where it was read, is read only when it is needed."""
    found = prepared.rows(_NEWEST, ())
    return PolicyRevision.from_db(connection.alias, _COLUMNS, found[0]) if found else None


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


def documents_of(kept: PolicyRevision | PolicyProposal) -> list[Document]:
    """As they were published or proposed, also if today's Portico would not take them any more."""
    return _documents(kept.documents)


def read_again(proposal: PolicyProposal) -> PolicySet:
    """Raises `PolicyInvalid` when today's Portico would not take it any more."""
    found, problems = read_set(_documents(proposal.documents))
    if problems:
        raise PolicyInvalid(problems)
    return found


def _documents(kept: Iterable[dict[str, Any]]) -> list[Document]:
    return [Document(item["path"], item["line"], item["document"]) for item in kept]


def digest_of(found: PolicySet) -> str:
    """SHA-256 over what the documents say; moving them between files or lines changes nothing."""
    said = sorted(json.dumps(doc.data, sort_keys=True, separators=(",", ":")) for doc in found.documents)
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


def _record(
    revision: PolicyRevision, before: PolicyRevision | None, by: User | None, intent: Intent | None = None
) -> None:
    broken = revision.origin == Origin.BREAK_GLASS
    detail = f"Before: {before.short}." if before else "These are the first rules."
    audit.record(
        "policy.break_glass" if broken else "policy.published",
        actor=by,
        intent=intent,
        summary=f"Rules {revision.short} are in force{' by break-glass' if broken else ''}",
        detail=f"{detail} “{revision.note}”" if revision.note else detail,
        before={"digest": before.digest} if before else {},
        after={"digest": revision.digest, "sources": revision.sources, "origin": revision.origin},
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


def _read(paths: Sequence[Path], shown: Shown) -> tuple[list[Document], list[Problem]]:
    documents: list[Document] = []
    problems: list[Problem] = []
    try:
        files = _files(paths)
    except OSError as error:
        return [], [(str(error.filename), 1, f"cannot be read: {error.strerror or error}.")]
    for path in files:
        try:
            documents += list(read_documents(path, shown(path)))
        except UnreadableYamlError as error:
            problems.append((shown(path), error.line, error.message))
        except OSError as error:
            problems.append((shown(path), 1, f"cannot be read: {error.strerror or error}."))
    return documents, problems


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
