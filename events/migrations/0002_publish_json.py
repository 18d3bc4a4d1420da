"""`events_publish` takes its events as one JSON array: the driver takes longer over four arrays than all of the rest."""

from django.db import migrations

# One statement with kept plans: Django's cursors send text that would be planned anew, over every partition. The events are
# sorted by stream; each stream's row is locked once.
CREATE = """
CREATE FUNCTION events_publish(events jsonb, moment timestamptz, OUT places bigint[], OUT eras varchar[]) LANGUAGE plpgsql AS $$
DECLARE
  names varchar[] := ARRAY(SELECT e.one ->> 'stream' FROM jsonb_array_elements(events) WITH ORDINALITY e(one, n) ORDER BY e.n);
  total int := cardinality(names);
  first int := 1;
  final int;
  place bigint;
  era varchar;
BEGIN
  WHILE first <= total LOOP
    final := first;
    WHILE final < total AND names[final + 1] = names[first] LOOP
      final := final + 1;
    END LOOP;
    UPDATE events_stream SET seq = seq + final - first + 1 WHERE key = names[first] RETURNING seq, epoch INTO place, era;
    IF NOT FOUND THEN
      INSERT INTO events_stream AS s (key, epoch, seq)
      VALUES (names[first], (SELECT l.epoch FROM events_logstate l), final - first + 1)
      ON CONFLICT (key) DO UPDATE SET seq = s.seq + excluded.seq RETURNING s.seq, s.epoch INTO place, era;
    END IF;
    FOR number IN first .. final LOOP
      places[number] := place - (final - number);
      eras[number] := era;
    END LOOP;
    first := final + 1;
  END LOOP;
  INSERT INTO events_event (id, stream, seq, type, payload, created_at)
  SELECT (e.one ->> 'id')::uuid, names[e.n], places[e.n], e.one ->> 'type', e.one -> 'payload', moment
  FROM jsonb_array_elements(events) WITH ORDINALITY e(one, n);
  INSERT INTO events_pendingevent (event_id, stream, seq, created_at)
  SELECT (e.one ->> 'id')::uuid, names[e.n], places[e.n], moment FROM jsonb_array_elements(events) WITH ORDINALITY e(one, n);
END $$
"""
DROP_ARRAYS = "DROP FUNCTION events_publish(uuid[], varchar[], varchar[], text[], timestamptz)"


class Migration(migrations.Migration):
    dependencies = [("events", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, migrations.RunSQL.noop), migrations.RunSQL(DROP_ARRAYS, migrations.RunSQL.noop)]
