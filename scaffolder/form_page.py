"""The pages that ask a template's questions: what a view needs to draw one, and the last step to `runs.start`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from catalog.models import Entity
from control import intents
from control.capability import Draft
from control.errors import ControlError, InvalidParameters
from control.intents import Preview
from control.models import Decision, Intent, User
from control.stage_board import forecast
from control.subjects import resolve
from scaffolder import dry_run, markdown, runs
from scaffolder.forms import review, secret_answers
from scaffolder.forms.carrying import Carried, pack, unpack
from scaffolder.forms.fields import Field, every, fields_of, id_of
from scaffolder.forms.kinds import label_of
from scaffolder.forms.order import as_written
from scaffolder.forms.pickers import Catalogue
from scaffolder.forms.schema import Page, Path, pages_of
from scaffolder.forms.steps import Shown, Steps
from scaffolder.hosting import places
from scaffolder.trial_page import Trial

LONGEST_REASON = 1_000


@dataclass(frozen=True)
class Complaint:
    """One line of the summary over a page: where, and what."""

    target: str  # id of the control
    label: str
    message: str


@dataclass
class Sending:
    """What the last page collects besides the answers."""

    reason: str = ""
    secrets: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)  # by secret; "reason" for the reason
    refusals: Mapping[str, str] = field(default_factory=dict)  # of the run as a whole


@dataclass
class TemplateForm:
    """One person's way through one template's form. Raises `FormUnreadable` when made, `AnswersLost` when continued."""

    template: Entity
    user: User
    steps: Steps

    @classmethod
    def begin(cls, template: Entity, user: User) -> TemplateForm:
        return cls(template, user, Steps(_pages(template), Catalogue(user), Carried()))

    @classmethod
    def go_on(cls, template: Entity, user: User, packed: str) -> TemplateForm:
        carried = unpack(packed, person=user.pk, template=template.ref, digest=template.digest)
        return cls(template, user, Steps(_pages(template), Catalogue(user), carried))

    @property
    def packed(self) -> str:
        carried = self.steps.carried
        return pack(carried, person=self.user.pk, template=self.template.ref, digest=self.template.digest)

    def preview(self, reason: str = "") -> Preview:
        """What would become of these answers. Raises `InvalidParameters`."""
        parameters = {"template": self.template.ref, "values": self.steps.values()}
        subject = resolve(self.template.ref)
        draft = Draft(runs.CAPABILITY, self.user, subject, parameters=parameters, reason=reason)
        return intents.preview(draft)

    def send(self, post: QueryDict) -> Intent | Sending:
        """Start the run, or say what is missing on the last page, or why nothing can be started."""
        sending = Sending(post.get("reason", "").replace("\x00", "").strip())
        try:
            self._complete(sending, post)
            return sending if sending.problems else self._start(sending)
        except InvalidParameters as problem:
            sending.problems |= {name: said for name, said in problem.fields.items() if name == "reason"}
            sending.refusals = {name: said for name, said in problem.fields.items() if name != "reason"}
            return sending

    def _start(self, sending: Sending) -> Intent:
        return runs.start(
            self.template,
            self.steps.values(),
            sending.secrets,
            by=self.user,
            reason=sending.reason,
            key=self.steps.carried.key,
        )

    def _complete(self, sending: Sending, post: QueryDict) -> None:
        asked = self.steps.secrets()
        typed = {question.name: post.get(secret_answers.PREFIX + question.name, "") for question in asked}
        sending.problems = secret_answers.problems_of(asked, typed, self.steps.catalogue)
        sending.secrets = {name: secret for name, secret in typed.items() if secret}
        if (over := len(sending.reason) - LONGEST_REASON) > 0:
            sending.problems["reason"] = f"Too long by {over}. Say it in fewer words."
        elif not sending.reason and self.needs_approval():
            sending.problems["reason"] = "The reason is missing. Those who decide read it first."

    def needs_approval(self) -> bool:
        return self.preview().verdict.verdict == Decision.Verdict.NEEDS_APPROVAL


def _pages(template: Entity) -> tuple[Page, ...]:
    return pages_of(as_written(template.document, template.source_text))


@dataclass(frozen=True)
class Mark:
    """One entry of the stepper."""

    number: int
    title: str
    state: str  # done, now or ahead
    may_go: bool


def marks(form: TemplateForm, now: int) -> list[Mark]:
    answered = form.steps.carried.pages
    found = [
        Mark(page.index + 1, page.title, _state(page, now, page.index in answered), page.index in answered)
        for page in form.steps.pages
    ]
    last = len(found)
    return [*found, Mark(last + 1, "Review", "now" if now == last else "ahead", may_go=False)]


def _state(page: Page, now: int, is_answered: bool) -> str:
    return "now" if page.index == now else "done" if is_answered else "ahead"


def page_context(form: TemplateForm, shown: Shown) -> dict[str, Any]:
    """A page of questions, or the review."""
    if shown.reading is None:
        return review_context(form, Sending())
    page = shown.reading.page
    drawn = fields_of(shown.reading, form.steps.catalogue, shown.problems)
    return {
        **_frame(form, page.index),
        "page": page,
        "description": markdown.line(page.description),
        "fields": drawn,
        "complaints": _complaints(shown.problems, drawn),
        "opened": shown.opened,
        "is_last": page.index == len(form.steps.pages) - 1,
        "has_autofocus": any(one.autofocus for one in every(drawn)) and not shown.problems,
    }


def _complaints(problems: dict[Path, str], drawn: list[Field]) -> list[Complaint]:
    """In the order of the page; problems without a control of their own come last."""
    by_path = {one.path: one for one in every(drawn)}
    at_fields = [
        Complaint(one.id, one.label, problems[path]) for path, one in by_path.items() if path in problems
    ]
    others = [
        Complaint(id_of(path[:1]), label_of({}, path), message)
        for path, message in problems.items()
        if path not in by_path
    ]
    return [*at_fields, *others]


def review_context(form: TemplateForm, sending: Sending) -> dict[str, Any]:
    asked = form.steps.secrets()
    context = {
        **_frame(form, len(form.steps.pages)),
        "sections": [review.section(one.page, one.schema, one.values) for one in form.steps.readings()],
        "secrets": secret_answers.fields_of(asked, sending.problems),
        "sending": sending,
        "longest_reason": LONGEST_REASON,
    }
    try:
        preview = form.preview("" if "reason" in sending.problems else sending.reason)
        return {
            **context,
            "refusals": sending.refusals,
            "preview": preview,
            "board": forecast(preview.verdict.panel),
            "forecast": preview.plan.data.get("steps", ()),
        }
    except InvalidParameters as problem:
        return {**context, "refusals": problem.fields}


def trial_context(form: TemplateForm) -> dict[str, Any]:
    """What the answers of the review would make: `trial`, or why there is none (`trial_refusal`)."""
    secrets = [question.name for question in form.steps.secrets()]
    try:
        outcome = dry_run.of_entity(form.template, form.steps.values(), person=form.user, secrets=secrets)
    except ControlError as refusal:
        return {"is_tried": True, "trial_refusal": str(refusal)}
    return {"is_tried": True, "trial": Trial(outcome)}


def _frame(form: TemplateForm, now: int) -> dict[str, Any]:
    """What every page of the form shows around its questions."""
    return {
        "template": form.template,
        "marks": marks(form, now),
        "number": now,
        "packed": form.packed,
        "is_stale": form.steps.carried.is_stale,
        "work": _work(form.template),
        "known_hosts": sorted(places.hosts()),
    }


def _work(template: Entity) -> list[tuple[str, str]]:
    """What a run does: name and action of each step."""
    steps = (template.document.get("spec") or {}).get("steps") or []
    return [
        (str(step.get("name") or step.get("id") or step.get("action")), str(step.get("action")))
        for step in steps
        if isinstance(step, dict)
    ]
