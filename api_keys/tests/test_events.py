"""What services of API keys publish; keys that end soon; quotas that are used up. Nothing when refused or rolled back."""

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from kombu.exceptions import OperationalError

from api_keys import notices, quota_bell, services, tasks
from api_keys.models import APIKey
from api_keys.tests.factories import make_key
from core import doorbell
from core.exceptions import DomainError
from core.principals import principal_cache
from events.models import Event

pytestmark = pytest.mark.django_db
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def told(key):
    """Types and payloads after `api_key.created`, without what all of them name; each on the owner's stream."""
    found = list(Event.objects.order_by("created_at", "id"))
    assert all(event.stream == f"user:{key.owner_id}" for event in found)
    assert all(event.payload["owner"] == str(key.owner_id) for event in found)
    common = {"api_key", "owner", "name", "prefix"}
    return [
        (event.type, {name: value for name, value in event.payload.items() if name not in common})
        for event in found
        if event.type != "api_key.created"
    ]


def seconds(moment):
    return moment.isoformat().replace("+00:00", "Z")


class TestServices:
    def test_a_new_key_says_what_it_may_do_and_never_what_it_is(self, user):
        end = timezone.now() + 30 * DAY
        made = services.create_key(owner=user, actor=user, name="backend", scopes=["usage:read", "logs:read"], expires_at=end)
        event = Event.objects.get()
        assert (event.type, event.stream) == ("api_key.created", f"user:{user.pk}")
        assert event.payload == {
            "api_key": str(made.key.pk),
            "owner": str(user.pk),
            "name": "backend",
            "prefix": made.key.prefix,
            "environment": "live",
            "scopes": ["logs:read", "usage:read"],
            "expires_at": seconds(end),
        }

    def test_no_raw_key_nor_digest_is_in_any_event(self, user):
        made = make_key(user)
        rotated = services.rotate_key(key=made.key, actor=user)
        text = str([event.payload for event in Event.objects.all()])
        for secret in (made.raw, rotated.raw, made.key.digest, rotated.key.digest, made.raw[13:-4], rotated.raw[13:-4]):
            assert secret not in text

    def test_an_administrators_change_is_told_to_the_owner(self, user, admin):
        made = make_key(user)
        services.update_key(key=made.key, actor=admin, daily_quota=5, name="other", scopes=made.key.scopes)
        assert told(made.key) == [("api_key.updated", {"changed": ["daily_quota", "name"]})]

    def test_a_change_that_changes_nothing_is_not_told(self, user):
        made = make_key(user)
        services.update_key(key=made.key, actor=user, name=made.key.name)
        assert told(made.key) == []

    def test_a_rotation_names_both_keys_and_is_one_event(self, user):
        made = make_key(user)
        successor = services.rotate_key(key=made.key, actor=user, grace=HOUR).key
        made.key.refresh_from_db()
        expected = {
            "ends_at": seconds(made.key.expires_at),
            "successor": str(successor.pk),
            "successor_prefix": successor.prefix,
        }
        assert told(made.key) == [("api_key.rotated", expected)]

    def test_a_revocation_is_told_once(self, user):
        made = make_key(user)
        services.revoke_key(key=made.key, actor=user)
        services.revoke_key(key=made.key, actor=user)
        assert told(made.key) == [("api_key.revoked", {})]

    @pytest.mark.parametrize(
        "act",
        [
            lambda key, user: services.update_key(key=key, actor=user, scopes=["moon:land"]),
            lambda key, user: services.update_key(key=key, actor=user, expires_at=timezone.now() - DAY),
            lambda key, user: services.rotate_key(key=key, actor=user, grace=-DAY),
            lambda key, user: services.create_key(owner=user, actor=user, name="x", scopes=["moon:land"]),
        ],
    )
    def test_a_refused_call_tells_nothing(self, user, act):
        made = make_key(user)
        with pytest.raises(DomainError):
            act(made.key, user)
        assert Event.objects.count() == 1

    ACTS = (
        lambda key, user: services.create_key(owner=user, actor=user, name="x"),
        lambda key, user: services.update_key(key=key, actor=user, name="y"),
        lambda key, user: services.rotate_key(key=key, actor=user),
        lambda key, user: services.revoke_key(key=key, actor=user),
    )

    @pytest.mark.parametrize("act", ACTS)
    def test_what_is_rolled_back_was_never_told(self, user, act):
        made = make_key(user)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            act(made.key, user)
            raise ZeroDivisionError
        assert Event.objects.count() == 1

    @pytest.mark.parametrize("act", ACTS)
    def test_the_event_is_the_last_statement(self, user, act):
        made = make_key(user)
        with CaptureQueriesContext(connection) as queries:
            act(made.key, user)
        statements = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
        assert "events_publish" in statements[-1]
        assert sum("events_publish" in statement for statement in statements) == 1


