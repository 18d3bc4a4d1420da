"""The SQL of a load: stage, log, sum up. All of it runs in one transaction per batch."""

from analytics.choices import Cube
from analytics.latency import BUCKET_SQL

# The bounds keep one nonsensical line from overflowing a sum or making a partition in the year 4000. Inside a caller's transaction
# ON COMMIT has not come yet when the next load begins, hence the DELETEs, which cost nothing on empty tables.
PREPARE_STAGING = """
CREATE TEMP TABLE IF NOT EXISTS request_staging (
  id uuid NOT NULL, timestamp_us bigint NOT NULL, method varchar(8) NOT NULL, endpoint varchar(200) NOT NULL,
  status_code smallint NOT NULL, duration_us bigint NOT NULL, bytes_in bigint NOT NULL, bytes_out bigint NOT NULL, ip_address inet,
  user_id uuid, api_key_id uuid, request_id varchar(64) NOT NULL, module varchar(40) NOT NULL,
  CHECK (timestamp_us >= 946684800000000 AND timestamp_us < 7258118400000000 AND status_code BETWEEN 100 AND 599
    AND duration_us BETWEEN 0 AND 1000000000000 AND bytes_in BETWEEN 0 AND 1000000000000000
    AND bytes_out BETWEEN 0 AND 1000000000000000)
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS request_cells (
  minute timestamptz, cube smallint, user_id uuid, api_key_id uuid, method text, endpoint text, status_class smallint,
  bucket smallint, requests bigint, bytes_in bigint, bytes_out bigint, duration_us bigint
) ON COMMIT DELETE ROWS;
DELETE FROM request_staging;
DELETE FROM request_cells;
"""

COPY_STAGING = "COPY request_staging FROM STDIN"

DAYS = """
SELECT DISTINCT (('epoch'::timestamptz + timestamp_us * interval '1 microsecond') AT TIME ZONE 'UTC')::date FROM request_staging
"""

# Rows that stand twice in the batch, and rows that the log has. Run only after a load was refused.
DROP_KNOWN = (
    "DELETE FROM request_staging AS later USING request_staging AS first "
    "WHERE later.id = first.id AND later.timestamp_us = first.timestamp_us AND later.ctid > first.ctid",
    "DELETE FROM request_staging AS staged USING analytics_apilog AS logged "
    "WHERE logged.id = staged.id AND logged.timestamp = 'epoch'::timestamptz + staged.timestamp_us * interval '1 microsecond'",
)

INSERT_LOG = """
INSERT INTO analytics_apilog
  (id, timestamp, method, endpoint, status_code, duration_us, bytes_in, bytes_out, ip_address, user_id, api_key_id, request_id, module)
SELECT id, 'epoch'::timestamptz + timestamp_us * interval '1 microsecond', method, endpoint, status_code, duration_us, bytes_in,
  bytes_out, ip_address, user_id, api_key_id, request_id, module
FROM request_staging
"""

# One pass over the batch fills every cube. GROUPING() has a bit for each dimension that a row's grouping set lacks.
FILL_CELLS = f"""
INSERT INTO request_cells
SELECT minute,
  CASE GROUPING(u, k, method, endpoint, class, bucket)
    WHEN b'111100'::int THEN {Cube.TOTAL} WHEN b'110000'::int THEN {Cube.ROUTE} WHEN b'011101'::int THEN {Cube.USER}
    WHEN b'011110'::int THEN {Cube.USER_LATENCY} WHEN b'001101'::int THEN {Cube.KEY}
    WHEN b'001110'::int THEN {Cube.KEY_LATENCY} WHEN b'000001'::int THEN {Cube.DETAIL} END,
  coalesce(u, '00000000-0000-0000-0000-000000000000'), coalesce(k, '00000000-0000-0000-0000-000000000000'),
  coalesce(method, ''), coalesce(endpoint, ''), coalesce(class, 0), coalesce(bucket, -1),
  count(*), sum(bytes_in), sum(bytes_out), sum(duration_us)
FROM (
  SELECT date_trunc('minute', 'epoch'::timestamptz + timestamp_us * interval '1 microsecond', 'UTC') AS minute,
    coalesce(user_id, '00000000-0000-0000-0000-000000000000') AS u, coalesce(api_key_id, '00000000-0000-0000-0000-000000000000') AS k,
    method, endpoint, (status_code / 100)::smallint AS class, ({BUCKET_SQL})::smallint AS bucket, bytes_in, bytes_out, duration_us
  FROM request_staging
) AS seen
GROUP BY GROUPING SETS (
  (minute, class, bucket), (minute, method, endpoint, class, bucket), (minute, u, class), (minute, u, bucket),
  (minute, u, k, class), (minute, u, k, bucket), (minute, u, k, method, endpoint, class)
)
"""

