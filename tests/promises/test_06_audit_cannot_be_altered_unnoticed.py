"""Promise 6: audit events cannot be altered unnoticed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from control import audit
from control.models import AuditEvent, AuditSeal

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def events() -> list[AuditEvent]:
    return [audit.record("test.happened", actor=None, summary=f"Number {number}") for number in range(3)]


@contextmanager
def guard_taken_out() -> Iterator[None]:
    """What somebody with the database's highest rights can do."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE control_auditevent DISABLE TRIGGER control_auditevent_append_only")
        cursor.execute("ALTER TABLE control_auditseal DISABLE TRIGGER control_auditseal_append_only")
        yield
        cursor.execute("ALTER TABLE control_auditevent ENABLE TRIGGER control_auditevent_append_only")
        cursor.execute("ALTER TABLE control_auditseal ENABLE TRIGGER control_auditseal_append_only")


def test_the_database_refuses_update_and_delete(events: list[AuditEvent]) -> None:
    for change in (lambda: AuditEvent.objects.update(summary="x"), lambda: AuditEvent.objects.all().delete()):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()
    assert AuditEvent.objects.filter(summary__startswith="Number").count() == 3


def test_an_untouched_record_verifies(events: list[AuditEvent]) -> None:
    assert audit.seal() == 3
    assert audit.seal() == 0
    audit.record("test.happened", actor=None, summary="Later")
    assert audit.seal() == 1
    assert list(audit.verify()) == []


def test_a_changed_event_is_found(events: list[AuditEvent]) -> None:
    audit.seal()
    with guard_taken_out():
        AuditEvent.objects.filter(pk=events[1].pk).update(summary="Nothing happened")
    assert "changed" in next(audit.verify()).words


def test_a_removed_event_is_found(events: list[AuditEvent]) -> None:
    audit.seal()
    with guard_taken_out():
        AuditEvent.objects.filter(pk=events[1].pk).delete()
    assert f"[{events[1].pk}] are gone" in next(audit.verify()).words


def test_an_event_slipped_in_later_is_found(events: list[AuditEvent]) -> None:
    audit.seal()
    late = audit.record("test.happened", actor=None, summary="Never was")
    with guard_taken_out():
        AuditEvent.objects.filter(pk=late.pk).update(
            transaction=AuditEvent.objects.get(pk=events[0].pk).transaction
        )
    assert f"[{late.pk}] were slipped in" in next(audit.verify()).words


def test_a_removed_seal_is_found(events: list[AuditEvent]) -> None:
    audit.seal()
    audit.record("test.happened", actor=None, summary="Later")
    audit.seal()
    with guard_taken_out():
        AuditSeal.objects.earliest("id").delete()
    assert "does not follow" in next(audit.verify()).words


def test_an_event_that_commits_late_is_sealed_with_the_next_batch() -> None:
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(
                "INSERT INTO control_auditevent (action, actor_name, on_behalf_of_name, subject_ref, summary, detail,"
                " before, after, request_id) VALUES ('test.late', 'x', '', '', 'Late', '', '{}', '{}', '')"
            )
        audit.record("test.happened", actor=None, summary="Early")
        audit.seal()
        other.commit()
    finally:
        other.close()
    audit.seal()
    sealed = {pk for ids in AuditSeal.objects.values_list("event_ids", flat=True) for pk in ids}
    assert sealed == set(AuditEvent.objects.values_list("pk", flat=True))
    assert list(audit.verify()) == []


def test_the_command_proves_it_and_fails_when_it_is_broken(events: list[AuditEvent]) -> None:
    audit.seal()
    out = StringIO()
    call_command("audit", "verify", stdout=out)
    assert "are whole" in out.getvalue()
    with guard_taken_out():
        AuditEvent.objects.filter(pk=events[0].pk).update(actor_name="Somebody else")
    with pytest.raises(CommandError, match="1 of 1 seals are broken"):
        call_command("audit", "verify", stdout=out, stderr=StringIO())
