"""From exceptions to answers: nested field errors become flat ones with dotted names."""

import pytest
from django.core.exceptions import ValidationError as DjangoValidationError
from kombu.exceptions import OperationalError as BrokerError
from psycopg_pool import PoolTimeout
from rest_framework import exceptions as drf
from rest_framework import serializers

from core import exceptions as domain
from core.exception_handler import exception_handler, translate


def details(exc):
    status, body, _ = translate(exc)
    assert status == 400
    return [(item["field"], item["code"]) for item in body["details"]]


class Inner(serializers.Serializer):
    size = serializers.IntegerField()
    # Names that a careless flattening would take for an error itself.
    message = serializers.CharField()
    code = serializers.CharField()


class Outer(serializers.Serializer):
    name = serializers.CharField(max_length=3)
    inner = Inner()
    many = Inner(many=True)
    tags = serializers.ListField(child=serializers.IntegerField())

    def validate(self, attrs):
        raise serializers.ValidationError("All wrong.", "wrong")


def errors_of(data):
    serializer = Outer(data=data)
    with pytest.raises(serializers.ValidationError) as caught:
        serializer.is_valid(raise_exception=True)
    return details(caught.value)


GOOD = {"size": 1, "message": "m", "code": "c"}


class TestFlattening:
    def test_each_wrong_field_is_named_however_deep_it_lies(self):
        found = errors_of(
            {
                "name": "long",
                "inner": {"size": "x"},
                "many": [GOOD, {"size": 1}, GOOD, {"size": None, "message": "", "code": "c"}],
                "tags": [1, "x"],
            }
        )
        assert set(found) == {
            ("name", "max_length"),
            ("inner.size", "invalid"),
            ("inner.message", "required"),
            ("inner.code", "required"),
            ("many.1.message", "required"),
            ("many.1.code", "required"),
            ("many.3.size", "null"),
            ("many.3.message", "blank"),
            ("tags.1", "invalid"),
        }

    def test_an_error_about_the_whole_has_no_field(self):
        assert errors_of({"name": "ok", "inner": GOOD, "many": [], "tags": []}) == [("", "wrong")]
        assert errors_of([]) == [("", "invalid")]

    def test_two_errors_of_one_field_are_two(self):
        assert details(drf.ValidationError({"a": ["one", "two"]})) == [("a", "invalid"), ("a", "invalid")]

    def test_a_plain_sentence_is_an_error_about_the_whole(self):
        assert details(drf.ValidationError("no", "bad")) == [("", "bad")]

    def test_djangos_own_errors_are_flattened_alike(self):
        error = DjangoValidationError(
            {"a": [DjangoValidationError("%(n)s is wrong", code="wrong", params={"n": 5})], "__all__": ["x"]}
        )
        assert details(error) == [("a", "wrong"), ("", "invalid")]
        assert translate(error)[1]["details"][0]["message"] == "5 is wrong"


@pytest.mark.parametrize(
    ("exc", "status", "code"),
    [
        (drf.NotFound(), 404, "not_found"),
        (drf.PermissionDenied(), 403, "permission_denied"),
        (drf.NotAuthenticated(), 401, "not_authenticated"),
        (drf.AuthenticationFailed(), 401, "invalid_credentials"),
        (drf.MethodNotAllowed("GET"), 405, "method_not_allowed"),
        (drf.UnsupportedMediaType("a/b"), 415, "unsupported_media_type"),
        (drf.ParseError(), 400, "malformed_body"),
        (drf.APIException({"a": "b"}), 500, "error"),
        (PoolTimeout("x"), 503, "unavailable"),
        (BrokerError("x"), 503, "unavailable"),
    ],
)
def test_what_others_raise_has_a_status_and_a_code(exc, status, code):
    got, body, headers = translate(exc)
    assert (got, body["code"]) == (status, code)
    if status == 401:
        assert "WWW-Authenticate" in headers
    if status == 503:
        assert int(headers["Retry-After"]) == 5


def test_an_error_keeps_its_own_code_sentence_and_wait():
    class OutOfStock(domain.Conflict):
        code = "out_of_stock"
        default_message = "None left."

    status, body, headers = translate(OutOfStock(retry_after=0.01))
    assert (status, body["code"], body["message"], headers) == (409, "out_of_stock", "None left.", {"Retry-After": "1"})
    status, body, headers = translate(OutOfStock("Gone.", code="gone"))
    assert (status, body["code"], body["message"], headers) == (409, "gone", "Gone.", {})


def test_without_a_request_the_envelope_is_used():
    response = exception_handler(domain.NotFound(), {})
    assert response.status_code == 404
    assert response.content_type is None
