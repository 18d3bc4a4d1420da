"""From committed events to deliveries."""

import threading

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

import events
from core.redis import client
from events.models import PendingEvent
from events.relay import relay_once
from users.events import UserCreated
from webhooks import fanout, services
from webhooks.bell import BELL
from webhooks.models import WebhookDelivery
from webhooks.tests.factories import deliver_to_queue, make_endpoint, publish

pytestmark = pytest.mark.django_db


def queued_for(made) -> int:
    return WebhookDelivery.objects.filter(endpoint=made.endpoint).count()


@pytest.mark.parametrize("types", [["*"], ["user.*"], ["user.created"], ["user.created", "webhook.*"]])
def test_an_endpoint_gets_what_it_names(user, types):
    made = make_endpoint(user, event_types=types)
    deliver_to_queue(user, 3)
    assert queued_for(made) == 3


@pytest.mark.parametrize("types", [["webhook.*"], ["webhook.disabled"]])
def test_and_nothing_else(user, types):
    make_endpoint(user, event_types=types)
    assert deliver_to_queue(user) == []


def test_events_are_for_the_followers_of_their_stream_and_the_platform_for_administrators(user, other, admin):
    mine, theirs = make_endpoint(user), make_endpoint(other)
    platform = make_endpoint(admin, audience="platform")
    chiefs_own = make_endpoint(admin)
    deliver_to_queue(user, 2)
    assert [queued_for(made) for made in (mine, theirs, platform, chiefs_own)] == [2, 0, 2, 0]


def test_an_administrator_no_more_gets_nothing_of_the_platform(user, admin):
    platform = make_endpoint(admin, audience="platform")
    admin.is_staff = False
    admin.save()
    deliver_to_queue(user)
    assert queued_for(platform) == 0


def test_nothing_is_queued_for_who_is_off_or_whose_owner_is(user, other):
    off = make_endpoint(user)
    services.disable_endpoint(endpoint=off.endpoint, actor=user)
    make_endpoint(other)
    other.is_active = False
    other.save()
    assert deliver_to_queue(user) + deliver_to_queue(other) == []


def test_an_event_of_a_kind_of_stream_that_is_switched_off_goes_to_the_platform_alone(user, admin):
    make_endpoint(user)
    platform = make_endpoint(admin, audience="platform")
    publish(user, stream="nowhere:1")
    relay_once()
    assert [row.endpoint_id for row in WebhookDelivery.objects.all()] == [platform.endpoint.pk]


def test_the_same_events_handed_over_twice_are_queued_once(user, monkeypatch):
    taken = []
    monkeypatch.setattr("events.relay.consumers", lambda: (taken.extend, fanout.consume))
    make_endpoint(user)
    publish(user, 2)
    relay_once()
    fanout.consume(taken)
    assert WebhookDelivery.objects.count() == 2
    assert not PendingEvent.objects.exists()


def test_what_is_rolled_back_is_not_taken(user):
    make_endpoint(user)
    publish(user)
    with pytest.raises(RuntimeError, match="killed"), transaction.atomic():
        relay_once()
        raise RuntimeError("killed")
    assert not WebhookDelivery.objects.exists()
    assert relay_once() == 1
    assert WebhookDelivery.objects.count() == 1


def test_the_queries_do_not_grow_with_events_or_endpoints(user):
    make_endpoint(user)
    publish(user)
    with CaptureQueriesContext(connection) as few:
        relay_once()
    for _ in range(10):
        make_endpoint(user)
    publish(user, 30)
    with CaptureQueriesContext(connection) as many:
        relay_once()
    assert WebhookDelivery.objects.count() == 1 + 11 * 30
    assert len(many) == len(few)


def test_many_rows_are_written_in_pieces(user, monkeypatch):
    monkeypatch.setattr(fanout, "CHUNK", 4)
    made = make_endpoint(user)
    deliver_to_queue(user, 10)
    assert queued_for(made) == 10


def test_senders_are_rung_after_the_commit(user, django_capture_on_commit_callbacks):
    make_endpoint(user)
    publish(user)
    wake, stopping = threading.Event(), threading.Event()
    listener = threading.Thread(target=BELL.listen, args=(wake, stopping), daemon=True)
    listener.start()
    try:
        while not client().pubsub_numsub(BELL.channel)[0][1]:
            stopping.wait(0.01)
        with django_capture_on_commit_callbacks(execute=False) as callbacks:
            relay_once()
        assert not wake.is_set()
        for callback in callbacks:
            callback()
        assert wake.wait(2)
    finally:
        stopping.set()
        listener.join(3)


def test_a_payload_of_any_text_is_sent_as_json(user):
    make_endpoint(user)
    with transaction.atomic():
        events.publish(UserCreated(user=user.pk, username='né"\\\u2028', is_guest=False), stream=f"user:{user.pk}")
    relay_once()
    import orjson

    assert orjson.loads(WebhookDelivery.objects.get().body)["data"]["username"] == 'né"\\\u2028'
