"""Idempotency-Key over HTTP: on POSTs that honour it, per caller and route, for people, keys and anonymous callers."""

import threading

import pytest
from django.db import connection

from api.tests import urls
from api_keys.tests.factories import make_key
from core.models import AuditEntry, IdempotencyRecord

pytestmark = pytest.mark.urls("api.tests.urls")
THINGS = "/api/v1/test/things/"


@pytest.fixture(autouse=True)
def _fresh():
    urls.calls.clear()
    urls.running.clear()
    urls.proceed.clear()


def post(caller, body=None, key="k", path=THINGS, **headers):
    caller.raise_request_exception = False
    return caller.post(path, {"name": "a"} if body is None else body, HTTP_IDEMPOTENCY_KEY=key, **headers)


@pytest.mark.django_db
class TestOverHTTP:
    def test_what_a_test_key_was_answered_is_no_answer_to_a_live_call(self, api, user, as_key):
        of_test = api.as_key(make_key(user, environment="test").raw)
        first, second = post(of_test), post(as_key)
        assert (first.status_code, second.status_code) == (201, 201)
        assert "Idempotency-Replayed" not in second

    @pytest.mark.parametrize("who", ["api", "as_user", "as_key", "as_admin", "as_guest"])
    def test_the_same_post_twice_is_done_once_for_every_kind_of_caller(self, request, who):
        caller = request.getfixturevalue(who)
        urls.calls.clear()
        before = AuditEntry.objects.filter(action="thing.made").count()
        first, second = post(caller), post(caller)
        assert (first.status_code, second.status_code) == (201, 201)
        assert second.json()["data"] == first.json()["data"]
        assert second["Idempotency-Replayed"] == "true"
        assert second["Location"] == first["Location"]
        assert second["Cache-Control"] == "no-store"
        assert second.json()["meta"]["request_id"] == second["X-Request-ID"] != first["X-Request-ID"]
        assert AuditEntry.objects.filter(action="thing.made").count() == before + 1
        assert len(urls.calls) == 1

    def test_without_the_header_each_post_counts(self, api):
        assert {api.post(THINGS, {"name": "a"}).json()["data"]["number"] for _ in range(2)} == {1, 2}
        assert IdempotencyRecord.objects.count() == 0

    def test_nobody_gets_anothers_answer(self, as_user, as_other, api):
        numbers = [post(caller).json()["data"]["number"] for caller in (as_user, as_other, api)]
        assert numbers == [1, 2, 3]

    def test_anonymous_callers_are_told_apart_by_address(self, api):
        assert post(api, REMOTE_ADDR="203.0.113.1").json()["data"]["number"] == 1
        assert post(api, REMOTE_ADDR="203.0.113.2").json()["data"]["number"] == 2
        assert post(api, REMOTE_ADDR="203.0.113.1")["Idempotency-Replayed"] == "true"

    def test_a_person_and_its_key_are_one_caller(self, as_user, as_key):
        assert post(as_user).json()["data"] == post(as_key).json()["data"]
        assert len(urls.calls) == 1

    def test_another_body_or_query_under_the_same_key_is_422(self, api):
        post(api)
        for response in (post(api, {"name": "b"}), post(api, path=THINGS + "?a=1")):
            assert response.status_code == 422
            assert response.json()["error"]["code"] == "idempotency_key_reused"
        assert len(urls.calls) == 1

    def test_a_refused_input_is_not_kept(self, api):
        assert post(api, {"name": "a", "after": "invalid"}).status_code == 400
        assert post(api, {"name": "a", "after": "refused"}).status_code == 409
        assert IdempotencyRecord.objects.count() == 0
        assert post(api).status_code == 201

    def test_a_crash_between_work_and_answer_leaves_nothing(self, api):
        assert post(api, {"name": "a", "after": "crash"}).status_code == 500
        assert AuditEntry.objects.count() == 0
        assert IdempotencyRecord.objects.count() == 0
        assert post(api).status_code == 201

    def test_an_empty_answer_is_replayed_empty(self, api):
        post(api, {"name": "a", "after": "empty"})
        response = post(api, {"name": "a", "after": "empty"})
        assert (response.status_code, response.content) == (204, b"")
        assert response["Idempotency-Replayed"] == "true"

    @pytest.mark.parametrize("key", ["", "x" * 256, "é"])
    def test_a_key_that_is_none_is_400_and_nothing_is_done(self, api, key):
        response = post(api, key=key)
        assert response.status_code == 400
        assert response.json()["error"]["details"][0]["code"] == "invalid_idempotency_key"
        assert urls.calls == []

    def test_where_repeating_would_be_wrong_the_header_is_not_honoured(self, api):
        for _ in range(2):
            assert "Idempotency-Replayed" not in post(api, path="/api/v1/test/once/")
        assert len(urls.calls) == 2

    def test_who_may_not_call_gets_no_replay(self, as_key, as_bare_key, api):
        # The same account's answer is there, but permissions come first.
        made = as_key.post("/api/v1/api-keys/", {"name": "n", "scopes": []}, HTTP_IDEMPOTENCY_KEY="k")
        assert made.status_code == 201, made.content
        response = as_bare_key.post("/api/v1/api-keys/", {"name": "n", "scopes": []}, HTTP_IDEMPOTENCY_KEY="k")
        assert response.status_code == 403
        assert api.post("/api/v1/api-keys/", {"name": "n", "scopes": []}, HTTP_IDEMPOTENCY_KEY="k").status_code == 401

    def test_other_methods_ignore_it(self, as_user):
        for _ in range(2):
            response = as_user.patch("/api/v1/auth/profile/", {"display_name": "A"}, HTTP_IDEMPOTENCY_KEY="k")
            assert response.status_code == 200
            assert "Idempotency-Replayed" not in response
        assert as_user.get("/api/v1/auth/me/", HTTP_IDEMPOTENCY_KEY="").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_while_the_first_runs_the_same_post_is_409_and_afterwards_replayed(api):
    answers = []

    def first():
        answers.append(post(type(api)(), {"name": "a", "after": "wait"}))
        connection.close()

    thread = threading.Thread(target=first)
    thread.start()
    assert urls.running.wait(10)
    response = post(api, {"name": "a", "after": "wait"})
    urls.proceed.set()
    thread.join(10)
    assert response.status_code == 409
    assert response.json()["error"]["code"] == "idempotency_in_progress"
    assert response["Retry-After"] == "1"
    assert answers[0].status_code == 201
    assert post(api, {"name": "a", "after": "wait"})["Idempotency-Replayed"] == "true"
    assert AuditEntry.objects.count() == 1
