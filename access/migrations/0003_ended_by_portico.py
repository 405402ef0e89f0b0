"""Portico itself may end a grant, if it says why: the account of a leaver is nobody's to name."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0002_grants_only_shrink"),
        ("control", "0005_notices"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="grant",
            name="grant_revoked_by_somebody",
        ),
        migrations.AddConstraint(
            model_name="grant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("revoked_at", None), ("revoked_by", None)),
                    models.Q(
                        ("revoked_at__isnull", False),
                        models.Q(
                            ("revoked_by__isnull", False),
                            models.Q(("revoke_reason", ""), _negated=True),
                            _connector="OR",
                        ),
                    ),
                    _connector="OR",
                ),
                name="grant_revoked_by_somebody",
            ),
        ),
    ]
