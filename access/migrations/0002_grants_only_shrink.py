"""The database has the last word on grants: made only for an approved request of the same person, never longer.

After that only its early end may be written, once. Nothing deletes a grant.
"""

from django.db import migrations

GUARD = """
CREATE FUNCTION portico_grant_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'grants are never deleted' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NOT EXISTS (
            SELECT 1 FROM control_intent
            WHERE id = NEW.intent_id AND capability = 'access.grant' AND requested_by_id = NEW.user_id
              AND decided_at IS NOT NULL AND state IN ('approved', 'running', 'succeeded', 'failed')
        ) THEN
            RAISE EXCEPTION 'a grant needs an approved request of the same person'
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN NEW;
    END IF;
    IF ROW(NEW.id, NEW.intent_id, NEW.user_id, NEW.role, NEW.entity_ref, NEW.environment, NEW.permissions,
           NEW.starts_at, NEW.expires_at)
       IS DISTINCT FROM
       ROW(OLD.id, OLD.intent_id, OLD.user_id, OLD.role, OLD.entity_ref, OLD.environment, OLD.permissions,
           OLD.starts_at, OLD.expires_at) THEN
        RAISE EXCEPTION 'a grant cannot be changed, only ended' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF OLD.revoked_at IS NOT NULL
       AND ROW(NEW.revoked_at, NEW.revoked_by_id) IS DISTINCT FROM ROW(OLD.revoked_at, OLD.revoked_by_id) THEN
        RAISE EXCEPTION 'an ended grant does not come back' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER access_grant_guard BEFORE INSERT OR UPDATE OR DELETE ON access_grant
    FOR EACH ROW EXECUTE FUNCTION portico_grant_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("access", "0001_initial")]

    operations = [
        migrations.RunSQL(
            GUARD, "DROP TRIGGER access_grant_guard ON access_grant; DROP FUNCTION portico_grant_guard();"
        )
    ]
