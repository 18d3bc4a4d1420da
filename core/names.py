"""Names that people show to each other: free of what deceives the eye."""

import unicodedata

from django.core.exceptions import ValidationError

# Characters that show nothing or turn the order of others around: in a name they are there to pass for another one.
_HIDDEN = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
# Letters and symbols that are drawn as nothing.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
# Emoji are joined by these, and some scripts need them; between letters of the others they only hide.
_JOINERS = frozenset("\u200c\u200d")
_UNJOINED = ("LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "GEORGIAN", "HEBREW", "DIGIT", "SPACE")
# Fields allow less; what is longer is not even looked at.
MAX_LENGTH = 500
# Marks over one letter: no script needs more, and many reach over their neighbours.
_MAX_MARKS = 4


def shown_name(name: str) -> str:
    """A name as it is kept: composed, spaces collapsed. Raises ValidationError (`hidden_characters`, `blank`, `max_length`)."""
    if len(name) > MAX_LENGTH:
        raise ValidationError(f"At most {MAX_LENGTH} characters.", code="max_length")
    composed = " ".join(unicodedata.normalize("NFC", name).split())
    if _hides(composed):
        raise ValidationError("A name has no hidden or direction-changing characters.", code="hidden_characters")
    if not shows(composed):
        raise ValidationError("This shows nothing.", code="blank")
    return composed


def validate_shown_name(name: str) -> None:
    """The same, as a validator of a field."""
    shown_name(name)


def shows(text: str) -> bool:
    """Whether there is anything to be seen in a text."""
    return any(unicodedata.category(char) not in _HIDDEN and char not in _BLANK and not char.isspace() for char in text)


def _hides(name: str) -> bool:
    marks, before = 0, " "
    for char in name:
        category = unicodedata.category(char)
        is_mark = category in ("Mn", "Me")
        marks = marks + 1 if is_mark else 0
        if char in _JOINERS:
            if unicodedata.name(before, "").startswith(_UNJOINED):
                return True
        elif category in _HIDDEN or char in _BLANK or marks > _MAX_MARKS:
            return True
        before = before if is_mark else char
    return name.endswith(("\u200c", "\u200d"))
