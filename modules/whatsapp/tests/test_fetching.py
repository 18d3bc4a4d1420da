"""Fetching files from hosts that misbehave: a message waits for its file, and is sent with it or fails without it."""

from datetime import timedelta
from http.server import BaseHTTPRequestHandler

import pytest
from django.utils import timezone

from core import files
from core.exceptions import Invalid
from core.tests.file_samples import PDF, picture
from core.tests.support import closed_port, http_server
from modules.whatsapp import fetching
from modules.whatsapp.choices import MessageType
from modules.whatsapp.models import Media, Message
from modules.whatsapp.services import messages
from modules.whatsapp.services.messages import Draft
from modules.whatsapp.tests.factories import ALICE, connected, fetch_all, reload, send_all
from modules.whatsapp.tests.file_host import (
    broken_off,
    endless,
    fetched,
    host,
    later,
    redirect,
    reply,
    send_file,
    used,
    wanted,
)

__all__ = ["host"]

pytestmark = pytest.mark.django_db


def test_a_message_waits_for_its_file_and_is_sent_then(user, host):
    connected(user)
    message = send_file(user, host.url, filename="invoice.pdf")
    assert (message.status, message.media.status, host.seen) == ("queued", "pending", [])
    assert send_all() == 0
    assert fetch_all() == 1
    found = reload(message.media)
    assert (found.status, found.filename, found.mime_type, found.size) == ("ready", "invoice.pdf", "application/pdf", len(PDF))
    assert files.read(found.file.name) == PDF
    assert send_all() == 1
    assert reload(message).status == "sent"
    assert used(user) == (1, 1)


def test_one_that_waits_for_its_file_keeps_its_place(user, host):
    connected(user)
    first = send_file(user, host.url)
    second = messages.send(user_id=user.pk, environment="live", recipient=ALICE, draft=Draft(MessageType.TEXT, "and then"))
    assert send_all() == 0
    fetch_all()
    assert send_all() == 2
    assert reload(first).sent_at < reload(second).sent_at


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(reply(404, b"<html>gone</html>"), id="not found"),
        pytest.param(reply(200, b"<html>log in</html>", Content_Type="application/pdf"), id="a page instead"),
    ],
)
def test_a_file_that_cannot_be_had_fails_its_message_and_gives_the_unit_back(user, host, step):
    connected(user)
    host.steps = [step]
    message = send_file(user, host.url)
    assert used(user) == (1, 1)
    fetch_all()
    assert send_all() == 1
    found = reload(message)
    assert (found.status, found.error_code, found.sent_at) == ("failed", found.media.error_code, None)
    assert found.error_message
    assert used(user) == (0, 0)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1/x", "address_refused"),
        ("http://[::1]/x", "address_refused"),
        ("http://169.254.169.254/latest/meta-data/", "address_refused"),
        ("http://10.0.0.1/x", "address_refused"),
        ("https://example.com:22/x", "address_refused"),
        ("http://person:word@example.com/x", "address_refused"),
        ("ftp://example.com/x", "address_refused"),
        ("file:///etc/passwd", "address_refused"),
    ],
)
def test_an_address_that_can_never_be_called_is_refused_at_once_and_nothing_is_counted(user, url, code):
    connected(user)
    with pytest.raises(Invalid) as caught:
        send_file(user, url)
    assert caught.value.details[0].code == code
    assert not Message.objects.exists()
    assert not Media.objects.exists()
    assert used(user) == (0, 0)


def test_a_name_that_leads_home_is_refused_when_it_is_looked_up(user, host, settings):
    settings.OUTGOING_ALLOWED_PRIVATE = frozenset()
    assert fetched(wanted(user, "http://localhost:8080/file")) == ("failed", "media_address_refused")


class TestRedirects:
    """Each is looked at like the first."""

    @pytest.mark.parametrize("to", ["http://169.254.169.254/latest/meta-data/", "http://[::1]:8080/x", "file:///etc/passwd"])
    def test_one_to_a_private_address_is_not_followed_and_not_tried_again(self, user, host, to):
        host.steps = [redirect(to), reply()]
        media = wanted(user, host.url)
        assert fetched(media) == ("failed", "media_address_refused")
        later()
        assert fetch_all() == 0

    def test_nothing_reaches_a_private_host_by_one(self, user, host):
        with http_server(reply()) as private:
            host.steps = [redirect(f"http://127.0.0.1:{private.server_port}/secret")]
            assert fetched(wanted(user, host.url)) == ("failed", "media_address_refused")
            assert private.seen == []

    def test_three_are_followed_and_a_fourth_is_not(self, user, host):
        host.steps = [redirect("/a"), redirect("/b"), redirect(f"{host.url}?c"), reply()]
        media = wanted(user, host.url)
        assert fetched(media) == ("ready", "")
        assert [path for path, _ in host.seen] == ["/file", "/a", "/b", "/file?c"]
        host.steps = [redirect("/again")]
        assert fetched(send_file(user, host.url).media) == ("failed", "media_not_found")
        assert len(host.seen) == 8


