"""What may be sent is told by its content, never by what its sender calls it."""

import pytest

from core.files import FileRefused
from core.files.pictures import MAX_PIXELS
from core.tests.file_samples import DOCX, HIDDEN, PDF, PPTX, XLSX, archive, box, opened, picture
from modules.whatsapp import files
from modules.whatsapp.choices import MEDIA_TYPES, MessageType

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


def code(kind: MessageType, content: bytes, filename: str = "") -> str:
    """Why it is refused."""
    with pytest.raises(FileRefused) as caught:
        files.check(kind, content, filename)
    assert caught.value.message
    return caught.value.code


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


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_is_made_anew(kind):
    kept = files.check(MessageType.IMAGE, picture(kind) + HIDDEN).content
    assert HIDDEN not in kept
    assert (opened(kept).format, opened(kept).size) == (kind, (16, 8))


def test_a_picture_of_too_many_pixels_or_cut_off_is_refused():
    assert code(MessageType.IMAGE, picture("PNG", mode="1", size=(MAX_PIXELS // 1000 + 1, 1000))) == "media_too_large"
    assert code(MessageType.IMAGE, picture(size=(200, 200))[:400]) == "media_type_refused"


def test_one_is_kept_in_our_folder():
    name = files.store(files.check(MessageType.DOCUMENT, PDF, "../secret.pdf"))
    assert name.startswith("whatsapp/")
    assert name.endswith(".pdf")
    assert "secret" not in name


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_what_came_in_and_is_of_no_type_of_whatsapps_is_kept_as_unknown(kind):
    found = files.as_received(MessageType.IMAGE, picture(kind), "a.gif")
    assert (found.content, found.mime_type, found.filename) == (picture(kind), "application/octet-stream", "a.bin")
