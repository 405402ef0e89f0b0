"""Rules and people for tests of the spine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from control import policy
from control.models import PolicyRevision
from tests.control.spine import Counting, counting

RULES = """
apiVersion: portico.dev/v1
kind: AccessRule
metadata: {name: counting-by-owners}
spec:
  capabilities: [test.counting]
  subjects: [{kind: Group, name: support}]
  entities: "kind=component"
  approval: {anyOf: [{owners: true}], count: %d}
"""
AT_ONCE = """
apiVersion: portico.dev/v1
kind: AccessRule
metadata: {name: counting-at-once}
spec:
  capabilities: [test.counting]
  subjects: [{kind: Everyone}]
  approval: none
"""


@pytest.fixture
def rules(tmp_path: Path, capability: Counting) -> Callable[[str], PolicyRevision]:
    """Publish rules written in the test; they may speak of the capability that counts."""

    def publish(text: str) -> PolicyRevision:
        path = tmp_path / "rules.yaml"
        path.write_text(text)
        return policy.publish([path], by=None)

    return publish


@pytest.fixture
def owners_decide(rules: Callable[[str], PolicyRevision]) -> PolicyRevision:
    return rules(RULES % 1)


@pytest.fixture
def two_owners_decide(rules: Callable[[str], PolicyRevision]) -> PolicyRevision:
    return rules(RULES % 2)


@pytest.fixture
def at_once(rules: Callable[[str], PolicyRevision]) -> PolicyRevision:
    return rules(AT_ONCE)


@pytest.fixture
def capability() -> Iterator[Counting]:
    with counting() as registered:
        yield registered
