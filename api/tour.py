"""The main job of the product, end to end, as anybody outside could do it: over HTTP against a running server.

An administrator signs in, makes an account and a key for it; an integrator calls with the key; the call is authenticated,
limited, logged and counted; the modules that are switched on show theirs (core.apps.DomainAppConfig.tour); the key is revoked and
the next call refused. What the tour made it removes again, also when a step fails.
"""

import secrets
import time
import urllib.parse
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from api.tour_kit import Client, Guide, Steps, TourFailed, check, until
from core.registry import tour_scopes, tours

REVOCATION_SECONDS = 1.0
RATE_LIMIT = 600
SCOPES = ["account:read", "events:read", "logs:read", "usage:read"]
_ME = "/api/v1/auth/me/"


@dataclass
class Tour:
    """One walk. `say` gets a line for each step."""

    url: str
    username: str
    password: str
    say: Callable[[str], object]
    user_id: str = ""
    name: str = field(default_factory=lambda: f"tour-{secrets.token_hex(4)}")

    def __post_init__(self) -> None:
        self.url = self.url.rstrip("/")
        self._steps = Steps(self.say)
        if urllib.parse.urlsplit(self.url).scheme not in ("http", "https"):
            raise TourFailed(f"{self.url!r} is no address of a server; it should look like http://localhost:8000")

    def walk(self) -> None:
        """Every step in order. Raises TourFailed; what was made is removed all the same."""
        self.say(f"The main job, end to end, at {self.url}")
        with self._steps.step("The administrator signs in") as told:
            tokens = self._sign_in()
            admin = Client(self.url, f"Bearer {tokens['access']}")
            told(f"as {tokens['user']['username']}")
        try:
            self._main_job(admin)
        except BaseException:
            with suppress(TourFailed):
                self._clean_up(admin)
            raise
        self._clean_up(admin)
        self.say("Everything is as promised.")

    def _main_job(self, admin: Client) -> None:
        key = self._make_user_and_key(admin)
        integrator = Client(self.url, f"ApiKey {key['key']}")
        request_id = self._call_with_the_key(integrator)
        self._look_into_the_log(admin, key, request_id)
        self._look_at_the_statistics(admin, integrator)
        for tour in tours():
            tour(self._steps, Guide(admin=admin, integrator=integrator, user_id=self.user_id))
        self._revoke(admin, integrator, key)

    def _sign_in(self) -> dict[str, Any]:
        body = {"username": self.username, "password": self.password}
        tokens: dict[str, Any] = Client(self.url).expect(HTTPStatus.OK, "POST", "/api/v1/auth/login/", body).data
        if not tokens["user"]["is_staff"]:
            raise TourFailed(f"{self.username} is no administrator")
        return tokens

    def _make_user_and_key(self, admin: Client) -> dict[str, Any]:
        with self._steps.step("The administrator makes an account") as told:
            body = {"username": self.name, "email": f"{self.name}@example.com", "password": secrets.token_urlsafe(16)}
            self.user_id = admin.expect(HTTPStatus.CREATED, "POST", "/api/v1/users/", body).data["id"]
            told(self.name)
        with self._steps.step("... and an API key for it") as told:
            granted = sorted({*SCOPES, *tour_scopes()})
            wanted: dict[str, Any] = {"name": "Tour", "owner": self.user_id, "scopes": granted, "rate_limit": RATE_LIMIT}
            key: dict[str, Any] = admin.expect(HTTPStatus.CREATED, "POST", "/api/v1/api-keys/", wanted).data
            told(f"{key['prefix']}…{key['last_four']}, {RATE_LIMIT} requests a minute, scopes {', '.join(granted)}")
        return key

    def _call_with_the_key(self, integrator: Client) -> str:
        request_id = f"{self.name}-call"
        with self._steps.step("An integrator calls with the key") as told:
            answer = integrator.expect(HTTPStatus.OK, "GET", _ME, request_id=request_id)
            check(answer.data["username"] == self.name, f"the key speaks for {answer.data['username']}")
            check(answer.headers.get("x-request-id") == request_id, "the answer lacks the request's id")
            told(f"as {answer.data['username']}, request {request_id}")
        with self._steps.step("... and is told its limits") as told:
            policy, left = answer.headers.get("ratelimit-policy", ""), answer.headers.get("ratelimit", "")
            check(policy == f'"default";q={RATE_LIMIT};w=60', f"RateLimit-Policy is {policy!r}")
            check(left.startswith('"default";r='), f"RateLimit is {left!r}")
            told(f"RateLimit-Policy: {policy}  RateLimit: {left}")
        with self._steps.step("... and refused what the key has no scope for") as told:
            refusal = integrator.expect(HTTPStatus.FORBIDDEN, "GET", "/api/v1/api-keys/")
            check(refusal.code == "insufficient_scope", f"the refusal's code is {refusal.code}")
            told(refusal.body["error"]["message"])
        return request_id

    def _look_into_the_log(self, admin: Client, key: dict[str, Any], request_id: str) -> None:
        with self._steps.step("The call is in the request log") as told:
            rows = until(lambda: admin.expect(HTTPStatus.OK, "GET", f"/api/v1/analytics/api-logs/?request_id={request_id}").data)
            check(len(rows) == 1, f"it is there {len(rows)} times")
            row = rows[0]
            known = (row["method"], row["endpoint"], row["status_code"], row["user_id"], row["api_key_id"])
            check(known == ("GET", _ME, 200, self.user_id, key["id"]), f"it is logged as {known}")
            told(f"{row['method']} {row['endpoint']} {row['status_code']} in {row['duration_ms']} ms")

    def _look_at_the_statistics(self, admin: Client, integrator: Client) -> None:
        # The call with the key and the refused one; whoever looks with the key is counted too.
        calls = 2
        with self._steps.step("The account's own statistics of the day show it") as told:
            days = until(lambda: [day for day in self._days(integrator) if day["api_requests"] >= calls])
            told(f"{days[0]['date']}: {days[0]['api_requests']} requests, {days[0]['errors']} of them refused")
        with self._steps.step("The administrator's summary shows it") as told:
            summary = admin.expect(HTTPStatus.OK, "GET", f"/api/v1/analytics/summary/?user={self.user_id}").data
            endpoints = [entry["endpoint"] for entry in summary["top_endpoints"]]
            check(summary["requests"] >= calls, f"it counts {summary['requests']} requests")
            check(_ME in endpoints, f"its endpoints are {endpoints}")
            told(f"{summary['requests']} requests, {summary['errors']} of them refused, p95 {summary['p95_ms']} ms")
        with self._steps.step("... and so do the time series of the charts") as told:
            path = f"/api/v1/analytics/timeseries/?user={self.user_id}&bucket=hour"
            counted = sum(point["requests"] for point in admin.expect(HTTPStatus.OK, "GET", path).data)
            check(counted >= calls, f"they count {counted} requests")
            told(f"{counted} requests in the last day")

    def _days(self, integrator: Client) -> list[dict[str, Any]]:
        # From yesterday on, so that a tour over midnight finds its day.
        path = f"/api/v1/analytics/usage-stats/?date_from={datetime.now(UTC).date() - timedelta(days=1)}"
        days: list[dict[str, Any]] = integrator.expect(HTTPStatus.OK, "GET", path).data
        check(all(day["user_id"] == self.user_id for day in days), "the key sees statistics of others")
        return days

    def _revoke(self, admin: Client, integrator: Client, key: dict[str, Any]) -> None:
        with self._steps.step("The administrator revokes the key") as told:
            admin.expect(HTTPStatus.NO_CONTENT, "DELETE", f"/api/v1/api-keys/{key['id']}/")
            began = time.monotonic()
            while (answer := integrator.call("GET", _ME)).status == HTTPStatus.OK:
                check(time.monotonic() - began < REVOCATION_SECONDS, "the key still works a second later")
            check(answer.status == HTTPStatus.UNAUTHORIZED, f"the next call was answered {answer.status}")
            check(answer.code == "api_key_revoked", f"the refusal's code is {answer.code}")
            told(f"the next call is refused, {(time.monotonic() - began) * 1000:.0f} ms later: {answer.body['error']['message']}")

    def _clean_up(self, admin: Client) -> None:
        with self._steps.step("What the tour made is removed"):
            if self.user_id:
                admin.expect(HTTPStatus.NO_CONTENT, "DELETE", f"/api/v1/users/{self.user_id}/")
                admin.expect(HTTPStatus.NOT_FOUND, "GET", f"/api/v1/users/{self.user_id}/")
            admin.expect(HTTPStatus.NO_CONTENT, "POST", "/api/v1/auth/logout/")
