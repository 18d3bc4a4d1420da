"""What chat takes as a file: told by its content, pictures made anew, nothing that runs."""

import io
import zipfile

import pytest
from PIL import Image

from core.files import FileRefused
from core.tests.file_samples import DOCX, HIDDEN, PDF, archive, box, exif, opened, picture
from modules.chat import files
from modules.chat.choices import FileKind


def zipped(name: str = "a.txt") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr(name, "hello")
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
def test_a_picture_is_made_anew_and_gets_a_smaller_copy_and_a_blur(kind: str) -> None:
    taken = files.take(picture(kind, size=(960, 240)), "../boat.exe")
    assert taken.kind == FileKind.IMAGE
    assert taken.checked.mime_type == f"image/{kind.lower()}"
    assert (taken.width, taken.height) == (960, 240)
    assert taken.small is not None
    assert opened(taken.small.content).size == (480, 120)
    assert opened(taken.small.content).format == "WEBP"
    assert len(taken.blurhash) == 28
    assert taken.checked.filename.startswith("boat.")


def test_what_hides_in_a_picture_is_gone() -> None:
    taken = files.take(picture("JPEG", exif=exif(Orientation=6)) + HIDDEN, "a.jpg")
    assert HIDDEN not in taken.checked.content
    assert b"Phone" not in taken.checked.content
    assert not opened(taken.checked.content).getexif()
    # It lay on its side.
    assert (taken.width, taken.height) == (8, 16)


def test_the_blur_of_a_red_picture_is_red_and_what_shines_through_is_white() -> None:
    red = Image.new("RGB", (64, 64), (255, 0, 0))
    clear = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    blurs = []
    for image in (red, clear):
        out = io.BytesIO()
        image.save(out, "PNG")
        blurs.append(files.take(out.getvalue(), "a.png").blurhash)
    for found, meant in zip(map(_average, blurs), ((255, 0, 0), (255, 255, 255)), strict=True):
        assert all(abs(one - other) < 8 for one, other in zip(found, meant, strict=True))


def _average(blur: str) -> tuple[int, int, int]:
    """Four of its letters are the average colour, to base 83."""
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
    value = 0
    for letter in blur[2:6]:
        value = value * 83 + letters.index(letter)
    return value >> 16, (value >> 8) & 255, value & 255


@pytest.mark.parametrize(
    ("content", "mime_type", "name"),
    [
        (PDF, "application/pdf", "a.pdf"),
        (archive(), DOCX, "a.docx"),
        (b"one,two\n1,2\n", "text/plain", "a.txt"),
        (zipped(), "application/zip", "a.zip"),
        (box("isom"), "video/mp4", "a.mp4"),
        (b"OggS" + b"\x00" * 40, "audio/ogg", "a.ogg"),
    ],
    ids=["pdf", "office", "text", "zip", "video", "audio"],
)
def test_other_files_are_told_by_their_content(content: bytes, mime_type: str, name: str) -> None:
    taken = files.take(content, "a.exe")
    assert (taken.kind, taken.checked.mime_type, taken.checked.filename) == (FileKind.FILE, mime_type, name)
    assert taken.checked.content == content
    assert (taken.small, taken.width, taken.blurhash) == (None, None, "")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "media_empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='x'/>", "media_type_refused"),
        (b"<?xml version='1.0'?><svg/>", "media_type_refused"),
        (b"  <!DOCTYPE html><script>alert(1)</script>", "media_type_refused"),
        (b"MZ\x90\x00\x03", "media_type_refused"),
        (b"\x7fELF\x02\x01\x00", "media_type_refused"),
        (archive(types="<x macroEnabled/>"), "media_type_refused"),
        (archive(more=("word/vbaProject.bin",)), "media_type_refused"),
        (b"PK\x03\x04 and nothing more", "media_type_refused"),
        (b"\xff\xd8\xff broken", "media_type_refused"),
        (b"\x89PNG\r\n\x1a\n", "media_type_refused"),
    ],
    ids=["empty", "svg", "xml", "page", "exe", "elf", "macros", "vba", "no zip", "no jpeg", "no png"],
)
def test_what_runs_or_is_broken_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(FileRefused) as refused:
        files.take(content, "a.jpg")
    assert refused.value.code == code


def test_a_picture_with_more_pixels_than_anybody_looks_at_is_refused() -> None:
    with pytest.raises(FileRefused) as refused:
        files.take(picture("PNG", mode="1", size=(30_000, 1_000)), "a.png")
    assert refused.value.code == "media_too_large"
