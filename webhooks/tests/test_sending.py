"""Sending: real requests to a real receiver, and what is written down of them."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from django.utils import timezone

from core.tests.support import closed_port
from webhooks import services
from webhooks.models import WebhookAttempt, WebhookDelivery
from webhooks.sending import Sender
from webhooks.tests.factories import deliver_to_queue, make_due, make_endpoint, reload, the_attempt, the_delivery, waits
from webhooks.tests.receiver import answers, breaks_off, hangs, resets

pytestmark = pytest.mark.django_db


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
