"""POST /api/v1/webhooks/{id}/test/"""

import pytest

from api.tests.answers import assert_anonymous, assert_lacks_scope, error
from api.v1.webhooks.tests.support import detail, of_delivery
from webhooks import services
from webhooks.models import WebhookDelivery
from webhooks.tests.factories import make_endpoint

pytestmark = pytest.mark.django_db


def test_others_are_refused_and_nothing_is_queued(api, as_other, as_bare_key, as_reading_key, made):
    path = detail(made, "test/")
    assert_anonymous(api.post(path))
    assert error(as_other.post(path)) == (404, "not_found")
    for client in (as_bare_key, as_reading_key):
        assert_lacks_scope(client.post(path), "webhooks:write")
    assert not WebhookDelivery.objects.exists()


def test_an_endpoint_that_is_off_cannot_be_tested(as_user, user, made):
    services.disable_endpoint(endpoint=made.endpoint, actor=user)
    assert error(as_user.post(detail(made, "test/"))) == (409, "webhook_disabled")
    assert not WebhookDelivery.objects.exists()


def test_a_delivery_is_queued_and_can_be_looked_at(as_user, as_key, made):
    for client in (as_user, as_key):
        response = client.post(detail(made, "test/"))
        assert response.status_code == 202
        data = response.json()["data"]
        assert (data["event_type"], data["status"], data["is_test"]) == ("webhook.test", "pending", True)
        assert response.headers["Location"] == of_delivery(WebhookDelivery.objects.get(pk=data["id"]))
        assert client.get(response.headers["Location"]).status_code == 200


def test_a_test_arrives(as_user, user, receiver, sender):
    target = receiver()
    made = make_endpoint(user, url=target.url, event_types=["user.created"])
    as_user.post(detail(made, "test/"))
    sender.drain()
    (got,) = target.seen
    told = got.verify(made.secret)
    assert (told["type"], told["stream"], told["seq"]) == ("webhook.test", None, None)
    assert told["data"] == {"webhook": str(made.endpoint.pk), "message": "This is a test."}


def test_an_idempotent_repeat_queues_one(as_user, made):
    for _ in range(2):
        as_user.post(detail(made, "test/"), headers={"Idempotency-Key": "once"})
    assert WebhookDelivery.objects.count() == 1
