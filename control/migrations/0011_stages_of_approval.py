"""Who may decide sits in a stage, a part and a tier, and counts from a moment on; answers keep where their givers sat."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("control", "0010_remarks")]

    operations = [
        migrations.AddField(
            "approver",
            "rota",
            models.CharField(blank=True, default="", max_length=63),
            preserve_default=False,
        ),
        migrations.AddField("approver", "stage", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField("approver", "part", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField("approver", "tier", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField("approver", "counts_from", models.DateTimeField(null=True)),
        migrations.AddField("approver", "closed_at", models.DateTimeField(null=True)),
        migrations.AddField("approver", "asked_at", models.DateTimeField(null=True)),
        migrations.AddField("approval", "seats", models.JSONField(default=list)),
        migrations.RemoveConstraint("approver", "approver_group_or_person"),
        migrations.RemoveConstraint("approver", "approver_group_once"),
        migrations.RemoveConstraint("approver", "approver_person_once"),
        migrations.AddConstraint(
            "approver",
            models.CheckConstraint(
                condition=Q(group__isnull=False, user=None, rota="")
                | Q(group=None, user__isnull=False, rota="")
                | Q(group=None, user=None) & ~Q(rota=""),
                name="approver_group_person_or_rota",
            ),
        ),
        migrations.AddConstraint(
            "approver",
            models.UniqueConstraint(fields=["intent", "stage", "part", "group"], name="approver_group_once"),
        ),
        migrations.AddConstraint(
            "approver",
            models.UniqueConstraint(fields=["intent", "stage", "part", "user"], name="approver_person_once"),
        ),
        migrations.AddConstraint(
            "approver",
            models.UniqueConstraint(
                fields=["intent", "stage", "part", "rota"], name="approver_rota_once", condition=~Q(rota="")
            ),
        ),
        migrations.AddIndex(
            "approver",
            models.Index(
                fields=["counts_from"],
                name="approver_to_ask",
                condition=Q(asked_at=None, closed_at=None, counts_from__isnull=False),
            ),
        ),
    ]
