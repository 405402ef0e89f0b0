"""The database has the last word on requests: only the moves of the state machine, and nothing of what was decided
about may change afterwards. Nothing deletes a request.
"""

from django.db import migrations

GUARD = """
CREATE FUNCTION portico_intent_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'requests are never deleted' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NEW.state IS DISTINCT FROM OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('submitted', 'denied'), ('submitted', 'awaiting_approval'), ('submitted', 'approved'),
        ('awaiting_approval', 'approved'), ('awaiting_approval', 'rejected'),
        ('awaiting_approval', 'expired'), ('awaiting_approval', 'withdrawn'),
        ('approved', 'running'), ('approved', 'cancelled'),
        ('running', 'succeeded'), ('running', 'failed'), ('running', 'cancelled'),
        ('failed', 'approved')
    ) THEN
        RAISE EXCEPTION 'a request does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF OLD.state NOT IN ('submitted', 'awaiting_approval')
       AND ROW(NEW.capability, NEW.requested_by_id, NEW.subject_ref, NEW.environment, NEW.parameters, NEW.reason,
               NEW.plan, NEW.plan_digest)
       IS DISTINCT FROM
       ROW(OLD.capability, OLD.requested_by_id, OLD.subject_ref, OLD.environment, OLD.parameters, OLD.reason,
           OLD.plan, OLD.plan_digest) THEN
        RAISE EXCEPTION 'what was decided about cannot be changed' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER intent_guard BEFORE UPDATE OR DELETE ON control_intent
    FOR EACH ROW EXECUTE FUNCTION portico_intent_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("control", "0002_append_only")]

    operations = [
        migrations.RunSQL(
            GUARD, "DROP TRIGGER intent_guard ON control_intent; DROP FUNCTION portico_intent_guard();"
        )
    ]
