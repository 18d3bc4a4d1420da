"""What a page says of itself: its title, description and site, read from as much of its head as is worth reading."""

import re
import time
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser

# Of a page no more than this is read.
PARSED_BYTES = 512 * 1024
# In pieces, so that one made to take long is left: after so many seconds of work what was found counts.
PIECE = 32 * 1024
PARSING_SECONDS = 0.5
MAX_TITLE, MAX_DESCRIPTION, MAX_SITE_NAME = 300, 600, 100
_TYPES = frozenset(["text/html", "application/xhtml+xml"])
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([A-Za-z0-9._-]{1,30})", re.IGNORECASE)
# Others are read as UTF-8: not everything that Python can decode is a way to write text.
_CHARSETS = frozenset(
    [
        *("utf-8", "iso-8859-1", "iso-8859-2", "iso-8859-15", "windows-1250", "windows-1251", "windows-1252", "koi8-r"),
        *("shift_jis", "euc-jp", "gb2312", "gbk", "gb18030", "big5", "euc-kr"),
    ]
)
_HIDDEN = frozenset(["Cc", "Cf", "Cs", "Co", "Zl", "Zp"])
_META = {
    "og:title": "title",
    "og:description": "description",
    "description": "description",
    "og:site_name": "site_name",
    "twitter:title": "title",
    "twitter:description": "description",
}


@dataclass(frozen=True, slots=True)
class About:
    """What a page says of itself: one line each, bounded; `title` is there."""

    title: str
    description: str
    site_name: str


def about(headers: Mapping[str, str], body: bytes) -> About | None:
    """What a page says of itself; None where it is no page, or has no title."""
    kind, _, parameters = headers.get("content-type", "").partition(";")
    encoded = headers.get("content-encoding", "identity").strip().lower() not in ("", "identity")
    if encoded or kind.strip().lower() not in _TYPES:
        return None
    head = _Head()
    head.read(body[:PARSED_BYTES].decode(_charset(parameters, body), "replace"))
    title = _line(head.found.get("title") or head.title, MAX_TITLE)
    if not title:
        return None
    description = _line(head.found.get("description", ""), MAX_DESCRIPTION)
    return About(title, description, _line(head.found.get("site_name", ""), MAX_SITE_NAME))


class _EndOfHead(Exception):
    """Nothing behind this is of use."""


class _Head(HTMLParser):
    """The title and the meta elements of a page's head."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: dict[str, str] = {}
        self.title = ""
        self._in_title = False

    def read(self, text: str) -> None:
        """Read the head. What is broken in it ends the reading, and what was found counts."""
        end = time.thread_time() + PARSING_SECONDS
        try:
            # Without `close`: the rest of a construct that does not end would be looked through again and again.
            for start in range(0, len(text), PIECE):
                self.feed(text[start : start + PIECE])
                if time.thread_time() > end:
                    return
        except (_EndOfHead, AssertionError):
            return

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A meta element, the title, or the end of the head."""
        if tag == "body":
            raise _EndOfHead
        if tag == "title":
            self._in_title = not self.title
        elif tag == "meta":
            values = dict(attrs)
            name = _META.get((values.get("property") or values.get("name") or "").strip().lower())
            if name is not None:
                self.found.setdefault(name, (values.get("content") or "")[: 4 * MAX_DESCRIPTION])

    def handle_endtag(self, tag: str) -> None:
        """The title's end, or the head's."""
        if tag == "head":
            raise _EndOfHead
        if tag == "title":
            self._in_title = False

    def handle_data(self, data: str) -> None:
        """The title's text."""
        if self._in_title and len(self.title) < 4 * MAX_TITLE:
            self.title += data[: 4 * MAX_TITLE]


def _charset(parameters: str, body: bytes) -> str:
    match = _CHARSET.search(parameters) or _CHARSET.search(body[:2048].decode("ascii", "replace"))
    name = match.group(1).lower() if match is not None else "utf-8"
    return name if name in _CHARSETS else "utf-8"


def _line(text: str, longest: int) -> str:
    """One line without what is hidden in it or turns it around."""
    shown = "".join(
        " " if char.isspace() else char for char in text if char.isspace() or unicodedata.category(char) not in _HIDDEN
    )
    line = " ".join(shown.split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"
