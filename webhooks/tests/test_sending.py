"""Sending: real requests to a real receiver, and what is written down of them."""

import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from django.core import mail
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from core.tests.support import closed_port
from webhooks import claims, services
from webhooks.models import WebhookAttempt, WebhookDelivery
from webhooks.schedule import DELAYS, MAX_TRIES
from webhooks.sending import Sender
from webhooks.tests.factories import deliver_to_queue, make_due, make_endpoint, reload
from webhooks.tests.receiver import answers, breaks_off, hangs, resets

pytestmark = pytest.mark.django_db


def the_delivery() -> WebhookDelivery:
    return WebhookDelivery.objects.get()


def the_attempt() -> WebhookAttempt:
    return WebhookAttempt.objects.get()


def waits(delivery: WebhookDelivery) -> timedelta:
    return delivery.next_attempt_at - timezone.now()


class TestSuccess:
    def test_an_event_arrives_signed_and_is_written_down(self, user, receiver, sender):
        target = receiver(answers(204, b""))
        made = make_endpoint(user, url=target.url)
        (delivery,) = deliver_to_queue(user)
        assert sender.drain() == 1
        (got,) = target.seen
        assert got.verify(made.secret) == got.json
        assert got.body.decode() == delivery.body
        assert got.id == f"msg_{delivery.event_id.hex}"
        assert got.json["type"] == "user.created"
        assert got.json["id"] == str(delivery.event_id)
        assert got.json["stream"] == f"user:{user.pk}"
        assert got.json["seq"] == 1
        assert (got.json["data"]["user"], got.json["data"]["username"]) == (str(user.pk), "owner")
        assert datetime.fromisoformat(got.json["timestamp"]).tzinfo is not None
        assert (got.headers["content-type"], got.headers["user-agent"]) == ("application/json", "Atelier-Webhooks/1")
        delivery.refresh_from_db()
        assert (delivery.status, delivery.attempts, delivery.last_status_code, delivery.last_error) == ("succeeded", 1, 204, "")
        assert delivery.finished_at is not None

    def test_the_attempt_holds_what_was_sent_and_came_back_but_no_secret(self, user, receiver, sender):
        target = receiver(answers(200, b"tha\x00nks \xff"))
        made = make_endpoint(user, url=target.url)
        deliver_to_queue(user)
        sender.drain()
        attempt = the_attempt()
        assert (attempt.number, attempt.status_code, attempt.error) == (1, 200, "")
        assert attempt.response_head == "thanks \ufffd"
        assert attempt.request_headers["webhook-id"] == target.seen[0].id
        assert made.secret not in str(attempt.request_headers)
        assert 0 <= attempt.duration_ms < 5000

    @pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
    def test_every_2xx_is_a_success(self, user, receiver, sender, status):
        make_endpoint(user, url=receiver(answers(status, b"")).url)
        deliver_to_queue(user)
        sender.drain()
        assert the_delivery().status == "succeeded"

    def test_a_body_of_ten_megabytes_is_a_success_and_only_its_head_is_read(self, user, receiver, sender):
        make_endpoint(user, url=receiver(answers(200, b"x" * 10_000_000)).url)
        deliver_to_queue(user)
        sender.drain()
        assert the_delivery().status == "succeeded"
        assert the_attempt().response_head == "x" * 1024

    def test_an_encoded_or_broken_off_body_does_not_undo_the_status(self, user, receiver, sender):
        make_endpoint(user, url=receiver(answers(200, b"\x1f\x8b\x08", Content_Encoding="gzip"), breaks_off).url)
        deliver_to_queue(user, 2)
        sender.drain()
        assert set(WebhookDelivery.objects.values_list("status", flat=True)) == {"succeeded"}

    def test_both_secrets_sign_during_the_grace_of_a_rotation_and_the_new_one_alone_after_it(self, user, receiver, sender):
        target = receiver()
        old = make_endpoint(user, url=target.url)
        new = services.rotate_secret(endpoint=old.endpoint, actor=user, grace=timedelta(hours=1))
        deliver_to_queue(user)
        sender.drain()
        target.seen[0].verify(old.secret)
        target.seen[0].verify(new.secret)
        endpoint = reload(old.endpoint)
        endpoint.previous_secret_expires_at = timezone.now() - timedelta(seconds=1)
        endpoint.save()
        deliver_to_queue(user)
        sender.drain()
        target.seen[1].verify(new.secret)
        with pytest.raises(Exception, match="No matching signature"):
            target.seen[1].verify(old.secret)


