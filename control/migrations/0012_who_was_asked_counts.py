"""Requests from before there were stages are of one, and everybody whom they name counts since they were sent.

Apart from the new columns: PostgreSQL alters no table in the transaction that changed its rows.
"""

from django.db import migrations
from django.db.models import F, OuterRef, Subquery


def count_since_they_were_asked(apps, _schema_editor):
    approver, intent = apps.get_model("control", "Approver"), apps.get_model("control", "Intent")
    requested = intent.objects.filter(pk=OuterRef("intent")).values("requested_at")
    approver.objects.filter(counts_from=None, stage=0).update(counts_from=Subquery(requested))
    approver.objects.filter(asked_at=None, counts_from__isnull=False).update(asked_at=F("counts_from"))


class Migration(migrations.Migration):
    dependencies = [("control", "0011_stages_of_approval")]

    operations = [migrations.RunPython(count_since_they_were_asked, migrations.RunPython.noop)]
