"""The log: heads of streams, events by day, and what the relay has not taken yet."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import migrations, models

CREATE_EVENT = """
CREATE TABLE events_event (
  id uuid NOT NULL,
  stream varchar(96) NOT NULL,
  seq bigint NOT NULL,
  type varchar(64) NOT NULL,
  payload jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (stream, seq, created_at)
) PARTITION BY RANGE (created_at);
CREATE INDEX events_event_by_time ON events_event (created_at, id);
"""

# One statement with kept plans: Django's cursors send text that would be planned anew, over every partition. The arrays are the
# events, sorted by stream; each stream's row is locked once.
CREATE_PUBLISH = """
CREATE FUNCTION events_publish(
  ids uuid[], names varchar[], kinds varchar[], bodies text[], moment timestamptz, OUT places bigint[], OUT eras varchar[]
) LANGUAGE plpgsql AS $$
DECLARE
  total int := cardinality(ids);
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
  SELECT e.id, e.name, e.place, e.kind, e.body::jsonb, moment
  FROM unnest(ids, names, places, kinds, bodies) AS e(id, name, place, kind, body);
  INSERT INTO events_pendingevent (event_id, stream, seq, created_at)
  SELECT e.id, e.name, e.place, moment FROM unnest(ids, names, places) AS e(id, name, place);
END $$
"""


def begin(apps: Any, editor: Any) -> None:
    """The first epoch, and the partitions of the coming month: from now on services publish."""
    apps.get_model("events", "LogState").objects.create(id=1, epoch=secrets.token_hex(4))
    today = datetime.now(UTC).date()
    for day in (today + timedelta(days=ahead) for ahead in range(31)):
        editor.execute(
            f"CREATE TABLE IF NOT EXISTS events_event_p{day:%Y%m%d} PARTITION OF events_event "
            f"FOR VALUES FROM ('{day} 00:00:00+00') TO ('{day + timedelta(days=1)} 00:00:00+00')"
        )


class Migration(migrations.Migration):
    initial = True
    dependencies: list[tuple[str, str]] = []

    operations = [
        migrations.CreateModel(
            name="Stream",
            fields=[
                ("key", models.CharField(max_length=96, primary_key=True, serialize=False)),
                ("epoch", models.CharField(max_length=16)),
                ("seq", models.BigIntegerField()),
            ],
        ),
        # A head is updated by every event; room in its page keeps the index out of it (HOT).
        migrations.RunSQL("ALTER TABLE events_stream SET (fillfactor = 40)", migrations.RunSQL.noop),
        migrations.CreateModel(
            name="PendingEvent",
            fields=[
                ("event_id", models.UUIDField(primary_key=True, serialize=False)),
                ("stream", models.CharField(max_length=96)),
                ("seq", models.BigIntegerField()),
                ("created_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="LogState",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("epoch", models.CharField(max_length=16)),
            ],
        ),
        # Django cannot make a partitioned table: the state has the model, the database the partitions' parent.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="Event",
                    fields=[
                        ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ("stream", models.CharField(max_length=96)),
                        ("seq", models.BigIntegerField()),
                        ("type", models.CharField(max_length=64)),
                        ("payload", models.JSONField()),
                        ("created_at", models.DateTimeField()),
                    ],
                    options={"ordering": ("-created_at", "-id")},
                ),
            ],
            database_operations=[migrations.RunSQL(CREATE_EVENT, "DROP TABLE events_event")],
        ),
        migrations.RunSQL(CREATE_PUBLISH, "DROP FUNCTION events_publish"),
        migrations.RunPython(begin, migrations.RunPython.noop),
    ]
