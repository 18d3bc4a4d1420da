"""Counting messages against a day's limit, as a function: it is planned once for a connection, not once for a message."""

from django.db import migrations

CREATE = """
CREATE FUNCTION analytics_consume_messages(
  row_id uuid, owner uuid, day date, messages integer, media integer, allowed bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  total bigint;
BEGIN
  INSERT INTO analytics_usagestats AS kept
    (id, user_id, date, messages_sent, media_sent, api_requests, errors, bytes_in, bytes_out, modules)
  SELECT row_id, owner, day, messages, media, 0, 0, 0, 0, '{}' WHERE messages <= allowed
  ON CONFLICT (user_id, date) DO UPDATE SET
    messages_sent = kept.messages_sent + excluded.messages_sent, media_sent = kept.media_sent + excluded.media_sent
  WHERE kept.messages_sent + excluded.messages_sent <= allowed
  RETURNING kept.messages_sent INTO total;
  RETURN total;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0003_rollup_statistics")]
    operations = [
        migrations.RunSQL(CREATE, "DROP FUNCTION analytics_consume_messages(uuid, uuid, date, integer, integer, bigint)")
    ]
