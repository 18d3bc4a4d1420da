"""What people write: bounded, and free of what deceives the eye."""

import re
import unicodedata
from collections.abc import Iterator

from core.exceptions import Invalid
from modules.chat.models.message import MAX_MENTIONS, MAX_TEXT

# Characters that show nothing or turn the order of others around: in a name they are there to pass for another one.
_HIDDEN = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
# Emoji are joined by it, and some scripts need it.
_JOINERS = {"\u200d", "\u200c"}
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_MENTION = re.compile(r"(?<![\w@.])@([A-Za-z0-9](?:[A-Za-z0-9._+-]{0,148}[A-Za-z0-9])?)")
ALL = frozenset({"all", "here", "channel", "room"})


def checked_text(text: str, *, may_be_empty: bool = False) -> str:
    """A message's text as it will be kept: as it was written. Raises Invalid."""
    if len(text) > MAX_TEXT:
        raise Invalid.field("text", f"At most {MAX_TEXT} characters.", "max_length")
    if _NO_TEXT.search(text):
        raise Invalid.field("text", "This has characters that no text has.", "invalid_characters")
    if not may_be_empty and not _shows(text):
        raise Invalid.field("text", "This shows nothing.", "blank")
    return text


def checked_name(name: str, *, field: str = "name", longest: int = 80) -> str:
    """A name as it will be kept: composed, spaces collapsed, nothing hidden in it. Raises Invalid."""
    composed = " ".join(unicodedata.normalize("NFC", name).split())
    if any(unicodedata.category(char) in _HIDDEN and char not in _JOINERS for char in composed):
        raise Invalid.field(field, "A name has no hidden or direction-changing characters.", "hidden_characters")
    if not _shows(composed):
        raise Invalid.field(field, "This shows nothing.", "blank")
    if len(composed) > longest:
        raise Invalid.field(field, f"At most {longest} characters.", "max_length")
    return composed


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


def _shows(text: str) -> bool:
    return any(unicodedata.category(char) not in _HIDDEN and not char.isspace() for char in text)
