"""Accepting in one exchange with the commit: a limit that is used up is an error, and what was sent is known beforehand."""

from importlib import import_module

from django.db import migrations

_before = import_module("modules.whatsapp.migrations.0002_accepting")
DROP_SESSION = "DROP FUNCTION whatsapp_sending_session(varchar, uuid, varchar)"
DROP_QUEUE = "DROP FUNCTION whatsapp_queue_message(json, uuid, integer, bigint)"

# What is asked of the session, its owner and whom it goes to; `sent` is what the owner sent on each day that may be today.
CREATE_SESSION = """
CREATE FUNCTION whatsapp_sending_session(number varchar, owner uuid, world varchar) RETURNS TABLE (
  id uuid, user_id uuid, environment varchar, driver varchar, wish varchar, is_suspended boolean,
  daily_limit integer, time_zone varchar, opted_out boolean, last_inbound_at timestamptz, sent jsonb
) LANGUAGE plpgsql STABLE ROWS 1 AS $$
BEGIN
  RETURN QUERY
  SELECT s.id, s.user_id, s.environment, s.driver, s.wish, s.is_suspended, u.max_messages_per_day, coalesce(p.time_zone, 'UTC'),
         c.opted_out_at IS NOT NULL, c.last_inbound_at,
         (SELECT jsonb_object_agg(a.date, a.messages_sent) FROM analytics_usagestats a
          WHERE a.user_id = owner AND a.date >= (now() AT TIME ZONE 'UTC')::date - 1)
  FROM whatsapp_whatsappsession s
  JOIN users_user u ON u.id = s.user_id
  LEFT JOIN users_userprofile p ON p.user_id = u.id
  LEFT JOIN whatsapp_contact c ON c.session_id = s.id AND c.phone_number = number
  WHERE s.user_id = owner AND s.environment = world;
END $$
"""

# The row, counted against its owner's limit of the day where it counts; error AT429 when that is used up.
CREATE_QUEUE = """
CREATE FUNCTION whatsapp_queue_message(message json, count_id uuid, media integer, allowed bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  queued whatsapp_message := json_populate_record(NULL::whatsapp_message, message);
BEGIN
  INSERT INTO whatsapp_message VALUES (queued.*);
  IF queued.quota_day IS NOT NULL
    AND analytics_consume_messages(count_id, queued.user_id, queued.quota_day, 1, media, allowed) IS NULL THEN
    RAISE EXCEPTION 'the limit of the day is used up' USING ERRCODE = 'AT429';
  END IF;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("whatsapp", "0002_accepting")]
    operations = [
        migrations.RunSQL(DROP_SESSION + ";" + CREATE_SESSION, DROP_SESSION + ";" + _before.CREATE_SESSION),
        migrations.RunSQL(DROP_QUEUE + ";" + CREATE_QUEUE, DROP_QUEUE + ";" + _before.CREATE_QUEUE),
    ]
