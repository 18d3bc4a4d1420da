"""The outermost layer: one log line for each answered API request, whatever became of it."""

import logging
import os
import subprocess
import sys
import textwrap
from uuid import UUID

import pytest
from django.conf import settings as django_settings
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client, RequestFactory

from core import context, metrics
from core.middleware import RequestMiddleware
from core.request_log import COLUMNS
from core.request_log.spool import whole_lines


def rows():
    """What was spooled so far."""
    found = [
        line for path in sorted(django_settings.SPOOL_DIR.glob("*.log")) for line in whole_lines(path, 0, 1 << 24).splitlines()
    ]
    return [dict(zip(COLUMNS, line.decode().split("\t"), strict=True)) for line in found]


def call(view, path="/api/v1/things/", method="get", **meta):
    request = getattr(RequestFactory(), method)(path, **meta)
    return RequestMiddleware(view)(request)


def stream(chunks):
    return lambda request: StreamingHttpResponse(chunks, content_type="text/csv")


class TestLog:
    @pytest.mark.django_db
    def test_an_answered_request_is_one_line_with_who_what_when_and_how_much(self, as_user, user):
        response = as_user.get("/api/v1/auth/me/?secret=value", HTTP_X_REQUEST_ID="abc", REMOTE_ADDR="203.0.113.7")
        (row,) = rows()
        UUID(row["id"])
        assert row["method"] == "GET"
        assert row["endpoint"] == "/api/v1/auth/me/"
        assert row["status_code"] == "200"
        assert row["user_id"] == str(user.pk)
        assert row["api_key_id"] == r"\N"
        assert row["ip_address"] == "203.0.113.7"
        assert row["request_id"] == "abc"
        assert row["module"] == "auth"
        assert int(row["bytes_out"]) == len(response.content)
        assert 0 < int(row["duration_us"]) < 10_000_000
        assert abs(int(row["timestamp_us"]) / 1e6 - UUID(row["id"]).int / (1 << 80) / 1000) < 5

    @pytest.mark.django_db
    def test_a_key_is_logged_with_its_owner(self, as_key, key, user):
        as_key.get("/api/v1/auth/me/")
        (row,) = rows()
        assert (row["user_id"], row["api_key_id"]) == (str(user.pk), str(key.key.pk))

    @pytest.mark.django_db
    def test_no_query_value_credential_or_body_enters_the_log(self, as_key, key):
        as_key.post("/api/v1/auth/login/?token=hidden1", {"username": "hidden2", "password": "hidden3"})
        text = str(rows())
        assert "hidden" not in text
        assert key.raw not in text

    @pytest.mark.django_db
    def test_the_template_is_logged_and_not_the_path(self, as_admin, user):
        as_admin.get(f"/api/v1/users/{user.pk}/")
        (row,) = rows()
        assert row["endpoint"] == "/api/v1/users/{pk}/"
        assert row["module"] == "users"

    @pytest.mark.django_db
    @pytest.mark.parametrize(
        "path", ["/api/v1/nothing/", "/api/", "/api/v1/users/\t/", "/api/v1/users/%0a/", "/api/" + "x" * 5000]
    )
    def test_all_unknown_paths_are_one_endpoint(self, api, path):
        assert api.get(path).status_code == 404
        (row,) = rows()
        assert (row["endpoint"], row["module"], row["status_code"]) == ("(unknown)", "unknown", "404")

    @pytest.mark.django_db
    def test_refused_requests_are_logged_without_a_caller(self, api):
        api.get("/api/v1/auth/me/", HTTP_AUTHORIZATION="Bearer nonsense")
        api.get("/api/v1/auth/me/")
        assert [(row["status_code"], row["user_id"]) for row in rows()] == [("401", r"\N")] * 2

    @pytest.mark.django_db
    def test_a_known_caller_who_may_not_is_logged_by_name(self, as_user, user):
        as_user.get("/api/v1/users/")
        (row,) = rows()
        assert (row["status_code"], row["user_id"]) == ("403", str(user.pk))

    @pytest.mark.django_db
    def test_the_schema_is_its_own_module(self, api):
        api.get("/api/schema/")
        assert rows()[0]["module"] == "docs"

    def test_pages_and_health_are_not_logged(self, client):
        assert client.get("/health/live").status_code == 200
        assert rows() == []

    @pytest.mark.parametrize(
        ("length", "logged"), [("12", "12"), ("", "0"), ("-5", "0"), ("abc", "0"), ("9" * 20, "0"), ("٣", "0"), ("007", "7")]
    )
    def test_the_claimed_length_of_a_body_is_logged_when_it_is_a_number(self, length, logged):
        call(lambda request: HttpResponse(), CONTENT_LENGTH=length)
        assert rows()[0]["bytes_in"] == logged

    def test_an_unknown_method_and_address_are_logged_as_such(self):
        request = RequestFactory().generic("BREW", "/api/x/", REMOTE_ADDR="")
        RequestMiddleware(lambda request: HttpResponse(status=405))(request)
        (row,) = rows()
        assert (row["method"], row["ip_address"]) == ("OTHER", r"\N")

    def test_a_spool_that_cannot_be_written_does_not_fail_the_request(self, monkeypatch, tmp_path, caplog):
        from core.request_log import SpoolWriter

        blocked = tmp_path / "file"
        blocked.write_text("")
        lost = SpoolWriter(blocked, segment_bytes=1000, max_bytes=10_000)
        monkeypatch.setattr("core.middleware.spool", lambda: lost)
        with caplog.at_level(logging.ERROR):
            assert call(lambda request: HttpResponse(b"fine")).content == b"fine"
        assert "could not be written" in caplog.text


