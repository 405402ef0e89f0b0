"""Somebody decides in the place of who is away; an answer keeps in whose. The database has the last word: what was agreed
between two people is never changed nor deleted, and an end is final.
"""

import django.contrib.postgres.fields
import datetime

import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models


GUARD = """
CREATE FUNCTION portico_delegation_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'delegations are never deleted' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF ROW(NEW.id, NEW.absent_id, NEW.deputy_id, NEW.starts_at, NEW.expires_at, NEW.reason, NEW.groups, NEW.created_at)
       IS DISTINCT FROM
       ROW(OLD.id, OLD.absent_id, OLD.deputy_id, OLD.starts_at, OLD.expires_at, OLD.reason, OLD.groups, OLD.created_at)
    THEN
        RAISE EXCEPTION 'a delegation cannot be changed, only ended' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF OLD.ended_at IS NOT NULL
       AND ROW(NEW.ended_at, NEW.ended_by_id) IS DISTINCT FROM ROW(OLD.ended_at, OLD.ended_by_id) THEN
        RAISE EXCEPTION 'an ended delegation does not come back' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER control_delegation_guard BEFORE UPDATE OR DELETE ON control_delegation
    FOR EACH ROW EXECUTE FUNCTION portico_delegation_guard();
CREATE TRIGGER control_delegation_no_truncate BEFORE TRUNCATE ON control_delegation
    FOR EACH STATEMENT EXECUTE FUNCTION portico_append_only();
"""
UNGUARD = """
DROP TRIGGER control_delegation_no_truncate ON control_delegation;
DROP TRIGGER control_delegation_guard ON control_delegation;
DROP FUNCTION portico_delegation_guard();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("control", "0013_compared_with_the_rules_of_now"),
    ]

    operations = [
        migrations.AddField(
            model_name="approval",
            name="deputy_of",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.CreateModel(
            name="Delegation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("starts_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("reason", models.CharField(max_length=500)),
                (
                    "groups",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=255), default=list, size=None
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("told_at", models.DateTimeField(null=True)),
                (
                    "absent",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="absences",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "deputy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deputyships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "ended_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="approval",
            name="delegation",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="approvals",
                to="control.delegation",
            ),
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.UniqueConstraint(
                fields=("intent", "deputy_of"), name="approval_once_in_place_of_a_person"
            ),
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("delegation", None), ("deputy_of", None)),
                    models.Q(
                        ("delegation__isnull", False),
                        ("deputy_of__isnull", False),
                        models.Q(("deputy_of", models.F("by")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="approval_deputy_by_delegation",
            ),
        ),
        migrations.AddIndex(
            model_name="delegation",
            index=models.Index(
                condition=models.Q(("ended_at", None)), fields=["expires_at"], name="delegation_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="delegation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("expires_at__gt", models.F("starts_at")),
                    (
                        "expires_at__lte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("starts_at"), "+", models.Value(datetime.timedelta(days=366))
                        ),
                    ),
                ),
                name="delegation_ends_within_a_year",
            ),
        ),
        migrations.AddConstraint(
            model_name="delegation",
            constraint=models.CheckConstraint(
                condition=models.Q(("starts_at__gte", models.F("created_at"))),
                name="delegation_is_never_backwards",
            ),
        ),
        migrations.AddConstraint(
            model_name="delegation",
            constraint=models.CheckConstraint(
                condition=models.Q(("absent", models.F("deputy")), _negated=True),
                name="delegation_to_somebody_else",
            ),
        ),
        migrations.AddConstraint(
            model_name="delegation",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="delegation_says_why"
            ),
        ),
        migrations.AddConstraint(
            model_name="delegation",
            constraint=models.CheckConstraint(
                condition=models.Q(("ended_by", None), ("ended_at__isnull", False), _connector="OR"),
                name="delegation_ended_whole",
            ),
        ),
        migrations.RunSQL(GUARD, UNGUARD),
    ]
