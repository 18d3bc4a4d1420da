"""Validators: what is refused, with which code, and what is made of the rest."""

import ipaddress

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from core.validators import (
    JSONObjectValidator,
    MaximumLengthPasswordValidator,
    is_request_id,
    normalize_phone_number,
    parse_networks,
    validate_e164,
)


def code_of(call, *args):
    with pytest.raises(ValidationError) as caught:
        call(*args)
    return caught.value.code


class TestPhoneNumbers:
    @pytest.mark.parametrize(
        "typed", ["+14155552671", " +1 415 555 2671 ", "+1 (415) 555-2671", "+1-415-555-2671", "+1.415.555.2671"]
    )
    def test_one_number_has_one_form_however_it_is_typed(self, typed):
        assert normalize_phone_number(typed) == "+14155552671"

    @pytest.mark.parametrize(
        ("typed", "code"),
        [
            ("", "phone_not_international"),
            ("4155552671", "phone_not_international"),
            ("0049301234567", "phone_not_international"),
            ("+" + "1" * 40, "phone_not_international"),
            ("+", "invalid_phone"),
            ("+abc", "invalid_phone"),
            ("+999123456789", "invalid_phone"),
            ("+1415", "phone_not_possible"),
            ("+10000000000", "phone_not_possible"),
        ],
    )
    def test_what_is_no_international_number_is_refused_with_its_reason(self, typed, code):
        assert code_of(normalize_phone_number, typed) == code

    @given(st.text(max_size=40))
    def test_any_text_is_either_normalised_to_e164_or_refused(self, text):
        try:
            number = normalize_phone_number(text)
        except ValidationError:
            return
        assert number.startswith("+")
        assert number[1:].isascii()
        assert number[1:].isdigit()
        assert len(number) <= 16
        validate_e164(number)

    def test_the_e164_validator_takes_the_canonical_form_only(self):
        validate_e164("+14155552671")
        assert code_of(validate_e164, "+1 415 555 2671") == "phone_not_e164"
        assert code_of(validate_e164, "4155552671") == "phone_not_international"


class TestNetworks:
    def test_networks_are_made_canonical_and_named_once(self):
        assert parse_networks(["10.1.2.3/8", "10.0.0.0/8", "192.0.2.1", "2001:DB8::1/32"]) == [
            "10.0.0.0/8",
            "192.0.2.1/32",
            "2001:db8::/32",
        ]

    def test_no_networks_stay_none(self):
        assert parse_networks([]) == []

    @pytest.mark.parametrize("bad", ["", "localhost", "10.0.0.0/33", "10.0.0", "1.2.3.4/-1", "::/129", "10.0.0.0/8 ", "1.2.3.4;"])
    def test_what_is_no_network_is_refused(self, bad):
        assert code_of(parse_networks, ["10.0.0.0/8", bad]) == "invalid_network"

    @given(st.ip_addresses(), st.integers(min_value=0, max_value=32))
    def test_the_canonical_form_is_stable_and_keeps_the_address(self, address, bits):
        (network,) = parse_networks([f"{address}/{bits}"])
        assert parse_networks([network]) == [network]
        assert address in ipaddress.ip_network(network)


class TestJSONObjects:
    def test_an_object_within_bounds_passes(self):
        JSONObjectValidator()({"a": 1, "b": ["x", None, {"c": 2.5}]})

    @pytest.mark.parametrize(
        ("value", "code"),
        [
            ([], "not_an_object"),
            ("text", "not_an_object"),
            (None, "not_an_object"),
            ({str(n): n for n in range(6)}, "too_many_keys"),
            ({"a": "x" * 100}, "too_long"),
            ({"a": "x\x00y"}, "null_characters_not_allowed"),
            ({"\x00": 1}, "null_characters_not_allowed"),
            ({"a": "\\\x00"}, "null_characters_not_allowed"),
            ({"a": object()}, "invalid"),
            ({"a": "\ud800"}, "invalid"),
            ({"a": 1 << 70}, "invalid"),
            ({"a": 1e30}, "out_of_range"),
            ({"a": [{"b": -1e19}]}, "out_of_range"),
            ({"a": 1 << 63}, "out_of_range"),
        ],
    )
    def test_what_could_not_be_stored_is_refused(self, value, code):
        assert code_of(JSONObjectValidator(max_bytes=60, max_keys=5), value) == code

    def test_a_text_that_only_shows_an_escape_is_not_a_null_character(self):
        JSONObjectValidator()({"a": "\\u0000"})

    def test_two_validators_are_equal_by_their_bounds(self):
        assert JSONObjectValidator(10, 2) == JSONObjectValidator(10, 2)
        assert hash(JSONObjectValidator(10, 2)) == hash(JSONObjectValidator(10, 2))
        assert JSONObjectValidator(10, 2) != JSONObjectValidator(10, 3)
        assert JSONObjectValidator() != object()


class TestRequestIDs:
    @pytest.mark.parametrize("good", ["a", "A-b_c.9", "x" * 64])
    def test_a_harmless_id_is_taken(self, good):
        assert is_request_id(good)

    @pytest.mark.parametrize("bad", ["", "x" * 65, "a b", "a\n", "a\r\nSet-Cookie: x=1", "a\x00", "é", "{}", "a;b", "١"])
    def test_anything_that_could_break_a_header_or_a_log_line_is_not(self, bad):
        assert not is_request_id(bad)


def test_an_overlong_password_is_refused_before_it_is_hashed():
    validator = MaximumLengthPasswordValidator(max_length=10)
    validator.validate("x" * 10)
    assert code_of(validator.validate, "x" * 11) == "password_too_long"
    assert "10" in validator.get_help_text()


def test_a_network_in_ipv6_clothes_is_the_ipv4_network_it_is():
    assert parse_networks(["::ffff:10.1.2.3/104", "::ffff:192.0.2.7"]) == ["10.0.0.0/8", "192.0.2.7/32"]


def test_a_network_with_a_zone_is_refused():
    with pytest.raises(ValidationError):
        parse_networks(["fe80::1%eth0"])
