"""Puts verdicts into sentences: what is so, and what to do next."""

from __future__ import annotations

from control.capability import Ask
from control.deciders import Named, People
from control.durations import format_duration
from control.matching import Match, Question, times_words
from control.panels import Panel, PartAsked, StageAsked
from control.policy_documents import GAP, AccessRule
from control.subjects import Subject
from control.templatetags.times import moment_words

_NUMBERS = {1: "One", 2: "Two", 3: "Three", 4: "Four", 5: "Five"}


def allowed_words(ask: Ask) -> str:
    return f"Allowed{'' if ask.starts_at else ' at once'}. {_then(ask, 'You have')}".strip()


def needs_words(panel: Panel, subject: Subject, people: People, ask: Ask) -> str:
    """“One of the payments owners must agree. Then you have 4 h.”"""
    then = _then(ask, "Then you have") or "Then it starts by itself."
    stages = [stage_words(stage, subject, people) for stage in panel.stages]
    if len(stages) == 1:
        return f"{stages[0][:1].upper()}{stages[0][1:]} must agree. {then}"
    later = "".join(f", then {words}" for words in stages[1:])
    return f"First {stages[0]} must agree{later}. {then}"


def stage_words(stage: StageAsked, subject: Subject, people: People) -> str:
    """“one of the payments owners and one of the group security”: those who can decide at once."""
    return " and ".join(_part_words(part, subject, people) for part in stage.parts)


def course_words(panel: Panel) -> str:
    """“payments (platform too after 4 h), then of 2 of security”: whom each stage names, and how many of them."""
    return ", then of ".join(" and ".join(map(_asked_words, stage.parts)) for stage in panel.stages)


def _asked_words(part: PartAsked) -> str:
    first, *later = (
        (" or ".join(names_of(tier.named)) or "whoever the rules name", tier.after) for tier in part.tiers
    )
    too = "; ".join(f"{names} too after {format_duration(after)}" for names, after in later)
    number = "" if part.count == 1 else f"{part.count} of "
    return f"{number}{first[0]}{f' ({too})' if too else ''}"


def _part_words(part: PartAsked, subject: Subject, people: People) -> str:
    at_once = [tier for tier in part.tiers if tier.counts_after <= part.tiers[0].counts_after]
    owners = any(tier.deciders.owners for tier in at_once) and bool(subject.owner_refs)
    named = dict.fromkeys(who for tier in at_once for who in tier.deciders.named)
    parts = [f"the {subject.title} owners"] if owners else []
    parts += [f"the group {short_ref(who.ref)}" for who in named if who.kind == "group"]
    parts += [_person(who.ref, people) for who in named if who.kind == "user"]
    parts += [f"the holders of {role}" for tier in at_once for role in tier.deciders.roles]
    rotas = [f"whoever is on call for {rota}" for tier in at_once for rota in tier.deciders.rotas]
    everyone = [*parts, *rotas]
    if part.count == 1 and len(everyone) == 1 and (rotas or [who.kind for who in named] == ["user"]):
        return everyone[0]
    number = _NUMBERS.get(part.count, str(part.count)).lower()
    return f"{number} of {_or(everyone)}"


def _then(ask: Ask, begin: str) -> str:
    if not ask.duration:
        return ""
    start = f", from {moment_words(ask.starts_at)}" if ask.starts_at else ""
    return f"{begin} {format_duration(ask.duration)}{start}."


def _person(ref: str, people: People) -> str:
    members = people.members.get(ref, ())
    return members[0].label if members else short_ref(ref)


