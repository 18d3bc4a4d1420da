"""What a file is, is told by its content, never by what its sender calls it."""

import io
import random
import zipfile

import pytest

from core.files import FileKind, kind_of, sniff
from core.files.kinds import MAX_CONTENT_TYPES
from core.tests.file_samples import DOCX, HIDDEN, PDF, archive, box, picture


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (picture("JPEG"), "image"),
        (picture("GIF"), "image"),
        (picture("WEBP"), "image"),
        (picture("GIF") + HIDDEN, "image"),
        (box("mp42"), "video"),
        (box("M4A "), "audio"),
        (b"OggS\x00\x02", "audio"),
        (PDF, "document"),
        (b"a line of text", "document"),
        (archive("word"), "document"),
        (picture("BMP"), None),
        (b"RIFF\x24\x00\x00\x00WAVEfmt \x00", None),
        (b"\x7fELF\x00", None),
        (b"<!DOCTYPE html><script>", None),
    ],
    ids=lambda value: value[:6].hex() if isinstance(value, bytes) else value,
)
def test_a_file_is_of_the_kind_of_its_content(content, kind):
    assert kind_of(content) == kind


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
def test_pictures_are_known_by_their_first_bytes(kind):
    assert sniff(FileKind.IMAGE, picture(kind)) == f"image/{kind.lower()}"
    assert [sniff(other, picture(kind)) for other in FileKind if other != FileKind.IMAGE] == [None, None, None]


class TestDocuments:
    """Text, PDF and the three of the office."""

    @pytest.mark.parametrize("before", [b"\n", b"\x00", b"junk\x00", b"\xef\xbb\xbf\x00", b"PK\x03\x04"])
    def test_a_pdf_begins_at_its_beginning(self, before):
        assert sniff(FileKind.DOCUMENT, before + PDF + b"\xff\x00") is None

    def test_a_pdf_behind_a_page_of_text_is_text(self):
        assert sniff(FileKind.DOCUMENT, b"a line\n" + PDF) == "text/plain"

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
        assert sniff(FileKind.DOCUMENT, before + page) is None

    @pytest.mark.parametrize(
        "text", [b"<3 you", b"a < b", b"<abc", b"<person@example.org> wrote", b"x <script>alert(1)</script>"]
    )
    def test_text_with_a_bracket_is_text(self, text):
        assert sniff(FileKind.DOCUMENT, text) == "text/plain"

    @pytest.mark.parametrize("text", ["Grüße".encode("latin-1"), "Grüße".encode("utf-16"), b"a\x00b", b"\x80", b"\xc0\xaf"])
    def test_text_is_utf_8(self, text):
        assert sniff(FileKind.DOCUMENT, text) is None

    @pytest.mark.parametrize("name", ["word/vbaProject.bin", "xl/vbaProject.bin", "word/VBAPROJECT.BIN", "vbaProject.bin"])
    def test_macros_are_refused(self, name):
        assert sniff(FileKind.DOCUMENT, archive("xl" if name.startswith("xl") else "word", more=(name,))) is None

    @pytest.mark.parametrize(
        "types",
        [
            "<Override PartName='/word/document.xml' ContentType='application/vnd.ms-word.document.macroEnabled.main+xml'/>",
            "<Override PartName='/word/x.bin' ContentType='application/vnd.ms-office.vbaProject'/>",
        ],
    )
    def test_macros_under_another_name_are_refused(self, types):
        assert sniff(FileKind.DOCUMENT, archive(types=f"<Types>{types}</Types>", more=("word/x.bin",))) is None

    @pytest.mark.parametrize("folder", ["visio", "META-INF", "x"])
    def test_other_archives_are_refused(self, folder):
        assert sniff(FileKind.DOCUMENT, archive(folder)) is None

    def test_an_archive_without_a_list_of_its_types_is_refused(self):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as made:
            made.writestr("word/document.xml", "x")
        assert sniff(FileKind.DOCUMENT, out.getvalue()) is None

    def test_a_list_of_types_that_unfolds_without_end_is_refused(self):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
            made.writestr("[Content_Types].xml", b" " * (MAX_CONTENT_TYPES + 1))
            made.writestr("word/document.xml", "x")
        assert sniff(FileKind.DOCUMENT, out.getvalue()) is None

    def test_an_encrypted_one_is_refused(self):
        given = bytearray(archive())
        # The flag of the first entry, in front of it and in the directory.
        given[6] |= 1
        given[given.index(b"PK\x01\x02") + 8] |= 1
        assert sniff(FileKind.DOCUMENT, bytes(given)) is None

    def test_broken_ones_are_taken_or_refused_and_never_an_error(self):
        chance = random.Random(7)
        for _ in range(3000):
            broken = bytearray(archive(more=("word/a", "word/b")))
            for _ in range(chance.randint(1, 4)):
                broken[chance.randrange(4, len(broken))] = chance.randrange(256)
            assert sniff(FileKind.DOCUMENT, bytes(broken)) in (DOCX, None)


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
        assert sniff(FileKind.AUDIO, head) is None
