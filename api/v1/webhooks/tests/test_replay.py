"""POST /api/v1/webhooks/deliveries/{id}/replay/"""

import pytest

from api.tests.answers import assert_anonymous, assert_lacks_scope, error
from api.v1.webhooks.tests.support import of_delivery
from webhooks import services
from webhooks.models import WebhookDelivery
from webhooks.tests.factories import deliver_to_queue, end, make_endpoint

pytestmark = pytest.mark.django_db


@pytest.fixture
def delivery(user, made):
    return end(deliver_to_queue(user)[0], "failed")


def test_others_are_refused_and_nothing_is_queued(api, as_other, as_admin, as_bare_key, as_reading_key, delivery):
    path = of_delivery(delivery, "replay/")
    assert_anonymous(api.post(path))
    for client in (as_other, as_admin):
        assert error(client.post(path)) == (404, "not_found")
    for client in (as_bare_key, as_reading_key):
        assert_lacks_scope(client.post(path), "webhooks:write")
    delivery.refresh_from_db()
    assert delivery.status == "failed"


def test_what_is_under_way_or_of_an_endpoint_that_is_off_is_not_replayed(as_user, user, made, delivery):
    (pending,) = deliver_to_queue(user)
    assert error(as_user.post(of_delivery(pending, "replay/"))) == (409, "delivery_pending")
    services.disable_endpoint(endpoint=made.endpoint, actor=user)
    assert error(as_user.post(of_delivery(delivery, "replay/"))) == (409, "webhook_disabled")
    assert WebhookDelivery.objects.get(pk=delivery.pk).status == "failed"


@pytest.mark.parametrize("status", ["failed", "cancelled", "succeeded"])
def test_the_owner_and_its_key_may(as_user, as_key, delivery, status):
    for client in (as_user, as_key):
        end(delivery, status)
        response = client.post(of_delivery(delivery, "replay/"))
        assert response.status_code == 202
        assert (response.json()["data"]["status"], response.json()["data"]["finished_at"]) == ("pending", None)


def test_a_replay_arrives_with_the_id_and_body_it_had(as_user, user, receiver, sender):
    target = receiver()
    made = make_endpoint(user, url=target.url)
    (delivery,) = deliver_to_queue(user)
    sender.drain()
    as_user.post(of_delivery(delivery, "replay/"))
    sender.drain()
    first, second = target.seen
    assert (first.id, first.body) == (second.id, second.body)
    second.verify(made.secret)
