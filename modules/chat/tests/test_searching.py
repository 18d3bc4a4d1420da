"""What a search is taken to mean, and what is shown of what it finds."""

import pytest

from core.exceptions import Invalid
from modules.chat.searching import SNIPPET, Search, Term, snippet, terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("boat", [Term(("boat",), is_open=True)]),
        ("red boat", [Term(("red",)), Term(("boat",), is_open=True)]),
        ('"red boat"', [Term(("red", "boat"))]),
        ('old "red boat" sa', [Term(("old",)), Term(("red", "boat")), Term(("sa",), is_open=True)]),
        ('"red boat', [Term(("red", "boat"))]),
        ('- "&" boat', [Term(("boat",), is_open=True)]),
        ('re"d', [Term(('re"d',), is_open=True)]),
    ],
)
def test_words_stand_alone_and_phrases_in_quotes(text, expected):
    assert terms(text) == expected


@pytest.mark.parametrize("text", ["", " ", '"', '""', "& | !", "\u200b"])
def test_without_a_word_there_is_nothing_to_look_for(text):
    with pytest.raises(Invalid):
        terms(text)


@pytest.mark.parametrize(
    ("q", "text", "expected"),
    [
        ("boat", "Boats and a lifeboat", ["Boats"]),
        ("boat here", "boat, boats, here", ["boat", "here"]),
        ('"a b"', "a b, a, b, ab", ["a b", "a, b"]),
        ("x.y", "x.y xzy", ["x.y"]),
        ("nowhere", "what PostgreSQL reads otherwise", []),
    ],
)
def test_the_places_are_those_of_the_words(q, text, expected):
    shown = snippet(Search(q), text)
    assert [shown.text[start:end] for start, end in shown.matches] == expected


def test_a_snippet_begins_shortly_before_the_first_match():
    shown = snippet(Search("needle"), "a " * 500 + "needle " + "b " * 500 + "needle")
    assert len(shown.text) == SNIPPET
    assert shown.matches == [(SNIPPET // 4, SNIPPET // 4 + 6)]


def test_a_hostile_text_takes_no_time():
    shown = snippet(Search('"a a a a a a a a"'), "a " * 4000)
    assert shown.text.startswith("a a")
    assert snippet(Search('"a b"'), "a" + " " * 7998).matches == []
