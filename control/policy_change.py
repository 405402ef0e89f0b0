"""`policy.change`: other rules, proposed by one person and put in force when another one agrees.

A proposal is a whole set, read and tested before it is sent. Who may propose and who must agree say the rules in force;
while none of them speaks of it, administrators. What approvers see is the difference to the rules in force, and what
would have become of the requests of the last months.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from control import administrators, intents, policy, subjects
from control.capability import Ask, Change, Draft, Plan
from control.decide import Verdict, decide
from control.errors import InvalidParameters, OwnRequest
from control.execution import Execution
from control.models import Approval, Intent, PolicyProposal, PolicyRevision, User
from control.notice_topics import Topic, register_topic
from control.notices import News, tell
from control.policy import Loaded
from control.replay import DAYS, Replay, replay, words_of
from control.rule_changes import DocumentChange, changes
from control.subjects import Subject

NAME = "policy.change"
TOPIC = "rules"
register_topic(
    Topic(
        TOPIC,
        "Rules without a second person",
        "For administrators: somebody on the server broke the glass.",
        is_always_shown=True,
        is_for_staff=True,
        is_urgent=True,
    )
)
REF = "policy:portico/rules"
MOST_CHANGES = 60  # documents that a plan names one by one
LINES_SHOWN, LONGEST_WHAT = 4, 300  # of one document in the plan; the page shows all
REPLAY_REQUESTS, REPLAY_SECONDS = 2_000, 5.0  # of a proposal, while somebody waits for the page
LONGEST_REASON = 2_000
_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def subject(ref: str) -> Subject | None:
    """The rules themselves, as what a request is about."""
    if ref != REF:
        return None
    terms = frozenset({"kind", "kind=policy", "metadata.name", "metadata.name=rules"})
    return Subject(REF, "the rules", terms=terms, url=reverse("control:rules"))


class PolicyChange:
    name = NAME
    noun = "change of the rules"
    holds_when_approved = True
    administers = True

    def validate(self, draft: Draft) -> Mapping[str, Any]:
        """Parameters name the proposal and repeat its digest, so that an approval is bound to every letter of it."""
        proposal = _proposal(draft.parameters)
        problems: dict[str, str] = {}
        if proposal is None:
            problems["proposal"] = "This proposal is gone. Upload the rules again."
        elif proposal.created_by_id != draft.actor.pk or proposal.intent_id is not None:
            problems["proposal"] = (
                "This proposal was sent already, or is somebody else's. Upload the rules again."
            )
        elif not _is_current(proposal):
            problems["proposal"] = (
                "Other rules came into force meanwhile. Upload yours again and look what differs."
            )
        if not draft.reason.strip():
            problems["reason"] = "Say why. Whoever agrees reads it first, and the record keeps it."
        elif len(draft.reason) > LONGEST_REASON:
            problems["reason"] = f"Use {LONGEST_REASON:,} letters or fewer."
        if problems or proposal is None:
            raise InvalidParameters(problems)
        return {"proposal": proposal.pk, "digest": proposal.digest}

    def ask(self, draft: Draft) -> Ask:
        return Ask(NAME)

    def plan(self, draft: Draft) -> Plan:
        proposal = PolicyProposal.objects.select_related("based_on").get(pk=draft.parameters["proposal"])
        found, tried = differences(proposal), tried_on_requests(proposal)
        before, after = proposal.based_on.short, proposal.short
        more = len(found) - MOST_CHANGES
        named = [
            Change(_SIGNS[one.how], f"{one.kind} {one.name}", _what(one)) for one in found[:MOST_CHANGES]
        ]
        if more > 0:
            named.append(Change("~", f"{more} more", "on the page of this change"))
        return Plan(
            title="Other rules",
            summary=f"Rules {after} come into force in place of {before}. {tried.words}",
            changes=tuple(named),
            facts=(
                ("Rules", f"{before} → {after}"),
                ("Documents", _counted(found)),
                ("Rule tests", f"{proposal.tests} passed" if proposal.tests else "none"),
            ),
            data={
                "before": proposal.based_on.digest,
                "after": proposal.digest,
                "author": proposal.author_email,
                "replay": {"words": tried.words, "counts": dict(tried.counts), "differences": as_rows(tried)},
            },
        )

    def narrow(self, intent: Intent, narrowed: Mapping[str, Any]) -> Mapping[str, Any]:
        raise InvalidParameters({"narrow": "Rules are approved as they were proposed, or rejected."})

    def on_submitted(self, intent: Intent) -> None:
        """One proposal is sent once: of two submissions at the same moment the second finds it taken."""
        unsent = PolicyProposal.objects.filter(pk=intent.parameters["proposal"], intent=None)
        if not unsent.update(intent=intent):
            raise InvalidParameters({"proposal": "This proposal was sent already."})

    def on_approved(self, intent: Intent) -> None:
        """In force with the approval, or the approval fails."""
        proposal = PolicyProposal.objects.get(intent=intent)
        policy.put_proposed_in_force(proposal, intent)

    def on_answer(self, intent: Intent, approval: Approval) -> None:
        """Whoever wrote a commit is its author, though the server proposed it."""
        author = str(intent.plan.get("data", {}).get("author", "")).casefold()
        if author and approval.by.email.casefold() == author:
            raise OwnRequest("You wrote this change, so somebody else must decide.")

    def execute(self, intent: Intent, execution: Execution) -> Mapping[str, Any]:
        """Nothing is left to do: the rules came into force with the approval."""
        return {"revision": PolicyRevision.objects.get(intent=intent).digest}

    def url(self, intent: Intent) -> str:
        return reverse("control:policy_change", args=[intent.pk])

    def inbox_facts(self, intent: Intent, approver: User) -> Mapping[str, Any]:
        return {}

    def warnings(self, intents: Sequence[Intent]) -> Mapping[UUID, Sequence[tuple[str, str]]]:
        untested = PolicyProposal.objects.filter(intent__in=intents, tests=0)
        without = set(untested.values_list("intent", flat=True))
        return {intent.pk: self._warnings(intent, intent.pk not in without) for intent in intents}

    def _warnings(self, intent: Intent, has_tests: bool) -> list[tuple[str, str]]:
        counts = intent.plan["data"]["replay"]["counts"]
        warnings: list[tuple[str, str]] = []
        if counts["easier"]:
            warnings.append(("warn", f"{_requests(counts['easier'])} would have been easier to get."))
        if counts["harder"]:
            warnings.append(
                ("warn", f"{_requests(counts['harder'])} would have been harder to get, or refused.")
            )
        if not has_tests:
            warnings.append(("warn", "No rule tests came along."))
        return warnings


def keep(loaded: Loaded, *, by: User) -> PolicyProposal:
    """The set as a proposal that is not sent yet; earlier unsent ones of `by` go. Raises `InvalidParameters`."""
    before = policy.in_force()
    if before is None:
        words = "No rules are in force yet. The first ones are loaded on the server: manage.py rules load."
        raise InvalidParameters({"proposal": words})
    if before.digest == loaded.digest:
        raise InvalidParameters({"proposal": f"These rules are in force already, as {before.short}."})
    with transaction.atomic():
        PolicyProposal.objects.filter(created_by=by, intent=None).delete()
        return PolicyProposal.objects.create(
            digest=loaded.digest,
            documents=loaded.documents,
            sources=loaded.sources,
            tests=loaded.tests,
            based_on=before,
            created_by=by,
        )


def send(proposal: PolicyProposal, *, by: User, reason: str) -> Intent:
    """Ask for it, through the spine. Raises `InvalidParameters`, `Refused`."""
    parameters = {"proposal": proposal.pk, "digest": proposal.digest}
    draft = Draft(NAME, by, subjects.resolve(REF), parameters=parameters, reason=reason)
    return intents.submit(draft)


def needs_second_person(loaded: Loaded, *, is_reviewed: bool) -> bool:
    """Whether the server may not put this set in force by itself (PORTICO_POLICY_SECOND_PERSON).

    The first rules of one's own, and rules that are in force anyway, need nobody. `is_reviewed`: they come from where
    the operator said they do (PORTICO_POLICY_PATHS), and whoever changes them there is reviewed there.
    """
    before = policy.in_force()
    if not policy.has_rules_of_its_own() or (before and before.digest == loaded.digest):
        return False
    wanted = settings.PORTICO_POLICY_SECOND_PERSON
    return bool(wanted == "always" or (wanted == "unreviewed" and not is_reviewed))


@transaction.atomic
def break_glass(loaded: Loaded, why: str) -> PolicyRevision:
    """Put a set in force without anybody's yes: recorded as that, shown on the rules, told to all administrators."""
    before = policy.in_force()
    revision = policy.put_in_force(loaded, by=None, origin=PolicyRevision.Origin.BREAK_GLASS, note=why)
    if before is None or before.pk != revision.pk:
        tell(_broken_glass(revision), administrators.all_of_them().values_list("pk", flat=True))
    return revision


