"""Making, changing and switching endpoints; tests and replays."""

import base64
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from core.exceptions import Invalid
from core.models import AuditEntry
from webhooks import services, signing
from webhooks.exceptions import DeliveryPending, PlatformNotAllowed, TooManyWebhooks, WebhookDisabled
from webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from webhooks.tests.factories import deliver_to_queue, end, make_endpoint, reload

pytestmark = pytest.mark.django_db


def codes(caught) -> list[tuple[str, str]]:
    return [(detail.field, detail.code) for detail in caught.value.details]


class TestMaking:
    def test_the_secret_is_given_once_and_stored_encrypted(self, user):
        made = make_endpoint(user)
        key = signing.parse_secret(made.secret)
        stored = WebhookEndpoint.objects.values().get()
        assert len(key) == 32
        assert key not in bytes(stored["secret"])
        assert base64.b64encode(key) not in bytes(stored["secret"])
        assert reload(made.endpoint).keys(timezone.now()) == [key]
        assert made.secret not in str(list(AuditEntry.objects.values()))

    def test_ones_own_secret_is_taken(self, user):
        secret = signing.secret_text(b"k" * 24)
        assert make_endpoint(user, secret=secret).secret == secret

    @pytest.mark.parametrize("secret", ["", "whsec_short", "x" * 40])
    def test_a_bad_one_is_not(self, user, secret):
        with pytest.raises(Invalid) as caught:
            make_endpoint(user, secret=secret)
        assert codes(caught) == [("secret", "invalid_secret")]
        assert not WebhookEndpoint.objects.exists()

    @pytest.mark.parametrize(
        ("url", "code"),
        [
            ("http://hooks.example.com/", "https_required"),
            ("https://127.0.0.1/", "address_refused"),
            ("https://[::1]/", "address_refused"),
            ("https://169.254.169.254/latest/", "address_refused"),
            ("https://hooks.example.com:22/", "address_refused"),
            ("https://user:password@hooks.example.com/", "address_refused"),
            ("ftp://hooks.example.com/", "address_refused"),
            ("hooks.example.com", "address_refused"),
            ("https://hooks.example.com/" + "x" * 2000, "too_long"),
        ],
    )
    def test_a_url_that_would_not_be_called_is_refused(self, user, url, code):
        with pytest.raises(Invalid) as caught:
            make_endpoint(user, url=url)
        assert codes(caught) == [("url", code)]
        assert not WebhookEndpoint.objects.exists()

    def test_plain_http_is_for_the_hosts_that_the_settings_name(self, user, settings):
        settings.OUTGOING_ALLOWED_PRIVATE = frozenset({"127.0.0.1:9999"})
        make_endpoint(user, url="http://127.0.0.1:9999/in")
        with pytest.raises(Invalid):
            make_endpoint(user, url="http://127.0.0.1:9998/in")

    @pytest.mark.parametrize("types", [["user.deleted_twice"], ["use.*"], ["user*"], ["user.created.*"], [""], ["User.Created"]])
    def test_an_event_type_that_nothing_has_is_refused(self, user, types):
        with pytest.raises(Invalid) as caught:
            make_endpoint(user, event_types=types)
        assert codes(caught) == [("event_types", "unknown_event_type")]

    def test_none_is_refused_and_doubles_are_dropped(self, user):
        with pytest.raises(Invalid):
            make_endpoint(user, event_types=[])
        assert make_endpoint(user, event_types=["user.*", "*", "user.*"]).endpoint.event_types == ["*", "user.*"]

    def test_fifty_are_enough(self, user, other, monkeypatch):
        monkeypatch.setattr(services, "MAX_ENDPOINTS", 3)
        for _ in range(3):
            services.disable_endpoint(endpoint=make_endpoint(user).endpoint, actor=user)
        with pytest.raises(TooManyWebhooks):
            make_endpoint(user)
        make_endpoint(other)

    def test_the_platform_is_for_administrators_by_administrators(self, user, admin):
        for owner, actor in ((user, user), (user, admin), (admin, user)):
            with pytest.raises(PlatformNotAllowed):
                make_endpoint(owner, actor=actor, audience="platform")
        assert make_endpoint(admin, audience="platform").endpoint.audience == "platform"

    def test_the_database_holds_that_off_has_a_reason(self, user):
        made = make_endpoint(user)
        with pytest.raises(IntegrityError), transaction.atomic():
            WebhookEndpoint.objects.filter(pk=made.endpoint.pk).update(is_active=False)


