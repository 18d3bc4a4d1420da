"""Pictures are decoded and made anew: upright, within bounds, and nothing of the file that came but its pixels."""

import io
import struct
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from PIL import ExifTags, Image, ImageSequence, UnidentifiedImageError

from core.files.exceptions import FileRefused

# Of a moving picture: of all its frames together.
MAX_PIXELS = 25_000_000
MAX_SIDE = 4096
MAX_FRAMES = 500
# What each format is made anew as: its MIME type, how its pixels are written, and how well.
_FORMATS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "JPEG": ("image/jpeg", "RGB", {"quality": 90}),
    "PNG": ("image/png", "RGBA", {}),
    "GIF": ("image/gif", "RGBA", {}),
    "WEBP": ("image/webp", "RGBA", {"quality": 90}),
}
_MOVING = ("GIF", "WEBP")
# What makes a picture upright that its EXIF says lies on its side.
_TURNS: dict[object, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# A large picture takes some hundred megabytes while it is decoded: a process does not do many at once.
_DECODING = threading.BoundedSemaphore(2)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it was made anew; `width` and `height` in pixels."""

    content: bytes = field(repr=False)
    mime_type: str
    width: int
    height: int


def remake(content: bytes, formats: Collection[str] = tuple(_FORMATS)) -> Picture:
    """The picture's pixels, upright, in its own format, which is one of `formats` ("JPEG", "PNG", "GIF", "WEBP").

    GIF and WebP move as they did; of several pictures in one of another format the first is left. Raises FileRefused.
    """
    with _opened(content, formats) as image:
        # A JPEG may also call itself MPO, which is several in one.
        kind = image.format if image.format in _FORMATS else "JPEG"
        mime_type, mode, options = _FORMATS[kind]
        turn = _turn(image)
        frames, movement = _moving(image, mode) if kind in _MOVING else ([image], {})
        first, *others = [_made_anew(frame, mode, turn) for frame in frames]
        out = io.BytesIO()
        first.save(out, kind, **options, **movement, **({"append_images": others} if others else {}))
        return Picture(out.getvalue(), mime_type, first.width, first.height)


def thumbnail(content: bytes, side: int) -> bytes:
    """A small WebP of a picture, at most `side` wide and high; of a moving one its first frame. Raises FileRefused."""
    with _opened(content, tuple(_FORMATS)) as image:
        # What has a palette has no colours between.
        small = image.convert("RGBA") if image.mode == "P" else image
        small.thumbnail((side, side))
        out = io.BytesIO()
        _made_anew(small, "RGBA", None).save(out, "WEBP", quality=80)
        return out.getvalue()


@contextmanager
def _opened(content: bytes, formats: Collection[str]) -> Iterator[Image.Image]:
    try:
        with _DECODING, Image.open(io.BytesIO(content), formats=tuple(formats)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            yield image
    except Image.DecompressionBombError as error:
        raise FileRefused("media_too_large", "The picture has too many pixels.") from error
    except (UnidentifiedImageError, OSError, EOFError, ValueError, SyntaxError, struct.error) as error:
        raise FileRefused("media_type_refused", "The picture cannot be decoded.") from error


def _moving(image: Image.Image, mode: str) -> tuple[list[Image.Image], dict[str, Any]]:
    """Each frame whole, and how they follow each other."""
    frames: list[Image.Image] = []
    durations: list[int] = []
    for frame in ImageSequence.Iterator(image):
        if len(frames) == MAX_FRAMES or (len(frames) + 1) * image.width * image.height > MAX_PIXELS:
            raise Image.DecompressionBombError
        frames.append(frame.convert(mode))
        durations.append(frame.info.get("duration", 0))
    # Without a number of rounds a GIF moves once.
    rounds = {"loop": image.info["loop"]} if "loop" in image.info else {}
    return frames, {"save_all": True, "duration": durations, "disposal": 2, "optimize": False, **rounds}


def _made_anew(image: Image.Image, mode: str, turn: Image.Transpose | None) -> Image.Image:
    image.thumbnail((MAX_SIDE, MAX_SIDE))
    made = image.convert(mode) if turn is None else image.convert(mode).transpose(turn)
    # Comments and profiles would be written again.
    made.info.clear()
    return made


def _turn(image: Image.Image) -> Image.Transpose | None:
    """What makes it upright. (Pillow's exif_transpose also writes the EXIF anew, and stumbles over what is broken in it.)"""
    try:
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation))
    except (SyntaxError, ValueError, TypeError, LookupError, OSError, struct.error):
        return None
