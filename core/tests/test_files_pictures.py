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

from core.files import FileRefused, remake, thumbnail
from core.files.pictures import MAX_FRAMES, MAX_PIXELS, MAX_SIDE
from core.tests.file_samples import HIDDEN, LEFT, RIGHT, archive, chunk, exif, opened, picture, resealed

FORMATS = ["JPEG", "PNG", "GIF", "WEBP"]


def code(content: bytes) -> str:
    """Why it is refused."""
    with pytest.raises(FileRefused) as caught:
        remake(content)
    assert caught.value.message
    return caught.value.code


def moving(kind: str, count: int = 3, *, size: tuple[int, int] = (16, 8), **more) -> bytes:
    """Frames, each of another grey, for 100, 110, 120 ... ms."""
    frames = [Image.new("RGB", size, (20 * at % 256, 9 * at % 256, at // 10)) for at in range(count)]
    out = io.BytesIO()
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=[100 + 10 * at for at in range(count)], **more)
    return out.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    "tail",
    [HIDDEN, b"PK\x03\x04" + HIDDEN, archive(more=("evil.class",)), b"\x00" * 9 + b"%PDF-1.7"],
    ids=["script", "beginning of a zip", "zip", "pdf"],
)
def test_what_hangs_behind_one_is_gone(kind, tail):
    kept = remake(picture(kind) + tail).content
    assert tail not in kept
    assert not zipfile.is_zipfile(io.BytesIO(kept))
    assert opened(kept).size == (16, 8)


def test_where_it_was_taken_is_gone():
    for kind in ("JPEG", "PNG", "WEBP"):
        given = picture(kind, exif=exif())
        assert HIDDEN in given
        kept = remake(given).content
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
        picture("GIF", comment=HIDDEN),
        picture("WEBP", xmp=HIDDEN),
        picture("WEBP", icc_profile=HIDDEN),
    ):
        assert HIDDEN in given
        assert HIDDEN not in remake(given).content
    assert "icc_profile" not in opened(remake(picture("PNG", icc_profile=HIDDEN)).content).info


def test_a_script_in_its_palette_is_gone():
    indexed = Image.new("P", (16, 8))
    indexed.putpalette((HIDDEN * 40)[:768])
    out = io.BytesIO()
    indexed.save(out, "PNG")
    assert HIDDEN in out.getvalue()
    assert HIDDEN not in remake(out.getvalue()).content


@pytest.mark.parametrize("kind", FORMATS)
def test_its_pixels_stay(kind):
    kept = opened(remake(picture(kind)).content).convert("RGB")
    for at, wanted in (((2, 4), LEFT), ((13, 4), RIGHT)):
        assert all(abs(is_ - was) < 12 for is_, was in zip(kept.getpixel(at), wanted, strict=True))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
def test_pngs_of_every_sort_are_taken(mode):
    assert opened(remake(picture("PNG", mode=mode)).content).mode == "RGBA"


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpegs_of_every_sort_are_taken(mode):
    assert opened(remake(picture("JPEG", mode=mode)).content).mode == "RGB"


def test_what_is_transparent_stays_so():
    out = io.BytesIO()
    Image.new("RGBA", (4, 4), (1, 2, 3, 0)).save(out, "PNG")
    assert opened(remake(out.getvalue()).content).getpixel((0, 0)) == (1, 2, 3, 0)


def test_several_in_one_jpeg_are_one_jpeg():
    out = io.BytesIO()
    Image.new("RGB", (16, 8)).save(out, "MPO", save_all=True, append_images=[Image.new("RGB", (16, 8), "blue")])
    found = remake(out.getvalue())
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
    kept = opened(remake(picture("PNG", exif=exif(Orientation=orientation))).content)
    assert (kept.size, kept.convert("RGB").getpixel((1, 1))) == (size, corner)


def test_a_large_one_is_made_smaller():
    kept = opened(remake(picture("PNG", size=(6000, 300))).content)
    assert kept.size == (MAX_SIDE, round(300 * MAX_SIDE / 6000))


@pytest.mark.parametrize("side", [6400, 10_000, 20_000, 60_000])
def test_a_bomb_of_pixels_is_not_even_decoded(side, monkeypatch):
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\x00" * 1000)) + chunk(b"IEND", b"")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("it was decoded"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        assert code(bomb) == "media_too_large"


