"""The planner knows how many rows of a cube there are in a grain, so a month's days are not looked for in the whole table."""

import json

import pytest
from django.db import connection

from analytics.choices import Cube, Period

pytestmark = pytest.mark.django_db


def test_the_planner_expects_as_many_rows_of_a_cube_and_grain_as_there_are():
    few, many = (Cube.ROUTE, Period.DAY), ((Cube.DETAIL, Period.DAY), (Cube.ROUTE, Period.MINUTE))
    with connection.cursor() as cursor:
        for (cube, period), count in [(few, 30), *((pair, 3000) for pair in many)]:
            cursor.execute(
                "INSERT INTO analytics_rollup (cube, period, start, user_id, api_key_id, method, endpoint, status_class, "
                "requests, bytes_in, bytes_out, duration_us) SELECT %s, %s, now() - n * interval '1 minute', gen_random_uuid(), "
                "gen_random_uuid(), 'GET', '/', 2, 1, 1, 1, 1 FROM generate_series(1, %s) AS n",
                [cube, period, count],
            )
        cursor.execute("ANALYZE analytics_rollup")
        cursor.execute("EXPLAIN (FORMAT JSON) SELECT * FROM analytics_rollup WHERE cube = %s AND period = %s", few)
        plan = json.loads(found) if isinstance(found := cursor.fetchone()[0], str) else found
    assert 10 <= plan[0]["Plan"]["Plan Rows"] <= 90
