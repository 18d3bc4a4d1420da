"""Every kind of failure answers in the envelope or as problem details, with a stable code: nothing under /api/ is HTML."""

import json

import pytest
from django.test import Client

from api.tests.urls import FAILURES
from core.limits import limiter

pytestmark = [pytest.mark.django_db, pytest.mark.urls("api.tests.urls")]

EXPECTED = {
    "not-found": (404, "not_found"),
    "conflict": (409, "conflict"),
    "not-allowed": (403, "permission_denied"),
    "invalid": (400, "invalid"),
    "unprocessable": (422, "unprocessable"),
    "not-authenticated": (401, "not_authenticated"),
    "limit": (429, "rate_limited"),
    "upstream": (502, "upstream_failed"),
    "unavailable": (503, "unavailable"),
    "domain": (400, "error"),
    "http404": (404, "not_found"),
    "denied": (403, "permission_denied"),
    "django-invalid": (400, "invalid"),
    "django-invalid-list": (400, "invalid"),
    "too-big": (413, "body_too_large"),
    "suspicious": (400, "bad_request"),
    "unreadable": (400, "bad_request"),
    "data": (400, "invalid"),
    "integrity": (409, "conflict"),
    "operational": (503, "unavailable"),
    "redis": (503, "unavailable"),
    "bug": (500, "internal_error"),
    "assertion": (500, "internal_error"),
    "recursion": (500, "internal_error"),
}


@pytest.fixture(params=[False, True], ids=["production", "debug"])
def debug(request, settings):
    settings.DEBUG = request.param
    return request.param


@pytest.fixture
def caller(api):
    # Let the handlers answer instead of raising into the test.
    api.raise_request_exception = False
    return api