def _broken_glass(revision: PolicyRevision) -> News:
    return News(
        event="policy.break_glass",
        topic=TOPIC,
        key=f"policy:{revision.pk}",
        thread=f"policy:{revision.pk}",
        title=f"Rules {revision.short} were put in force without a second person",
        detail=revision.note,
        url=reverse("control:revision", args=[revision.pk]),
        sign="warn",
    )


@transaction.atomic
def propose_as_portico(loaded: Loaded, author_email: str) -> PolicyProposal:
    """What was read from the configured places, in Portico's own name; the same set is asked for once.

    `author_email` is who wrote it: they cannot be the one who agrees.
    """
    portico = administrators.portico()
    before = policy.in_force()
    earlier = PolicyProposal.objects.filter(
        created_by=portico, digest=loaded.digest, based_on=before, intent__isnull=False
    ).first()
    if earlier:
        return earlier
    proposal = keep(loaded, by=portico)
    if author_email:
        proposal.author_email = author_email
        proposal.save(update_fields=["author_email"])
    send(proposal, by=portico, reason=_reason(loaded))
    return proposal


def _reason(loaded: Loaded) -> str:
    commits = sorted({str(source["commit"])[:12] for source in loaded.sources if source.get("commit")})
    return f"Read from git at {', '.join(commits)}." if commits else "Read from the files of the server."


