"""Accepting a message, as functions: their plans are made once for a connection, not once for a message."""

from django.db import migrations

# What is asked of the session, its owner and whom it goes to.
CREATE_SESSION = """
CREATE FUNCTION whatsapp_sending_session(number varchar, owner uuid, world varchar) RETURNS TABLE (
  id uuid, user_id uuid, environment varchar, driver varchar, wish varchar, is_suspended boolean,
  daily_limit integer, time_zone varchar, opted_out boolean, last_inbound_at timestamptz
) LANGUAGE plpgsql STABLE ROWS 1 AS $$
BEGIN
  RETURN QUERY
  SELECT s.id, s.user_id, s.environment, s.driver, s.wish, s.is_suspended, u.max_messages_per_day, coalesce(p.time_zone, 'UTC'),
         c.opted_out_at IS NOT NULL, c.last_inbound_at
  FROM whatsapp_whatsappsession s
  JOIN users_user u ON u.id = s.user_id
  LEFT JOIN users_userprofile p ON p.user_id = u.id
  LEFT JOIN whatsapp_contact c ON c.session_id = s.id AND c.phone_number = number
  WHERE s.user_id = owner AND s.environment = world;
END $$
"""

# The row, counted against its owner's limit of the day where it counts; false and nothing written when that is used up.
CREATE_QUEUE = """
CREATE FUNCTION whatsapp_queue_message(message json, count_id uuid, media integer, allowed bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  queued whatsapp_message := json_populate_record(NULL::whatsapp_message, message);
BEGIN
  INSERT INTO whatsapp_message VALUES (queued.*);
  RETURN queued.quota_day IS NULL
    OR analytics_consume_messages(count_id, queued.user_id, queued.quota_day, 1, media, allowed) IS NOT NULL;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("whatsapp", "0001_initial"), ("analytics", "0004_consume_messages")]
    operations = [
        migrations.RunSQL(CREATE_SESSION, "DROP FUNCTION whatsapp_sending_session(varchar, uuid, varchar)"),
        migrations.RunSQL(CREATE_QUEUE, "DROP FUNCTION whatsapp_queue_message(json, uuid, integer, bigint)"),
    ]
