"""Files that came in are fetched from their gateway with its keys and kept as they are; those that go out reach it whole."""

import json
from collections.abc import Iterator

import pytest

from core import crypto, files
from core.tests.file_samples import HIDDEN, PDF, picture
from core.tests.support import closed_port
from modules.whatsapp.models import Media, Message, WhatsAppSession
from modules.whatsapp.services import hooks as inbox
from modules.whatsapp.tests import fake_cloud_hooks as cloud_hooks
from modules.whatsapp.tests import fake_waha_hooks as waha_hooks
from modules.whatsapp.tests.factories import connected, fetch_all, hear_all, reload, send_all
from modules.whatsapp.tests.fake_cloud_api import APP_SECRET, NUMBER_ID, TOKEN, FakeCloudAPI
from modules.whatsapp.tests.fake_cloud_fixtures import serving
from modules.whatsapp.tests.fake_waha import HMAC_KEY, FakeWaha, Session, bytes_of
from modules.whatsapp.tests.fake_waha_kit import CHAT, fake
from modules.whatsapp.tests.file_host import fetched, host, later, send_file

__all__ = ["fake", "host"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def cloud(settings) -> Iterator[FakeCloudAPI]:
    for made in serving(settings):
        settings.OUTGOING_ALLOWED_PRIVATE = settings.OUTGOING_ALLOWED_PRIVATE | {made.lookaside.place}
        yield made


def by_waha(session: WhatsAppSession, fake: FakeWaha, content: bytes | None, mime_type: str, *, name: str = "a.pdf") -> Message:
    """A message with a file, as it stands when the gateway's call is worked off; without `content` the file is gone already."""
    if content is not None:
        fake.files[f"{session.gateway_name}/{name}"] = content
    media = {"url": f"http://localhost:3000/api/files/{session.gateway_name}/{name}", "mimetype": mime_type, "filename": name}
    payload = waha_hooks.message(CHAT, "see this", hasMedia=True, media=media)
    body = json.dumps(waha_hooks.envelope("message", session.gateway_name, payload)).encode()
    headers = {name.lower(): value for name, value in waha_hooks.sign(HMAC_KEY, body).items()}
    assert inbox.take_down(driver="waha", session_id=session.pk, headers=headers, body=body) == 1
    hear_all()
    return Message.objects.get(session=session)


def by_cloud(cloud: FakeCloudAPI, content: bytes, mime_type: str) -> Message:
    media_id = cloud.keep(content, mime_type)
    told = cloud_hooks.message(
        "15550123456", "document", id=media_id, mime_type=mime_type, filename="../a.pdf", caption="see this"
    )
    body = json.dumps(cloud_hooks.envelope(cloud_hooks.value(NUMBER_ID, messages=[told]))).encode()
    headers = {"x-hub-signature-256": cloud_hooks.sign(APP_SECRET, body)}
    assert inbox.take_down(driver="cloud_api", session_id=None, headers=headers, body=body) == 1
    hear_all()
    return Message.objects.get()


def cloud_session(user) -> WhatsAppSession:
    secrets = {"phone_number_id": NUMBER_ID, "access_token": TOKEN}
    return connected(user, driver="cloud_api", routing_id=NUMBER_ID, credentials=crypto.encrypt(json.dumps(secrets).encode()))


class TestWaha:
    """By the name the server gave it."""

    @pytest.mark.django_db(transaction=True)
    def test_a_file_that_was_fetched_for_a_message_is_what_the_gateway_gets(self, user, fake, host):
        session = connected(user, driver="waha")
        fake.sessions[session.gateway_name] = Session("WORKING", phone="15550100000")
        message = send_file(user, host.url, filename="invoice.exe")
        assert send_all() == 0
        fetch_all()
        assert send_all() == 1
        assert reload(message).status == "sent"
        (sent,) = fake.sent
        assert (bytes_of(sent), sent.content, sent.file["mimetype"], sent.file["filename"]) == (
            PDF,
            "look",
            "application/pdf",
            "invoice.pdf",
        )

    def test_a_file_comes_after_its_message(self, user, fake):
        message = by_waha(connected(user, driver="waha"), fake, PDF, "application/pdf")
        assert (message.status, message.content, message.media.status) == ("received", "see this", "pending")
        assert fetched(message.media) == ("ready", "")
        found = reload(message.media)
        assert (files.read(found.file.name), found.filename, found.user_id) == (PDF, "a.pdf", user.pk)

    def test_what_it_is_called_is_not_believed(self, user, fake):
        message = by_waha(connected(user, driver="waha"), fake, HIDDEN, "image/jpeg", name="a.jpeg")
        assert fetched(message.media) == ("ready", "")
        found = reload(message.media)
        assert (found.mime_type, found.filename, found.file.name[-4:]) == (files.UNKNOWN_TYPE, "a.bin", ".bin")
        assert files.read(found.file.name) == HIDDEN

    def test_a_picture_is_kept_as_it_came(self, user, fake):
        given = picture("JPEG", comment=b"at home")
        message = by_waha(connected(user, driver="waha"), fake, given, "application/pdf", name="a.jpeg")
        Media.objects.update(kind="image")
        assert fetched(message.media) == ("ready", "")
        found = reload(message.media)
        assert (files.read(found.file.name), found.mime_type) == (given, "image/jpeg")

    def test_an_empty_one_is_refused(self, user, fake):
        message = by_waha(connected(user, driver="waha"), fake, b"", "image/jpeg", name="a.jpeg")
        assert fetched(message.media) == ("failed", "media_empty")
        assert (reload(message).status, reload(message).content) == ("received", "see this")

    def test_one_that_is_gone_is_not_asked_for_again(self, user, fake):
        message = by_waha(connected(user, driver="waha"), fake, None, "application/pdf")
        assert fetched(message.media) == ("failed", "media_not_found")
        assert reload(message).status == "received"

    def test_one_that_is_too_large_is_not_asked_for_again(self, user, fake, settings):
        settings.WHATSAPP_MAX_MEDIA_BYTES = len(PDF) - 1
        message = by_waha(connected(user, driver="waha"), fake, PDF, "application/pdf")
        status, code = fetched(message.media)
        assert (status, code.endswith("too_large")) == ("failed", True)

    @pytest.mark.parametrize("behaviour", ["status", "drop_before", "drop_after_accept"])
    def test_a_server_in_trouble_is_asked_again(self, user, fake, behaviour):
        message = by_waha(connected(user, driver="waha"), fake, PDF, "application/pdf")
        fake.tell(behaviour)
        status, code = fetched(message.media)
        assert (status, bool(code)) == ("pending", True)
        later()
        assert fetched(message.media) == ("ready", "")

    def test_a_key_that_is_refused_may_be_mended_in_time(self, user, fake, settings):
        message = by_waha(connected(user, driver="waha"), fake, PDF, "application/pdf")
        key, settings.WHATSAPP_WAHA_API_KEY = settings.WHATSAPP_WAHA_API_KEY, "wrong"
        assert fetched(message.media) == ("pending", "gateway_unauthorized")
        settings.WHATSAPP_WAHA_API_KEY = key
        later()
        assert fetched(message.media) == ("ready", "")

    def test_a_server_that_is_gone_for_good_is_given_up(self, user, fake, settings):
        message = by_waha(connected(user, driver="waha"), fake, PDF, "application/pdf")
        settings.WHATSAPP_WAHA_URL = f"http://127.0.0.1:{closed_port()}"
        for _ in range(5):
            later()
            fetch_all()
        found = reload(message.media)
        assert (found.status, found.error_code, found.tries) == ("failed", "gateway_unreachable", 5)

    def test_a_message_may_not_name_the_file_of_another_session(self, user, other, fake):
        theirs = connected(other, driver="waha")
        fake.files[f"{theirs.gateway_name}/a.pdf"] = PDF
        message = by_waha(connected(user, driver="waha"), fake, None, "application/pdf")
        Media.objects.filter(pk=message.media_id).update(source_url=f"{fake.url}/api/files/{theirs.gateway_name}/a.pdf")
        assert fetched(message.media) == ("failed", "media_not_found")

    def test_a_file_whose_session_has_changed_its_gateway_is_not_looked_for_in_the_web(self, user, fake):
        session = connected(user, driver="waha")
        message = by_waha(session, fake, PDF, "application/pdf")
        WhatsAppSession.objects.filter(pk=session.pk).update(driver="sandbox")
        fetch_all()
        assert reload(message.media).status != "ready"
        assert not any("/api/files/" in call.path for call in fake.log.calls)


class TestCloudAPI:
    """By its id."""

    def test_a_file_comes_after_its_message_under_a_name_that_is_harmless(self, user, cloud):
        cloud_session(user)
        message = by_cloud(cloud, PDF, "application/pdf")
        assert (message.content, message.message_type, message.media.status) == ("see this", "document", "pending")
        assert fetched(message.media) == ("ready", "")
        found = reload(message.media)
        assert (files.read(found.file.name), found.filename) == (PDF, "a.pdf")

    def test_one_at_a_private_address_is_not_fetched(self, user, cloud, settings):
        cloud_session(user)
        message = by_cloud(cloud, PDF, "application/pdf")
        settings.OUTGOING_ALLOWED_PRIVATE = frozenset()
        status, code = fetched(message.media)
        assert (status, code) == ("pending", "gateway_address_refused")
        assert cloud.lookaside.log.calls == []