class TestExpiring:
    def remind(self, moment):
        with time_machine.travel(moment, tick=False):
            return tasks.tell_expiring()

    def test_it_is_told_once_a_week_before_and_once_a_day_before(self, user):
        end = timezone.now() + 20 * DAY
        key = make_key(user, expires_at=end).key
        counts = [self.remind(end - left) for left in (8 * DAY, 7 * DAY, 6 * DAY, 2 * DAY, DAY, HOUR)]
        assert counts == [0, 1, 0, 0, 1, 0]
        assert told(key) == [
            ("api_key.expiring", {"expires_at": seconds(end), "days": 7}),
            ("api_key.expiring", {"expires_at": seconds(end), "days": 1}),
        ]

    def test_after_a_long_silence_of_beat_only_the_shorter_term_is_told(self, user):
        end = timezone.now() + 20 * DAY
        key = make_key(user, expires_at=end).key
        assert [self.remind(end - HOUR), self.remind(end - HOUR)] == [1, 0]
        assert [payload["days"] for _, payload in told(key)] == [1]

    def test_a_term_shorter_from_the_beginning_is_not_told(self, user):
        now = timezone.now()
        make_key(user, expires_at=now + 12 * HOUR)
        days = make_key(user, expires_at=now + 3 * DAY).key
        assert self.remind(now + HOUR) == 0
        assert self.remind(now + 3 * DAY - HOUR) == 1
        assert [payload["days"] for _, payload in told(days)] == [1]

    def test_a_new_end_is_reminded_of_anew_and_the_same_end_is_not(self, user):
        end = timezone.now() + 20 * DAY
        key = make_key(user, expires_at=end).key
        assert self.remind(end - 6 * DAY) == 1
        key = services.update_key(key=key, actor=user, expires_at=end, name="renamed")
        assert self.remind(end - 6 * DAY) == 0
        later = end + 8 * DAY
        services.update_key(key=key, actor=user, expires_at=later)
        assert [self.remind(end - 6 * DAY), self.remind(later - 6 * DAY)] == [0, 1]

    def test_the_key_that_a_rotation_replaced_is_not_reminded_of_in_a_days_grace_but_its_successor_is(self, user):
        end = timezone.now() + 20 * DAY
        old = make_key(user, expires_at=end).key
        successor = services.rotate_key(key=old, actor=user).key
        assert self.remind(timezone.now() + HOUR) == 0
        assert self.remind(end - 6 * DAY) == 1
        assert Event.objects.get(type="api_key.expiring").payload["api_key"] == str(successor.pk)

    @pytest.mark.parametrize("change", [{"revoked_at": timezone.now()}, {"is_active": False}, {"expires_at": None}])
    def test_a_key_that_cannot_be_used_or_has_no_end_is_left_alone(self, user, change):
        end = timezone.now() + 20 * DAY
        key = make_key(user, expires_at=end).key
        APIKey.objects.filter(pk=key.pk).update(**change)
        assert self.remind(end - HOUR) == 0
        assert told(key) == []

    def test_neither_is_one_that_ended_or_whose_owner_is_switched_off(self, user, other):
        end = timezone.now() + 20 * DAY
        make_key(user, expires_at=end)
        assert self.remind(end) == 0
        make_key(other, expires_at=end)
        other.is_active = user.is_active = False
        other.save()
        user.save()
        assert self.remind(end - HOUR) == 0

    def test_the_look_for_them_uses_its_index(self, user):
        with CaptureQueriesContext(connection) as queries:
            notices.tell_expiring()
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("EXPLAIN " + queries[0]["sql"])
            assert "api_keys_by_expiry" in str(cursor.fetchall())


