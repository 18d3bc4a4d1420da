"""The SQL of a load: stage, log, sum up. All of it runs in one transaction per batch."""

from analytics.choices import Cube, Period
from analytics.latency import BUCKET_SQL

# The bounds keep one nonsensical line from overflowing a sum or making a partition in the year 4000. Inside a caller's
# transaction ON COMMIT has not come yet when the next load begins, hence the DELETEs, which cost nothing on empty tables.
PREPARE_STAGING = """
CREATE TEMP TABLE IF NOT EXISTS request_staging (
  id uuid NOT NULL, timestamp_us bigint NOT NULL, method varchar(8) NOT NULL, endpoint varchar(200) NOT NULL,
  status_code smallint NOT NULL, duration_us bigint NOT NULL, bytes_in bigint NOT NULL, bytes_out bigint NOT NULL,
  ip_address inet, user_id uuid, api_key_id uuid, request_id varchar(64) NOT NULL, module varchar(40) NOT NULL,
  CHECK (timestamp_us >= 946684800000000 AND timestamp_us < 7258118400000000 AND status_code BETWEEN 100 AND 599
    AND duration_us BETWEEN 0 AND 1000000000000 AND bytes_in BETWEEN 0 AND 1000000000000000
    AND bytes_out BETWEEN 0 AND 1000000000000000)
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS request_cells (
  period smallint, start timestamptz, cube smallint, user_id uuid, api_key_id uuid, method text, endpoint text,
  status_class smallint, bucket smallint, requests bigint, bytes_in bigint, bytes_out bigint, duration_us bigint
) ON COMMIT DELETE ROWS;
DELETE FROM request_staging;
DELETE FROM request_cells;
"""

COPY_STAGING = "COPY request_staging FROM STDIN"

DAYS = "SELECT DISTINCT timestamp_us / 86400000000 FROM request_staging"

# Rows that stand twice in the batch, and rows that the log has. Run only after a load was refused.
DROP_KNOWN = (
    """
DELETE FROM request_staging AS later USING request_staging AS first
WHERE later.id = first.id AND later.timestamp_us = first.timestamp_us AND later.ctid > first.ctid
""",
    """
DELETE FROM request_staging AS staged USING analytics_apilog AS logged
WHERE logged.id = staged.id AND logged.timestamp = 'epoch'::timestamptz + staged.timestamp_us * interval '1 microsecond'
""",
)

INSERT_LOG = """
INSERT INTO analytics_apilog
  (id, timestamp, method, endpoint, status_code, duration_us, bytes_in, bytes_out, ip_address, user_id, api_key_id, request_id,
  module)
SELECT id, 'epoch'::timestamptz + timestamp_us * interval '1 microsecond', method, endpoint, status_code, duration_us, bytes_in,
  bytes_out, ip_address, user_id, api_key_id, request_id, module
FROM request_staging
"""

_NOBODY = "'00000000-0000-0000-0000-000000000000'::uuid"
_MEASURES = "requests, bytes_in, bytes_out, duration_us"
_SUMS = "sum(requests), sum(bytes_in), sum(bytes_out), sum(duration_us)"
_DIMENSIONS = "cube, period, start, user_id, api_key_id, method, endpoint, status_class"
_CELLS = f"(period, start, cube, user_id, api_key_id, method, endpoint, status_class, bucket, {_MEASURES})"

# Cells are the batch summed up, one for each latency bucket; later statements make the coarser ones from the finer ones.
# GROUPING() has a bit for each dimension that a row's grouping set lacks.
FILL_CELLS = (
    f"""
INSERT INTO request_cells {_CELLS}
SELECT CASE WHEN hour IS NULL THEN {Period.MINUTE} ELSE {Period.HOUR} END, to_timestamp(coalesce(minute, hour)),
  CASE GROUPING(u, endpoint) WHEN 2 THEN {Cube.ROUTE} WHEN 1 THEN {Cube.KEY} ELSE {Cube.DETAIL} END,
  coalesce(u, {_NOBODY}), coalesce(k, {_NOBODY}), coalesce(method, ''), coalesce(endpoint, ''), class, coalesce(bucket, -1),
  count(*), sum(bytes_in), sum(bytes_out), sum(duration_us)
FROM (
  SELECT timestamp_us / 60000000 * 60 AS minute, timestamp_us / 3600000000 * 3600 AS hour,
    coalesce(user_id, {_NOBODY}) AS u, coalesce(api_key_id, {_NOBODY}) AS k, method, endpoint,
    (status_code / 100)::smallint AS class, ({BUCKET_SQL})::smallint AS bucket, bytes_in, bytes_out, duration_us
  FROM request_staging
) AS seen
GROUP BY GROUPING SETS (
  (minute, method, endpoint, class, bucket), (minute, u, k, class, bucket), (hour, u, k, method, endpoint, class)
)
""",
    f"""
INSERT INTO request_cells {_CELLS}
SELECT period, start, CASE cube WHEN {Cube.ROUTE} THEN {Cube.TOTAL} ELSE {Cube.USER} END, user_id, {_NOBODY}, '', '',
  status_class, bucket, {_SUMS}
FROM request_cells WHERE cube IN ({Cube.ROUTE}, {Cube.KEY})
GROUP BY period, start, cube, user_id, status_class, bucket
""",
    *(
        f"""
INSERT INTO request_cells {_CELLS}
SELECT {coarse}, date_trunc('{coarse.name.lower()}', start, 'UTC'), cube, user_id, api_key_id, method, endpoint, status_class,
  bucket, {_SUMS}
FROM request_cells WHERE period = {fine}
GROUP BY 2, cube, user_id, api_key_id, method, endpoint, status_class, bucket
"""
        for fine, coarse in ((Period.MINUTE, Period.HOUR), (Period.HOUR, Period.DAY))
    ),
)

