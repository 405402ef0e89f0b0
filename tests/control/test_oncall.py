"""Rotas: whose shift it is, as a pure function of the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from control import policy
from control.errors import PolicyInvalid
from control.models import PolicyRevision
from control.oncall import Override, Rota, seen_by
from control.zones import zone_named

MONDAY = datetime(2026, 11, 2, 9, 0)  # wall clock
WEEK = Rota(
    "payments",
    "Payments",
    zone_named("Europe/Berlin"),
    MONDAY,
    timedelta(days=7),
    ("user:default/a", "user:default/b", "group:default/c"),
)


@pytest.mark.parametrize(
    ("moment", "who"),
    [
        ("2026-11-02T08:59:59+01:00", ()),  # not begun
        ("2026-11-02T09:00:00+01:00", ("user:default/a",)),
        ("2026-11-09T08:59:59+01:00", ("user:default/a",)),
        ("2026-11-09T09:00:00+01:00", ("user:default/b",)),
        ("2026-11-16T08:00:00+00:00", ("group:default/c",)),
        ("2026-11-23T09:00:00+01:00", ("user:default/a",)),  # round again
        (
            "2027-03-29T08:59:00+02:00",
            ("group:default/c",),
        ),  # the day after clocks went forward: still at nine
        ("2027-03-29T09:00:00+02:00", ("user:default/a",)),
    ],
)
def test_shifts_hand_over_on_the_wall_clock(moment: str, who: tuple[str, ...]) -> None:
    assert WEEK.on_call(datetime.fromisoformat(moment)) == who


def test_an_override_takes_a_window_and_the_later_one_wins() -> None:
    christmas = Override(datetime(2026, 12, 24, 9), datetime(2026, 12, 27, 9), ("user:default/d",))
    one_day = Override(datetime(2026, 12, 25, 9), datetime(2026, 12, 26, 9), ("user:default/e",))
    rota = Rota(
        "payments",
        "",
        zone_named("UTC"),
        MONDAY,
        timedelta(days=7),
        ("user:default/a",),
        (christmas, one_day),
    )
    asked = [
        datetime(2026, 12, day, hour, tzinfo=UTC)
        for day, hour in ((24, 8), (24, 9), (25, 12), (26, 9), (27, 9))
    ]
    assert [rota.on_call(at) for at in asked] == [
        ("user:default/a",),
        ("user:default/d",),
        ("user:default/e",),
        ("user:default/d",),
        ("user:default/a",),
    ]


def test_whose_group_is_on_call_is_on_call() -> None:
    now = {"c": ("group:default/c",), "a": ("user:default/a",)}
    assert seen_by(now, "user:default/z", {"group:default/c"}) == {
        "c": ["group:default/c", "user:default/z"],
        "a": ["user:default/a"],
    }
    assert seen_by(now, "", {"group:default/c"}) == {"c": ["group:default/c"], "a": ["user:default/a"]}


ROTA = """
apiVersion: portico.dev/v1
kind: OnCall
metadata: {name: payments, title: Payments}
spec:
  timeZone: %(zone)s
  start: %(start)s
  shift: %(shift)s
  people: %(people)s
  overrides: %(overrides)s
"""
GOOD = {
    "zone": "Europe/Berlin",
    "start": "2026-11-02T09:00",
    "shift": "7d",
    "people": "[{kind: User, name: tomas.lind}, {kind: Group, name: platform}]",
    "overrides": "[{from: 2026-12-24, until: 2026-12-27T09:00, people: [{kind: User, name: ines.duarte}]}]",
}


@pytest.mark.django_db
def test_a_rota_is_read_from_a_document(rules: Callable[[str], PolicyRevision]) -> None:
    rota = policy.parsed(rules(ROTA % GOOD)).rotas["payments"]
    assert rota.on_call(datetime(2026, 11, 3, tzinfo=UTC)) == ("user:default/tomas.lind",)
    assert rota.on_call(datetime(2026, 12, 24, 12, tzinfo=UTC)) == ("user:default/ines.duarte",)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"zone": "Mars/Base"}, "line 6: timeZone: “Mars/Base” is not a time zone"),
        ({"start": "yesterday"}, "line 7: start must be a time like 2026-11-02T09:00"),
        (
            {"start": "2026-11-02T09:00Z"},
            "line 7: start must be a time like 2026-11-02T09:00, in the time zone",
        ),
        ({"shift": "10m"}, "line 8: shift must be between"),
        ({"shift": "soon"}, "line 8: shift: “soon” is not a length of time"),
        ({"people": "[]"}, "line 9: spec.people must be a list with at least one entry"),
        ({"people": "[{kind: Everyone}]"}, "line 9: Everyone cannot be on call"),
        (
            {"overrides": "[{from: 2026-12-24, until: 2026-12-23, people: [{kind: User, name: a}]}]"},
            "until must be later than from",
        ),
    ],
)
def test_what_is_wrong_with_a_rota_is_told_with_its_line(
    rules: Callable[[str], PolicyRevision], changed: dict[str, str], words: str
) -> None:
    with pytest.raises(PolicyInvalid) as refusal:
        rules(ROTA % {**GOOD, **changed})
    assert words in str(refusal.value)
