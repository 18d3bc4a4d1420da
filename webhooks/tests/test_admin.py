"""What the admin promises about webhooks."""

import json
import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import escape

from core.models import AuditEntry
from users.tests.factories import make_user
from users.tests.support import signed_in
from webhooks import services
from webhooks.admin.state import webhook_readings
from webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from webhooks.tests.factories import deliver_to_queue, end, make_endpoint, publish, reload

pytestmark = pytest.mark.django_db

ENDPOINTS = "/admin/webhooks/webhookendpoint/"
DELIVERIES = "/admin/webhooks/webhookdelivery/"
CHART = "/admin/webhook-chart/"


@pytest.fixture
def made(user):
    return make_endpoint(user, url="https://hooks.example.com/in?token=s3kr3t")


def page(thing, action="change"):
    base = ENDPOINTS if isinstance(thing, WebhookEndpoint) else DELIVERIES
    return f"{base}{thing.pk}/{action}/"


def rows(browser, base, **query):
    content = browser.get(base, query).content.decode()
    return set(re.findall(rf"{base}([0-9a-f-]{{36}})/change/", content))


def test_outsiders_see_and_do_nothing_and_staff_does(made, user):
    (delivery,) = deliver_to_queue(user)
    end(delivery, "failed")
    for browser in (Client(), signed_in(user)):
        for address in (ENDPOINTS, DELIVERIES, CHART, page(made.endpoint), page(delivery)):
            assert browser.get(address)["Location"].startswith("/admin/login/")
        for address in (page(made.endpoint, "disable"), page(made.endpoint, "test"), page(delivery, "replay")):
            assert browser.post(address).status_code == 302
    assert reload(made.endpoint).is_active
    assert list(WebhookDelivery.objects.values_list("status", flat=True)) == ["failed"]
    staff = signed_in(make_user(is_staff=True))
    for address in (ENDPOINTS, DELIVERIES, CHART, page(made.endpoint), page(delivery)):
        assert staff.get(address).status_code == 200


def test_neither_secrets_nor_the_query_of_a_url_are_shown(chief, made, user):
    services.rotate_secret(endpoint=made.endpoint, actor=user)
    for address in (ENDPOINTS, page(made.endpoint), page(made.endpoint, "disable"), DELIVERIES):
        content = chief.get(address).content.decode()
        assert made.secret not in content
        assert "s3kr3t" not in content
    assert escape("https://hooks.example.com/in") in chief.get(page(made.endpoint)).content.decode()


def test_nothing_is_edited_added_or_deleted_here(chief, made, user):
    (delivery,) = deliver_to_queue(user)
    for base in (ENDPOINTS, DELIVERIES):
        assert chief.get(f"{base}add/").status_code == 403
    for thing in (made.endpoint, delivery):
        assert chief.post(page(thing, "delete"), {"post": "yes"}).status_code == 403
        assert chief.post(page(thing), {"url": "https://elsewhere.example.com/", "status": "failed"}).status_code == 403
    assert reload(made.endpoint).url == made.endpoint.url
    delivery.refresh_from_db()
    assert delivery.status == "pending"


class TestEndpoints:
    @pytest.fixture
    def several(self, user, other, admin):
        made = {
            "on": make_endpoint(user, url="https://on.example.com/").endpoint,
            "off": make_endpoint(user, url="https://off.example.com/").endpoint,
            "failing": make_endpoint(other, url="https://failing.example.com/").endpoint,
            "platform": make_endpoint(admin, url="https://platform.example.com/", audience="platform").endpoint,
        }
        services.disable_endpoint(endpoint=made["off"], actor=user)
        WebhookEndpoint.objects.filter(pk=made["failing"].pk).update(
            is_active=False, disabled_reason="failing", disabled_at=timezone.now()
        )
        return made

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ({}, {"on", "off", "failing", "platform"}),
            ({"state": "active"}, {"on", "platform"}),
            ({"state": "by_owner"}, {"off"}),
            ({"state": "failing"}, {"failing"}),
            ({"audience__exact": "platform"}, {"platform"}),
            ({"owner": "outsider"}, {"failing"}),
            ({"q": "on.example"}, {"on"}),
            ({"q": "owner@example"}, {"on", "off"}),
        ],
    )
    def test_filters_and_searches(self, chief, several, query, names):
        assert rows(chief, ENDPOINTS, **query) == {str(several[name].pk) for name in names}

    def test_the_queries_do_not_grow_with_the_rows(self, chief, user):
        make_endpoint(user)
        chief.get(ENDPOINTS)
        with CaptureQueriesContext(connection) as few:
            chief.get(ENDPOINTS)
        for _ in range(10):
            make_endpoint(make_user())
        with CaptureQueriesContext(connection) as many:
            chief.get(ENDPOINTS)
        assert len(many) == len(few)

    @pytest.mark.parametrize(("action", "before", "after"), [("disable", True, False), ("enable", False, True)])
    def test_switching_asks_first_and_goes_through_the_service(self, chief, made, user, action, before, after):
        if not before:
            services.disable_endpoint(endpoint=made.endpoint, actor=user)
        assert chief.get(page(made.endpoint, action)).status_code == 200
        assert reload(made.endpoint).is_active is before
        assert chief.post(page(made.endpoint, action)).status_code == 302
        assert reload(made.endpoint).is_active is after
        assert AuditEntry.objects.get(action=f"webhook.{action}d", via="admin").actor_label == "chief"

    def test_of_many(self, chief, several):
        chosen = [str(several["on"].pk), str(several["platform"].pk)]
        chief.post(ENDPOINTS, {"action": "disable_chosen", "_selected_action": chosen})
        assert not WebhookEndpoint.objects.filter(is_active=True).exists()
        chief.post(ENDPOINTS, {"action": "enable_chosen", "_selected_action": chosen})
        assert {str(key) for key in WebhookEndpoint.objects.filter(is_active=True).values_list("pk", flat=True)} == set(chosen)

    def test_a_test_is_queued_and_refused_while_it_is_off(self, chief, made, user):
        assert chief.get(page(made.endpoint, "test")).status_code == 200
        assert not WebhookDelivery.objects.exists()
        chief.post(page(made.endpoint, "test"))
        assert WebhookDelivery.objects.get().is_test
        services.disable_endpoint(endpoint=made.endpoint, actor=user)
        answer = chief.post(page(made.endpoint, "test"), follow=True)
        assert "switched off; enable it first" in answer.content.decode()
        assert WebhookDelivery.objects.count() == 1

    def test_the_buttons_are_those_that_its_state_allows(self, chief, made, user):
        def offered():
            content = chief.get(page(made.endpoint)).content.decode()
            return {name for name in ("enable", "disable", "test") if page(made.endpoint, name) in content}

        assert offered() == {"disable", "test"}
        services.disable_endpoint(endpoint=made.endpoint, actor=user)
        assert offered() == {"enable"}

    def test_an_owners_page_leads_to_its_endpoints(self, chief, made, user):
        content = chief.get(f"/admin/users/user/{user.pk}/change/").content.decode()
        assert f"{ENDPOINTS}?owner={user.pk}" in content


