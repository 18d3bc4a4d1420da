"""GET and POST /api/v1/messages/media/, GET and DELETE .../{id}/, GET .../{id}/content/"""

from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from api.tests.answers import error, wrong_fields
from api.v1.whatsapp.tests.support import MEDIA, MESSAGES, PDF, everything, ids, picture
from modules.whatsapp.models import Media, Message
from modules.whatsapp.tests.factories import ALICE, connected

pytestmark = pytest.mark.django_db


def upload(caller, content=PDF, kind="document", name="invoice.pdf"):
    return caller.post(MEDIA, {"kind": kind, "file": SimpleUploadedFile(name, content)}, format="multipart")


@pytest.fixture
def path(as_key):
    """The path of an uploaded file."""
    return upload(as_key).headers["Location"]


class TestUploading:
    def test_only_who_may_send_is_let_in(self, closed):
        body = {"kind": "document", "file": SimpleUploadedFile("a.pdf", PDF)}
        closed("post", MEDIA, body, scope="whatsapp:send", format="multipart")

    def test_it_is_checked_and_kept(self, as_key, user):
        answer = upload(as_key)
        assert answer.status_code == 201, answer.json()
        data = answer.json()["data"]
        assert answer.headers["Location"] == f"{MEDIA}{data['id']}/"
        assert (data["kind"], data["status"], data["filename"]) == ("document", "ready", "invoice.pdf")
        assert (data["mime_type"], data["size"], len(data["sha256"])) == ("application/pdf", len(PDF), 64)
        assert Media.objects.get().user == user

    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("../../etc/passwd", "passwd.pdf"),
            ("C:\\temp\\in:voi|ce.pdf", "invoice.pdf"),
            ("\u202efdp.exe", "fdp.pdf"),
            (".pdf", "pdf.pdf"),
            ("invoice.tar.gz", "invoice.tar.pdf"),
            ("x" * 190, "x" * 116 + ".pdf"),
        ],
    )
    def test_a_name_is_only_a_name(self, as_key, name, shown):
        data = upload(as_key, name=name).json()["data"]
        assert data["filename"] == shown
        kept = Media.objects.get().file.name
        assert ".." not in kept
        assert kept.endswith(".pdf")

    @pytest.mark.parametrize(
        ("change", "wrong"),
        [
            ({"kind": "text"}, ("kind", "invalid_choice")),
            ({"kind": "image"}, ("file", "media_type_refused")),
            ({"file": SimpleUploadedFile("a.pdf", b"")}, ("file", "empty")),
            ({"file": SimpleUploadedFile("a.html", b"<!DOCTYPE html><script>")}, ("file", "media_type_refused")),
            ({"file": "https://files.example.com/a.pdf"}, ("file", "invalid")),
        ],
    )
    def test_what_is_wrong_is_named_and_nothing_kept(self, as_key, change, wrong):
        body = {"kind": "document", "file": SimpleUploadedFile("a.pdf", PDF), **change}
        assert wrong_fields(as_key.post(MEDIA, body, format="multipart")) == [wrong]
        assert not Media.objects.exists()

    def test_what_is_missing_is_named(self, as_key):
        assert wrong_fields(as_key.post(MEDIA, {}, format="multipart")) == [("kind", "required"), ("file", "required")]

    def test_one_over_the_limit_is_refused(self, as_key, settings):
        settings.WHATSAPP_MAX_MEDIA_BYTES = len(PDF) - 1
        assert wrong_fields(upload(as_key)) == [("file", "media_too_large")]
        assert not Media.objects.exists()

    def test_json_is_no_way_to_upload(self, as_key):
        assert as_key.post(MEDIA, {"kind": "document", "file": "AAAA"}).status_code == 415