def test_one_that_is_cut_off_is_refused():
    for kind in FORMATS:
        given = picture(kind, size=(200, 200))
        assert code(given[: len(given) // 2]) == "media_type_refused"


@pytest.mark.parametrize("head", [b"\xff\xd8\xff", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n"])
def test_a_beginning_alone_is_no_picture(head):
    assert code(head + HIDDEN * 20) == "media_type_refused"


def test_broken_ones_are_taken_or_refused_and_never_an_error():
    chance = random.Random(7)
    given = [picture(kind, exif=exif(Orientation=6)) for kind in FORMATS]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for turn in range(3000):
            broken = bytearray(given[turn % len(given)])
            for _ in range(chance.randint(1, 8)):
                broken[chance.randrange(8, len(broken))] = chance.randrange(256)
            try:
                assert remake(resealed(broken)).content
            except FileRefused as refused:
                assert refused.code in ("media_type_refused", "media_too_large")


@pytest.mark.parametrize("kind", FORMATS)
def test_one_tells_its_type_and_size(kind):
    made = remake(picture(kind, size=(30, 20)))
    assert (made.mime_type, made.width, made.height) == (f"image/{kind.lower()}", 30, 20)
    assert (opened(made.content).format, opened(made.content).size) == (kind, (30, 20))


def test_one_of_another_format_is_refused():
    with pytest.raises(FileRefused) as caught:
        remake(picture("GIF"), ["JPEG", "PNG"])
    assert caught.value.code == "media_type_refused"
    for kind in ("BMP", "TIFF", "ICO"):
        assert code(picture(kind)) == "media_type_refused"


class TestMoving:
    """GIF and WebP."""

    @pytest.mark.parametrize("kind", ["GIF", "WEBP"])
    def test_one_moves_as_it_did(self, kind):
        kept = opened(remake(moving(kind, loop=2)).content)
        assert (kept.n_frames, kept.info["loop"]) == (3, 2)
        durations, colours = [], []
        for at in range(3):
            kept.seek(at)
            kept.load()
            durations.append(kept.info["duration"])
            colours.append(kept.convert("RGB").getpixel((4, 4))[0])
        assert durations == [100, 110, 120]
        assert all(abs(is_ - was) < 5 for is_, was in zip(colours, [0, 20, 40], strict=True))

    def test_one_that_moves_once_does_so_once(self):
        assert "loop" not in opened(remake(moving("GIF")).content).info

    def test_what_is_transparent_in_one_stays_so(self):
        solid, hole = Image.new("RGBA", (16, 8), "red"), Image.new("RGBA", (16, 8), (0, 0, 0, 0))
        hole.paste("blue", (8, 0, 16, 8))
        out = io.BytesIO()
        solid.save(out, "GIF", save_all=True, append_images=[hole], disposal=2, optimize=False)
        kept = opened(remake(out.getvalue()).content)
        kept.seek(1)
        assert kept.convert("RGBA").getpixel((1, 1))[3] == 0

    def test_what_moves_in_another_format_stands_still(self):
        assert getattr(opened(remake(moving("PNG")).content), "n_frames", 1) == 1

    @pytest.mark.parametrize("kind", ["GIF", "WEBP"])
    def test_one_of_too_many_frames_or_pixels_is_refused(self, kind):
        assert code(moving(kind, MAX_FRAMES + 1, size=(2, 2))) == "media_too_large"
        assert code(moving(kind, 3, size=(MAX_PIXELS // 2000 // 2, 2000))) == "media_too_large"


class TestThumbnails:
    """Small ones of those that were made anew."""

    @pytest.mark.parametrize("kind", FORMATS)
    def test_one_fits_a_square_and_keeps_its_shape(self, kind):
        small = opened(thumbnail(remake(picture(kind, size=(400, 200))).content, 100))
        assert (small.format, small.size) == ("WEBP", (100, 50))
        assert all(abs(is_ - was) < 12 for is_, was in zip(small.convert("RGB").getpixel((20, 25)), LEFT, strict=True))

    def test_a_small_picture_is_not_made_larger(self):
        assert opened(thumbnail(picture("PNG"), 100)).size == (16, 8)

    def test_one_of_a_moving_picture_is_its_first_frame(self):
        assert getattr(opened(thumbnail(moving("GIF"), 8)), "n_frames", 1) == 1

    def test_what_is_transparent_is_so_in_the_small_one(self):
        made = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
        made.paste("blue", (32, 0, 64, 64))
        out = io.BytesIO()
        made.save(out, "PNG")
        assert opened(thumbnail(out.getvalue(), 16)).convert("RGBA").getpixel((2, 8))[3] == 0

    def test_what_is_no_picture_has_none(self):
        with pytest.raises(FileRefused):
            thumbnail(b"%PDF-1.7", 100)
