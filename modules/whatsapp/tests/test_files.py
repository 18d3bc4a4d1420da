"""What may be sent is told by its content, never by what its sender calls it."""

import io
import random
import zipfile

import pytest

from modules.whatsapp import files
from modules.whatsapp.choices import MEDIA_TYPES, MessageType
from modules.whatsapp.tests.samples import DOCX, HIDDEN, PDF, PPTX, XLSX, archive, box, code, picture

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


every_type = pytest.mark.parametrize(
    ("kind", "content", "mime_type", "ending"), ACCEPTED, ids=[f"{place}-{one[3]}" for place, one in enumerate(ACCEPTED)]
)


@every_type
def test_each_type_is_known_by_its_content_whatever_it_is_called(kind, content, mime_type, ending):
    for name in ("holiday", "holiday.exe", "holiday.jpg", "holiday.pdf", f"holiday.{ending}"):
        found = files.check(MessageType(kind), content, name)
        assert (found.mime_type, found.filename) == (mime_type, f"holiday.{ending}")


@every_type
def test_what_is_no_picture_is_kept_byte_for_byte(kind, content, mime_type, ending):
    kept = files.check(MessageType(kind), content).content
    assert (kept == content) is (kind != "image")


@every_type
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
    ids=lambda content: content[:6].hex(),
)
def test_what_whatsapp_does_not_take_is_refused_as_every_kind(kind, content):
    assert code(kind, content, "holiday.jpg") == "media_type_refused"


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
