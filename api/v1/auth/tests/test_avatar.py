"""PUT and DELETE /api/v1/auth/profile/avatar/"""

import io

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from api_keys.tests.factories import make_key
from users.models import UserProfile
from users.services.profiles import MAX_AVATAR_BYTES
from users.tests.support import error_of, fields_of, picture

pytestmark = pytest.mark.django_db
URL = "/api/v1/auth/profile/avatar/"


def put(caller, body=None, name="me.png", kind="image/png"):
    return caller.put(URL, {"avatar": SimpleUploadedFile(name, picture() if body is None else body, kind)}, format="multipart")


def avatar_name() -> str:
    return UserProfile.objects.get(user__username="owner").avatar.name


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_becomes_a_square_that_the_profile_points_to(as_user, kind):
    response = put(as_user, picture(kind))
    assert response.status_code == 200
    assert response.json()["data"]["avatar"].endswith(".webp")
    with default_storage.open(avatar_name()) as file, Image.open(file) as image:
        assert (image.format, image.size) == ("WEBP", (512, 512))
    me = as_user.get("/api/v1/auth/me/").json()["data"]
    assert me["profile"]["avatar"] == response.json()["data"]["avatar"]


def test_what_the_client_calls_the_file_does_not_matter(as_user):
    assert put(as_user, picture(), "../../evil.svg", "image/svg+xml").status_code == 200
    assert "evil" not in avatar_name()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty"),
        (b"not a picture", "invalid_image"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "invalid_image"),
        (b"GIF89a<?php system($_GET[0]); ?>", "invalid_image"),
        (b"\xff\xd8\xff\xe0<script>", "invalid_image"),
        (b"x" * (MAX_AVATAR_BYTES + 1), "too_large"),
    ],
    ids=["empty", "text", "svg", "gif-php", "jpeg-html", "oversized"],
)
def test_what_is_no_picture_is_refused_even_under_the_name_of_one(as_user, body, code):
    assert fields_of(put(as_user, body)) == {"avatar": code}
    assert avatar_name() == ""


def test_a_picture_with_a_page_hidden_behind_it_comes_out_without_the_page(as_user):
    assert put(as_user, picture() + b"<html><script>alert(1)</script>").status_code == 200
    with default_storage.open(avatar_name()) as file:
        assert b"<script>" not in file.read()


def test_a_picture_that_unfolds_into_fifty_million_pixels_is_refused(as_user):
    out = io.BytesIO()
    Image.new("1", (7_100, 7_100)).save(out, "PNG", optimize=True)
    assert len(out.getvalue()) < 100_000
    assert fields_of(put(as_user, out.getvalue())) == {"avatar": "too_large"}


@pytest.mark.parametrize("form", [{}, {"avatar": "just text"}, {"picture": "x"}])
def test_a_form_without_a_file_is_refused_by_field(as_user, form):
    assert set(fields_of(as_user.put(URL, form, format="multipart"))) == {"avatar"}


def test_json_is_not_taken(as_user):
    assert error_of(as_user.put(URL, {"avatar": "x"}, format="json")) == (415, "unsupported_media_type")


def test_a_broken_upload_is_400_in_the_envelope(as_user):
    response = as_user.generic("PUT", URL, b"--x\r\nbroken", content_type="multipart/form-data; boundary=x")
    assert response.status_code == 400
    assert response.json()["success"] is False
    response = as_user.generic("PUT", URL, b"anything", content_type="multipart/form-data")
    assert response.status_code == 400
    assert response.json()["success"] is False


def test_the_avatar_can_be_removed_and_removing_none_is_fine(as_user, django_capture_on_commit_callbacks):
    put(as_user)
    name = avatar_name()
    with django_capture_on_commit_callbacks(execute=True):
        assert as_user.delete(URL).status_code == 204
    assert as_user.delete(URL).status_code == 204
    assert as_user.get("/api/v1/auth/profile/").json()["data"]["avatar"] is None
    assert not default_storage.exists(name)


def test_nobody_and_keys_without_the_scope_change_nothing(api, user, as_user):
    put(as_user)
    before = avatar_name()
    reader = api.as_key(make_key(user, scopes=["account:read"]).raw)
    assert put(api).status_code == api.delete(URL).status_code == 401
    assert error_of(put(reader)) == error_of(reader.delete(URL)) == (403, "insufficient_scope")
    assert avatar_name() == before


def test_a_key_with_the_scope_may(as_key):
    assert put(as_key).status_code == 200
    assert as_key.delete(URL).status_code == 204


def test_one_person_does_not_touch_anothers(as_user, as_other):
    put(as_user)
    before = avatar_name()
    assert as_other.delete(URL).status_code == 204
    assert avatar_name() == before


def test_a_body_beyond_the_limit_is_refused_by_its_length_before_it_is_read(as_user):
    response = put(as_user, b"0" * (7 * 1_048_576))
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "body_too_large"
    assert avatar_name() == ""
