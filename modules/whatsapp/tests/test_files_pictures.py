"""Pictures are decoded and made anew: their pixels stay, and nothing else of them."""

import io
import random
import struct
import warnings
import zipfile
import zlib

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from modules.whatsapp import files
from modules.whatsapp.choices import MessageType
from modules.whatsapp.tests.samples import HIDDEN, LEFT, RIGHT, archive, chunk, code, exif, opened, picture, resealed


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize(
    "tail",
    [HIDDEN, b"PK\x03\x04" + HIDDEN, archive(more=("evil.class",)), b"\x00" * 9 + b"%PDF-1.7"],
    ids=["script", "beginning of a zip", "zip", "pdf"],
)
def test_what_hangs_behind_one_is_gone(kind, tail):
    kept = files.check(MessageType.IMAGE, picture(kind) + tail).content
    assert tail not in kept
    assert not zipfile.is_zipfile(io.BytesIO(kept))
    assert opened(kept).size == (16, 8)


def test_where_it_was_taken_is_gone():
    for kind in ("JPEG", "PNG"):
        given = picture(kind, exif=exif())
        assert HIDDEN in given
        kept = files.check(MessageType.IMAGE, given).content
        assert HIDDEN not in kept
        assert b"Phone" not in kept
        assert dict(opened(kept).getexif()) == {}


def test_comments_profiles_and_other_words_in_it_are_gone():
    words = PngInfo()
    words.add_text("Comment", HIDDEN.decode())
    words.add_itxt("XML:com.adobe.xmp", HIDDEN.decode())
    for given in (
        picture("JPEG", comment=HIDDEN),
        picture("JPEG", icc_profile=HIDDEN),
        picture("JPEG", xmp=HIDDEN),
        picture("PNG", pnginfo=words),
    ):
        assert HIDDEN in given
        assert HIDDEN not in files.check(MessageType.IMAGE, given).content
    assert "icc_profile" not in opened(files.check(MessageType.IMAGE, picture("PNG", icc_profile=HIDDEN)).content).info


def test_a_script_in_its_palette_is_gone():
    indexed = Image.new("P", (16, 8))
    indexed.putpalette((HIDDEN * 40)[:768])
    out = io.BytesIO()
    indexed.save(out, "PNG")
    assert HIDDEN in out.getvalue()
    assert HIDDEN not in files.check(MessageType.IMAGE, out.getvalue()).content


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_its_pixels_stay(kind):
    kept = opened(files.check(MessageType.IMAGE, picture(kind)).content).convert("RGB")
    for at, wanted in (((2, 4), LEFT), ((13, 4), RIGHT)):
        assert all(abs(is_ - was) < 12 for is_, was in zip(kept.getpixel(at), wanted, strict=True))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
def test_pngs_of_every_sort_are_taken(mode):
    assert opened(files.check(MessageType.IMAGE, picture("PNG", mode=mode)).content).mode == "RGBA"


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpegs_of_every_sort_are_taken(mode):
    assert opened(files.check(MessageType.IMAGE, picture("JPEG", mode=mode)).content).mode == "RGB"


def test_what_is_transparent_stays_so():
    out = io.BytesIO()
    Image.new("RGBA", (4, 4), (1, 2, 3, 0)).save(out, "PNG")
    assert opened(files.check(MessageType.IMAGE, out.getvalue()).content).getpixel((0, 0)) == (1, 2, 3, 0)


def test_several_in_one_jpeg_are_one_jpeg():
    out = io.BytesIO()
    Image.new("RGB", (16, 8)).save(out, "MPO", save_all=True, append_images=[Image.new("RGB", (16, 8), "blue")])
    found = files.check(MessageType.IMAGE, out.getvalue())
    assert (found.mime_type, opened(found.content).format) == ("image/jpeg", "JPEG")


@pytest.mark.parametrize(
    ("orientation", "size", "corner"),
    [
        (1, (16, 8), LEFT),
        (2, (16, 8), RIGHT),
        (3, (16, 8), RIGHT),
        (4, (16, 8), LEFT),
        (5, (8, 16), LEFT),
        (6, (8, 16), LEFT),
        (7, (8, 16), RIGHT),
        (8, (8, 16), RIGHT),
        (77, (16, 8), LEFT),
    ],
)
def test_one_that_lies_on_its_side_is_turned(orientation, size, corner):
    kept = opened(files.check(MessageType.IMAGE, picture("PNG", exif=exif(Orientation=orientation))).content)
    assert (kept.size, kept.convert("RGB").getpixel((1, 1))) == (size, corner)


def test_a_large_one_is_made_smaller():
    kept = opened(files.check(MessageType.IMAGE, picture("PNG", size=(6000, 300))).content)
    assert kept.size == (files.MAX_SIDE, round(300 * files.MAX_SIDE / 6000))


@pytest.mark.parametrize("side", [6400, 10_000, 20_000, 60_000])
def test_a_bomb_of_pixels_is_not_even_decoded(side, monkeypatch):
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\x00" * 1000)) + chunk(b"IEND", b"")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("it was decoded"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        assert code(MessageType.IMAGE, bomb) == "media_too_large"


def test_one_that_is_cut_off_is_refused():
    for kind in ("JPEG", "PNG"):
        given = picture(kind, size=(200, 200))
        assert code(MessageType.IMAGE, given[: len(given) // 2]) == "media_type_refused"


@pytest.mark.parametrize("head", [b"\xff\xd8\xff", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n"])
def test_a_beginning_alone_is_no_picture(head):
    assert code(MessageType.IMAGE, head + HIDDEN * 20) == "media_type_refused"


def test_broken_ones_are_taken_or_refused_and_never_an_error():
    chance = random.Random(7)
    given = [picture(kind, exif=exif(Orientation=6)) for kind in ("JPEG", "PNG")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for turn in range(3000):
            broken = bytearray(given[turn % 2])
            for _ in range(chance.randint(1, 8)):
                broken[chance.randrange(8, len(broken))] = chance.randrange(256)
            try:
                assert files.check(MessageType.IMAGE, resealed(broken)).content
            except files.FileRefused as refused:
                assert refused.code in ("media_type_refused", "media_too_large")