class TestContent:
    """What is there is what counts."""

    def test_what_the_host_calls_it_is_no_matter(self, user, host):
        host.steps = [reply(200, picture("PNG"), Content_Type="text/html", Content_Disposition="attachment; filename=evil.html")]
        media = wanted(user, host.url, MessageType.IMAGE)
        assert fetched(media) == ("ready", "")
        assert (reload(media).mime_type, reload(media).filename) == ("image/png", "file.png")

    @pytest.mark.parametrize("body", [b"", picture("GIF"), b"<svg onload='x'/>", b"MZ\x90\x00"])
    def test_what_is_no_such_file_is_refused_for_good(self, user, host, body):
        host.steps = [reply(200, body)]
        media = wanted(user, host.url)
        assert fetched(media) == ("failed", "media_type_refused" if body else "media_empty")
        assert reload(media).tries == 1

    def test_one_that_is_just_not_too_large_is_taken(self, user, host, settings):
        settings.WHATSAPP_MAX_MEDIA_BYTES = len(PDF)
        assert fetched(wanted(user, host.url)) == ("ready", "")

    @pytest.mark.parametrize("step", [reply(200, PDF * 100), endless], ids=["as it says", "without saying so"])
    def test_one_that_is_too_large_is_refused_for_good(self, user, host, settings, step):
        settings.WHATSAPP_MAX_MEDIA_BYTES = len(PDF) * 100 - 1
        host.steps = [step]
        media = wanted(user, host.url)
        assert fetched(media) == ("failed", "media_too_large")
        assert reload(media).tries == 1

    def test_one_that_unfolds_is_not_unfolded(self, user, host):
        host.steps = [reply(200, PDF, Content_Encoding="gzip")]
        assert fetched(wanted(user, host.url)) == ("pending", "media_unreachable")

    @pytest.mark.parametrize("status", [201, 204, 206, 301, 400, 401, 403, 404, 410])
    def test_any_other_answer_has_no_file_and_is_not_asked_for_again(self, user, host, status):
        host.steps = [reply(status, b"" if status == 204 else PDF)]
        media = wanted(user, host.url)
        assert fetched(media) == ("failed", "media_not_found")
        assert reload(media).tries == 1


class TestTryingAgain:
    """What may pass."""

    @pytest.mark.parametrize("status", [429, 500, 502, 503])
    def test_a_host_in_trouble_is_asked_again_after_a_while(self, user, host, status):
        host.steps = [reply(status, b"busy"), reply()]
        media = wanted(user, host.url)
        assert fetched(media) == ("pending", "media_unreachable")
        assert fetch_all() == 0
        assert send_all() == 0
        later()
        assert fetched(media) == ("ready", "")
        assert send_all() == 1

    def test_one_that_breaks_off_is_not_taken_for_whole(self, user, host):
        host.steps = [broken_off, reply()]
        media = wanted(user, host.url)
        assert fetched(media) == ("pending", "media_unreachable")
        later()
        assert fetched(media) == ("ready", "")

    def test_one_that_hangs_is_given_up_in_time(self, user, host, settings):
        settings.WHATSAPP_MEDIA_TIMEOUT_SECONDS = 0.3
        host.steps = [lambda _: host.over.wait(10)]
        began = timezone.now()
        assert fetched(wanted(user, host.url)) == ("pending", "media_unreachable")
        assert timezone.now() - began < timedelta(seconds=5)

    def test_one_that_drips_is_given_up_in_time(self, user, host, settings):
        settings.WHATSAPP_MEDIA_TIMEOUT_SECONDS = 0.4

        def drip(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.end_headers()
            while not host.over.wait(0.05):
                handler.wfile.write(b"x")

        host.steps = [drip]
        assert fetched(wanted(user, host.url)) == ("pending", "media_unreachable")

    def test_a_host_that_is_not_there_is_asked_again(self, user, settings):
        port = closed_port()
        settings.OUTGOING_ALLOWED_PRIVATE = frozenset([f"127.0.0.1:{port}"])
        assert fetched(wanted(user, f"http://127.0.0.1:{port}/x")) == ("pending", "media_unreachable")

    def test_after_five_times_with_growing_waits_its_message_fails(self, user, host):
        host.steps = [reply(500, b"")]
        media = wanted(user, host.url)
        waits = []
        while reload(media).status == "pending":
            later()
            fetch_all()
            waits.append(round((reload(media).due_at - timezone.now()).total_seconds()))
        assert waits[:4] == [15, 45, 135, 405]
        assert (len(host.seen), reload(media).error_code) == (fetching.MAX_TRIES, "media_unreachable")
        assert send_all() == 1
        assert (Message.objects.get().error_code, used(user)) == ("media_unreachable", (0, 0))

    def test_a_fault_of_ours_is_tried_again_and_told_the_log(self, user, host, monkeypatch, caplog):
        media = wanted(user, host.url)
        monkeypatch.setattr(fetching.files, "store", lambda checked: 1 / 0)
        assert fetched(media) == ("pending", "media_unreachable")
        assert "could not be fetched" in caplog.text
        monkeypatch.undo()
        later()
        assert fetched(media) == ("ready", "")
