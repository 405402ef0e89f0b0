"""Conditions of rules in CEL, as Kubernetes writes them: checked when a rule is read, evaluated at each decision.

Names and types are checked by the library before a set is in force. What goes wrong later (a label that an entity does
not have, a division by zero) is told in words and counts as not met. An expression cannot change anything, and cannot
take long: its length and depth are bounded, the library stops after 10,000 rounds of a loop, and patterns are RE2's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import re2
from cel_expr_python import cel

from control.zones import zone_named

LONGEST_EXPRESSION = 2_000  # letters
LONGEST_WORDS = 200  # letters of an expression or a value that are put into a sentence
# What the library raises: a loop that takes too long, values that it cannot hold. Counts as not met.
UNANSWERABLE = (RuntimeError, ValueError, TypeError)
_OF_DOCUMENTS = frozenset({"labels", "annotations", "tags", "spec"})
_INTEGERS = range(-(2**63), 2**63)  # what CEL can hold
_T = cel.Type
_WORDS = _T.List(_T.STRING)
_LABELS = _T.Map(_T.STRING, _T.STRING)
_ANYTHING = _T.Map(_T.STRING, _T.DYN)

# What a condition may speak of: its type, and what it is, for the reference in docs/access.md.
NAMES: dict[str, tuple[cel.Type, str]] = {
    "subject.ref": (_T.STRING, "who asks: `user:default/maya.okafor`"),
    "subject.groups": (_WORDS, "their groups: `group:default/support`, …"),
    "subject.labels": (_LABELS, "labels of their entity in an organisation file"),
    "subject.annotations": (_LABELS, "annotations of their entity in an organisation file"),
    "subject.spec": (_ANYTHING, "`spec` of their entity in an organisation file"),
    "entity.ref": (_T.STRING, "what it is asked for: `component:default/payments`"),
    "entity.kind": (_T.STRING, "`component`, in lower case"),
    "entity.namespace": (_T.STRING, "`default`, in lower case"),
    "entity.name": (_T.STRING, "`payments`, in lower case"),
    "entity.owners": (_WORDS, "who owns it: `group:default/payments`"),
    "entity.labels": (_LABELS, "`metadata.labels` of its document"),
    "entity.annotations": (_LABELS, "`metadata.annotations` of its document"),
    "entity.tags": (_WORDS, "`metadata.tags` of its document"),
    "entity.spec": (_ANYTHING, "`spec` of its document"),
    "environment": (_T.STRING, "`production`, in lower case; empty when none is named"),
    "request.capability": (_T.STRING, "`access.grant`, `scaffolder.run`, …"),
    "request.role": (_T.STRING, "the role that is asked for; empty when none is"),
    "request.duration": (_T.DURATION, 'for how long: `request.duration <= duration("2h")`'),
    "request.reason": (_T.STRING, "why, as they wrote it"),
    "request.startsAt": (_T.TIMESTAMP, "when it would begin"),
    "now": (_T.TIMESTAMP, 'this moment: `now.getHours("Europe/Berlin")`'),
    "time.clock": (_T.STRING, "time of day in the rule's `timeZone`: `14:20`"),
    "time.hour": (_T.INT, "its hour, 0 to 23"),
    "time.weekday": (_T.INT, "its day, 1 for Monday to 7 for Sunday"),
    "time.date": (_T.STRING, "its date: `2026-11-25`"),
    "onCall": (_T.Map(_T.STRING, _WORDS), 'who is on call, by rota: `subject.ref in onCall["payments"]`'),
}
_ENVIRONMENT = cel.NewEnv(variables={name: type for name, (type, _) in NAMES.items()})
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_REPORTED = re.compile(r"<input>:(-?\d+):(-?\d+): (.+)")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_CODE = re.compile(r" ?\[[A-Z_]+\]$| \(in container ''\)")
# Literals that the library looks at only when they are reached, and then too late for whoever wrote them.
_ZONE_LITERAL = re.compile(r"\.get[A-Z]\w*\(\s*(?:\"([^\"]*)\"|'([^']*)')\s*\)")
_PATTERN_LITERAL = re.compile(r"\.matches\(\s*[rR]?(?:\"([^\"\\]*)\"|'([^'\\]*)')\s*\)")
_ROTA_LITERAL = re.compile(r"\bonCall(?:\[\s*(?:\"([^\"]*)\"|'([^']*)')\s*\]|\.([A-Za-z_]\w*))")


class ConditionError(ValueError):
    """An expression that cannot be used, in words for whoever wrote it."""


@dataclass(frozen=True)
class Circumstances:
    """What conditions are evaluated over; `reason` None is not known yet. Documents are read when asked for."""

    subject_ref: str
    groups: Sequence[str]
    attributes: Callable[[], Mapping[str, Any]]
    entity_ref: str
    owners: Sequence[str]
    document: Callable[[], Mapping[str, Any]]
    environment: str
    capability: str
    role: str
    duration: timedelta | None
    reason: str | None
    starts_at: datetime | None
    now: datetime
    on_call: Mapping[str, Sequence[str]]

    def activation(self, names: frozenset[str], zone: ZoneInfo) -> cel.Activation:
        """The values of `names` as the library takes them, made once: that takes as long as an evaluation."""
        of_zone = self._activations.setdefault(zone, {})
        kept = of_zone.get(names)
        if kept is None:
            kept = of_zone[names] = _ENVIRONMENT.Activation(self.values(names, zone))
        return kept

    @cached_property
    def _activations(self) -> dict[ZoneInfo, dict[frozenset[str], cel.Activation]]:
        return {}

    def values(self, names: frozenset[str], zone: ZoneInfo) -> dict[str, Any]:
        """The values of `names`; entities and people without a document have empty ones."""
        found: dict[str, Any] = {}
        for name in names:
            room, _, rest = name.partition(".")
            if room == "time":
                found[name] = _of_the_clock(rest, self.now.astimezone(zone))
            elif name in self._plain:
                found[name] = self._plain[name]
            else:
                found[name] = self._of_document(room, rest)
        return found

    @cached_property
    def _plain(self) -> dict[str, Any]:
        kind, _, path = self.entity_ref.partition(":")
        namespace, _, name = path.partition("/")
        return {
            "subject.ref": self.subject_ref,
            "subject.groups": sorted(self.groups),
            "entity.ref": self.entity_ref,
            "entity.kind": kind,
            "entity.namespace": namespace,
            "entity.name": name,
            "entity.owners": list(self.owners),
            "environment": self.environment.lower(),
            "request.capability": self.capability,
            "request.role": self.role,
            "request.duration": self.duration or timedelta(0),
            "request.reason": self.reason or "",
            "request.startsAt": self.starts_at or self.now,
            "now": self.now,
            "onCall": {name: list(refs) for name, refs in self.on_call.items()},
        }

    def _of_document(self, room: str, part: str) -> Any:
        document = self.document_of(room)
        if part == "spec":
            return _as_cel(_mapping(document.get("spec")))
        metadata = _mapping(document.get("metadata"))
        if part == "tags":
            tags = metadata.get("tags")
            return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
        return {key: value for key, value in _mapping(metadata.get(part)).items() if isinstance(value, str)}

    def document_of(self, room: str) -> Mapping[str, Any]:
        """Of the `entity` or the `subject`, read once."""
        if room not in self._documents:
            self._documents[room] = self.document() if room == "entity" else self.attributes()
        return self._documents[room]

    @cached_property
    def _documents(self) -> dict[str, Mapping[str, Any]]:
        return {}


@dataclass(frozen=True)
class Program:
    """One expression, compiled."""

    expression: str
    names: frozenset[str]
    compiled: cel.Expression = field(compare=False, repr=False)

    def value(self, about: Circumstances, zone: ZoneInfo) -> Any:
        """Raises `ConditionError` when it cannot be evaluated."""
        try:
            result = self.compiled.eval(about.activation(self.names, zone))
        except UNANSWERABLE as error:
            raise ConditionError(_in_words(str(error))) from None
        if result.type() == _T.ERROR:
            raise ConditionError(_in_words(str(result.value())))
        return result.value()


@dataclass(frozen=True)
class Condition:
    """`words` and `refusal` are what people read: texts in between programs whose values are put in."""

    program: Program
    words: tuple[str | Program, ...]
    refusal: str
    zone: ZoneInfo

    @property
    def documents(self) -> frozenset[str]:
        """Whose document it reads: `entity`, `subject`."""
        programs = (self.program, *(part for part in self.words if isinstance(part, Program)))
        named = {name.partition(".") for program in programs for name in program.names}
        return frozenset(room for room, _, part in named if part in _OF_DOCUMENTS)

    def looked_at(self, about: Circumstances) -> tuple[bool | None, str]:
        """Whether it is met (None: that hangs on a reason that is not given yet), and the words for it."""
        if about.reason is None and "request.reason" in self.program.names:
            return None, f"{self._said(about)}: depends on the reason that you give"
        try:
            return self.program.value(about, self.zone) is True, self._said(about)
        except ConditionError as error:
            return False, f"{self._said(about)}: cannot be answered here, {error}"

    def _said(self, about: Circumstances) -> str:
        return "".join(part if isinstance(part, str) else self._shown(part, about) for part in self.words)

    def _shown(self, program: Program, about: Circumstances) -> str:
        try:
            return _shortened(str(program.value(about, self.zone)))
        except ConditionError:
            return "unknown"


class Sheet:
    """Many conditions, asked one after the other of the same circumstances: what they share is looked up once."""

    def __init__(self, conditions: Sequence[Condition]) -> None:
        shared: dict[tuple[frozenset[str], ZoneInfo], int] = {}
        self._values = [
            shared.setdefault((one.program.names, one.zone), len(shared)) for one in conditions
        ]  # whose values each takes
        self._shared = list(shared)
        self._evaluate = [one.program.compiled.eval for one in conditions]
        self._hangs_on_reason = ["request.reason" in one.program.names for one in conditions]

    def of(self, about: Circumstances) -> Callable[[int], bool | None]:
        """The first half of `Condition.looked_at`, without the words: whether the condition at a place is met."""
        ready: list[cel.Activation | None] = [None] * len(self._shared)
        lacks_reason = about.reason is None

        def met(place: int) -> bool | None:
            if lacks_reason and self._hangs_on_reason[place]:
                return None
            which = self._values[place]
            try:
                values = ready[which]
                if values is None:
                    values = ready[which] = about.activation(*self._shared[which])
                return self._evaluate[place](values).value() is True
            except UNANSWERABLE:
                return False

        return met


def condition(expression: str, *, title: str = "", refusal: str = "", zone: str) -> Condition:
    """Compile and check; `title` may hold expressions in braces. Raises `ConditionError`."""
    program = compiled(expression)
    if program.compiled.return_type() != _T.BOOL:
        raise ConditionError("it must say yes or no: compare with ==, <, in and the like.")
    plain: list[str | Program] = [_shortened(" ".join(expression.split()))]
    words = list(_words(title)) or plain
    if len(words) == 1 and any(name.startswith("time.") for name in program.names):
        words += [": it is ", compiled("time.clock")]
    return Condition(program, tuple(words), refusal, zone_named(zone))


def compiled(expression: str) -> Program:
    """Raises `ConditionError`, which names the place in the expression."""
    if len(expression) > LONGEST_EXPRESSION:
        raise ConditionError(f"longer than {LONGEST_EXPRESSION:,} letters. Split it into several conditions.")
    try:
        ready = _ENVIRONMENT.compile(expression)
    except RuntimeError as error:
        raise ConditionError(_in_words(str(error))) from None
    _check_literals(expression)
    return Program(expression, _names_in(expression), ready)


def rotas_in(expression: str) -> Iterator[str]:
    """Names of rotas that it speaks of, as far as they are written out."""
    for groups in _ROTA_LITERAL.findall(expression):
        yield next(filter(None, groups), "")


def _words(title: str) -> Iterator[str | Program]:
    for index, part in enumerate(_PLACEHOLDER.split(title)):
        if index % 2:
            yield compiled(part)
        elif part:
            yield part


def _names_in(expression: str) -> frozenset[str]:
    """Names that may be read: more than needed does no harm, so strings and comments may be taken for names."""
    dense = "".join(expression.split())
    return frozenset(name for name in NAMES if name in dense)


def _check_literals(expression: str) -> None:
    for double, single in _ZONE_LITERAL.findall(expression):
        try:
            zone_named(double or single)
        except ValueError as error:
            raise ConditionError(str(error)) from None
    for double, single in _PATTERN_LITERAL.findall(expression):
        try:
            re2.compile(double or single)
        except re2.error as error:
            raise ConditionError(f"“{double or single}” is not a pattern: {error}.") from None


def _in_words(report: str) -> str:
    """The first thing that the library reports, with its place where it has one."""
    place = _REPORTED.search(report)
    text = place[3] if place else report.splitlines()[0] if report else "it failed"
    text = _shortened(_CODE.sub("", _CODE.sub("", text)).removeprefix("ERROR: "))
    if name := _UNDECLARED.search(text):
        text = _unknown_name(name[1])
    if "Iteration budget" in text:
        text = "it goes through too many entries"
    if missing := re.search(r'Key not found in map : "?([^"]*)"?', text):
        text = f"there is no {missing[1]}"
    if place and int(place[1]) > 0:
        return f"{text.rstrip('.')} (line {place[1]}, letter {place[2]} of the expression)."
    return f"{text.rstrip('.')}."


def _unknown_name(name: str) -> str:
    room = name.partition(".")[0]
    beside = [known for known in NAMES if known.startswith(f"{room}.")]
    known = beside or sorted({known.partition(".")[0] for known in NAMES})
    return f"there is no {name} here. Known: {', '.join(known)}"


def _of_the_clock(part: str, local: datetime) -> str | int:
    if part == "clock":
        return f"{local:%H:%M}"
    if part == "hour":
        return local.hour
    return local.isoweekday() if part == "weekday" else local.date().isoformat()


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _as_cel(value: Any) -> Any:
    """JSON as CEL can hold it: whole numbers beyond 64 bits become numbers with a fraction."""
    if isinstance(value, Mapping):
        return {str(key): _as_cel(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_as_cel(inner) for inner in value]
    if isinstance(value, int) and not isinstance(value, bool) and value not in _INTEGERS:
        return float(value) if abs(value) < 1e300 else str(value)
    return value


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_WORDS else f"{text[: LONGEST_WORDS - 1]}…"
