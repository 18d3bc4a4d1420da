"""No endpoint holds back another, no sender another, and no outage any of them."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from webhooks import claims
from webhooks.sending import Sender
from webhooks.tests.factories import deliver_to_queue, make_endpoint, the_delivery
from webhooks.tests.receiver import hangs

pytestmark = pytest.mark.django_db


class TestOutages:
    def test_an_outage_of_postgresql_is_waited_out_whatever_it_is_called(self, user, receiver, monkeypatch):
        target = receiver()
        make_endpoint(user, url=target.url)
        deliver_to_queue(user)
        real, failures = claims.claim, [OperationalError(), InterfaceError()]

        def claim(*args, **kwargs):
            if failures:
                raise failures.pop()
            return real(*args, **kwargs)

        monkeypatch.setattr(claims, "claim", claim)
        monkeypatch.setattr("core.dispatcher.SWEEP_SECONDS", 0.05)
        monkeypatch.setattr("core.dispatcher.close_old_connections", lambda: None)
        sender = Sender()
        threading.Timer(1.0, sender.stop).start()
        sender.run()
        assert failures == []
        assert the_delivery().status == "succeeded"


class TestSharing:
    def test_a_dead_endpoint_does_not_hold_back_another(self, user, other, receiver, settings):
        settings.WEBHOOK_TIMEOUT_SECONDS = 2.0
        settings.WEBHOOK_CONCURRENCY = 8
        dead, well = receiver(hangs(5)), receiver()
        make_endpoint(user, url=dead.url)
        make_endpoint(other, url=well.url)
        deliver_to_queue(user, 30)
        deliver_to_queue(other, 30)
        sender, began = Sender(), time.monotonic()
        while len(well.seen) < 30 and time.monotonic() - began < 10:
            sender.claim()
            time.sleep(0.01)
            sender.settle_finished()
        assert time.monotonic() - began < 2.0
        assert dead.most_at_once <= settings.WEBHOOK_CONCURRENCY_PER_ENDPOINT
        sender.finish()

    def test_many_new_endpoints_that_hang_do_not_hold_back_one_that_answers(self, user, other, receiver, settings):
        settings.WEBHOOK_TIMEOUT_SECONDS = 3.0
        settings.WEBHOOK_CONCURRENCY = 8
        dead, well = receiver(hangs(5)), receiver()
        make_endpoint(other, url=well.url)
        deliver_to_queue(other)
        sender = Sender()
        assert sender.drain() == 1
        for _ in range(12):
            make_endpoint(user, url=dead.url)
        deliver_to_queue(user, 3)
        assert sender.claim() == 4
        deliver_to_queue(other, 10)
        began = time.monotonic()
        while len(well.seen) < 11 and time.monotonic() - began < 10:
            sender.claim()
            time.sleep(0.01)
            sender.settle_finished()
        assert time.monotonic() - began < 2.0
        sender.finish()

    def test_one_endpoint_never_has_more_than_its_share_of_slots(self, user, receiver, sender, settings):
        target = receiver(hangs(0.05))
        make_endpoint(user, url=target.url)
        deliver_to_queue(user, 20)
        sender.drain()
        assert len(target.seen) == 20
        assert target.most_at_once == settings.WEBHOOK_CONCURRENCY_PER_ENDPOINT

    def test_a_slow_endpoint_is_given_one_slot_and_all_slow_ones_a_quarter(self, user, receiver, settings):
        settings.WEBHOOK_TIMEOUT_SECONDS = 1.0
        settings.WEBHOOK_CONCURRENCY = 8
        slow = [receiver(hangs(0.5)) for _ in range(4)]
        for target in slow:
            make_endpoint(user, url=target.url)
        deliver_to_queue(user)
        sender = Sender()
        assert sender.drain() == 4
        deliver_to_queue(user, 3)
        assert sender.claim() == 2
        sender.finish()
        assert max(target.most_at_once for target in slow) == 1

    def test_two_senders_take_different_deliveries(self, user, settings):
        make_endpoint(user)
        deliver_to_queue(user, 6)
        first = claims.claim(4, each=4, rooms={})
        second = claims.claim(4, each=4, rooms={})
        assert len(first) == 4
        assert len(second) == 2
        assert not {one.delivery_id for one in first} & {one.delivery_id for one in second}

    def test_what_a_killed_sender_held_becomes_due_by_itself_and_not_before_the_timeout(self, user, settings):
        make_endpoint(user)
        deliver_to_queue(user)
        (lost,) = claims.claim(4, each=4, rooms={})
        timeout = timedelta(seconds=settings.WEBHOOK_TIMEOUT_SECONDS)
        assert claims.claim(4, each=4, rooms={}, now=timezone.now() + 2 * timeout) == []
        (found,) = claims.claim(4, each=4, rooms={}, now=timezone.now() + claims.LEASE * timeout)
        assert (found.delivery_id, found.number) == (lost.delivery_id, 2)

    def test_an_unbegun_claim_given_back_is_due_and_not_counted(self, user):
        make_endpoint(user)
        deliver_to_queue(user)
        claims.give_back(claims.claim(4, each=4, rooms={}))
        assert the_delivery().attempts == 0
        assert len(claims.claim(4, each=4, rooms={})) == 1

    def test_stopping_finishes_what_is_under_way(self, user, receiver):
        target = receiver(hangs(0.3))
        make_endpoint(user, url=target.url)
        deliver_to_queue(user)
        sender = Sender()
        sender.claim()
        sender.finish()
        assert the_delivery().status == "succeeded"
