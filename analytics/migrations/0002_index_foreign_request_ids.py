from django.db import migrations

# A request id that the API made itself is the row's id, which the key finds: only those that came with a request are indexed.
FOREIGN_ONLY = """
DROP INDEX analytics_apilog_by_request;
CREATE INDEX analytics_apilog_by_foreign_request ON analytics_apilog (request_id) WHERE request_id <> id::text;
"""
ALL = """
DROP INDEX analytics_apilog_by_foreign_request;
CREATE INDEX analytics_apilog_by_request ON analytics_apilog (request_id);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0001_initial'),
    ]

    operations = [
        migrations.RunSQL(FOREIGN_ONLY, ALL),
    ]