# %(unit)s is minute, hour or day (UTC); anonymous requests have no user's cubes, keyless ones no key's.
UPSERT_ROLLUP = f"""
INSERT INTO analytics_rollup AS kept
  (cube, period, start, user_id, api_key_id, method, endpoint, status_class, bucket, requests, bytes_in, bytes_out, duration_us)
SELECT cube, %(period)s, date_trunc(%(unit)s, minute, 'UTC') AS start, user_id, api_key_id, method, endpoint, status_class, bucket,
  sum(requests), sum(bytes_in), sum(bytes_out), sum(duration_us)
FROM request_cells
WHERE minute >= %(since)s
  AND (cube NOT IN ({Cube.USER}, {Cube.USER_LATENCY}, {Cube.DETAIL}) OR user_id <> '00000000-0000-0000-0000-000000000000')
  AND (cube NOT IN ({Cube.KEY}, {Cube.KEY_LATENCY}) OR api_key_id <> '00000000-0000-0000-0000-000000000000')
GROUP BY cube, 3, user_id, api_key_id, method, endpoint, status_class, bucket
ORDER BY cube, 3, user_id, api_key_id, method, endpoint, status_class, bucket
ON CONFLICT (cube, period, start, user_id, api_key_id, method, endpoint, status_class, bucket) DO UPDATE SET
  requests = kept.requests + excluded.requests, bytes_in = kept.bytes_in + excluded.bytes_in,
  bytes_out = kept.bytes_out + excluded.bytes_out, duration_us = kept.duration_us + excluded.duration_us
"""

KEY_USES = """
SELECT DISTINCT ON (api_key_id) api_key_id, 'epoch'::timestamptz + timestamp_us * interval '1 microsecond', host(ip_address)
FROM request_staging WHERE api_key_id IS NOT NULL AND status_code <> 401 ORDER BY api_key_id, timestamp_us DESC
"""

# As core.middleware names the module of a route: a cell knows its endpoint only.
_MODULE_SQL = (
    "CASE WHEN endpoint = '(unknown)' THEN 'unknown' WHEN endpoint LIKE '/api/v1/%%/%%' THEN left(split_part(endpoint, '/', 4), 40) "
    "ELSE 'docs' END"
)

# Last in the transaction: a message being sent waits for this row's lock no longer than the commit takes.
UPSERT_USAGE = f"""
INSERT INTO analytics_usagestats AS kept
  (id, user_id, date, messages_sent, media_sent, api_requests, errors, bytes_in, bytes_out, modules)
SELECT gen_random_uuid(), user_id, date, 0, 0, sum(requests), coalesce(sum(errors), 0), sum(bytes_in), sum(bytes_out),
  jsonb_object_agg(module, requests)
FROM (
  SELECT user_id, (minute AT TIME ZONE 'UTC')::date AS date, {_MODULE_SQL} AS module, sum(requests) AS requests,
    sum(requests) FILTER (WHERE status_class >= 4) AS errors, sum(bytes_in) AS bytes_in, sum(bytes_out) AS bytes_out
  FROM request_cells
  WHERE cube = {Cube.DETAIL} AND user_id <> '00000000-0000-0000-0000-000000000000'
  GROUP BY 1, 2, 3
) AS by_module
GROUP BY user_id, date
ORDER BY user_id, date
ON CONFLICT (user_id, date) DO UPDATE SET
  api_requests = kept.api_requests + excluded.api_requests, errors = kept.errors + excluded.errors,
  bytes_in = kept.bytes_in + excluded.bytes_in, bytes_out = kept.bytes_out + excluded.bytes_out,
  modules = (
    SELECT jsonb_object_agg(name, total) FROM (
      SELECT name, sum(value::bigint) AS total FROM (
        SELECT * FROM jsonb_each_text(kept.modules) UNION ALL SELECT * FROM jsonb_each_text(excluded.modules)
      ) AS both_sides(name, value) GROUP BY name
    ) AS summed
  )
"""