def nobody_words(needed: int, named: Named, people: People, subject: Subject) -> str:
    """Why a part of a rule that asks for somebody's yes cannot get it."""
    who = _or([*map(_kind_and_name, (*named.groups, *named.users)), *_roles_and_rotas(named)])
    if who == "nobody":
        return f"Nobody can approve this: {subject.title} has no known owner. Ask the platform team."
    members, eligible = people.of(named), people.eligible(named)
    if eligible:
        names = _and([user.label for user in eligible])
        return (
            f"Too few people can approve this: {needed} must agree, only {names} can. Ask the platform team."
        )
    if members:
        return f"Nobody can approve this: you are the only one in {who}. Ask the platform team."
    if named.groups:
        return f"Nobody can approve this: {who} has no members. Ask the platform team."
    if named.rotas:
        return f"Nobody can approve this: nobody is {who} now. Ask the platform team."
    if named.roles:
        return f"Nobody can approve this: nobody holds {_or(list(named.roles))} here. Ask the platform team."
    return f"Nobody can approve this: {who} has no account here. Ask the platform team."


def few_words(panel: Panel) -> str:
    """Each part has somebody, but nobody may count twice."""
    names = sorted({user.label for part in panel.parts for user in part.everyone})
    needed = sum(part.count for part in panel.parts)
    return (
        f"Too few people can approve this: {needed} different people must agree, and only {_and(names)} can. "
        "Ask the platform team."
    )


def _roles_and_rotas(named: Named) -> list[str]:
    return [f"a holder of {role}" for role in named.roles] + [f"on call for {rota}" for rota in named.rotas]


def refusal_words(nearest: Match, question: Question) -> str:
    """The condition that the nearest rule fails on, and the way out."""
    rule, about = nearest.rule, nearest.failed.about
    if about == "reason":
        return nearest.failed.way_out
    if about == "condition":
        return nearest.failed.way_out or f"{rule.name} does not allow it now. {nearest.failed.words}."
    if about == "duration" and rule.max_duration and question.ask.duration:
        asked, limit = format_duration(question.ask.duration), format_duration(rule.max_duration)
        return f"{asked} is more than {rule.name} allows. Ask for {limit} or less."
    if about == "duration":
        return "Say for how long, like 1h."
    if about in ("start", "extension"):
        return _window_words(rule, question.ask, about)
    if about == "environment":
        allowed = _or(sorted(rule.scope.environments or ()))
        return f"{rule.name} covers {allowed} only. Choose {allowed}."
    if about == "entity":
        return f"No rule offers this on {question.subject.title}. Ask the platform team if you need it."
    groups = _or([_kind_and_name(who.ref) for who in rule.subjects])
    return f"{rule.name} is for {groups}, and you are not in it. Ask somebody who is."


def _window_words(rule: AccessRule, ask: Ask, about: str) -> str:
    if about == "start" and rule.start_within:
        return f"{rule.name} lets it begin at most {format_duration(rule.start_within)} ahead. Choose an earlier start."
    if about == "start":
        return f"{rule.name} gives it at once only. Choose to start at once."
    bound = rule.extensions
    if bound and ask.windows_before > bound.count:
        often = f"{times_words(bound.count)} longer" if bound.count else "no longer than it was given for"
        return f"{rule.name} lets it be made {often}. Ask again {format_duration(GAP)} after it has ended."
    limit = format_duration(bound.total) if bound and bound.total else ""
    return f"{rule.name} allows {limit} without a break, and this makes it more. Ask for less time."


def _kind_and_name(ref: str) -> str:
    kind, _, _ = ref.partition(":")
    return f"the group {short_ref(ref)}" if kind == "group" else short_ref(ref)


def names_of(named: Named) -> list[str]:
    """In a few words each: groups, people, roles, rotas."""
    refs = [short_ref(ref) for ref in (*named.groups, *named.users)]
    return [
        *refs,
        *(f"holders of {role}" for role in named.roles),
        *(f"on call {rota}" for rota in named.rotas),
    ]


def short_ref(ref: str) -> str:
    """`payments` for group:default/payments; other namespaces are kept."""
    _, _, path = ref.partition(":")
    return path.removeprefix("default/")


def _or(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} or {parts[-1]}" if parts else "nobody"


def _and(parts: list[str]) -> str:
    return " and ".join(parts) if len(parts) < 3 else f"{', '.join(parts[:-1])} and {parts[-1]}"