class TestChanging:
    def test_is_checked_and_audited_without_the_query_of_the_url(self, user):
        made = make_endpoint(user, url="https://hooks.example.com/a?token=one")
        services.update_endpoint(endpoint=made.endpoint, actor=user, url="https://hooks.example.com/b?token=two", description="x")
        endpoint = reload(made.endpoint)
        assert (endpoint.url, endpoint.description) == ("https://hooks.example.com/b?token=two", "x")
        changes = AuditEntry.objects.get(action="webhook.updated").changes
        assert changes["url"] == ["https://hooks.example.com/a", "https://hooks.example.com/b"]
        assert "token" not in str(changes)

    def test_what_is_refused_changes_nothing(self, user):
        made = make_endpoint(user)
        for fields in ({"url": "http://10.0.0.1/"}, {"event_types": ["no.such"]}, {"audience": "platform"}):
            with pytest.raises((Invalid, PlatformNotAllowed)):
                services.update_endpoint(endpoint=made.endpoint, actor=user, description="changed", **fields)
        assert reload(made.endpoint).description == ""
        assert not AuditEntry.objects.filter(action="webhook.updated").exists()

    def test_nothing_new_is_not_written(self, user):
        made = make_endpoint(user)
        services.update_endpoint(endpoint=made.endpoint, actor=user, event_types=["webhook.*", "user.created"])
        assert not AuditEntry.objects.filter(action="webhook.updated").exists()

    def test_deleting_removes_deliveries_and_attempts_and_twice_is_harmless(self, user):
        made, kept = make_endpoint(user), make_endpoint(user)
        deliver_to_queue(user, 2)
        for delivery in WebhookDelivery.objects.all():
            WebhookAttempt.objects.create(delivery=delivery, number=1, started_at=timezone.now(), duration_ms=1)
        services.delete_endpoint(endpoint=made.endpoint, actor=user)
        services.delete_endpoint(endpoint=made.endpoint, actor=user)
        assert list(WebhookEndpoint.objects.all()) == [kept.endpoint]
        assert WebhookDelivery.objects.count() == WebhookAttempt.objects.count() == 2
        assert AuditEntry.objects.filter(action="webhook.deleted").count() == 1


class TestRotating:
    def test_both_keys_for_the_grace_then_the_new_one(self, user):
        old = make_endpoint(user)
        new = services.rotate_secret(endpoint=old.endpoint, actor=user, grace=timedelta(hours=2))
        endpoint, now = reload(old.endpoint), timezone.now()
        parse = signing.parse_secret
        assert endpoint.keys(now) == [parse(new.secret), parse(old.secret)]
        assert endpoint.keys(now + timedelta(hours=2)) == [parse(new.secret)]

    def test_without_grace_the_old_one_is_gone_at_once(self, user):
        old = make_endpoint(user)
        services.rotate_secret(endpoint=old.endpoint, actor=user, grace=timedelta(0))
        assert reload(old.endpoint).previous_secret is None

    @pytest.mark.parametrize("grace", [timedelta(seconds=-1), timedelta(days=7, seconds=1)])
    def test_a_grace_out_of_bounds(self, user, grace):
        old = make_endpoint(user)
        with pytest.raises(Invalid):
            services.rotate_secret(endpoint=old.endpoint, actor=user, grace=grace)
        assert reload(old.endpoint).keys(timezone.now()) == [signing.parse_secret(old.secret)]