def verdict_for(user: User) -> Verdict:
    """What would become of a proposal of theirs."""
    return decide(actor=user, subject=subjects.resolve(REF), ask=Ask(NAME))


def differences(proposal: PolicyProposal) -> list[DocumentChange]:
    return changes(policy.documents_of(proposal.based_on), policy.documents_of(proposal))


def tried_on_requests(proposal: PolicyProposal) -> Replay:
    """The proposed rules on what was asked lately, within what a page may take."""
    found = policy.read_again(proposal)
    return replay(found, days=DAYS, most=REPLAY_REQUESTS, seconds=REPLAY_SECONDS)


def _proposal(parameters: Mapping[str, Any]) -> PolicyProposal | None:
    number, digest = parameters.get("proposal"), parameters.get("digest")
    if not isinstance(number, int):
        return None
    return PolicyProposal.objects.filter(pk=number, digest=digest).first()


def _is_current(proposal: PolicyProposal) -> bool:
    revision = policy.in_force()
    return revision is not None and revision.pk == proposal.based_on_id


def _what(change: DocumentChange) -> str:
    """The lines themselves where they are few."""
    lines = [
        f"{'−' if line.sign == '-' else '+'} {line.text.strip()}"
        for line in change.lines
        if line.sign in "+-"
    ]
    if change.how != "changed":
        return f"{change.how}, {len(lines)} lines"
    shown = "; ".join(lines[:LINES_SHOWN])
    if len(lines) > LINES_SHOWN or len(shown) > LONGEST_WHAT:
        return f"{change.added} lines in, {change.removed} lines out"
    return shown


def _counted(found: Sequence[DocumentChange]) -> str:
    counts = {how: sum(one.how == how for one in found) for how in ("changed", "added", "removed")}
    return ", ".join(f"{number} {how}" for how, number in counts.items() if number) or "none"


def _requests(number: int) -> str:
    return f"{number:,} of the last requests"


def as_rows(tried: Replay) -> list[dict[str, str]]:
    """What differs, without the names of others' requests: a page adds those that its reader may see."""
    return [
        {
            "intent": str(one.intent.pk),
            "how": one.how,
            "before": words_of(one.before),
            "after": words_of(one.after),
            "message": one.after.message,
            "what": ", ".join(one.what),
        }
        for one in tried.differences
    ]
