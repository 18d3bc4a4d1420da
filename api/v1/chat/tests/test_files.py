"""POST /api/v1/chat/files/, GET and DELETE .../{id}/, GET .../{id}/content/ and .../{id}/thumbnail/"""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from api.tests.answers import assert_anonymous, assert_lacks_scope, error, wrong_fields
from api_keys.tests.factories import make_key
from core import files as kept
from core.tests.file_samples import PDF, opened, picture
from modules.chat.choices import History, Role
from modules.chat.models import ChatFile, Member, Room
from modules.chat.services import uploads
from modules.chat.tests.factories import make_room, put_in, write

pytestmark = pytest.mark.django_db

FILES = "/api/v1/chat/files/"


def upload(caller, content=PDF, name="invoice.pdf"):
    return caller.post(FILES, {"file": SimpleUploadedFile(name, content)}, format="multipart")


@pytest.fixture
def path(as_user):
    """The path of a picture that was not sent."""
    return upload(as_user, picture("PNG", size=(640, 320)), "boat.png").headers["Location"]


def file_at(path) -> ChatFile:
    return ChatFile.objects.get(pk=path.rstrip("/").rpartition("/")[2])


def send(user, other, path, **settings) -> Room:
    """A room of both in which the file was sent."""
    room = make_room(user, other, **settings)
    write(room, user, "look", file_ids=(file_at(path).pk,))
    return room


class TestUploading:
    def test_nobody_and_keys_without_the_scope_are_refused(self, api, user, as_bare_key):
        assert_anonymous(upload(api))
        assert_lacks_scope(upload(as_bare_key), "chat:write")
        assert_lacks_scope(upload(api.as_key(make_key(user, scopes=["chat:read"]).raw)), "chat:write")
        assert not ChatFile.objects.exists()

    def test_a_picture_is_described(self, as_key, user):
        answer = upload(as_key, picture("PNG", size=(640, 320)), "boat.jpg")
        assert answer.status_code == 201, answer.json()
        data = answer.json()["data"]
        assert answer.headers["Location"] == f"{FILES}{data['id']}/"
        assert (data["kind"], data["filename"], data["mime_type"]) == ("image", "boat.png", "image/png")
        assert (data["width"], data["height"], len(data["blurhash"]), data["message"]) == (640, 320, 28, None)
        file = ChatFile.objects.get()
        assert (file.owner, file.size) == (user, len(kept.read(file.file.name)))
        assert opened(kept.read(file.thumbnail.name)).size == (480, 240)

    def test_guests_may(self, as_guest, guest):
        assert upload(as_guest).status_code == 201
        assert ChatFile.objects.get().owner == guest

    @pytest.mark.parametrize(
        ("body", "wrong"),
        [
            ({}, ("file", "required")),
            ({"file": "a.pdf"}, ("file", "invalid")),
            ({"file": SimpleUploadedFile("a.pdf", b"")}, ("file", "media_empty")),
            ({"file": SimpleUploadedFile("a.png", b"<svg onload='x'/>")}, ("file", "media_type_refused")),
            ({"file": SimpleUploadedFile("a.exe", b"MZ\x90\x00")}, ("file", "media_type_refused")),
        ],
    )
    def test_what_is_wrong_is_named_and_nothing_is_kept(self, as_user, body, wrong):
        assert wrong_fields(as_user.post(FILES, body, format="multipart")) == [wrong]
        assert not ChatFile.objects.exists()

    def test_one_over_the_limit_is_refused(self, as_user, settings):
        settings.CHAT_FILE_MAX_BYTES = len(PDF) - 1
        assert wrong_fields(upload(as_user)) == [("file", "media_too_large")]
        settings.CHAT_FILE_MAX_BYTES = len(PDF)
        assert upload(as_user).status_code == 201

    def test_one_far_over_the_limit_is_not_even_read(self, as_user, settings):
        settings.CHAT_FILE_MAX_BYTES = 10
        assert error(upload(as_user, b"x" * 70_000)) == (413, "body_too_large")

    def test_json_is_no_way_to_upload(self, as_user):
        assert as_user.post(FILES, {"file": "AAAA"}).status_code == 415

    def test_the_hundred_and_first_that_was_not_sent_is_refused(self, as_user, user, monkeypatch):
        monkeypatch.setattr(uploads, "MAX_UNSENT", 2)
        assert upload(as_user).status_code == 201
        path = upload(as_user).headers["Location"]
        assert error(upload(as_user)) == (409, "too_many_files")
        assert ChatFile.objects.count() == 2
        write(make_room(user), user, file_ids=(file_at(path).pk,))
        assert upload(as_user).status_code == 201

    def test_nothing_stays_behind_when_it_cannot_be_written(self, user, monkeypatch, settings, tmp_path):
        stored = []
        monkeypatch.setattr(
            uploads.files, "store", lambda checked, folder: stored.append(kept.store(checked, folder)) or stored[-1]
        )
        checks = iter([None, 1])
        monkeypatch.setattr(uploads, "_check_unsent", lambda owner: 1 / 0 if next(checks) else None)
        with pytest.raises(ZeroDivisionError):
            uploads.upload(owner_id=user.pk, content=SimpleUploadedFile("a.png", picture("PNG")), size=1, filename="a.png")
        assert len(stored) == 2
        assert [kept.read(name) for name in stored] == [None, None]
        assert not ChatFile.objects.exists()


