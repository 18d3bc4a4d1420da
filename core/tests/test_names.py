"""Names that are shown: what deceives the eye is refused, what people are called is not."""

import pytest
from django.core.exceptions import ValidationError

from core.names import shown_name, shows


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("  Ada \t Lovelace ", "Ada Lovelace"),
        ("Zoe\u0308", "Zo\u00eb"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
        ("\u0915\u094d\u200d\u0937", "\u0915\u094d\u200d\u0937"),
        ("\U0001f469\u200d\U0001f4bb", "\U0001f469\u200d\U0001f4bb"),
        ("\u2764\ufe0f\u200d\U0001f525", "\u2764\ufe0f\u200d\U0001f525"),
        ("Nguy\u1ec5n V\u0103n", "Nguy\u1ec5n V\u0103n"),
        ("O'Neil-Smith 3rd", "O'Neil-Smith 3rd"),
    ],
)
def test_what_people_are_called_is_kept_composed(name, kept):
    assert shown_name(name) == kept


@pytest.mark.parametrize(
    "name",
    [
        "Ad\u200bmin",
        "Ad\u200dmin",
        "Ad\u200cmin",
        "A\u0301\u200ddmin",
        "\u0410\u200d\u0434\u043c\u0438\u043d",
        "\u200dAdmin",
        "\U0001f469\u200d",
        "\u202eemit",
        "a\u2066b",
        "bell\x07",
        "Ad\u00admin",
        "Ad\ufeffmin",
        "Ad\u3164min",
        "\u2800\u2800",
        "\u115f",
        "Z" + "\u0489" * 5,
    ],
)
def test_what_deceives_the_eye_is_refused(name):
    with pytest.raises(ValidationError) as refused:
        shown_name(name)
    assert refused.value.code == "hidden_characters"


@pytest.mark.parametrize("name", ["", "   ", "\u00a0\u2003"])
def test_what_shows_nothing_is_refused(name):
    with pytest.raises(ValidationError) as refused:
        shown_name(name)
    assert refused.value.code == "blank"


def test_one_that_is_far_too_long_is_not_even_looked_at():
    with pytest.raises(ValidationError) as refused:
        shown_name("\u200b" * 501)
    assert refused.value.code == "max_length"


def test_a_text_shows_something_or_not():
    assert shows(" a")
    assert not shows("\u200b \u3164\n")
