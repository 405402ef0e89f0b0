"""A request whose deciders are named by what asks, as a step of a template does, instead of by an AccessRule.

DenyRules still forbid it, nobody decides on their own request, and names that nobody bears are nobody.
"""

from __future__ import annotations

from datetime import timedelta

from control.capability import Ask
from control.policy_documents import AccessRule, Approval, Deciders, Part, Scope, Stage, Tier, Who


def rule_of(ask: Ask) -> AccessRule:
    """The rule that would say the same; it has no name, for it stands in no document."""
    named = tuple(Who(ref.partition(":")[0], ref) for ref in ask.deciders)
    part = Part(ask.count, (Tier(timedelta(0), Deciders(named=named)),))
    return AccessRule(
        name="",
        title="",
        description="",
        roles=frozenset(),
        capabilities=frozenset({ask.capability}),
        subjects=(Who("everyone"),),
        scope=Scope(),
        max_duration=None,
        default_duration=None,
        approval=Approval((Stage("", (part,)),)),
        decide_within=ask.decide_within,
    )
