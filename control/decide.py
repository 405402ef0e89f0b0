"""What the rules say to a wish: allowed, refused, or who must agree; always with the reasons in words.

Default is no. A DenyRule beats everything. Each AccessRule is decided for itself; of those that match, the
least demanding one that somebody can act on counts. An error refuses. Nothing is written here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Any

from control import administrators, clock, prepared, subjects
from control import policy as policies
from control.capability import ACCESS, Ask, registry
from control.deciders import Named, Naming, People, read_people
from control.durations import compact_duration
from control.matching import Check, Match, Moment, Question, Requester, bindings_of, denial_of, match_of
from control.models import Decision, PolicyRevision, User
from control.oncall import on_call_now
from control.panels import Panel, lacks_people, panel_of, too_small
from control.policy_documents import AccessRule, BreakGlass, PolicySet, ReasonRule, Role
from control.shortlists import Look, shortlist_of
from control.subjects import Subject
from control.verdict_words import allowed_words, few_words, needs_words, nobody_words, refusal_words

ReadPeople = Callable[[Iterable[Named]], People]
log = logging.getLogger(__name__)
_DENY = Decision.Verdict.DENY.value
_GROUPS = "SELECT g.name FROM control_user_groups m JOIN auth_group g ON g.id = m.group_id WHERE m.user_id = %s::bigint"
_NO_RULES = "No rules are in force, so nothing is allowed. Ask the platform team."
_CLOSED = "This account is closed, so it can ask for nothing."
_BROKEN = "The rules could not be read, so nothing is allowed. Tell the platform team."


@dataclass(frozen=True)
class Verdict:
    """`panel` is who decides, stage by stage. `approvers` can decide first, `approver_groups` and `approver_users` are
    all whom the rule names, `approvals_needed` how many of them in all."""

    verdict: str
    message: str
    rule: str = ""
    policy: PolicyRevision | None = None
    checks: tuple[Check, ...] = ()
    approver_groups: tuple[str, ...] = ()
    approver_users: tuple[str, ...] = ()
    approvals_needed: int = 0
    approvers: tuple[User, ...] = ()
    max_duration: timedelta | None = None
    default_duration: timedelta | None = None
    start_within: timedelta = timedelta(0)  # how far ahead the rule lets a window begin
    break_glass: BreakGlass | None = None  # what the rule says of emergencies
    standing: bool = False  # refused because it is held already
    reason: ReasonRule = field(default_factory=ReasonRule)
    decide_within: timedelta | None = None  # None: as long as requests usually wait
    panel: Panel = field(default_factory=Panel)

    @property
    def is_allowed(self) -> bool:
        return self.verdict == Decision.Verdict.ALLOW

    @property
    def is_refused(self) -> bool:
        return self.verdict == _DENY

    @property
    def failed_about(self) -> str:
        """What the first condition that is not met is about; empty when all are."""
        return next((check.about for check in self.checks if check.ok is False), "")

    def as_data(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict,
            "rule": self.rule,
            "policy": self.policy.digest if self.policy else "",
            "message": self.message,
            "checks": [
                {"ok": check.ok, "words": check.words, "others": check.others} for check in self.checks
            ],
            "approver_groups": list(self.approver_groups),
            "approver_users": list(self.approver_users),
            "approvals_needed": self.approvals_needed,
            "approvers": [
                {"id": user.pk, "ref": user.entity_ref, "name": user.label} for user in self.approvers
            ],
            "max_duration": compact_duration(self.max_duration) if self.max_duration else "",
            "default_duration": compact_duration(self.default_duration) if self.default_duration else "",
            "stages": self.panel.shape(),
            "distinct": self.panel.distinct,
            "ticket": {"pattern": self.reason.ticket, "url": self.reason.url},
        }


@dataclass(frozen=True)
class Asked:
    """One of several questions about the same person and entity."""

    ask: Ask
    environment: str = ""


def decide(
    *,
    actor: User,
    subject: Subject,
    ask: Ask,
    environment: str = "",
    policy: PolicyRevision | None = None,
    now: Callable[[], datetime] = clock.now,
) -> Verdict:
    """The verdict on one wish under the rules in force, or under `policy`; `now` is another moment in a question."""
    asked = [Asked(ask, environment)]
    return decide_all(actor=actor, subject=subject, asked=asked, policy=policy, now=now)[0]


def decide_all(
    *,
    actor: User,
    subject: Subject,
    asked: Sequence[Asked],
    policy: PolicyRevision | None = None,
    now: Callable[[], datetime] = clock.now,
) -> list[Verdict]:
    """As `decide` for each of `asked`, with the same number of queries as for one."""
    revision = policy or policies.in_force()
    if revision is None:
        return [Verdict(_DENY, _NO_RULES)] * len(asked)
    if not actor.is_open:
        return [Verdict(_DENY, _CLOSED, policy=revision)] * len(asked)
    try:
        found = policies.parsed(revision)
        read = partial(read_people, actor)
        verdicts = judge(found, requester_of(actor), subject, asked, read=read, policy=revision, now=now)
        return [
            administrators.verdict(verdict, actor)
            if registry.administers(one.ask.capability) and not found.rules_for(one.ask.capability, "")
            else verdict
            for one, verdict in zip(asked, verdicts, strict=True)
        ]
    except Exception:  # the edge of the rules: whatever went wrong, nothing is allowed by it
        log.exception("rules of revision %s could not be applied", revision.pk)
        return [Verdict(_DENY, _BROKEN, policy=revision)] * len(asked)


def judge(
    found: PolicySet,
    requester: Requester,
    subject: Subject,
    asked: Sequence[Asked],
    *,
    read: ReadPeople,
    policy: PolicyRevision | None = None,
    now: Callable[[], datetime] = clock.now,
) -> list[Verdict]:
    """The pure part of `decide_all`, under any set: `read` finds whom its rules name. `policy` is only passed on."""
    return _Court(found, requester, subject, read, policy, now).judge(asked)


def requester_of(user: User) -> Requester:
    """One query."""
    groups = frozenset(name for (name,) in prepared.rows(_GROUPS, [user.pk]))
    ref = user.entity_ref or ""
    return Requester(user.label, ref, groups, partial(subjects.attributes_of, ref) if ref else dict)


def standing(
    user: User, subject: Subject, environment: str, policy: PolicyRevision | None = None
) -> tuple[Role, ...]:
    """Roles that bindings give `user` there without asking, those taken away by a DenyRule left out."""
    revision = policy or policies.in_force()
    if revision is None or not user.is_open:
        return ()
    found = policies.parsed(revision)
    return standing_of(found, requester_of(user), subject, environment)


def standing_of(
    found: PolicySet,
    requester: Requester,
    subject: Subject,
    environment: str,
    capability: str = ACCESS,
) -> tuple[Role, ...]:
    """The pure part of `standing`."""
    every = Question(requester, subject, Ask(capability), environment)
    names = dict.fromkeys(binding.role for binding in bindings_of(found, every))
    held = [name for name in names if not is_denied(found, requester, subject, name, environment)]
    return tuple(found.roles[name] for name in held)


def is_denied(found: PolicySet, requester: Requester, subject: Subject, role: str, environment: str) -> bool:
    """Whether a DenyRule takes this role away, however it was come by."""
    return denial_of(found, Question(requester, subject, Ask(ACCESS, role), environment)) is not None


@dataclass
class _Court:
    """One person, one subject, one rule set: asked as often as needed, people read twice at most."""

    found: PolicySet
    requester: Requester
    subject: Subject
    read: ReadPeople
    revision: PolicyRevision | None
    now: Callable[[], datetime]

    def judge(self, asked: Sequence[Asked]) -> list[Verdict]:
        questions = [
            Question(self.requester, self.subject, one.ask, one.environment, self._moment) for one in asked
        ]
        settled = [self._settled(question) for question in questions]
        tried = {
            place: (Look(shortlist_of(self.found, question.ask), question), question)
            for place, question in enumerate(questions)
            if settled[place] is None
        }
        first = self._by_first(tried)
        later = self._by_others({place: one for place, one in tried.items() if first[place].is_refused})
        return [one or later.get(place) or first[place] for place, one in enumerate(settled)]

    def _by_first(self, tried: Mapping[int, tuple[Look, Question]]) -> dict[int, Verdict]:
        """What the least demanding rule that holds says; it is the one that counts nearly always."""
        found: dict[int, Verdict] = {}
        holding: dict[int, AccessRule] = {}
        for place, (look, question) in tried.items():
            if rule := next(look.holding, None):
                holding[place] = rule
            else:
                found[place] = self._nearest(question, look.nearest())
        people = self.read([self._named(rule, tried[place][1]) for place, rule in holding.items()])
        return found | {place: self._by(rule, tried[place][1], people) for place, rule in holding.items()}

    def _by_others(self, tried: Mapping[int, tuple[Look, Question]]) -> dict[int, Verdict]:
        """What the first of the other rules says on which somebody can act, if there is one."""
        others = {place: list(look.holding) for place, (look, _) in tried.items()}
        named = [self._named(rule, tried[place][1]) for place, rules in others.items() for rule in rules]
        if not named:
            return {}
        people = self.read(named)
        found: dict[int, Verdict] = {}
        for place, rules in others.items():
            verdicts = (self._by(rule, tried[place][1], people) for rule in rules)
            if able := next((verdict for verdict in verdicts if not verdict.is_refused), None):
                found[place] = able
        return found

    def _moment(self) -> Moment:
        return self._this_moment

    @cached_property
    def _this_moment(self) -> Moment:
        """One for all that is asked at once; read only if some rule has conditions."""
        now = self.now()
        return Moment(now, on_call_now(self.found.rotas.values(), now))

    def _naming(self, rule: AccessRule, question: Question) -> Naming:
        on_call = self._this_moment.on_call if _asks_who_is_on_call(rule) else {}
        return Naming(self.found, self.subject, question.environment, on_call)

    def _named(self, rule: AccessRule, question: Question) -> Named:
        return self._naming(rule, question).by(rule)

    def _settled(self, question: Question) -> Verdict | None:
        """What is refused whatever AccessRules say."""
        if denial := denial_of(self.found, question):
            check = Check.plain(False, f"{denial.name} forbids it", "who")
            return Verdict(_DENY, denial.message, denial.name, self.revision, (check,))
        if question.ask.role and (bindings := bindings_of(self.found, question)):
            check = Check.plain(None, f"{bindings[0].name} gives it without asking", "standing")
            message = "You hold this already, standing."
            return Verdict(_DENY, message, bindings[0].name, self.revision, (check,), standing=True)
        return None

    def _nearest(self, question: Question, rule: AccessRule | None) -> Verdict:
        if rule is None:
            what = question.ask.role or question.ask.capability
            words = f"No rule offers {what}. Ask the platform team if you need it."
            if question.ask.breaks_glass:
                words = "No rule lets anybody break the glass for this. Ask for it in the usual way."
            return Verdict(_DENY, words, policy=self.revision)
        nearest = match_of(rule, question)
        return self._verdict(_DENY, refusal_words(nearest, question), nearest)

    def _by(self, rule: AccessRule, question: Question, people: People) -> Verdict:
        """What one rule that holds says, nobody else's conditions mixed in."""
        match = match_of(rule, question)
        if question.ask.breaks_glass:
            return self._verdict("allow", allowed_words(question.ask), match)
        approval = rule.approval
        if approval.count == 0:
            return self._verdict("allow", allowed_words(question.ask), match)
        naming = self._naming(rule, question)
        panel = panel_of(approval, question, naming, people)
        if part := too_small(panel):
            named = naming.of_any(tier.deciders for tier in part.tiers)
            words = nobody_words(part.count, named, people, self.subject)
            return self._lacking(match, len(part.everyone), part.count, words)
        if lacks_people(panel):
            return self._lacking(
                match, len(panel.able_after(timedelta.max)), approval.count, few_words(panel)
            )
        named = naming.by(rule)
        return replace(
            self._verdict("needs_approval", needs_words(panel, self.subject, people, question.ask), match),
            approver_groups=named.groups,
            approver_users=named.users,
            approvals_needed=approval.count,
            approvers=panel.at_first,
            panel=panel,
        )

    def _lacking(self, match: Match, able: int, needed: int, words: str) -> Verdict:
        short = f"{_number(able)} can decide, {needed} must"
        verdict = self._verdict(_DENY, words, match)
        return replace(verdict, checks=(*match.checks, Check.plain(False, short, "approvers")))

    def _verdict(self, verdict: str, message: str, match: Match) -> Verdict:
        return Verdict(
            verdict,
            message,
            rule=match.rule.name,
            policy=self.revision,
            checks=match.checks,
            max_duration=match.rule.max_duration,
            default_duration=match.rule.default_duration,
            reason=match.rule.reason,
            decide_within=match.rule.decide_within,
            start_within=match.rule.start_within,
            break_glass=match.rule.break_glass,
        )


def _number(count: int) -> str:
    return "nobody" if count == 0 else "1 person" if count == 1 else f"{count} people"


def _asks_who_is_on_call(rule: AccessRule) -> bool:
    return any(tier.deciders.rotas for part in rule.approval.parts for tier in part.tiers)