@pytest.mark.django_db
class TestStreams:
    def test_a_stream_is_logged_once_at_its_end_with_all_its_bytes(self):
        response = call(stream(iter([b"abc", b"de", b""])))
        assert rows() == [], "not before it was made"
        assert b"".join(response.streaming_content) == b"abcde"
        (row,) = rows()
        assert row["bytes_out"] == "5"
        response.close()
        assert len(rows()) == 1

    def test_the_line_is_there_before_the_client_sees_the_end(self):
        chunks = iter(call(stream(iter([b"abc"]))).streaming_content)
        next(chunks)
        assert rows() == []
        assert next(chunks, None) is None
        assert len(rows()) == 1

    def test_a_client_that_leaves_in_the_middle_is_logged_with_what_it_got(self):
        closed = []

        def source():
            try:
                while True:
                    yield b"0123456789"
            finally:
                closed.append(True)

        response = call(stream(source()))
        chunks = iter(response.streaming_content)
        next(chunks), next(chunks)
        response.close()
        (row,) = rows()
        assert row["bytes_out"] == "20"
        assert closed == [True], "the source is let go too"

    def test_a_client_that_leaves_before_the_first_chunk_is_logged(self):
        call(stream(iter([b"abc"]))).close()
        (row,) = rows()
        assert row["bytes_out"] == "0"

    def test_a_stream_that_breaks_is_logged_and_the_error_goes_on(self):
        def source():
            yield b"abc"
            raise RuntimeError("broken")

        response = call(stream(source()))
        with pytest.raises(RuntimeError, match="broken"):
            list(response.streaming_content)
        response.close()
        (row,) = rows()
        assert row["bytes_out"] == "3"

    @pytest.mark.django_db
    @pytest.mark.urls("api.tests.urls")
    def test_through_the_whole_house_a_stream_arrives_whole(self, api):
        response = api.get("/api/v1/test/stream/")
        assert response.streaming
        assert b"".join(response.streaming_content) == b"x" * 30
        (row,) = rows()
        assert (row["bytes_out"], row["endpoint"]) == ("30", "/api/v1/test/stream/")
        assert int(row["duration_us"]) >= 60_000


class TestContext:
    def test_the_request_is_known_while_it_is_served(self):
        seen = []

        def view(request):
            seen.append(context.current())
            return HttpResponse()

        call(view, HTTP_X_REQUEST_ID="abc", REMOTE_ADDR="203.0.113.7", HTTP_USER_AGENT="x" * 1000)
        (known,) = seen
        assert (known.request_id, known.ip_address, len(known.user_agent)) == ("abc", "203.0.113.7", 255)

    def test_one_request_knows_nothing_of_the_one_before(self):
        def view(request):
            assert context.current().via == ""
            context.current().via = "session"
            return HttpResponse()

        call(view)
        call(view)

    def test_outside_requests_the_context_is_empty(self):
        import threading

        seen = []
        thread = threading.Thread(target=lambda: seen.append(context.current().request_id))
        thread.start()
        thread.join()
        assert seen == [""]


class TestTransport:
    def test_plain_http_is_refused_where_https_is_required_and_never_redirected(self, settings):
        settings.SECURE_SSL_REDIRECT = True
        response = call(lambda request: HttpResponse(b"secret"))
        assert response.status_code == 403
        assert b"https_required" in response.content
        assert "Location" not in response
        assert b"secret" not in response.content
        assert rows()[0]["status_code"] == "403"
        assert call(lambda request: HttpResponse(b"fine"), **{"wsgi.url_scheme": "https"}).content == b"fine"

    def test_transport_security_is_announced_where_https_is_required(self, settings):
        assert "Strict-Transport-Security" not in call(lambda request: HttpResponse())
        settings.SECURE_SSL_REDIRECT = True
        settings.SECURE_HSTS_SECONDS = 3600
        settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = True
        response = call(lambda request: HttpResponse(), **{"wsgi.url_scheme": "https"})
        assert response["Strict-Transport-Security"] == "max-age=3600; includeSubDomains; preload"


