"""The form of a key: recognisable, checked without the database, 256 random bits."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_keys.material import ALPHABET, BODY, CHECKSUM, LENGTH, generate, is_well_formed

FORM = re.compile(r"atl_(live|test)_[0-9A-Za-z]{43}[0-9A-Za-z]{6}")
environments = st.sampled_from(["live", "test"])
KEY = generate("live").raw


@given(environments)
def test_a_generated_key_has_the_documented_form_and_is_accepted(environment):
    material = generate(environment)
    assert FORM.fullmatch(material.raw)
    assert material.raw.startswith(f"atl_{environment}_")
    assert len(material.raw) == LENGTH == len("atl_live_") + BODY + CHECKSUM
    assert is_well_formed(material.raw)


@given(environments)
def test_what_is_kept_for_display_gives_away_four_and_four_characters_of_the_secret(environment):
    material = generate(environment)
    assert material.prefix == material.raw[:13]
    assert material.last_four == material.raw[-4:]


def test_the_body_carries_256_bits():
    assert 62**BODY >= 2**256 > 62 ** (BODY - 1)


def test_no_two_keys_are_alike_and_every_character_of_the_alphabet_occurs():
    bodies = [generate("live").raw[9:-CHECKSUM] for _ in range(500)]
    assert len(set(bodies)) == 500
    assert set("".join(bodies)) == set(ALPHABET)


@given(st.integers(min_value=9, max_value=LENGTH - 1), st.sampled_from(ALPHABET))
def test_any_one_changed_character_is_noticed_without_the_database(position, character):
    if KEY[position] != character:
        assert not is_well_formed(KEY[:position] + character + KEY[position + 1 :])


@given(st.integers(min_value=9, max_value=LENGTH - 2))
def test_two_neighbours_swapped_are_noticed(position):
    left, right = KEY[position], KEY[position + 1]
    if left != right:
        assert not is_well_formed(KEY[:position] + right + left + KEY[position + 2 :])


def test_the_environment_is_part_of_what_is_checked():
    assert not is_well_formed(KEY.replace("atl_live_", "atl_test_"))


@given(st.text(max_size=80))
def test_any_text_is_judged_without_an_error(text):
    assert not is_well_formed(text)


NOT_KEYS = [
    "",
    KEY[:-1],
    KEY + "0",
    f" {KEY[1:]}",
    KEY.replace("atl_", "btl_"),
    KEY.upper(),
    "atl_live_" + "é" * 49,
    "atl_live_" + "٣" * 49,
    "atl_live_" + "-" * 49,
    f"{KEY[:-1]}\n",
]


@pytest.mark.parametrize("text", NOT_KEYS, ids=range(len(NOT_KEYS)))
def test_what_only_resembles_a_key_is_refused(text):
    assert not is_well_formed(text)
