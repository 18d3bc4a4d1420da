"""How values are written where a page's own way of writing them does not reach: in what a method of it returns."""

import json
from datetime import datetime
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

MAX_JSON = 10_000


def written(moment: datetime | None) -> str | None:
    """A moment (UTC)."""
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment is not None else None


def written_json(data: Any) -> SafeString:
    """The beginning of something that was kept as JSON."""
    text = json.dumps(data, ensure_ascii=False, indent=2)
    return format_html('<pre class="atelier-json">{}</pre>', text if len(text) <= MAX_JSON else text[:MAX_JSON] + "…")