def is_error(response, status, code):
    """Check the whole shape; the `error` member."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/json"
    body = response.json()
    assert set(body) == {"success", "error", "meta"}
    assert body["success"] is False
    assert set(body["error"]) == {"code", "message", "details"}
    assert body["error"]["code"] == code
    assert body["error"]["message"]
    assert body["meta"] == {"request_id": response["X-Request-ID"]}
    for detail in body["error"]["details"]:
        assert set(detail) == {"field", "code", "message"}
    assert b"secret" not in response.content
    assert b"Traceback" not in response.content
    return body["error"]


def test_the_table_covers_every_failure():
    assert set(EXPECTED) == set(FAILURES)


@pytest.mark.parametrize("kind", sorted(EXPECTED))
def test_each_failure_has_its_status_and_code_and_tells_nothing_of_our_insides(caller, debug, kind):
    is_error(caller.get(f"/api/v1/test/fail/{kind}/"), *EXPECTED[kind])


@pytest.mark.parametrize("kind", sorted(EXPECTED))
def test_each_failure_is_a_problem_document_for_who_asks(caller, kind):
    status, code = EXPECTED[kind]
    path = f"/api/v1/test/fail/{kind}/"
    response = caller.get(path, HTTP_ACCEPT="application/problem+json, application/json;q=0.5")
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert set(problem) == {"type", "title", "status", "detail", "instance", "code", "errors", "request_id"}
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["type"] == f"urn:atelier:error:{code}"
    assert problem["instance"] == path
    assert problem["request_id"] == response["X-Request-ID"]
    assert b"secret" not in response.content


def test_a_success_is_not_a_problem_whatever_is_accepted(caller):
    response = caller.post("/api/v1/test/echo/", {}, HTTP_ACCEPT="application/problem+json")
    assert response["Content-Type"] == "application/json"
    assert response.json()["success"] is True


def test_field_errors_name_the_field_a_code_and_a_sentence(caller):
    (detail,) = caller.get("/api/v1/test/fail/invalid/").json()["error"]["details"]
    assert detail == {"field": "name", "code": "wrong", "message": "Wrong."}
    details = caller.get("/api/v1/test/fail/django-invalid/").json()["error"]["details"]
    assert {(d["field"], d["code"]) for d in details} == {("name", "invalid"), ("", "bad")}
    details = caller.get("/api/v1/test/fail/django-invalid-list/").json()["error"]["details"]
    assert [(d["field"], d["code"], d["message"]) for d in details] == [("", "invalid", "One."), ("", "two", "Two.")]


def test_what_passes_by_itself_says_when_to_come_back(caller):
    assert caller.get("/api/v1/test/fail/limit/")["Retry-After"] == "3"
    for kind in ("unavailable", "operational", "redis"):
        assert int(caller.get(f"/api/v1/test/fail/{kind}/")["Retry-After"]) >= 1


def test_a_401_names_both_ways_to_sign_in(caller):
    challenge = caller.get("/api/v1/test/fail/not-authenticated/")["WWW-Authenticate"]
    assert "Bearer" in challenge
    assert "ApiKey" in challenge


def test_a_bug_is_logged_with_its_traceback(caller, caplog):
    caller.get("/api/v1/test/fail/bug/")
    record = next(record for record in caplog.records if record.name == "core.exception_handler")
    assert record.exc_info[0] is RuntimeError


class TestRouting:
    @pytest.mark.parametrize(
        "path",
        [
            "/api/",
            "/api/v2/",
            "/api/v2/users/",
            "/api/v1/nothing/",
            "/api/v1/users/not-a-uuid/",
            "/api/v1/auth/me",
            "/api//v1/auth/me/",
            "/api/v1/users/%00/",
            "/api/%ff%fe/",
            "/api/../admin/",
            "/api/v1/<script>/",
            "/api/" + "x" * 4000,
        ],
    )
    @pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options"])
    def test_an_unknown_path_is_a_json_404_for_every_method(self, caller, debug, path, method):
        is_error(getattr(caller, method)(path), 404, "not_found")

    def test_a_missing_slash_is_told(self, caller):
        assert "slash" in caller.get("/api/v1/auth/me").json()["error"]["message"]

    @pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "trace"])
    def test_a_method_the_path_does_not_know_is_405_with_those_it_does(self, caller, debug, method):
        response = (
            getattr(caller, method)("/api/v1/test/echo/") if method != "trace" else caller.generic("TRACE", "/api/v1/test/echo/")
        )
        is_error(response, 405, "method_not_allowed")
        assert "POST" in response["Allow"]
        assert method.upper() not in response["Allow"]

    def test_an_invented_method_is_405(self, caller):
        is_error(caller.generic("BREW", "/api/v1/test/echo/"), 405, "method_not_allowed")

    def test_who_may_not_call_learns_nothing_of_the_methods(self, caller):
        is_error(caller.delete("/api/v1/users/"), 401, "not_authenticated")


class TestBodies:
    def send(self, caller, body, content_type="application/json", **headers):
        return caller.generic("POST", "/api/v1/test/echo/", body, content_type=content_type, **headers)

    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"nonsense",
            b'{"a": "\xff"}',
            '{"a": 1}'.encode("utf-16"),
            b'{"a": "\\ud800"}',
            b'{"a": "\x00"}',
            b'{"a": NaN}',
            b"[" * 100_000,
            b"[" * 1000 + b"]" * 1000,
            b'{"a":' * 500 + b"1" + b"}" * 500,
        ],
        ids=["open", "word", "not-utf8", "utf16", "surrogate", "nul", "nan", "open-deep", "deep", "deep-object"],
    )
    def test_what_is_not_json_is_400_and_says_so(self, caller, debug, body):
        is_error(self.send(caller, body), 400, "malformed_json")

    def test_an_escaped_null_character_is_json_but_no_field_takes_it(self, caller):
        response = caller.generic(
            "POST", "/api/v1/auth/login/", b'{"username": "a\\u0000b", "password": "x"}', content_type="application/json"
        )
        error = is_error(response, 400, "invalid")
        assert [detail["field"] for detail in error["details"]] == ["username"]

    @pytest.mark.parametrize(
        "content_type", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "", "/", "a" * 300]
    )
    def test_another_content_type_is_415(self, caller, debug, content_type):
        is_error(self.send(caller, b"{}", content_type), 415, "unsupported_media_type")

    @pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON"])
    def test_json_is_json_whatever_stands_behind_it(self, caller, content_type):
        assert self.send(caller, b'{"a": 1}', content_type).json()["data"] == {"got": {"a": 1}}

    def test_a_body_beyond_the_limit_is_413(self, caller, debug, settings):
        body = b'"' + b"x" * settings.MAX_JSON_BODY_BYTES + b'"'
        is_error(self.send(caller, body), 413, "body_too_large")

    def test_a_huge_body_with_an_idempotency_key_is_413_too(self, caller, settings):
        body = b'"' + b"x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1) + b'"'
        is_error(self.send(caller, body, HTTP_IDEMPOTENCY_KEY="k"), 413, "body_too_large")

    def test_a_broken_upload_is_400(self, as_user):
        as_user.raise_request_exception = False
        response = as_user.generic(
            "PUT", "/api/v1/auth/profile/avatar/", b"--x\r\nnonsense", content_type="multipart/form-data; boundary=\x00"
        )
        assert response.status_code == 400
        assert response["Content-Type"] == "application/json"

    @pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'"text"', b"[[]]", b"true"])
    def test_a_body_of_the_wrong_shape_is_a_field_error(self, caller, body):
        response = caller.generic("POST", "/api/v1/auth/login/", body, content_type="application/json")
        is_error(response, 400, "invalid")

    @pytest.mark.parametrize("value", ["[" * 30 + "]" * 30, "{}", "1e400", "-0", "9" * 400, "true", "null", '"\\u202e"'])
    def test_no_value_in_a_field_brings_an_endpoint_down(self, caller, value):
        response = caller.generic(
            "POST", "/api/v1/auth/login/", f'{{"username": {value}, "password": {value}}}', content_type="application/json"
        )
        assert response.status_code in (400, 401)
        assert response["Content-Type"] == "application/json"

    @pytest.mark.parametrize("length", ["-1", "abc", "", "1e3"])
    def test_a_nonsense_content_length_is_no_crash(self, length):
        response = Client(raise_request_exception=False).generic(
            "POST", "/api/v1/test/echo/", b"{}", content_type="application/json", CONTENT_LENGTH=length
        )
        assert response.status_code < 500, response.content
        assert response["Content-Type"] == "application/json"


class TestQueries:
    @pytest.mark.parametrize(
        "query",
        [
            "page=\x00",
            "search=%00",
            "search=" + "x" * 300,
            "ordering=password",
            "page=-1",
            "is_active=perhaps",
            "created_after=x",
        ],
    )
    def test_a_parameter_that_makes_no_sense_is_400_and_named(self, as_admin, query):
        response = as_admin.get(f"/api/v1/users/?{query}")
        error = is_error(response, 400, "invalid")
        assert error["details"][0]["field"] == query.partition("=")[0]

    @pytest.mark.parametrize("query", ["%ff=%ff", "&&&", "=", "page", "page=1&page=2", "?" * 50, "a=" * 500])
    def test_a_strange_query_string_is_no_crash(self, as_admin, query):
        as_admin.raise_request_exception = False
        response = as_admin.get(f"/api/v1/users/?{query}")
        assert response.status_code in (200, 400)
        assert response["Content-Type"] == "application/json"


class TestLayersBelow:
    @pytest.mark.parametrize(
        ("status", "code"),
        [
            (400, "bad_request"),
            (403, "permission_denied"),
            (404, "not_found"),
            (413, "body_too_large"),
            (418, "error"),
            (500, "internal_error"),
            (503, "internal_error"),
        ],
    )
    def test_a_page_that_another_layer_made_is_replaced(self, caller, status, code):
        is_error(caller.get(f"/api/v1/test/html/{status}/"), status, code)

    def test_a_view_that_raises_past_drf_is_a_json_500(self, caller, debug):
        is_error(caller.get("/api/v1/test/broken/"), 500, "internal_error")

    def test_a_wrong_host_gets_no_page(self, caller, debug):
        for path in ("/api/v1/auth/me/", "/api/docs/", "/api/nothing/"):
            response = caller.get(path, HTTP_HOST="evil.example:1;x")
            assert response.status_code in (400, 401, 404)
            assert response["Content-Type"] == "application/json"
            assert b"evil" not in response.content

    def test_refused_limits_answer_in_the_envelope(self, caller, settings, monkeypatch):
        from api import gate
        from core.limits import Policy

        limiter().forget()
        monkeypatch.setattr(gate, "anonymous_policy", lambda: Policy("anonymous", 1, 60))
        caller.get("/api/v1/nothing/")
        response = caller.get("/api/v1/nothing/")
        is_error(response, 429, "rate_limited")
        assert 1 <= int(response["Retry-After"]) <= 63
        assert response["RateLimit-Policy"] == '"anonymous";q=1;w=60'
        assert response["RateLimit"].startswith('"anonymous";r=0;t=')


class TestRequestID:
    def test_a_harmless_one_is_kept_and_returned(self, caller):
        response = caller.get("/api/v1/test/fail/bug/", HTTP_X_REQUEST_ID="My-id_1.2")
        assert response["X-Request-ID"] == "My-id_1.2"
        assert response.json()["meta"]["request_id"] == "My-id_1.2"

    @pytest.mark.parametrize("bad", ["", "a b", "x" * 65, "a\r\nSet-Cookie: a=b", "a\nb", "é", "<b>", '"', "a\x00"])
    def test_any_other_is_replaced(self, caller, bad):
        response = caller.get("/api/nothing/", HTTP_X_REQUEST_ID=bad)
        made = response["X-Request-ID"]
        assert made != bad
        assert len(made) == 36
        assert "Set-Cookie" not in response

    def test_two_requests_never_share_a_made_one(self, caller):
        assert caller.get("/api/nothing/")["X-Request-ID"] != caller.get("/api/nothing/")["X-Request-ID"]


def test_every_answer_carries_the_security_headers(caller):
    response = caller.get("/api/nothing/")
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"


def test_the_envelope_of_a_success_has_data_and_the_request_id(caller):
    body = json.loads(caller.post("/api/v1/test/echo/", {"a": [1, "ü", None]}).content)
    assert body["success"] is True
    assert body["data"] == {"got": {"a": [1, "ü", None]}}
    assert set(body["meta"]) == {"request_id"}