class TestFailure:
    @pytest.mark.parametrize("status", [300, 301, 302, 307, 400, 401, 404, 429, 500, 502, 503])
    def test_no_other_status_is_a_success_and_no_redirect_is_followed(self, user, receiver, sender, status):
        target = receiver(answers(status, b"no", Location="/elsewhere"))
        make_endpoint(user, url=target.url)
        deliver_to_queue(user)
        assert sender.drain() == 1
        assert [got.path for got in target.seen] == ["/hook"]
        delivery = the_delivery()
        assert (delivery.status, delivery.last_status_code, delivery.last_error) == ("pending", status, "bad_status")
        assert timedelta(seconds=4) < waits(delivery) <= timedelta(seconds=5.5)

    def test_a_reset_connection_is_tried_again_with_the_same_id_and_body(self, user, receiver, sender):
        target = receiver(resets, answers(200))
        made = make_endpoint(user, url=target.url)
        deliver_to_queue(user)
        sender.drain()
        assert (the_delivery().status, the_delivery().last_error) == ("pending", "unreachable")
        make_due()
        sender.drain()
        assert the_delivery().status == "succeeded"
        first, second = target.seen
        assert (first.id, first.body) == (second.id, second.body)
        second.verify(made.secret)
        assert list(WebhookAttempt.objects.values_list("number", "error")) == [(1, "unreachable"), (2, "")]

    def test_a_receiver_that_hangs_is_given_up_at_the_timeout(self, user, receiver, settings):
        settings.WEBHOOK_TIMEOUT_SECONDS = 0.5
        make_endpoint(user, url=receiver(hangs(3)).url)
        deliver_to_queue(user)
        began = time.monotonic()
        Sender().drain()
        assert time.monotonic() - began < 2
        assert the_delivery().last_error == "timed_out"
        assert 450 <= the_attempt().duration_ms < 2000

    def test_nobody_listening(self, user, sender, settings):
        port = closed_port()
        settings.OUTGOING_ALLOWED_PRIVATE = frozenset({f"127.0.0.1:{port}"})
        make_endpoint(user, url=f"http://127.0.0.1:{port}/")
        deliver_to_queue(user)
        sender.drain()
        assert (the_delivery().status, the_delivery().last_error, the_attempt().status_code) == ("pending", "unreachable", None)

    def test_a_name_that_turned_private_is_not_called_and_may_be_mended(self, user, receiver, sender, settings, monkeypatch):
        target = receiver()
        answer = ["93.184.216.34"]
        monkeypatch.setattr("socket.getaddrinfo", lambda host, port, *args, **kwargs: [(2, 1, 6, "", (answer[0], port))])
        made = make_endpoint(user, url="https://turns.example.com/hook")
        answer[0] = "10.0.0.7"
        deliver_to_queue(user)
        sender.drain()
        assert (the_delivery().status, the_delivery().last_error) == ("pending", "address_refused")
        assert reload(made.endpoint).is_active
        assert target.seen == []

    def test_a_secret_that_cannot_be_decrypted_sends_nothing_unsigned(self, user, receiver, sender):
        target = receiver()
        made = make_endpoint(user, url=target.url)
        made.endpoint.secret = b"of another key"
        made.endpoint.save()
        deliver_to_queue(user)
        sender.drain()
        assert (the_delivery().last_error, target.seen) == ("secret_unreadable", [])


class TestRetryAfter:
    @pytest.mark.parametrize("status", [429, 503])
    def test_seconds_are_waited_out(self, user, receiver, sender, status):
        make_endpoint(user, url=receiver(answers(status, Retry_After="600")).url)
        deliver_to_queue(user)
        sender.drain()
        assert timedelta(seconds=595) < waits(the_delivery()) <= timedelta(seconds=600)

    def test_a_date_is_waited_for(self, user, receiver, sender):
        moment = datetime.now(UTC) + timedelta(hours=1)
        make_endpoint(user, url=receiver(answers(503, Retry_After=format_datetime(moment, usegmt=True))).url)
        deliver_to_queue(user)
        sender.drain()
        assert timedelta(minutes=59) < waits(the_delivery()) <= timedelta(hours=1)

    def test_it_ends_at_a_day_and_means_nothing_with_another_status(self, user, receiver, sender):
        make_endpoint(user, url=receiver(answers(429, Retry_After="99999999"), answers(500, Retry_After="600")).url)
        deliver_to_queue(user)
        sender.drain()
        assert timedelta(hours=23) < waits(the_delivery()) <= timedelta(hours=24)
        make_due()
        sender.drain()
        assert timedelta(minutes=4) < waits(the_delivery()) < timedelta(minutes=6)