class TestWhoSeesIt:
    @pytest.mark.parametrize("part", ["", "content/", "thumbnail/"])
    def test_nobody_and_keys_without_the_scope_are_refused(self, api, user, as_bare_key, path, part):
        assert_anonymous(api.get(f"{path}{part}"))
        assert_lacks_scope(as_bare_key.get(f"{path}{part}"), "chat:read")
        assert_lacks_scope(api.as_key(make_key(user, scopes=["chat:write"]).raw).get(f"{path}{part}"), "chat:read")

    @pytest.mark.parametrize("part", ["", "content/", "thumbnail/"])
    def test_before_it_is_sent_its_owner_alone(self, as_user, as_key, as_other, as_admin, as_guest, path, part):
        assert as_user.get(f"{path}{part}").status_code == as_key.get(f"{path}{part}").status_code == 200
        for stranger in (as_other, as_admin, as_guest):
            assert error(stranger.get(f"{path}{part}")) == (404, "file_not_found")

    @pytest.mark.parametrize("part", ["", "content/", "thumbnail/"])
    def test_afterwards_who_is_in_the_room(self, as_user, as_other, as_admin, user, other, path, part):
        send(user, other, path)
        assert as_user.get(f"{path}{part}").status_code == as_other.get(f"{path}{part}").status_code == 200
        assert error(as_admin.get(f"{path}{part}")) == (404, "file_not_found")

    def test_a_guest_of_the_room(self, as_guest, guest, user, other, path):
        put_in(send(user, other, path), guest, Role.GUEST)
        assert as_guest.get(f"{path}content/").status_code == 200

    def test_not_who_left_not_even_its_owner(self, as_user, user, other, path):
        send(user, other, path)
        Member.objects.filter(user=user).delete()
        assert error(as_user.get(f"{path}content/")) == (404, "file_not_found")

    def test_not_who_came_later_where_the_past_is_closed(self, as_admin, admin, user, other, path):
        room = send(user, other, path, history=History.SINCE_JOINING)
        put_in(room, admin)
        assert error(as_admin.get(f"{path}content/")) == (404, "file_not_found")
        Member.objects.filter(user=admin).update(joined_at=timezone.now() - timedelta(days=1))
        assert as_admin.get(f"{path}content/").status_code == 200

    def test_nobody_once_the_room_or_the_message_is_gone(self, as_user, user, other, path):
        room = send(user, other, path)
        Room.objects.filter(pk=room.pk).update(deleted_at=timezone.now())
        assert error(as_user.get(path)) == (404, "file_not_found")
        Room.objects.filter(pk=room.pk).update(deleted_at=None)
        room.messages.update(deleted_at=timezone.now())
        assert error(as_user.get(path)) == (404, "file_not_found")

    def test_one_that_never_was_is_not_found(self, as_user):
        assert error(as_user.get(f"{FILES}{uuid4()}/")) == (404, "file_not_found")
        assert error(as_user.get(f"{FILES}1/")) == (404, "not_found")

    def test_it_takes_one_query_more_than_the_caller(self, as_user, path, django_assert_num_queries):
        as_user.get(path)
        with django_assert_num_queries(1):
            as_user.get(path)


class TestTheContent:
    def test_a_picture_is_shown_as_what_it_is(self, as_user, path):
        answer = as_user.get(f"{path}content/")
        assert opened(b"".join(answer.streaming_content)).size == (640, 320)
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.headers["Content-Disposition"].startswith("inline")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "private, max-age=3600"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"

    def test_a_thumbnail_is_a_small_webp(self, as_user, path):
        answer = as_user.get(f"{path}thumbnail/")
        image = opened(b"".join(answer.streaming_content))
        assert (image.format, image.size) == ("WEBP", (480, 240))
        assert answer.headers["Content-Type"] == "image/webp"

    def test_anything_else_is_a_download_and_has_no_thumbnail(self, as_user):
        path = upload(as_user, b"plain words, no page of ours", 'no"te.html').headers["Location"]
        answer = as_user.get(f"{path}content/")
        assert b"".join(answer.streaming_content) == b"plain words, no page of ours"
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="note.txt"'
        assert error(as_user.get(f"{path}thumbnail/")) == (404, "file_not_found")

    def test_that_was_lost_says_so(self, as_user, path):
        kept.remove(file_at(path).file.name)
        assert error(as_user.get(f"{path}content/")) == (404, "file_not_found")


class TestDeleting:
    def test_nobody_and_keys_without_the_scope_are_refused(self, api, user, as_bare_key, path):
        assert_anonymous(api.delete(path))
        assert_lacks_scope(as_bare_key.delete(path), "chat:write")
        assert ChatFile.objects.exists()

    def test_others_do_not_find_it(self, as_other, as_admin, user, other, path):
        assert error(as_other.delete(path)) == (404, "file_not_found")
        send(user, other, path)
        for stranger in (as_other, as_admin):
            assert error(stranger.delete(path)) == (404, "file_not_found")
        assert kept.read(file_at(path).file.name) is not None

    def test_what_was_not_sent_is_gone_with_its_bytes(self, as_user, path, django_capture_on_commit_callbacks):
        file = file_at(path)
        with django_capture_on_commit_callbacks(execute=True):
            assert as_user.delete(path).status_code == 204
        assert not ChatFile.objects.exists()
        assert (kept.read(file.file.name), kept.read(file.thumbnail.name)) == (None, None)
        assert error(as_user.delete(path)) == (404, "file_not_found")

    def test_what_was_sent_stays_with_its_message(self, as_user, user, other, path):
        send(user, other, path)
        assert error(as_user.delete(path)) == (409, "file_sent")
        assert kept.read(file_at(path).file.name) is not None