def race(act, times):
    """Run `act` in that many threads, each with its own connection; the results."""
    barrier, results = threading.Barrier(times), []

    def run():
        try:
            barrier.wait(10)
            results.append(act())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return results


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_of_workers_at_once_one_tells_of_a_quota_and_one_of_an_end(self, user):
        key = make_key(user, daily_quota=5, expires_at=timezone.now() + 20 * DAY).key
        APIKey.objects.filter(pk=key.pk).update(expires_at=timezone.now() + HOUR)
        today = datetime.now(UTC).date()
        assert sorted(race(lambda: notices.tell_quota_reached(key.pk, today), 4)) == [False, False, False, True]
        assert sum(race(notices.tell_expiring, 4)) == 1
        assert [kind for kind, _ in told(key)] == ["usage.quota_reached", "api_key.expiring"]


class TestQuota:
    URL = "/api/v1/api-keys/scopes/"

    def call(self, caller, times):
        return [caller.get(self.URL).status_code for _ in range(times)]

    def test_the_first_refused_request_of_a_day_tells_the_owner_once(self, api, user):
        made = make_key(user, daily_quota=2)
        assert self.call(api.as_key(made.raw), 2) == [200, 200]
        assert told(made.key) == []
        assert self.call(api.as_key(made.raw), 3) == [429, 429, 429]
        today = datetime.now(UTC).date().isoformat()
        assert told(made.key) == [("usage.quota_reached", {"day": today, "quota": 2})]

    def test_a_refusal_for_the_rate_tells_nothing(self, api, user):
        made = make_key(user, rate_limit=1, daily_quota=100)
        assert self.call(api.as_key(made.raw), 3) == [200, 429, 429]
        assert told(made.key) == []

    def test_a_refused_request_writes_nothing_and_asks_nothing_itself(self, api, user, monkeypatch):
        rung = []
        monkeypatch.setattr(tasks.tell_quota_reached, "delay", lambda *args: rung.append(args))
        made = make_key(user, daily_quota=1)
        caller = api.as_key(made.raw)
        assert self.call(caller, 1) == [200]
        with CaptureQueriesContext(connection) as queries:
            assert self.call(caller, 3) == [429] * 3
        assert len(queries) == 0
        assert rung == [(str(made.key.pk), datetime.now(UTC).date().isoformat())]

    def test_a_lost_ring_is_rung_again_by_a_later_refusal(self, user, monkeypatch):
        key = make_key(user, daily_quota=1).key
        monkeypatch.setattr(doorbell, "_quiet_until", 0.0)
        with monkeypatch.context() as broken:

            def away(*args):
                raise OperationalError("connection refused")

            broken.setattr(tasks.tell_quota_reached, "delay", away)
            quota_bell.note_quota_used_up(key.pk)
        monkeypatch.setattr(doorbell, "_quiet_until", 0.0)
        quota_bell.note_quota_used_up(key.pk)
        assert told(key) == [], "within its ten minutes a process rings once"
        with time_machine.travel(timezone.now()):
            monkeypatch.setattr(quota_bell, "REPEAT_SECONDS", 0.0)
            quota_bell.forget()
            quota_bell.note_quota_used_up(key.pk)
            quota_bell.note_quota_used_up(key.pk)
        assert [kind for kind, _ in told(key)] == ["usage.quota_reached"]

    def test_another_day_is_told_again_and_an_earlier_one_is_not(self, user):
        key = make_key(user, daily_quota=7).key
        days = ["2026-01-15", "2026-01-15", "2026-01-16", "2026-01-15"]
        assert [tasks.tell_quota_reached(str(key.pk), day) for day in days] == [True, False, True, False]
        assert [payload["day"] for _, payload in told(key)] == ["2026-01-15", "2026-01-16"]

    def test_a_key_that_is_gone_or_has_no_quota_any_more_is_passed_over(self, user):
        key = make_key(user).key
        assert not notices.tell_quota_reached(key.pk, date(2026, 1, 15))
        assert not notices.tell_quota_reached(user.pk, date(2026, 1, 15))

    def test_a_process_remembers_a_bounded_number_of_keys(self, user, monkeypatch):
        monkeypatch.setattr(quota_bell, "MAX_REMEMBERED", 2)
        quota_bell.forget()
        for _ in range(4):
            quota_bell.note_quota_used_up(make_key(user).key.pk)
        assert len(quota_bell._rung) == 2
        principal_cache().clear()
