"""Reads the conditions of a rule, what its reason must be, and rotas."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import re2
from django.conf import settings

from control.conditions import Condition, ConditionError, condition, rotas_in
from control.durations import format_duration
from control.oncall import LONGEST_SHIFT, SHORTEST_SHIFT, Override, Rota
from control.policy_documents import ReasonRule
from control.policy_fields import FieldReader
from control.policy_yaml import Place
from control.zones import zone_named

MOST_CONDITIONS = 20
MOST_ON_A_ROTA = 200
WHEN_FIELDS = ("expression", "title", "message")
REASON_FIELDS = ("required", "ticket", "hint", "url")
ROTA_FIELDS = ("timeZone", "start", "shift", "people", "overrides")
SAFE_SCHEMES = ("https://", "http://")


def read_conditions(
    reader: FieldReader, spec: dict[str, Any]
) -> tuple[tuple[Condition, ...], list[tuple[Place, str]]]:
    """The conditions of `when`, and the rotas that they name with their places."""
    zone = reader.zone(spec, ("spec",), settings.TIME_ZONE)
    place: Place = ("spec", "when")
    if "when" not in spec:
        return (), []
    given = spec["when"]
    listed = (
        [((*place, index), item) for index, item in enumerate(given)]
        if isinstance(given, list)
        else [(place, given)]
    )
    if not 1 <= len(listed) <= MOST_CONDITIONS:
        reader.problem(place, f"when must hold 1 to {MOST_CONDITIONS} conditions.")
    found: list[Condition] = []
    rotas: list[tuple[Place, str]] = []
    for where, item in listed[:MOST_CONDITIONS]:
        fields = {"expression": item} if isinstance(item, str) else reader.mapping(item, where, WHEN_FIELDS)
        expression = reader.text(fields, "expression", where, required=True)
        title, message = reader.text(fields, "title", where), reader.text(fields, "message", where)
        if not expression:
            continue
        try:
            found.append(condition(expression, title=title, refusal=message, zone=zone))
        except ConditionError as error:
            reader.problem((*where, "expression"), f"when: {error}")
        rotas += [(where, name) for name in rotas_in(expression)]
    return tuple(found), rotas


def read_reason(reader: FieldReader, spec: dict[str, Any]) -> ReasonRule:
    place: Place = ("spec", "reason")
    if "reason" not in spec:
        return ReasonRule()
    fields = reader.mapping(spec["reason"], place, REASON_FIELDS)
    ticket, url = reader.text(fields, "ticket", place), reader.text(fields, "url", place)
    if ticket:
        _check_ticket(reader, place, ticket)
    if url and (not url.startswith(SAFE_SCHEMES) or "{ticket}" not in url):
        words = "url must begin with https:// and hold {ticket}, like https://tracker.example.org/browse/{ticket}."
        reader.problem((*place, "url"), words)
    if url and not ticket:
        reader.problem(place, "url is the address of a ticket, so ticket must say how one looks.")
    required = reader.truth(fields, "required", place, default=bool(ticket))
    return ReasonRule(required, ticket, reader.text(fields, "hint", place, longest=200), url)


def _check_ticket(reader: FieldReader, place: Place, ticket: str) -> None:
    try:
        pattern = re2.compile(ticket)
    except re2.error as error:
        reader.problem((*place, "ticket"), f"ticket is not a pattern: {error}.")
        return
    if pattern.search(""):
        reader.problem((*place, "ticket"), "ticket matches an empty text, so it would ask for nothing.")


def read_rota(reader: FieldReader, name: str, title: str) -> Rota | None:
    """None when it could not be said who is on call."""
    spec = reader.mapping(reader.data.get("spec"), ("spec",), ROTA_FIELDS)
    zone = reader.zone(spec, ("spec",), settings.TIME_ZONE)
    starts = _moment(reader, spec, "start", ("spec",))
    shift = reader.duration(spec, "shift", required=True)
    if shift and not SHORTEST_SHIFT <= shift <= LONGEST_SHIFT:
        words = (
            f"shift must be between {format_duration(SHORTEST_SHIFT)} and {format_duration(LONGEST_SHIFT)}."
        )
        reader.problem(("spec", "shift"), words)
    people = _people(reader, spec, ("spec",))
    overrides = [_override(reader, item, where) for where, item in reader.items(spec, "overrides", ("spec",))]
    if starts is None or shift is None:
        return None
    return Rota(name, title, zone_named(zone), starts, shift, people, tuple(one for one in overrides if one))


def _override(reader: FieldReader, item: Any, where: Place) -> Override | None:
    fields = reader.mapping(item, where, ("from", "until", "people"))
    starts, ends = _moment(reader, fields, "from", where), _moment(reader, fields, "until", where)
    people = _people(reader, fields, where)
    if starts is None or ends is None:
        return None
    if ends <= starts:
        reader.problem((*where, "until"), "until must be later than from.")
    return Override(starts, ends, people)


def _people(reader: FieldReader, fields: dict[str, Any], where: Place) -> tuple[str, ...]:
    listed = reader.items(fields, "people", where, required=True)
    if len(listed) > MOST_ON_A_ROTA:
        reader.problem((*where, "people"), f"people must be at most {MOST_ON_A_ROTA}.")
    named = [(place, reader.who(item, place)) for place, item in listed[:MOST_ON_A_ROTA]]
    for place, who in named:
        if who and who.kind == "everyone":
            reader.problem(place, "Everyone cannot be on call. Name groups or people.")
    return tuple(who.ref for _, who in named if who)


def _moment(reader: FieldReader, fields: dict[str, Any], name: str, where: Place) -> datetime | None:
    """A wall-clock time; a date alone is its midnight."""
    text = reader.text(fields, name, where, required=True)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo:
        reader.problem(
            (*where, name), f"{name} must be a time like 2026-11-02T09:00, in the time zone of the rota."
        )
        return None
    return moment