class TestDeliveries:
    @pytest.fixture
    def several(self, made, user, other):
        make_endpoint(other)
        first, second = deliver_to_queue(user, 2)
        (theirs,) = deliver_to_queue(other)
        end(first, "failed")
        test = services.send_test(endpoint=made.endpoint, actor=user)
        return {"failed": first, "pending": second, "theirs": theirs, "test": test}

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ({}, {"failed", "pending", "theirs", "test"}),
            ({"status__exact": "failed"}, {"failed"}),
            ({"event_type": "webhook.test"}, {"test"}),
            ({"webhook": "token=s3kr3t"}, {"failed", "pending", "test"}),
            ({"q": "no id"}, set()),
        ],
    )
    def test_filters(self, chief, several, query, names):
        assert rows(chief, DELIVERIES, **query) == {str(several[name].pk) for name in names}

    def test_are_found_by_any_of_their_ids(self, chief, several):
        failed = several["failed"]
        for text in (failed.pk, failed.event_id, f"msg_{failed.event_id.hex}"):
            assert rows(chief, DELIVERIES, q=str(text)) == {str(failed.pk)}
        assert rows(chief, DELIVERIES, q=str(uuid4())) == set()

    def test_the_queries_do_not_grow_with_the_rows(self, chief, made, user):
        deliver_to_queue(user)
        chief.get(DELIVERIES)
        with CaptureQueriesContext(connection) as few:
            chief.get(DELIVERIES)
        deliver_to_queue(user, 20)
        with CaptureQueriesContext(connection) as many:
            chief.get(DELIVERIES)
        assert len(many) == len(few)

    def test_a_page_shows_the_body_and_the_attempts(self, chief, several):
        failed = several["failed"]
        WebhookAttempt.objects.create(
            delivery=failed, number=1, started_at=timezone.now(), duration_ms=7, status_code=500, response_head="<b>boom</b>"
        )
        content = chief.get(page(failed)).content.decode()
        assert escape(failed.body[:100]) in content
        assert "&lt;b&gt;boom&lt;/b&gt;" in content

    def test_replaying_asks_first(self, chief, several):
        failed = several["failed"]
        assert chief.get(page(failed, "replay")).status_code == 200
        failed.refresh_from_db()
        assert failed.status == "failed"
        chief.post(page(failed, "replay"))
        failed.refresh_from_db()
        assert failed.status == "pending"

    def test_replaying_many_tells_which_could_not_be(self, chief, several):
        chosen = [str(several[name].pk) for name in ("failed", "pending")]
        answer = chief.post(DELIVERIES, {"action": "replay_chosen", "_selected_action": chosen}, follow=True)
        assert "1 deliveries queued again." in answer.content.decode()
        assert "still under way" in answer.content.decode()
        several["failed"].refresh_from_db()
        assert several["failed"].status == "pending"


class TestChart:
    def test_counts_by_hour_and_outcome(self, chief, made, user):
        one, two, three = deliver_to_queue(user, 3)
        end(one, "succeeded")
        end(two, "failed")
        WebhookDelivery.objects.filter(pk=one.pk).update(created_at=timezone.now() - timedelta(hours=2))
        WebhookDelivery.objects.filter(pk=three.pk).update(created_at=timezone.now() - timedelta(hours=30))
        for window, hours, other in (("day", 24, 0), ("week", 168, 1), ("nonsense", 24, 0)):
            context = chief.get(CHART, {"window": window}).context
            data = json.loads(context["charts"][0].data)
            assert len(data["labels"]) == hours
            series = {one["label"]: one["data"] for one in data["datasets"]}
            assert (sum(series["Succeeded"]), sum(series["Failed"]), sum(series["Pending or cancelled"])) == (1, 1, other)
            assert series["Succeeded"][-3] == 1
            assert series["Failed"][-1] == 1

    def test_of_nothing_says_so(self, chief):
        assert "Nothing in this window" in chief.get(CHART).content.decode()


def test_the_state_page_tells_of_what_waits(made, user):
    publish(user)
    assert [reading.value for reading in webhook_readings()] == ["1", "0", "0"]
    deliver_to_queue(user, 0)
    WebhookDelivery.objects.update(next_attempt_at=timezone.now() - timedelta(minutes=5))
    assert [reading.value for reading in webhook_readings()] == ["0", "1", "0"]
