"""POST /api/v1/messages/send-media/"""

from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from analytics.models import UsageStats
from api.tests.answers import error, wrong_fields
from api.v1.whatsapp.tests.support import MEDIA, MESSAGES, PDF, everything, picture, serving
from modules.whatsapp.models import Media, Message
from modules.whatsapp.tests.factories import ALICE, connected, fetch_all, reload, send_all

pytestmark = pytest.mark.django_db
PATH = f"{MESSAGES}send-media/"
URL = "https://files.example.com/a.png"
BY_URL = {"recipient": ALICE, "message_type": "image", "media": URL}
SCRIPT = b"<script>alert(1)</script>"


def upload(caller, content, kind="image", name="a.png", **fields):
    body = {"recipient": ALICE, "message_type": kind, "media": SimpleUploadedFile(name, content), **fields}
    return caller.post(PATH, body, format="multipart")


def kept(caller, content=None, kind="image", name="a.png"):
    answer = caller.post(MEDIA, {"kind": kind, "file": SimpleUploadedFile(name, content or picture())}, format="multipart")
    assert answer.status_code == 201, answer.json()
    return answer.json()["data"]["id"]


def stored():
    with Media.objects.get().file.open("rb") as file:
        return file.read()


def test_only_who_may_send_is_let_in(closed, session):
    closed("post", PATH, BY_URL, scope="whatsapp:send")


class TestFromAURL:
    def test_it_is_accepted_at_once_and_fetched_later(self, as_key, user, session):
        answer = as_key.post(PATH, {**BY_URL, "caption": "look", "filename": "red.png"})
        assert answer.status_code == 202, answer.json()
        data = answer.json()["data"]
        assert (data["message_type"], data["content"], data["status"]) == ("image", "look", "queued")
        assert (data["media"]["status"], data["media"]["filename"]) == ("pending", "red.png")
        assert Media.objects.get().source_url == URL
        assert UsageStats.objects.get(user=user).media_sent == 1

    @pytest.mark.django_db(transaction=True)
    def test_the_message_waits_for_the_file_and_goes_with_it(self, as_key, user, settings):
        connected(user)
        with serving(settings, picture()) as url:
            as_key.post(PATH, {**BY_URL, "media": url})
            assert send_all() == 0
            assert fetch_all() == 1
        assert send_all() == 1
        message = Message.objects.select_related("media").get()
        assert (message.status, message.media.status, message.media.mime_type) == ("sent", "ready", "image/png")

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize(
        ("content", "status", "code"),
        [(PDF, 200, "media_type_refused"), (b"", 200, "media_empty"), (picture(), 404, "media_not_found")],
    )
    def test_what_is_no_such_file_fails_the_message_and_gives_its_unit_back(self, as_key, user, settings, content, status, code):
        connected(user)
        with serving(settings, content, status) as url:
            as_key.post(PATH, {**BY_URL, "media": url})
            fetch_all()
        send_all()
        message = Message.objects.select_related("media").get()
        assert (message.status, message.error_code, message.media.status) == ("failed", code, "failed")
        stats = UsageStats.objects.get(user=user)
        assert (stats.messages_sent, stats.media_sent) == (0, 0)

    @pytest.mark.django_db(transaction=True)
    def test_a_file_that_is_too_large_is_not_read_to_its_end(self, as_key, user, settings):
        settings.WHATSAPP_MAX_MEDIA_BYTES = 1000
        connected(user)
        with serving(settings, picture() + b"x" * 100_000) as url:
            as_key.post(PATH, {**BY_URL, "media": url})
            fetch_all()
        assert (Media.objects.get().status, Media.objects.get().error_code) == ("failed", "media_too_large")

    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1/a.png",
            "http://10.0.0.1/a.png",
            "http://169.254.169.254/latest/meta-data/",
            "http://[::1]/a.png",
            "http://[::ffff:127.0.0.1]/a.png",
            "https://192.168.1.1/a.png",
            "https://files.example.com:22/a.png",
            "https://user:secret@files.example.com/a.png",
            "file:///etc/passwd",
            "ftp://files.example.com/a.png",
            "data:image/png;base64,AAAA",
            "javascript:alert(1)",
            "not a url",
            "https://",
            "//files.example.com/a.png",
        ],
    )
    def test_an_address_that_nobody_may_name_is_refused_at_once(self, as_key, session, url):
        before = everything()
        assert wrong_fields(as_key.post(PATH, {**BY_URL, "media": url})) == [("media", "address_refused")]
        assert everything() == before

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("url", ["http://localhost/a.png", "http://127.1/a.png", "http://2130706433/a.png"])
    def test_a_name_of_this_very_machine_is_found_out_when_it_is_fetched(self, as_key, user, url):
        connected(user)
        answer = as_key.post(PATH, {**BY_URL, "media": url})
        if answer.status_code == 400:
            assert wrong_fields(answer) == [("media", "address_refused")]
            return
        fetch_all()
        send_all()
        assert (Message.objects.get().status, Message.objects.get().error_code) == ("failed", "media_address_refused")


