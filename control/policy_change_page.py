"""Pages of a change of the rules: before it is sent, and on its way."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet

from control import inbox, policy, policy_change
from control.errors import PolicyInvalid
from control.models import Intent, PolicyProposal, PolicyRevision, State, User
from control.policy import SUFFIXES, Loaded
from control.policy_yaml import MAX_FILE_BYTES

MOST_FILES = 50
MOST_BYTES = 5_000_000  # of all files together
WAITING_SHOWN = 5


def read_upload(files: Sequence[UploadedFile[bytes]]) -> Loaded:
    """The uploaded files as one set. Raises `PolicyInvalid`; names and sizes are checked before anything is read."""
    if problems := _unfit(files):
        raise PolicyInvalid(problems)
    with tempfile.TemporaryDirectory(prefix="portico-rules-") as place:
        paths = [_kept(file, Path(place) / str(number)) for number, file in enumerate(files, start=1)]
        names = [path.name for path in paths]
        shown = {
            path: path.name if names.count(path.name) == 1 else f"{path.name} (file {number})"
            for number, path in enumerate(paths, start=1)
        }
        return policy.load_whole(paths, shown=shown.__getitem__)


def _kept(file: UploadedFile[bytes], folder: Path) -> Path:
    """Files from different folders may have the same name."""
    folder.mkdir()
    path = folder / PurePath(str(file.name)).name
    path.write_bytes(file.read())
    return path


def _unfit(files: Sequence[UploadedFile[bytes]]) -> list[tuple[str, int, str]]:
    if not files:
        return [
            ("upload", 1, "no file was chosen. Choose all files of the rules, they replace the whole set.")
        ]
    if len(files) > MOST_FILES or sum(file.size or 0 for file in files) > MOST_BYTES:
        return [
            (
                "upload",
                1,
                f"more than {MOST_FILES} files or {MOST_BYTES // 1_000_000} MB. Join or shorten them.",
            )
        ]
    problems = []
    for file in files:
        name = PurePath(str(file.name)).name
        if PurePath(name).suffix.lower() not in SUFFIXES or name.startswith("."):
            problems.append((name[:100], 1, "not a YAML file. Rules are in files that end in .yaml or .yml."))
        elif (file.size or 0) > MAX_FILE_BYTES:
            problems.append((name, 1, "the file is larger than 1 MB. Split it."))
    return problems


def upload_context(user: User, problems: Sequence[tuple[str, int, str]] = ()) -> dict[str, Any]:
    return {
        "verdict": policy_change.verdict_for(user),
        "revision": policy.in_force(),
        "problems": problems,
        "most_files": MOST_FILES,
    }


def unsent(user: User, proposal_id: int) -> PolicyProposal | None:
    """A proposal of their own that was not sent."""
    kept = PolicyProposal.objects.select_related("based_on", "created_by")
    return kept.filter(pk=proposal_id, created_by=user, intent=None).first()


def draft_context(
    proposal: PolicyProposal, user: User, errors: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What would change and what would have become of the last requests, before it is sent."""
    tried = policy_change.tried_on_requests(proposal)
    return {
        "proposal": proposal,
        "changes": policy_change.differences(proposal),
        "verdict": policy_change.verdict_for(user),
        "replay_words": tried.words,
        **_rows(policy_change.as_rows(tried), user),
        "errors": errors or {},
    }


def show_context(intent: Intent, user: User) -> dict[str, Any]:
    """A change that was sent: as its approvers are shown it."""
    proposal = PolicyProposal.objects.select_related("based_on").get(intent=intent)
    shown = intent.plan["data"]["replay"]
    return {
        "intent": intent,
        "proposal": proposal,
        "changes": policy_change.differences(proposal),
        "decision": intent.decisions.select_related("policy")
        .defer("policy__documents", "policy__sources")
        .latest("id"),
        "events": intent.events.order_by("id")[:50],
        "revision": PolicyRevision.objects.defer("documents").filter(intent=intent).first(),
        "approvers": list(inbox.eligible(intent)[: inbox.APPROVERS_SHOWN]),
        "standing": inbox.standing_of(intent, user),
        "may_withdraw": intent.state == State.AWAITING_APPROVAL and intent.requested_by_id == user.pk,
        "replay_words": shown["words"],
        **_rows(shown["differences"], user),
    }


def waiting(user: User) -> QuerySet[Intent]:
    """Changes that are not decided, as far as `user` may see them."""
    changes = Intent.objects.visible_to(user).filter(
        capability=policy_change.NAME, state=State.AWAITING_APPROVAL
    )
    return changes.select_related("requested_by", "requested_by__acts_for").order_by("requested_at")[
        :WAITING_SHOWN
    ]


def _rows(kept: Sequence[Mapping[str, Any]], user: User) -> dict[str, Any]:
    """Only requests that `user` may see are named; of the others there is a number."""
    seen = Intent.objects.visible_to(user).filter(pk__in=[row["intent"] for row in kept])
    by_key = {str(one.pk): one for one in seen.select_related("requested_by", "requested_by__acts_for")}
    rows = [{**row, "request": by_key[row["intent"]]} for row in kept if row["intent"] in by_key]
    return {"replay_rows": rows, "replay_hidden": len(kept) - len(rows)}
