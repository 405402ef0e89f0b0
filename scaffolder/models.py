"""Runs of templates: what was asked, the state of each step, what it did outside, and the log.

Whether a run may start, who allowed it and how it ended is the Intent's; a Run adds what only the scaffolder knows.
"""

from __future__ import annotations

from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint
from django.urls import reverse

from control.models import Intent


class Run(models.Model):
    """One run of one template. `template` is the document as it was at submission: later edits do not reach it."""

    intent = models.OneToOneField(Intent, primary_key=True, on_delete=models.PROTECT, related_name="run")
    template_ref = models.CharField(max_length=255)
    template = models.JSONField()
    values = models.JSONField(default=dict)  # answers of the form, without secrets
    secret_names = models.JSONField(default=list)
    sealed_secrets = models.BinaryField(null=True)  # encrypted; emptied when the run ends
    output = models.JSONField(default=dict)  # {"links": [...], "text": [...], …} rendered at the end

    class Meta:
        indexes = [models.Index(fields=["template_ref"], name="run_template")]

    def get_absolute_url(self) -> str:
        return reverse("scaffolder:run", args=[self.pk])


class RunStep(models.Model):
    """pending → running → succeeded | failed | skipped | cancelled; running → paused → running where it waits for
    people; failed → running on retry."""

    class State(models.TextChoices):
        PENDING = "pending", "Waiting"
        RUNNING = "running", "Running"
        PAUSED = "paused", "Waits for people"
        SUCCEEDED = "succeeded", "Done"
        FAILED = "failed", "Failed"
        SKIPPED = "skipped", "Skipped"
        CANCELLED = "cancelled", "Cancelled"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="steps")
    index = models.PositiveSmallIntegerField()
    step_id = models.CharField(max_length=200)
    name = models.CharField(max_length=500)
    action = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    output = models.JSONField(default=dict)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["index"]
        constraints = [
            UniqueConstraint(fields=["run", "index"], name="run_step_index_once"),
            CheckConstraint(
                condition=Q(
                    state__in=["pending", "running", "paused", "succeeded", "failed", "skipped", "cancelled"]
                ),
                name="run_step_state_known",
            ),
        ]


class StepEffect(models.Model):
    """Something that a step did outside, and what came of it: who takes the step up again reads this instead of doing
    it again. The result goes when the run is over for good; that it was done stays."""

    step = models.ForeignKey(RunStep, on_delete=models.CASCADE, related_name="effects")
    turn = models.PositiveSmallIntegerField(default=0)  # of a step with `each`
    name = models.CharField(max_length=100)
    sealed_result = models.BinaryField(null=True)  # encrypted: it may hold what a host told
    done_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            UniqueConstraint(fields=["step", "turn", "name"], name="step_effect_once"),
            CheckConstraint(condition=~Q(name=""), name="step_effect_named"),
        ]


class StepWait(models.Model):
    """A request that a step made and may wait for; `is_read` once the step went on because of its answer."""

    step = models.ForeignKey(RunStep, on_delete=models.CASCADE, related_name="waits")
    turn = models.PositiveSmallIntegerField(default=0)  # of a step with `each`
    intent = models.OneToOneField(Intent, on_delete=models.PROTECT, related_name="asked_by_step")
    is_read = models.BooleanField(default=False)


class RunLog(models.Model):
    """One line of a run's log; `id` orders lines and is the cursor of the live page."""

    class Level(models.TextChoices):
        COMMAND = "command", "Command"
        INFO = "info", "Output"
        OK = "ok", "Passed"
        WARNING = "warning", "Warning"
        ERROR = "error", "Error"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="log")
    step = models.ForeignKey(RunStep, null=True, on_delete=models.CASCADE)
    at = models.DateTimeField(auto_now_add=True)
    level = models.CharField(max_length=8, choices=Level, default=Level.INFO)
    text = models.TextField()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["run", "id"], name="run_log_run")]
