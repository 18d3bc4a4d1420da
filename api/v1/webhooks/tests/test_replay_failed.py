"""POST /api/v1/webhooks/{id}/replay-failed/"""

from datetime import timedelta

import pytest
from django.utils import timezone

from api.tests.answers import assert_anonymous, assert_lacks_scope, error, wrong_fields
from api.v1.webhooks.tests.support import detail
from webhooks import services
from webhooks.models import WebhookDelivery
from webhooks.tests.factories import deliver_to_queue, end

pytestmark = pytest.mark.django_db


@pytest.fixture
def body(user, made):
    for delivery, status in zip(deliver_to_queue(user, 3), ["failed", "cancelled", "succeeded"], strict=True):
        end(delivery, status)
    return {"since": (timezone.now() - timedelta(hours=1)).isoformat()}


def test_others_are_refused_and_nothing_is_queued(api, as_other, as_admin, as_bare_key, as_reading_key, made, body):
    path = detail(made, "replay-failed/")
    assert_anonymous(api.post(path, body))
    for client in (as_other, as_admin):
        assert error(client.post(path, body)) == (404, "not_found")
    for client in (as_bare_key, as_reading_key):
        assert_lacks_scope(client.post(path, body), "webhooks:write")
    assert not WebhookDelivery.objects.filter(status="pending").exists()


@pytest.mark.parametrize("since", [None, "", "yesterday", 5])
def test_a_bad_moment_is_named(as_user, made, body, since):
    assert wrong_fields(as_user.post(detail(made, "replay-failed/"), {"since": since}, format="json"))[0][0] == "since"
    assert wrong_fields(as_user.post(detail(made, "replay-failed/"), {})) == [("since", "required")]


def test_an_endpoint_that_is_off(as_user, user, made, body):
    services.disable_endpoint(endpoint=made.endpoint, actor=user)
    assert error(as_user.post(detail(made, "replay-failed/"), body)) == (409, "webhook_disabled")


def test_what_failed_and_was_cancelled_is_queued_and_counted(as_user, as_key, made, body):
    path = detail(made, "replay-failed/")
    response = as_user.post(path, body)
    assert (response.status_code, response.json()["data"]) == (202, {"replayed": 2})
    assert WebhookDelivery.objects.filter(status="pending").count() == 2
    assert as_key.post(path, body).json()["data"] == {"replayed": 0}


def test_nothing_of_before_the_moment(as_user, made, body):
    later = {"since": (timezone.now() + timedelta(minutes=1)).isoformat()}
    assert as_user.post(detail(made, "replay-failed/"), later).json()["data"] == {"replayed": 0}
