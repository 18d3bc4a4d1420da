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

# One statement with a kept plan: Django's cursors send text that would be planned anew for each event, over every partition.
CREATE_PUBLISH = """
CREATE FUNCTION events_publish(
  event uuid, name varchar, kind varchar, body jsonb, moment timestamptz, OUT place bigint, OUT era varchar
) LANGUAGE plpgsql AS $$
BEGIN
  UPDATE events_stream SET seq = seq + 1 WHERE key = name RETURNING seq, epoch INTO place, era;
  IF NOT FOUND THEN
    INSERT INTO events_stream AS s (key, epoch, seq) VALUES (name, (SELECT l.epoch FROM events_logstate l), 1)
    ON CONFLICT (key) DO UPDATE SET seq = s.seq + 1 RETURNING s.seq, s.epoch INTO place, era;
  END IF;
  INSERT INTO events_event (id, stream, seq, type, payload, created_at) VALUES (event, name, place, kind, body, moment);
  INSERT INTO events_pendingevent (event_id, stream, seq, created_at) VALUES (event, name, place, moment);
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
