"""Pictures of the codes that phones scan."""

import io

import segno

SCALE = 8


def png(text: str) -> bytes:
    """The QR code of a text, with its quiet zone."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="png", scale=SCALE, border=4)
    return out.getvalue()
