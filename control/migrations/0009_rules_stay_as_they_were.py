"""What was in force, and what was proposed, stays as it was: a trigger refuses to change it, for every user.

A revision never changes; a proposal is only told which request it became, and may go as long as it was not sent.
"""

from django.db import migrations

FORWARD = """
CREATE TRIGGER control_policyrevision_append_only BEFORE UPDATE OR DELETE ON control_policyrevision
    FOR EACH ROW EXECUTE FUNCTION portico_append_only();
CREATE TRIGGER control_policyrevision_no_truncate BEFORE TRUNCATE ON control_policyrevision
    FOR EACH STATEMENT EXECUTE FUNCTION portico_append_only();
CREATE TRIGGER control_policyproposal_content_stays
    BEFORE UPDATE OF digest, documents, sources, tests, based_on_id, created_by_id ON control_policyproposal
    FOR EACH ROW WHEN (
        (OLD.digest, OLD.documents, OLD.sources, OLD.tests, OLD.based_on_id, OLD.created_by_id)
        IS DISTINCT FROM (NEW.digest, NEW.documents, NEW.sources, NEW.tests, NEW.based_on_id, NEW.created_by_id)
    ) EXECUTE FUNCTION portico_append_only();
CREATE TRIGGER control_policyproposal_sent_stays BEFORE DELETE ON control_policyproposal
    FOR EACH ROW WHEN (OLD.intent_id IS NOT NULL) EXECUTE FUNCTION portico_append_only();
CREATE TRIGGER control_policyproposal_no_truncate BEFORE TRUNCATE ON control_policyproposal
    FOR EACH STATEMENT EXECUTE FUNCTION portico_append_only();
"""
BACK = """
DROP TRIGGER control_policyrevision_append_only ON control_policyrevision;
DROP TRIGGER control_policyrevision_no_truncate ON control_policyrevision;
DROP TRIGGER control_policyproposal_content_stays ON control_policyproposal;
DROP TRIGGER control_policyproposal_sent_stays ON control_policyproposal;
DROP TRIGGER control_policyproposal_no_truncate ON control_policyproposal;
"""


class Migration(migrations.Migration):
    dependencies = [("control", "0008_notices_lead_inside")]

    operations = [migrations.RunSQL(FORWARD, BACK)]