class TestByTheIdOfAFile:
    def test_that_file_is_sent(self, as_key, session):
        media = kept(as_key)
        data = as_key.post(PATH, {**BY_URL, "media": media}).json()["data"]
        assert (data["media"]["id"], data["media"]["status"]) == (media, "ready")

    def test_of_another_account_or_of_nobody_it_is_refused(self, as_key, as_other, session):
        for media in (kept(as_other), str(uuid4())):
            before = everything()
            assert wrong_fields(as_key.post(PATH, {**BY_URL, "media": media})) == [("media", "does_not_exist")]
            assert everything() == before

    def test_of_another_kind_it_is_refused(self, as_key, session):
        media = kept(as_key, PDF, "document", "a.pdf")
        assert wrong_fields(as_key.post(PATH, {**BY_URL, "media": media})) == [("media", "wrong_kind")]
        assert not Message.objects.exists()

    def test_past_its_retention_it_is_gone(self, as_key, session):
        media = kept(as_key)
        Media.objects.update(status="expired", file="")
        assert error(as_key.post(PATH, {**BY_URL, "media": media})) == (409, "media_not_available")
        assert not Message.objects.exists()


class TestUploadedWithTheCall:
    def test_it_is_checked_kept_and_queued(self, as_key, session):
        answer = upload(as_key, picture(), caption="look", client_reference="order-1")
        assert answer.status_code == 202, answer.json()
        data = answer.json()["data"]
        assert (data["content"], data["client_reference"], data["media"]["status"]) == ("look", "order-1", "ready")
        assert (data["media"]["mime_type"], data["media"]["filename"]) == ("image/png", "a.png")

    def test_a_document_keeps_its_content_and_gets_a_name_that_fits_it(self, as_key, session):
        data = upload(as_key, PDF, "document", "invoice.exe").json()["data"]
        assert (data["media"]["mime_type"], data["media"]["filename"]) == ("application/pdf", "invoice.pdf")
        assert stored() == PDF

    def test_a_picture_that_is_a_program_too_is_a_picture_only(self, as_key, session):
        assert upload(as_key, picture("JPEG", comment=SCRIPT) + SCRIPT, name="a.html").status_code == 202
        assert SCRIPT not in stored()
        assert Media.objects.get().filename == "a.jpg"
        assert Media.objects.get().file.name.endswith(".jpg")

    def test_where_a_picture_was_taken_is_not_sent_along(self, as_key, session):
        exif = Image.Exif()
        exif[0x010E] = "Secret place"
        content = picture("JPEG", exif=exif)
        assert b"Secret" in content
        upload(as_key, content)
        assert b"Secret" not in stored()

    @pytest.mark.parametrize(
        ("kind", "name", "content"),
        [
            ("image", "a.png", PDF),
            ("image", "a.png", b"GIF89a" + SCRIPT),
            ("image", "a.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
            ("image", "a.png", picture()[:40]),
            ("image", "a.jpg", b"\xff\xd8\xff" + SCRIPT),
            ("document", "a.pdf", SCRIPT),
            ("document", "a.txt", b"  <HTML><body>"),
            ("document", "a.txt", b"text\x00with NUL"),
            ("document", "a.docx", b"PK\x03\x04 no archive"),
            ("document", "a.pdf", picture()),
            ("document", "a.exe", b"MZ\x90\x00\x03"),
            ("video", "a.mp4", picture()),
            ("audio", "a.ogg", b"RIFF....WAVE"),
        ],
    )
    def test_what_its_content_is_not_it_is_not_sent_as(self, as_key, session, kind, name, content):
        before = everything()
        assert wrong_fields(upload(as_key, content, kind, name)) == [("media", "media_type_refused")]
        assert everything() == before

    def test_an_empty_file_is_refused(self, as_key, session):
        assert wrong_fields(upload(as_key, b"")) == [("media", "media_empty")]
        assert not Message.objects.exists()

    def test_a_file_over_the_limit_is_refused_by_name(self, as_key, session, settings):
        settings.WHATSAPP_MAX_MEDIA_BYTES = 100
        before = everything()
        assert wrong_fields(upload(as_key, b"x" * 101, "document", "a.txt")) == [("media", "media_too_large")]
        assert everything() == before

    def test_a_body_that_holds_far_too_much_is_not_even_read(self, as_key, session):
        assert error(upload(as_key, b"x" * (18 * 1_048_576), "document", "a.txt")) == (413, "body_too_large")
        assert not Message.objects.exists()

    def test_a_small_file_that_unfolds_to_a_huge_picture_is_refused(self, as_key, session):
        content = picture(size=(8000, 6000), optimize=False)
        assert len(content) < 1_000_000
        assert wrong_fields(upload(as_key, content)) == [("media", "media_too_large")]
        assert not Media.objects.exists()

    def test_with_the_quota_used_up_nothing_is_kept(self, as_key, user, session):
        user.max_messages_per_day = 0
        user.save()
        assert error(upload(as_key, picture())) == (429, "daily_quota_exceeded")
        assert not Media.objects.exists()


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"message_type": "text"}, ("message_type", "invalid_choice")),
        ({"message_type": None}, ("message_type", "null")),
        ({"media": ""}, ("media", "invalid")),
        ({"media": None}, ("media", "null")),
        ({"media": 7}, ("media", "invalid")),
        ({"media": [URL]}, ("media", "invalid")),
        ({"media": {"url": URL}}, ("media", "invalid")),
        ({"media": "https://a\x00b/"}, ("media", "invalid")),
        ({"media": f"{URL}?{'x' * 2000}"}, ("media", "invalid")),
        ({"caption": "x" * 1025}, ("caption", "max_length")),
        ({"caption": "a\x00b"}, ("caption", "null_characters_not_allowed")),
        ({"filename": "x" * 121}, ("filename", "max_length")),
        ({"recipient": "4155552671"}, ("recipient", "phone_not_international")),
        ({"send_at": "2001-01-01T00:00:00Z"}, ("send_at", "in_the_past")),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_queued_or_counted(as_key, session, change, wrong):
    before = everything()
    assert wrong_fields(as_key.post(PATH, {**BY_URL, **change})) == [wrong]
    assert everything() == before


def test_what_is_missing_is_named(as_key, session):
    wrong = [("recipient", "required"), ("message_type", "required"), ("media", "required")]
    assert wrong_fields(as_key.post(PATH, {})) == wrong
    assert wrong_fields(as_key.post(PATH, {}, format="multipart")) == wrong


def test_neither_json_nor_a_form_is_refused(as_key, session):
    assert as_key.post(PATH, b"<media/>", content_type="application/xml").status_code == 415
    assert not Message.objects.exists()


def test_a_test_key_sends_by_the_test_session_alone(as_test_key, user, session):
    assert error(as_test_key.post(PATH, BY_URL)) == (409, "session_not_connected")
    assert not Media.objects.exists()
    of_tests = connected(user, environment="test")
    assert upload(as_test_key, picture()).status_code == 202
    assert reload(of_tests).messages.count() == 1