# One loader at a time sums up: two never wait for each other's rows crosswise.
LOCK_SUMS = "SELECT pg_advisory_xact_lock(hashtextextended('analytics.sums', 0))"

_UPSERT = f"""
INSERT INTO analytics_rollup AS kept
  ({_DIMENSIONS}, {_MEASURES}, latency_buckets, latency_counts)
SELECT {_DIMENSIONS}, {_SUMS},
  array_agg(bucket) FILTER (WHERE bucket >= 0), array_agg(requests) FILTER (WHERE bucket >= 0)
FROM request_cells
WHERE %s
GROUP BY {_DIMENSIONS}
ORDER BY {_DIMENSIONS}
ON CONFLICT ({_DIMENSIONS}) DO UPDATE SET
  requests = kept.requests + excluded.requests, bytes_in = kept.bytes_in + excluded.bytes_in,
  bytes_out = kept.bytes_out + excluded.bytes_out, duration_us = kept.duration_us + excluded.duration_us
"""
_ADD_HISTOGRAMS = """, (latency_buckets, latency_counts) = (
    SELECT array_agg(bucket), array_agg(total) FROM (
      SELECT bucket, sum(number)::bigint AS total FROM (
        SELECT * FROM unnest(kept.latency_buckets, kept.latency_counts) UNION ALL
        SELECT * FROM unnest(excluded.latency_buckets, excluded.latency_counts)
      ) AS both_sides(bucket, number) GROUP BY bucket
    ) AS summed
  )
"""
# Anonymous requests have no user's cubes, keyless ones no key's. Minutes before %(since)s are past their retention.
UPSERT_ROLLUP = (
    _UPSERT % f"(period > {Period.MINUTE} OR start >= %(since)s) AND (cube IN ({Cube.TOTAL}, {Cube.ROUTE}) OR "
    f"cube = {Cube.USER} AND user_id <> {_NOBODY} OR cube = {Cube.KEY} AND api_key_id <> {_NOBODY})" + _ADD_HISTOGRAMS
)
UPSERT_DETAIL = _UPSERT % f"cube = {Cube.DETAIL} AND user_id <> {_NOBODY}"

KEY_USES = """
SELECT DISTINCT ON (api_key_id) api_key_id, 'epoch'::timestamptz + timestamp_us * interval '1 microsecond', host(ip_address)
FROM request_staging JOIN (
  SELECT api_key_id, max(timestamp_us) AS timestamp_us FROM request_staging
  WHERE api_key_id IS NOT NULL AND status_code <> 401 GROUP BY api_key_id
) AS newest USING (api_key_id, timestamp_us)
WHERE status_code <> 401 ORDER BY api_key_id
"""

# As core.middleware names the module of a route: a cell knows its endpoint only.
_MODULE_SQL = (
    "CASE WHEN endpoint = '(unknown)' THEN 'unknown' "
    "WHEN endpoint LIKE '/api/v1/%/%' THEN left(split_part(endpoint, '/', 4), 40) ELSE 'docs' END"
)

# Last in the transaction: a message being sent waits for this row's lock no longer than the commit takes.
UPSERT_USAGE = f"""
INSERT INTO analytics_usagestats AS kept
  (id, user_id, date, messages_sent, media_sent, api_requests, errors, bytes_in, bytes_out, modules)
SELECT gen_random_uuid(), user_id, date, 0, 0, sum(requests), coalesce(sum(errors), 0), sum(bytes_in), sum(bytes_out),
  jsonb_object_agg(module, requests)
FROM (
  SELECT user_id, (start AT TIME ZONE 'UTC')::date AS date, {_MODULE_SQL} AS module, sum(requests) AS requests,
    sum(requests) FILTER (WHERE status_class >= 4) AS errors, sum(bytes_in) AS bytes_in, sum(bytes_out) AS bytes_out
  FROM request_cells
  WHERE period = {Period.DAY} AND cube = {Cube.DETAIL} AND user_id <> {_NOBODY}
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
