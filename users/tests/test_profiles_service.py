"""Profiles and avatars, below HTTP: whatever is uploaded, only pixels are kept."""

import contextlib
import io
import struct
import zlib

import pytest
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from PIL import Image

from core.exceptions import Invalid
from users.models import UserProfile
from users.services import profiles
from users.tests.factories import make_user
from users.tests.support import picture

pytestmark = pytest.mark.django_db


@pytest.fixture
def person():
    return make_user()


def put(user, body, size=None):
    return profiles.set_avatar(user_id=user.pk, upload=io.BytesIO(body), size=len(body) if size is None else size)


def stored(profile) -> bytes:
    with profile.avatar.open() as file:
        return file.read()


def refused(user, body, code):
    with pytest.raises(Invalid) as caught:
        put(user, body)
    assert [(item.field, item.code) for item in caught.value.details] == [("avatar", code)]
    assert not UserProfile.objects.get(user=user).avatar


def png_header(width, height) -> bytes:
    """A PNG that claims a size it has no pixels for."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    ihdr = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", ihdr) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")


def test_an_account_without_a_profile_gets_one_on_first_sight(person):
    person.profile.delete()
    assert profiles.get_profile(user_id=person.pk).time_zone == "UTC"
    assert profiles.get_profile(user_id=person.pk).pk == person.pk
    assert UserProfile.objects.count() == 1


def test_profile_and_names_change_together(person):
    profile = profiles.update_profile(user_id=person.pk, names={"first_name": "Ada"}, display_name="A.", locale="de-AT")
    assert (profile.display_name, profile.locale, profile.user.first_name) == ("A.", "de-AT", "Ada")


def test_a_wrong_value_changes_neither(person):
    with pytest.raises(ValidationError):
        profiles.update_profile(user_id=person.pk, names={"first_name": "Ada"}, week_start=3)
    person.refresh_from_db()
    assert person.first_name == ""
    assert person.profile.week_start == 1


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("JPEG", "RGB"),
        ("JPEG", "L"),
        ("JPEG", "CMYK"),
        ("PNG", "RGBA"),
        ("PNG", "P"),
        ("PNG", "1"),
        ("PNG", "LA"),
        ("GIF", "P"),
        ("WEBP", "RGBA"),
    ],
)
def test_pictures_of_every_accepted_kind_become_a_square_webp(person, kind, mode):
    body = stored(put(person, picture(kind, mode=mode)))
    with Image.open(io.BytesIO(body)) as image:
        assert (image.format, image.size) == ("WEBP", (profiles.AVATAR_SIZE, profiles.AVATAR_SIZE))


def test_the_picture_is_still_the_picture(person):
    with Image.open(io.BytesIO(stored(put(person, picture(size=(600, 600)))))) as image:
        left, right = image.convert("RGB").getpixel((30, 256)), image.convert("RGB").getpixel((480, 256))
    assert left[0] > 200
    assert left[2] < 60
    assert right[2] > 200
    assert right[0] < 60


def test_a_16_bit_picture_is_taken_too(person):
    out = io.BytesIO()
    Image.new("I;16", (20, 20), 40_000).save(out, "PNG")
    assert put(person, out.getvalue()).avatar


def test_a_picture_lying_on_its_side_is_put_upright(person):
    exif = Image.Exif()
    exif[0x0112] = 6  # the right side is up
    body = picture("JPEG", (400, 400), exif=exif, quality=95)
    with Image.open(io.BytesIO(stored(put(person, body)))) as image:
        top, bottom = image.convert("RGB").getpixel((256, 60)), image.convert("RGB").getpixel((256, 450))
    assert top[0] > 150 > top[2]
    assert bottom[2] > 150 > bottom[0]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_nothing_that_came_along_with_the_pixels_is_kept(person, kind):
    exif = Image.Exif()
    exif[0x010E] = "taken at home SECRETWORD"
    body = picture(kind, exif=exif, icc_profile=b"<script>SECRETWORD</script>" * 8) + b"<?php SECRETWORD ?>"
    assert b"SECRETWORD" in body
    result = stored(put(person, body))
    assert b"SECRETWORD" not in result
    with Image.open(io.BytesIO(result)) as image:
        assert not image.getexif()
        assert "icc_profile" not in image.info


def test_a_moving_picture_stands_still(person):
    frames = [Image.new("RGB", (30, 30), colour) for colour in ("red", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    with Image.open(io.BytesIO(stored(put(person, out.getvalue())))) as image:
        assert getattr(image, "n_frames", 1) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not a picture",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><svg>&x;</svg>",
        b"GIF89a/*",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0",
        b"%PDF-1.7\n",
        b"RIFF\x00\x00\x00\x00WEBP",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
    ],
    ids=["empty", "text", "svg", "svg-entity", "gif-polyglot", "png-magic", "jpeg-magic", "pdf", "webp-magic", "postscript"],
)
def test_what_is_no_picture_is_refused(person, body):
    refused(person, body, "invalid_image")


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "ICO", "PPM", "TGA"])
def test_pictures_of_other_kinds_are_refused(person, kind):
    refused(person, picture(kind), "invalid_image")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_picture_cut_off_in_the_middle_is_refused_or_made_whole_but_never_an_error(person, kind):
    body = picture(kind, (300, 300))
    for end in range(4, len(body), max(1, len(body) // 12)):
        with contextlib.suppress(Invalid):
            put(person, body[:end])


@pytest.mark.parametrize(
    ("width", "height", "code"),
    [
        (8000, 5001, "too_large"),
        (1, 40_000_001, "too_large"),
        (60_000, 60_000, "invalid_image"),
        (2**31 - 1, 2**31 - 1, "invalid_image"),
    ],
)
def test_a_small_file_that_would_unfold_into_too_many_pixels_is_refused_before_it_does(person, width, height, code):
    body = png_header(width, height)
    assert len(body) < 200
    refused(person, body, code)


def test_more_than_five_megabytes_are_refused_unread(person):
    class Unreadable(io.BytesIO):
        def read(self, *args):
            raise AssertionError("read")

    with pytest.raises(Invalid) as caught:
        profiles.set_avatar(user_id=person.pk, upload=Unreadable(), size=profiles.MAX_AVATAR_BYTES + 1)
    assert caught.value.details[0].code == "too_large"


def test_a_new_picture_takes_the_place_of_the_old_one_after_the_commit(person, django_capture_on_commit_callbacks):
    first = put(person, picture()).avatar.name
    with django_capture_on_commit_callbacks() as callbacks:
        second = put(person, picture("JPEG")).avatar.name
        assert default_storage.exists(first)
    for callback in callbacks:
        callback()
    assert not default_storage.exists(first)
    assert default_storage.exists(second)


def test_the_name_of_the_file_is_ours(person):
    upload = io.BytesIO(picture())
    upload.name = "../../../etc/cron.d/x.php"
    name = profiles.set_avatar(user_id=person.pk, upload=upload, size=10).avatar.name
    assert name.startswith("avatars/")
    assert name.endswith(".webp")
    assert "cron" not in name


def test_a_removed_picture_is_gone_and_removing_nothing_is_fine(person, django_capture_on_commit_callbacks):
    name = put(person, picture()).avatar.name
    with django_capture_on_commit_callbacks(execute=True):
        profiles.remove_avatar(user_id=person.pk)
    profiles.remove_avatar(user_id=person.pk)
    assert not default_storage.exists(name)
    assert not UserProfile.objects.get(user=person).avatar