class TestTheEnd:
    def test_each_failure_is_followed_by_the_next_delay_and_the_last_switches_the_endpoint_off(
        self, user, receiver, sender, django_capture_on_commit_callbacks
    ):
        target = receiver(answers(500))
        made = make_endpoint(user, url=f"{target.url}?token=hidden")
        deliver_to_queue(user)
        for delay in DELAYS[1:]:
            sender.drain()
            delivery = the_delivery()
            assert delivery.status == "pending"
            assert delay * 0.9 - timedelta(seconds=5) < waits(delivery) <= delay * 1.1
            make_due()
        with django_capture_on_commit_callbacks(execute=True):
            sender.drain()
        assert len(target.seen) == MAX_TRIES == the_delivery().attempts
        assert len({got.id for got in target.seen}) == 1
        assert the_delivery().status == "failed"
        endpoint = reload(made.endpoint)
        assert (endpoint.is_active, endpoint.disabled_reason) == (False, "failing")
        (letter,) = mail.outbox
        assert (letter.to, "/hook" in letter.body, "hidden" in letter.body) == ([user.email], True, False)

    def test_the_owners_other_endpoints_hear_of_it_and_it_does_not_go_on_for_ever(self, user, receiver, sender):
        gone, well = receiver(answers(410)), receiver()
        make_endpoint(user, url=gone.url)
        make_endpoint(user, url=well.url, event_types=["webhook.disabled"])
        deliver_to_queue(user)
        sender.drain()
        assert len(deliver_to_queue(user, 0)) == 1
        sender.drain()
        (told,) = well.seen
        assert (told.json["type"], told.json["data"]["reason"]) == ("webhook.disabled", "gone")
        assert deliver_to_queue(user, 0) == []
        assert len(gone.seen) == 1

    def test_410_switches_off_at_once_and_cancels_what_was_waiting(self, user, receiver, sender):
        target = receiver(answers(410))
        made = make_endpoint(user, url=target.url)
        deliver_to_queue(user, 3)
        later = WebhookDelivery.objects.order_by("created_at", "id").last()
        WebhookDelivery.objects.exclude(pk=later.pk).update(next_attempt_at=timezone.now() + timedelta(hours=1))
        sender.drain()
        assert reload(made.endpoint).disabled_reason == "gone"
        assert sorted(WebhookDelivery.objects.values_list("status", flat=True)) == ["cancelled", "cancelled", "failed"]
        assert deliver_to_queue(user) == []

    def test_an_endpoint_whose_url_was_changed_meanwhile_is_not_switched_off(self, user, receiver, sender):
        old, new = receiver(answers(410)), receiver()
        made = make_endpoint(user, url=old.url)
        deliver_to_queue(user)
        sender.claim()
        services.update_endpoint(endpoint=made.endpoint, actor=user, url=new.url)
        sender.drain()
        assert reload(made.endpoint).is_active

    def test_a_test_is_tried_once_and_switches_nothing_off(self, user, receiver, sender):
        made = make_endpoint(user, url=receiver(answers(500)).url)
        services.send_test(endpoint=made.endpoint, actor=user)
        sender.drain()
        assert (the_delivery().status, the_delivery().attempts) == ("failed", 1)
        assert reload(made.endpoint).is_active

    def test_nothing_is_sent_for_an_owner_who_is_not_active(self, user, receiver, sender):
        target = receiver()
        make_endpoint(user, url=target.url)
        deliver_to_queue(user)
        user.is_active = False
        user.save()
        assert sender.drain() == 0
        assert target.seen == []

    def test_a_delivery_cancelled_while_it_was_under_way_counts_when_it_arrived(self, user, receiver, sender):
        made = make_endpoint(user, url=receiver(hangs(0.3)).url)
        deliver_to_queue(user)
        sender.claim()
        services.disable_endpoint(endpoint=made.endpoint, actor=user)
        assert the_delivery().status == "cancelled"
        sender.drain()
        assert the_delivery().status == "succeeded"

    def test_an_endpoint_deleted_while_its_delivery_was_under_way_leaves_nothing(self, user, receiver, sender):
        made = make_endpoint(user, url=receiver(hangs(0.3)).url)
        deliver_to_queue(user)
        sender.claim()
        services.delete_endpoint(endpoint=made.endpoint, actor=user)
        sender.drain()
        assert not WebhookDelivery.objects.exists()
        assert not WebhookAttempt.objects.exists()


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
