"""How long an administrator waits for the summary, the time series and the first page of the log."""

import random
import statistics
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.test import Client

from analytics.models import APILog
from bench.log_traffic import RARE_ENDPOINT, Traffic
from users.models import User
from users.services import sessions

_ROOT = "/api/v1/analytics/"
_WARM_UP = 10
Query = Callable[[], dict[str, Any]]


def measure(traffic: Traffic, now: datetime, calls: int, say: Callable[[str], None]) -> dict[str, Any]:
    """p50 and p95 of each question, in milliseconds; for each endpoint the worst p95 of its questions."""
    admin = User.objects.create_superuser(username="bench", email="bench@example.com", password=None)
    client = Client(headers={"Authorization": f"Bearer {sessions.open_session(user=admin).tokens.access}"})
    found: dict[str, Any] = {}
    questions = _questions(traffic, now)
    for endpoint, asked in questions.items():
        worst = 0.0
        for name, query in asked.items():
            path = f"{_ROOT}{endpoint.removesuffix('_of_endpoint').replace('_', '-')}/"
            p50, p95 = _time(client, path, query, calls)
            say(f"{endpoint}, {name}: p50 {p50:.1f} ms, p95 {p95:.1f} ms")
            found[f"{endpoint}: {name}"] = [round(p50, 1), round(p95, 1)]
            worst = max(worst, p95)
        found[f"{endpoint}_p95_ms"] = round(worst, 1)
    return found


def _questions(traffic: Traffic, now: datetime) -> dict[str, dict[str, Query]]:
    draw = random.Random(2)  # noqa: S311 - which users are asked about

    def window(length: timedelta, **more: Any) -> dict[str, Any]:
        return {"start": (now - length).isoformat(), "end": now.isoformat(), **more}

    known = list(APILog.objects.filter(timestamp__lt=now - timedelta(days=3)).values_list("request_id", flat=True)[:100])
    day, week, month = timedelta(days=1), timedelta(days=7), timedelta(days=30)
    return {
        "summary": {
            "a day": dict,
            "30 days": lambda: window(month),
            "30 days of a user": lambda: window(month, user=draw.choice(traffic.users)),
        },
        # The one question that reads the detail cube of everybody; here for the busiest endpoint of all.
        "summary_of_endpoint": {
            "a day": lambda: {"endpoint": "/api/v1/users/"},
            "30 days": lambda: window(month, endpoint="/api/v1/users/"),
        },
        "timeseries": {
            "7 days by hour": lambda: window(week, bucket="hour"),
            "7 days by hour and endpoint": lambda: window(week, bucket="hour", group_by="endpoint"),
            "30 days by day": lambda: window(month, bucket="day"),
            "30 days by day and user": lambda: window(month, bucket="day", group_by="user_id"),
            "a day by minute": lambda: window(day, bucket="minute"),
        },
        "api_logs": {
            "all": dict,
            "of a user": lambda: {"user": draw.choice(traffic.users)},
            "of a busy user": lambda: {"user": traffic.users[0]},
            "of a rare endpoint": lambda: {"endpoint": RARE_ENDPOINT},
            "with status 5xx": lambda: {"status_class": 5},
            "of a user, with status 5xx": lambda: {"user": draw.choice(traffic.users), "status_class": 5},
            "of a request id": lambda: {"request_id": draw.choice(known)},
            "of a request id that nobody had": lambda: {"request_id": f"client-{draw.random()}"},
        },
    }


def _time(client: Client, path: str, query: Query, calls: int) -> tuple[float, float]:
    times = []
    for number in range(calls + _WARM_UP):
        parameters = query()
        began = time.perf_counter()
        response = client.get(path, parameters)
        elapsed = time.perf_counter() - began
        if response.status_code != 200:
            raise RuntimeError(f"{path} {parameters}: {response.status_code} {response.content[:300]!r}")
        if number >= _WARM_UP:
            times.append(elapsed * 1000)
    return statistics.median(times), statistics.quantiles(times, n=20)[18]
