"""What people write: bounded, and free of what deceives the eye."""

import re
from collections.abc import Iterator

from django.core.exceptions import ValidationError

from core.exceptions import Invalid
from core.names import shown_name, shows
from modules.chat.models.message import MAX_MENTIONS, MAX_TEXT

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_MENTION = re.compile(r"(?<![\w@.])@([A-Za-z0-9](?:[A-Za-z0-9._+-]{0,148}[A-Za-z0-9])?)")
ALL = frozenset({"all", "here", "channel", "room"})


def checked_text(text: str, *, may_be_empty: bool = False) -> str:
    """A message's text as it will be kept: as it was written. Raises Invalid."""
    if len(text) > MAX_TEXT:
        raise Invalid.field("text", f"At most {MAX_TEXT} characters.", "max_length")
    if _NO_TEXT.search(text):
        raise Invalid.field("text", "This has characters that no text has.", "invalid_characters")
    if not may_be_empty and not shows(text):
        raise Invalid.field("text", "This shows nothing.", "blank")
    return text


def checked_name(name: str, *, field: str = "name", longest: int = 80) -> str:
    """A name as it will be kept: composed, spaces collapsed, nothing hidden in it. Raises Invalid."""
    try:
        shown = shown_name(name)
    except ValidationError as error:
        raise Invalid.field(field, error.messages[0], error.code or "invalid") from error
    if len(shown) > longest:
        raise Invalid.field(field, f"At most {longest} characters.", "max_length")
    return shown


def mentioned(text: str) -> Iterator[str]:
    """The names after an `@`, lower-cased, each once, at most MAX_MENTIONS; those of ALL mean everybody."""
    seen: set[str] = set()
    for match in _MENTION.finditer(text):
        name = match.group(1).lower()
        if name not in seen:
            seen.add(name)
            yield name
            if len(seen) == MAX_MENTIONS:
                return
