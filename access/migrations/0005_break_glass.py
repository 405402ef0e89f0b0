"""Breaking the glass: one live emergency of a person on an entity, and reviews that nobody can change or delete."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.contrib.postgres.operations import BtreeGistExtension
from django.db import migrations, models

# A window that was ended before it began is empty, which a range cannot say with its end before its start.
ONE_EMERGENCY = """
ALTER TABLE access_grant ADD CONSTRAINT grant_one_emergency EXCLUDE USING gist (
    user_id WITH =, entity_ref WITH =,
    tstzrange(starts_at, GREATEST(starts_at, COALESCE(revoked_at, expires_at))) WITH &&
) WHERE (break_glass);
"""
IMMUTABLE = """
CREATE FUNCTION portico_emergency_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.break_glass IS DISTINCT FROM OLD.break_glass THEN
        RAISE EXCEPTION 'a grant cannot be changed, only ended' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER access_grant_emergency_guard BEFORE UPDATE ON access_grant
    FOR EACH ROW EXECUTE FUNCTION portico_emergency_guard();
CREATE TRIGGER access_owedreview_append_only BEFORE UPDATE OR DELETE ON access_owedreview
    FOR EACH ROW EXECUTE FUNCTION portico_append_only();
CREATE TRIGGER access_owedreview_no_truncate BEFORE TRUNCATE ON access_owedreview
    FOR EACH STATEMENT EXECUTE FUNCTION portico_append_only();
CREATE TRIGGER access_review_no_truncate BEFORE TRUNCATE ON access_review
    FOR EACH STATEMENT EXECUTE FUNCTION portico_append_only();
CREATE TRIGGER access_review_append_only BEFORE UPDATE OR DELETE ON access_review
    FOR EACH ROW EXECUTE FUNCTION portico_append_only();
"""
FORGET = """
DROP TRIGGER access_review_append_only ON access_review;
DROP TRIGGER access_review_no_truncate ON access_review;
DROP TRIGGER access_owedreview_append_only ON access_owedreview;
DROP TRIGGER access_owedreview_no_truncate ON access_owedreview;
DROP TRIGGER access_grant_emergency_guard ON access_grant;
DROP FUNCTION portico_emergency_guard();
ALTER TABLE access_grant DROP CONSTRAINT grant_one_emergency;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0004_begun_lately"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        BtreeGistExtension(),
        migrations.CreateModel(
            name="OwedReview",
            fields=[
                (
                    "grant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="owed_review",
                        serialize=False,
                        to="access.grant",
                    ),
                ),
                ("due_at", models.DateTimeField()),
                (
                    "groups",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=255), default=list, size=None
                    ),
                ),
                (
                    "users",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=255), default=list, size=None
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="grant",
            name="break_glass",
            field=models.BooleanField(default=False),
        ),
        migrations.CreateModel(
            name="Review",
            fields=[
                (
                    "owed",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="review",
                        serialize=False,
                        to="access.owedreview",
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[("justified", "Justified"), ("not_justified", "Not justified")],
                        max_length=13,
                    ),
                ),
                ("done", models.TextField()),
                ("comment", models.TextField(blank=True)),
                ("reviewed_at", models.DateTimeField()),
            ],
        ),
        migrations.AddIndex(
            model_name="owedreview",
            index=models.Index(fields=["due_at"], name="owed_review_due"),
        ),
        migrations.AddField(
            model_name="review",
            name="by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="reviews",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.CheckConstraint(
                condition=models.Q(("outcome__in", ["justified", "not_justified"])),
                name="review_outcome_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("outcome", "justified"), models.Q(("comment", ""), _negated=True), _connector="OR"
                ),
                name="review_blame_has_words",
            ),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.CheckConstraint(
                condition=models.Q(("done", ""), _negated=True), name="review_says_what_was_done"
            ),
        ),
        migrations.RunSQL(ONE_EMERGENCY + IMMUTABLE, FORGET),
    ]
