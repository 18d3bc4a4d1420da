"""What may be sent: told by the content, never by what its sender calls it; pictures keep their pixels and nothing else."""

import io
import random
import struct
import warnings
import zipfile
import zlib

import pytest
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from modules.whatsapp import files
from modules.whatsapp.choices import MEDIA_TYPES, MessageType

HIDDEN = b"<script>alert(1)</script>"
PDF = b"%PDF-1.7\n1 0 obj <<>> endobj\n%%EOF\n"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
LEFT, RIGHT = (255, 0, 0), (0, 0, 255)


def picture(kind: str = "JPEG", *, mode: str = "RGB", size: tuple[int, int] = (16, 8), **more) -> bytes:
    """A picture, red on its left and blue on its right."""
    made = Image.new("RGB", size, LEFT)
    made.paste(RIGHT, (size[0] // 2, 0, *size))
    out = io.BytesIO()
    made.convert(mode).save(out, kind, **more)
    return out.getvalue()


def exif(**tags) -> Image.Exif:
    """EXIF with a place and a name, and these tags."""
    found = Image.Exif()
    found[ExifTags.Base.ImageDescription] = HIDDEN.decode()
    found[ExifTags.Base.Make] = "Phone"
    found.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (48.0, 8.0, 14.0)
    for name, value in tags.items():
        found[ExifTags.Base[name]] = value
    return found


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def archive(folder: str = "word", *, types: str = "<Types/>", more: tuple[str, ...] = ()) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("[Content_Types].xml", types)
        made.writestr(f"{folder}/document.xml", "<document/>")
        for name in more:
            made.writestr(name, "x")
    return out.getvalue()


def box(brand: str) -> bytes:
    """The beginning of a file of the MP4 family."""
    return struct.pack(">I", 24) + b"ftyp" + brand.encode() + b"\x00" * 12 + b"rest"


def code(kind: MessageType, content: bytes, filename: str = "") -> str:
    """Why it is refused."""
    with pytest.raises(files.FileRefused) as caught:
        files.check(kind, content, filename)
    assert caught.value.message
    return caught.value.code


ACCEPTED = [
    ("image", picture("JPEG"), "image/jpeg", "jpg"),
    ("image", picture("PNG"), "image/png", "png"),
    ("video", box("mp42"), "video/mp4", "mp4"),
    ("video", box("isom"), "video/mp4", "mp4"),
    ("video", box("avc1"), "video/mp4", "mp4"),
    ("video", box("3gp5"), "video/3gpp", "3gp"),
    ("audio", b"OggS\x00\x02" + b"\x00" * 20 + b"OpusHead", "audio/ogg", "ogg"),
    ("audio", b"ID3\x04\x00", "audio/mpeg", "mp3"),
    ("audio", b"\xff\xfb\x90\x64" + b"\x00" * 20, "audio/mpeg", "mp3"),
    ("audio", b"\xff\xf3\x40\xc4" + b"\x00" * 20, "audio/mpeg", "mp3"),
    ("audio", b"\xff\xf1\x50\x80" + b"\x00" * 20, "audio/aac", "aac"),
    ("audio", b"\xff\xf9\x50\x80" + b"\x00" * 20, "audio/aac", "aac"),
    ("audio", b"#!AMR\n" + b"\x00" * 20, "audio/amr", "amr"),
    ("audio", b"#!AMR-WB\n" + b"\x00" * 20, "audio/amr", "amr"),
    ("audio", box("M4A "), "audio/mp4", "m4a"),
    ("document", PDF, "application/pdf", "pdf"),
    ("document", archive("word"), DOCX, "docx"),
    ("document", archive("xl"), XLSX, "xlsx"),
    ("document", archive("ppt"), PPTX, "pptx"),
    ("document", "Grüße\n\tmit Tabulator; 1 < 2".encode(), "text/plain", "txt"),
]


@pytest.mark.parametrize(("kind", "content", "mime_type", "ending"), ACCEPTED)
def test_each_type_is_known_by_its_content_whatever_it_is_called(kind, content, mime_type, ending):
    for name in ("holiday", "holiday.exe", "holiday.jpg", "holiday.pdf", f"holiday.{ending}"):
        found = files.check(MessageType(kind), content, name)
        assert (found.mime_type, found.filename) == (mime_type, f"holiday.{ending}")


@pytest.mark.parametrize(("kind", "content", "mime_type", "ending"), ACCEPTED)
def test_what_is_no_picture_is_kept_byte_for_byte(kind, content, mime_type, ending):
    kept = files.check(MessageType(kind), content).content
    assert (kept == content) is (kind != "image")


@pytest.mark.parametrize(("kind", "content", "mime_type", "ending"), ACCEPTED)
def test_nothing_is_sent_as_another_kind_by_calling_it_so(kind, content, mime_type, ending):
    # The MP4 family alone is both: with and without a picture.
    both = {"video", "audio"} if b"ftypmp4" in content or b"ftypisom" in content else {kind}
    for other in MEDIA_TYPES:
        if other not in both:
            assert code(other, content, f"holiday.{ending}") == "media_type_refused"


@pytest.mark.parametrize("kind", MEDIA_TYPES)
def test_an_empty_file_is_refused_as_every_kind(kind):
    assert code(kind, b"", "holiday.jpg") == "media_empty"


@pytest.mark.parametrize("kind", MEDIA_TYPES)
@pytest.mark.parametrize(
    "content",
    [
        picture("GIF"),
        picture("GIF") + HIDDEN,
        picture("GIF") + archive(),
        picture("BMP"),
        picture("WEBP"),
        picture("TIFF"),
        b"\x7fELF" + b"\x00" * 60,
        b"MZ\x90\x00" + b"\x00" * 60,
        b"\xca\xfe\xba\xbe" + b"\x00" * 60,
        b"\x1f\x8b\x08\x00" + b"\x00" * 60,
        b"Rar!\x1a\x07\x00" + b"\x00" * 60,
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 60,
        box("qt  "),
        box("heic"),
        b"RIFF\x24\x00\x00\x00WAVEfmt ",
        b"\x1aE\xdf\xa3" + b"\x00" * 60,
        b"\x00",
        b"\xff",
        b"\xff\xff\xff\xff",
    ],
)
def test_what_whatsapp_does_not_take_is_refused_as_every_kind(kind, content):
    assert code(kind, content, "holiday.jpg") == "media_type_refused"


class TestPictures:
    """Decoded, and made anew."""

    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    @pytest.mark.parametrize("tail", [HIDDEN, b"PK\x03\x04" + HIDDEN, archive(more=("evil.class",)), b"\x00" * 9 + b"%PDF-1.7"])
    def test_what_hangs_behind_one_is_gone(self, kind, tail):
        kept = files.check(MessageType.IMAGE, picture(kind) + tail).content
        assert tail not in kept
        assert not zipfile.is_zipfile(io.BytesIO(kept))
        assert opened(kept).size == (16, 8)

    def test_where_it_was_taken_is_gone(self):
        for kind in ("JPEG", "PNG"):
            given = picture(kind, exif=exif())
            assert HIDDEN in given
            kept = files.check(MessageType.IMAGE, given).content
            assert HIDDEN not in kept
            assert b"Phone" not in kept
            assert dict(opened(kept).getexif()) == {}

    def test_comments_profiles_and_other_words_in_it_are_gone(self):
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

    def test_a_script_in_its_palette_is_gone(self):
        indexed = Image.new("P", (16, 8))
        indexed.putpalette((HIDDEN * 40)[:768])
        out = io.BytesIO()
        indexed.save(out, "PNG")
        assert HIDDEN in out.getvalue()
        assert HIDDEN not in files.check(MessageType.IMAGE, out.getvalue()).content

    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    def test_its_pixels_stay(self, kind):
        kept = opened(files.check(MessageType.IMAGE, picture(kind)).content).convert("RGB")
        for at, wanted in (((2, 4), LEFT), ((13, 4), RIGHT)):
            assert all(abs(is_ - was) < 12 for is_, was in zip(kept.getpixel(at), wanted, strict=True))

    @pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
    def test_pngs_of_every_sort_are_taken(self, mode):
        assert opened(files.check(MessageType.IMAGE, picture("PNG", mode=mode)).content).mode == "RGBA"

    @pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
    def test_jpegs_of_every_sort_are_taken(self, mode):
        assert opened(files.check(MessageType.IMAGE, picture("JPEG", mode=mode)).content).mode == "RGB"

    def test_what_is_transparent_stays_so(self):
        out = io.BytesIO()
        Image.new("RGBA", (4, 4), (1, 2, 3, 0)).save(out, "PNG")
        assert opened(files.check(MessageType.IMAGE, out.getvalue()).content).getpixel((0, 0)) == (1, 2, 3, 0)

    def test_several_in_one_jpeg_are_one_jpeg(self):
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
    def test_one_that_lies_on_its_side_is_turned(self, orientation, size, corner):
        kept = opened(files.check(MessageType.IMAGE, picture("PNG", exif=exif(Orientation=orientation))).content)
        assert (kept.size, kept.convert("RGB").getpixel((1, 1))) == (size, corner)

    def test_a_large_one_is_made_smaller(self):
        kept = opened(files.check(MessageType.IMAGE, picture("PNG", size=(6000, 300))).content)
        assert kept.size == (files.MAX_SIDE, round(300 * files.MAX_SIDE / 6000))

    @pytest.mark.parametrize("side", [6400, 10_000, 20_000, 60_000])
    def test_a_bomb_of_pixels_is_not_even_decoded(self, side, monkeypatch):
        head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\x00" * 1000)) + chunk(b"IEND", b"")
        monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("it was decoded"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            assert code(MessageType.IMAGE, bomb) == "media_too_large"

    def test_one_that_is_cut_off_is_refused(self):
        for kind in ("JPEG", "PNG"):
            given = picture(kind, size=(200, 200))
            assert code(MessageType.IMAGE, given[: len(given) // 2]) == "media_type_refused"

    @pytest.mark.parametrize("head", [b"\xff\xd8\xff", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n"])
    def test_a_beginning_alone_is_no_picture(self, head):
        assert code(MessageType.IMAGE, head + HIDDEN * 20) == "media_type_refused"

    def test_broken_ones_are_taken_or_refused_and_never_an_error(self):
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


class TestDocuments:
    """Text, PDF and the three of the office."""

    @pytest.mark.parametrize("before", [b"\n", b"\x00", b"junk\x00", b"\xef\xbb\xbf\x00", b"PK\x03\x04"])
    def test_a_pdf_begins_at_its_beginning(self, before):
        assert code(MessageType.DOCUMENT, before + PDF + b"\xff\x00") == "media_type_refused"

    def test_a_pdf_behind_a_page_of_text_is_text(self):
        assert files.check(MessageType.DOCUMENT, b"a line\n" + PDF, "a.pdf").filename == "a.txt"

    @pytest.mark.parametrize("before", [b"", b" \r\n\t", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
    @pytest.mark.parametrize(
        "page",
        [
            b"<!DOCTYPE html><p>x",
            b"<HTML><body>",
            b"<html lang='en'>",
            b"<script>alert(1)</script>",
            b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
            b"<?xml version='1.0'?><svg/>",
            b"<!-- x --><script>",
            b"<iframe src=x>",
            b"<body onload=x>",
            b"<a href='javascript:x'>",
            b"<style>x",
            b"<DIV\nid=x>",
            b"<h1>x",
            b"<p>x",
        ],
    )
    def test_a_page_with_scripts_is_no_text(self, before, page):
        assert code(MessageType.DOCUMENT, before + page, "notes.txt") == "media_type_refused"

    @pytest.mark.parametrize(
        "text", [b"<3 you", b"a < b", b"<abc", b"<person@example.org> wrote", b"x <script>alert(1)</script>"]
    )
    def test_text_with_a_bracket_is_text(self, text):
        assert files.check(MessageType.DOCUMENT, text, "notes.html").filename == "notes.txt"

    @pytest.mark.parametrize("text", ["Grüße".encode("latin-1"), "Grüße".encode("utf-16"), b"a\x00b", b"\x80", b"\xc0\xaf"])
    def test_text_is_utf_8(self, text):
        assert code(MessageType.DOCUMENT, text) == "media_type_refused"

    @pytest.mark.parametrize("name", ["word/vbaProject.bin", "xl/vbaProject.bin", "word/VBAPROJECT.BIN", "vbaProject.bin"])
    def test_macros_are_refused(self, name):
        assert (
            code(MessageType.DOCUMENT, archive("xl" if name.startswith("xl") else "word", more=(name,))) == "media_type_refused"
        )

    @pytest.mark.parametrize(
        "types",
        [
            "<Override PartName='/word/document.xml' ContentType='application/vnd.ms-word.document.macroEnabled.main+xml'/>",
            "<Override PartName='/word/x.bin' ContentType='application/vnd.ms-office.vbaProject'/>",
        ],
    )
    def test_macros_under_another_name_are_refused(self, types):
        assert code(MessageType.DOCUMENT, archive(types=f"<Types>{types}</Types>", more=("word/x.bin",))) == "media_type_refused"

    @pytest.mark.parametrize("folder", ["visio", "META-INF", "x"])
    def test_other_archives_are_refused(self, folder):
        assert code(MessageType.DOCUMENT, archive(folder)) == "media_type_refused"

    def test_an_archive_without_a_list_of_its_types_is_refused(self):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as made:
            made.writestr("word/document.xml", "x")
        assert code(MessageType.DOCUMENT, out.getvalue()) == "media_type_refused"

    def test_a_list_of_types_that_unfolds_without_end_is_refused(self):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
            made.writestr("[Content_Types].xml", b" " * (files.MAX_CONTENT_TYPES + 1))
            made.writestr("word/document.xml", "x")
        assert code(MessageType.DOCUMENT, out.getvalue()) == "media_type_refused"

    def test_an_encrypted_one_is_refused(self):
        given = bytearray(archive())
        # The flag of the first entry, in front of it and in the directory.
        given[6] |= 1
        given[given.index(b"PK\x01\x02") + 8] |= 1
        assert code(MessageType.DOCUMENT, bytes(given)) == "media_type_refused"

    def test_broken_ones_are_taken_or_refused_and_never_an_error(self):
        chance = random.Random(7)
        for _ in range(3000):
            broken = bytearray(archive(more=("word/a", "word/b")))
            for _ in range(chance.randint(1, 4)):
                broken[chance.randrange(4, len(broken))] = chance.randrange(256)
            try:
                assert files.check(MessageType.DOCUMENT, bytes(broken)).mime_type == DOCX
            except files.FileRefused as refused:
                assert refused.code == "media_type_refused"


class TestSound:
    """Where a file begins with a frame and no name."""

    @pytest.mark.parametrize(
        "head",
        [
            b"\xff\xfb\xf0\x64",  # no such bit rate
            b"\xff\xfb\x9c\x64",  # no such sampling rate
            b"\xff\xeb\x90\x64",  # no such version
            b"\xff\xfd\x90\x64",  # layer II
            b"\xff\xff\x90\x64",  # layer I
            b"\xff\xe1\x50\x80",  # no layer and one bit too few
            "Hi there".encode("utf-16"),
            b"\xff\xfb",
        ],
    )
    def test_what_only_looks_like_one_is_refused(self, head):
        assert code(MessageType.AUDIO, head, "song.mp3") == "media_type_refused"


class TestNames:
    """What a file is called at the other end."""

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("", "file.pdf"),
            (".", "file.pdf"),
            ("..", "file.pdf"),
            ("../../etc/passwd", "passwd.pdf"),
            ("C:\\Windows\\system32\\cmd.exe", "cmd.pdf"),
            ("a/b\\c.pdf", "c.pdf"),
            ("/", "file.pdf"),
            ("invoice.pdf/", "file.pdf"),
            ("in\x00vo\r\nice\x1b[0m.pdf", "invoice[0m.pdf"),
            ("invoice\u202efdp.exe", "invoicefdp.pdf"),
            ("a\u200bb\ud800.pdf", "ab.pdf"),
            ('a<b>:"|?*c.pdf', "abc.pdf"),
            (".htaccess", "htaccess.pdf"),
            ("invoice.tar.gz", "invoice.tar.pdf"),
            ("Prüfung №7.pdf", "Prüfung №7.pdf"),
            ("  spaced  .pdf ", "spaced  .pdf"),
            ("invoice.pdf. . .", "invoice.pdf"),
        ],
    )
    def test_one_has_no_path_no_control_characters_and_our_ending(self, given, kept):
        assert files.check(MessageType.DOCUMENT, PDF, given).filename == kept

    @pytest.mark.parametrize("length", [files.MAX_NAME - 4, files.MAX_NAME, 10_000])
    def test_a_long_one_is_cut_and_keeps_its_ending(self, length):
        name = files.check(MessageType.DOCUMENT, PDF, "x" * length).filename
        assert len(name) == files.MAX_NAME
        assert name.endswith("x.pdf")


class TestKeeping:
    """Where they are."""

    def test_one_is_kept_under_a_name_of_ours_until_it_is_removed(self):
        name = files.store(files.check(MessageType.DOCUMENT, PDF, "../secret.pdf"))
        assert name.startswith("whatsapp/")
        assert name.endswith(".pdf")
        assert "secret" not in name
        assert files.read(name) == PDF
        files.remove(name)
        assert files.read(name) is None
        assert not files.storage().exists(name)
        files.remove(name)

    def test_two_of_the_same_are_two(self):
        checked = files.check(MessageType.DOCUMENT, PDF)
        assert files.store(checked) != files.store(checked)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def resealed(broken: bytearray) -> bytes:
    """With the EXIF's checksum put right, where it has one: else nothing of it would be read."""
    at = broken.find(b"eXIf")
    if at >= 0:
        length = struct.unpack(">I", broken[at - 4 : at])[0]
        if at + length + 8 <= len(broken):
            broken[at + 4 + length : at + 8 + length] = struct.pack(">I", zlib.crc32(broken[at : at + 4 + length]))
    return bytes(broken)