@pytest.mark.django_db
class TestCrossOrigin:
    ORIGIN = "https://app.example.test"

    @pytest.fixture(autouse=True)
    def _allowed(self, settings):
        settings.CORS_ALLOWED_ORIGINS = [self.ORIGIN]

    def test_an_allowed_origin_may_call_with_its_credentials_and_read_our_headers(self, api):
        preflight = api.options(
            "/api/v1/users/",
            HTTP_ORIGIN=self.ORIGIN,
            HTTP_ACCESS_CONTROL_REQUEST_METHOD="POST",
            HTTP_ACCESS_CONTROL_REQUEST_HEADERS="authorization,idempotency-key",
        )
        assert preflight.status_code == 200
        assert preflight["Access-Control-Allow-Origin"] == self.ORIGIN
        assert {"authorization", "idempotency-key"} <= set(preflight["Access-Control-Allow-Headers"].split(", "))
        answer = api.get("/api/v1/", HTTP_ORIGIN=self.ORIGIN)
        assert answer["Access-Control-Allow-Origin"] == self.ORIGIN
        assert "RateLimit" in answer["Access-Control-Expose-Headers"]

    @pytest.mark.parametrize(
        "origin", ["https://evil.example.test", "null", "https://app.example.test.evil.test", "http://app.example.test"]
    )
    def test_another_origin_may_not(self, api, origin):
        assert "Access-Control-Allow-Origin" not in api.get("/api/v1/", HTTP_ORIGIN=origin)

    def test_the_answer_depends_on_the_origin_for_every_cache(self, api):
        assert "Origin" in api.get("/api/v1/")["Vary"]
        assert "Origin" in api.get("/api/v1/", HTTP_ORIGIN=self.ORIGIN)["Vary"]


@pytest.mark.django_db
class TestPages:
    def test_the_admin_has_cookies_forms_and_frames_guarded(self, client):
        response = client.get("/admin/login/")
        assert response.status_code == 200
        assert response["X-Frame-Options"] == "DENY"
        assert "csrftoken" in response.cookies
        assert response["X-Request-ID"]

    def test_a_form_without_its_token_is_refused(self, admin):
        strict = Client(enforce_csrf_checks=True)
        assert strict.post("/admin/login/", {"username": "chief", "password": "correct horse battery"}).status_code == 403

    def test_the_api_sets_no_cookie_and_asks_for_no_token(self, as_user):
        strict = Client(enforce_csrf_checks=True)
        response = strict.post("/api/v1/auth/login/", {"username": "a", "password": "b"}, content_type="application/json")
        assert response.status_code == 401
        assert not response.cookies
        assert not as_user.get("/api/v1/auth/me/").cookies

    def test_a_session_of_the_admin_is_no_credential_of_the_api(self, client, admin):
        client.force_login(admin, backend="users.backends.UsernameOrEmailBackend")
        assert client.get("/admin/").status_code == 200
        assert client.get("/api/v1/auth/me/").status_code == 401


class TestMetrics:
    def counted(self, module, status_class):
        metrics.exposition()
        return metrics.requests_total().labels(module, status_class)._value.get()

    def test_each_answer_is_counted_by_module_and_class(self):
        before = self.counted("unknown", "4xx"), self.counted("unknown", "2xx")
        for _ in range(3):
            call(lambda request: HttpResponse(status=404))
        assert (self.counted("unknown", "4xx"), self.counted("unknown", "2xx")) == (before[0] + 3, before[1])

    def test_the_text_of_the_metrics_names_them(self):
        call(lambda request: HttpResponse())
        text = metrics.exposition().decode()
        assert 'atelier_requests_total{module="unknown",status_class="2xx"}' in text
        assert 'atelier_request_seconds_total{module="unknown"}' in text

    def test_processes_that_share_a_directory_are_summed(self, tmp_path):
        code = """
            import os, sys
            from core import metrics
            if sys.argv[1] == "show":
                sys.stdout.write(metrics.exposition().decode())
            else:
                for _ in range(3):
                    metrics.observe_request("users", 200, 0.5)
                metrics._pending.flush()
        """

        def run(what):
            return subprocess.run(
                [sys.executable, "-c", textwrap.dedent(code), what],
                env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
                capture_output=True,
                text=True,
                check=True,
                timeout=60,
            ).stdout

        run("count")
        run("count")
        shown = run("show")
        assert 'atelier_requests_total{module="users",status_class="2xx"} 6.0' in shown
        assert 'atelier_request_seconds_total{module="users"} 3.0' in shown
        assert "atelier_limit_fallbacks_total 0.0" in shown