class TestLooking:
    def test_only_who_may_read_is_let_in(self, closed, path):
        for one in (MEDIA, path, f"{path}content/"):
            closed("get", one, scope="whatsapp:read")

    def test_others_see_none(self, as_other, as_admin, path):
        for stranger in (as_other, as_admin):
            assert ids(stranger.get(MEDIA)) == []
            for one in (path, f"{path}content/"):
                assert error(stranger.get(one)) == (404, "not_found")

    def test_what_came_in_is_seen_in_its_environment_only(self, as_key, as_user, as_test_key, user, session, session_for_tests):
        live, of_tests = (
            str(Media.objects.create(user=user, session=one, kind="image").pk) for one in (session, session_for_tests)
        )
        assert ids(as_key.get(MEDIA)) == ids(as_user.get(MEDIA)) == [live]
        assert ids(as_test_key.get(MEDIA)) == [of_tests]
        for one in (f"{MEDIA}{live}/", f"{MEDIA}{live}/content/"):
            assert error(as_test_key.get(one)) == (404, "not_found")

    def test_the_list_is_newest_first_and_can_be_filtered(self, as_key):
        document, image = (upload(as_key, *args).json()["data"]["id"] for args in ((), (picture(), "image", "a.png")))
        assert ids(as_key.get(MEDIA)) == [image, document]
        assert ids(as_key.get(f"{MEDIA}?kind=document")) == [document]
        assert ids(as_key.get(f"{MEDIA}?status=pending")) == []
        first = as_key.get(f"{MEDIA}?page_size=1").json()
        assert ids(as_key.get(f"{MEDIA}?page_size=1&cursor={first['meta']['pagination']['next_cursor']}")) == [document]

    @pytest.mark.parametrize("query", ["kind=text", "status=lost", "start=yesterday", "cursor=abc", "page_size=0"])
    def test_a_bad_parameter_is_named(self, as_key, query):
        (field, _), *_ = wrong_fields(as_key.get(f"{MEDIA}?{query}"))
        assert field == query.partition("=")[0]

    def test_where_it_came_from_is_not_shown(self, as_key, user):
        media = Media.objects.create(user=user, kind="image", source_url="https://secret.example.com/?token=1", status="pending")
        assert "secret" not in as_key.get(f"{MEDIA}{media.pk}/").content.decode()


class TestTheContent:
    def test_is_always_a_download(self, as_key, path):
        answer = as_key.get(f"{path}content/")
        assert b"".join(answer.streaming_content) == PDF
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="invoice.pdf"'
        assert answer.headers["X-Content-Type-Options"] == "nosniff"

    @pytest.mark.parametrize("status", ["pending", "failed", "expired"])
    def test_that_is_not_here_says_so(self, as_key, path, status):
        Media.objects.update(status=status)
        assert error(as_key.get(f"{path}content/")) == (409, "media_not_available")

    def test_whose_file_was_lost_says_so(self, as_key, path):
        media = Media.objects.get()
        media.file.storage.delete(media.file.name)
        assert error(as_key.get(f"{path}content/")) == (409, "media_not_available")


class TestDeleting:
    def test_only_who_may_send_is_let_in(self, closed, path):
        closed("delete", path, scope="whatsapp:send")

    def test_others_do_not_find_it(self, as_other, as_admin, path):
        before = everything()
        for stranger in (as_other, as_admin):
            assert error(stranger.delete(path)) == (404, "not_found")
        assert everything() == before

    @pytest.mark.django_db(transaction=True)
    def test_the_row_and_the_file_go_and_messages_stay(self, as_key, user, path):
        connected(user)
        file, key = Media.objects.get().file, path.split("/")[-2]
        body = {"recipient": ALICE, "message_type": "document", "media": key}
        message = as_key.post(f"{MESSAGES}send-media/", body).json()["data"]["id"]
        Message.objects.update(status="sent")
        assert as_key.delete(path).status_code == 204
        assert not file.storage.exists(file.name)
        assert as_key.get(f"{MESSAGES}{message}/").json()["data"]["media"] is None
        assert error(as_key.delete(path)) == (404, "not_found")

    def test_not_while_a_message_waits_for_it(self, as_key, session, path):
        body = {"recipient": ALICE, "message_type": "document", "media": path.split("/")[-2]}
        as_key.post(f"{MESSAGES}send-media/", body)
        assert error(as_key.delete(path)) == (409, "media_in_use")
        assert as_key.get(f"{path}content/").status_code == 200

    def test_what_is_not_there_is_not_found(self, as_key):
        assert error(as_key.delete(f"{MEDIA}{uuid4()}/")) == (404, "not_found")