class TestSwitching:
    def test_off_cancels_what_waits_and_on_leaves_it_so(self, user):
        made = make_endpoint(user)
        deliver_to_queue(user, 3)
        services.disable_endpoint(endpoint=made.endpoint, actor=user)
        assert set(WebhookDelivery.objects.values_list("status", flat=True)) == {"cancelled"}
        assert reload(made.endpoint).disabled_reason == "by_owner"
        services.enable_endpoint(endpoint=made.endpoint, actor=user)
        endpoint = reload(made.endpoint)
        assert (endpoint.is_active, endpoint.disabled_reason, endpoint.disabled_at) == (True, "", None)
        assert set(WebhookDelivery.objects.values_list("status", flat=True)) == {"cancelled"}

    def test_twice_is_harmless_and_audited_once(self, user):
        made = make_endpoint(user)
        for operation in (
            services.disable_endpoint,
            services.disable_endpoint,
            services.enable_endpoint,
            services.enable_endpoint,
        ):
            operation(endpoint=made.endpoint, actor=user)
        assert AuditEntry.objects.filter(action__in=("webhook.disabled", "webhook.enabled")).count() == 2

    def test_ones_own_doing_is_no_news(self, user):
        made = make_endpoint(user)
        make_endpoint(user, event_types=["webhook.*"])
        services.disable_endpoint(endpoint=made.endpoint, actor=user)
        assert deliver_to_queue(user, 0) == []


class TestReplaying:
    @pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
    def test_what_ended_is_sent_again_with_the_same_id_and_all_tries(self, user, status):
        make_endpoint(user)
        (delivery,) = deliver_to_queue(user)
        WebhookDelivery.objects.update(tries=10, attempts=10)
        end(delivery, status)
        services.replay(delivery=delivery, actor=user)
        now = WebhookDelivery.objects.get()
        assert (now.status, now.tries, now.attempts, now.event_id) == ("pending", 0, 10, delivery.event_id)
        assert now.body == delivery.body

    def test_what_is_under_way_is_not(self, user):
        make_endpoint(user)
        (delivery,) = deliver_to_queue(user)
        with pytest.raises(DeliveryPending):
            services.replay(delivery=delivery, actor=user)

    def test_nothing_is_replayed_or_tested_while_the_endpoint_is_off(self, user):
        made = make_endpoint(user)
        (delivery,) = deliver_to_queue(user)
        services.disable_endpoint(endpoint=made.endpoint, actor=user)
        for refused in (
            lambda: services.replay(delivery=delivery, actor=user),
            lambda: services.replay_failed(endpoint=made.endpoint, since=delivery.created_at, actor=user),
            lambda: services.send_test(endpoint=made.endpoint, actor=user),
        ):
            with pytest.raises(WebhookDisabled):
                refused()
        assert [row.status for row in WebhookDelivery.objects.all()] == ["cancelled"]

    def test_all_failures_since_a_moment_the_oldest_first_up_to_a_bound(self, user, monkeypatch):
        monkeypatch.setattr(services, "MAX_REPLAYS", 3)
        made, another = make_endpoint(user), make_endpoint(user)
        rows = [row for row in deliver_to_queue(user, 6) if row.endpoint_id == made.endpoint.pk]
        statuses = ["failed", "failed", "succeeded", "cancelled", "failed", "failed"]
        start = timezone.now() - timedelta(hours=6)
        for index, (row, status) in enumerate(zip(rows, statuses, strict=True)):
            end(row, status)
            WebhookDelivery.objects.filter(pk=row.pk).update(created_at=start + timedelta(hours=index))
        WebhookDelivery.objects.filter(endpoint=another.endpoint).update(status="failed", finished_at=start)
        since = start + timedelta(minutes=30)
        assert services.replay_failed(endpoint=made.endpoint, since=since, actor=user) == 3
        found = {row.pk: row.status for row in WebhookDelivery.objects.filter(endpoint=made.endpoint)}
        assert [found[row.pk] for row in rows] == ["failed", "pending", "succeeded", "pending", "pending", "failed"]
        assert services.replay_failed(endpoint=made.endpoint, since=since, actor=user) == 1
        assert services.replay_failed(endpoint=made.endpoint, since=since, actor=user) == 0
        assert set(WebhookDelivery.objects.filter(endpoint=another.endpoint).values_list("status", flat=True)) == {"failed"}
