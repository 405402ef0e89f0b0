"""The record cannot be changed: a trigger refuses UPDATE, DELETE and TRUNCATE, for every user of the database.

The writing transaction's number is set by the database, so that seals can cover exactly the finished transactions.
"""

from django.db import migrations

TABLES = ("control_decision", "control_approval", "control_auditevent", "control_auditseal")

GUARD = """
CREATE FUNCTION portico_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
"""
STAMP = """
CREATE FUNCTION portico_audit_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.at := clock_timestamp();
    NEW.transaction := pg_current_xact_id()::text::bigint;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_stamp BEFORE INSERT ON control_auditevent FOR EACH ROW EXECUTE FUNCTION portico_audit_stamp();
"""


def _triggers(table: str) -> str:
    return f"""
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION portico_append_only();
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION portico_append_only();
"""


def _drop(table: str) -> str:
    return f"DROP TRIGGER {table}_append_only ON {table}; DROP TRIGGER {table}_no_truncate ON {table};"


class Migration(migrations.Migration):
    dependencies = [("control", "0001_initial")]

    operations = [
        migrations.RunSQL(
            GUARD + STAMP + "".join(map(_triggers, TABLES)),
            "".join(map(_drop, TABLES))
            + "DROP TRIGGER audit_stamp ON control_auditevent;"
            + "DROP FUNCTION portico_audit_stamp(); DROP FUNCTION portico_append_only();",
        )
    ]
