"""What the admin promises about the audit trail, the state page and the frame around all pages."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin as django_admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core import audit, broker, heartbeat
from core.admin_pages import state
from core.admin_pages.state import Reading
from core.models import AuditEntry
from core.redis import breaker, client
from core.tests.support import closed_port
from users.models import User
from users.tests.factories import make_user
from users.tests.support import signed_in

pytestmark = pytest.mark.django_db

TRAIL = "/admin/core/auditentry/"


def entry(action: str, actor: User | None = None, target: User | None = None, **more: Any) -> AuditEntry:
    label = target.username if target else "a thing"
    audit.record(
        action, actor=actor, target_type="user", target_id=target.pk if target else "thing-1", target_label=label, **more
    )
    return AuditEntry.objects.order_by("-id").first()


def shown(content: str) -> set[str]:
    return set(re.findall(r"/auditentry/([0-9a-f-]{36})/change/", content))


@pytest.mark.parametrize("path", [TRAIL, "/admin/state/", "/admin/search/?s=user"])
def test_outsiders_are_not_let_in(path: str, user: User) -> None:
    assert Client().get(path)["Location"].startswith("/admin/login/")
    assert signed_in(user).get(path)["Location"].startswith("/admin/login/")


class TestTheAuditTrail:
    def test_is_searched_and_filtered(self, chief: Client, user: User, other: User) -> None:
        one = entry("user.renamed", user, other)
        two = entry("user.praised", other, user)
        for query, wanted in (
            ({"action": "user.renamed"}, {one}),
            ({"actor": user.username}, {one}),
            ({"target": str(user.pk)}, {two}),
            ({"q": "user.pr"}, {two}),
            ({"q": str(other.pk)}, {one}),
            ({"q": other.username}, {one, two}),
            ({"actor": "nobody-at-all"}, set()),
        ):
            assert shown(chief.get(TRAIL, query).content.decode()) == {str(found.pk) for found in wanted}, query

    def test_never_counts_and_asks_as_often_for_twenty_rows_as_for_one(self, chief: Client) -> None:
        entry("thing.done", make_user(), make_user())
        with CaptureQueriesContext(connection) as few:
            chief.get(TRAIL)
        for _ in range(20):
            entry("thing.done", make_user(), make_user())
        with CaptureQueriesContext(connection) as many:
            chief.get(TRAIL)
        assert len(many) == len(few)
        assert not [one for one in many if "COUNT(" in one["sql"]]

    def test_shows_who_what_and_how_it_changed(self, chief: Client, admin: User, user: User) -> None:
        one = entry("user.updated", admin, user, changes={"email": ["old@example.com", "new@example.com"]})
        content = chief.get(f"{TRAIL}{one.pk}/change/").content.decode()
        assert "old@example.com → new@example.com" in content
        assert f'href="/admin/users/user/{user.pk}/change/"' in content
        assert f'href="/admin/users/user/{admin.pk}/change/"' in content

    def test_shows_markup_in_names_as_text(self, chief: Client) -> None:
        one = entry("thing.done", None, changes={"<script>alert(1)</script>": ["<b>", "<i>"]})
        content = chief.get(f"{TRAIL}{one.pk}/change/").content.decode()
        assert "<script>alert(1)" not in content
        assert "&lt;b&gt; → &lt;i&gt;" in content

    def test_can_only_be_looked_at(self, chief: Client) -> None:
        one = entry("thing.done")
        assert chief.get(f"{TRAIL}add/").status_code == 403
        assert chief.post(f"{TRAIL}{one.pk}/change/", {"action": "forged"}).status_code == 403
        assert chief.post(f"{TRAIL}{one.pk}/delete/", {"post": "yes"}).status_code == 403
        assert AuditEntry.objects.get(pk=one.pk).action == "thing.done"


@pytest.fixture
def redis_away(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[None]:
    """Redis and the broker at an address that refuses."""
    settings.REDIS_URL = settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{closed_port()}/0"
    client.cache_clear()
    broker._client.cache_clear()
    yield
    client.cache_clear()
    broker._client.cache_clear()
    breaker.cache_clear()


class TestTheStatePage:
    def test_tells_of_the_queue_the_worker_and_the_periodic_tasks(self, chief: Client) -> None:
        heartbeat.beat()
        broker._client().rpush(settings.CELERY_TASK_DEFAULT_QUEUE, *("x" * 1234))
        content = chief.get("/admin/state/").content.decode()
        assert re.search(r"Tasks waiting</th>\s*<td>\s*<span[^>]*atelier-warning[^>]*>1,234<", content)
        assert re.search(r"Worker last seen</th>\s*<td>\s*<span[^>]*atelier-success[^>]*>\d+ s ago<", content)
        assert "core.heartbeat" in content
        assert "users.tasks.sweep_mails" in content

    def test_says_when_no_worker_was_ever_seen(self, chief: Client) -> None:
        content = chief.get("/admin/state/").content.decode()
        assert re.search(r"Worker last seen</th>\s*<td>\s*<span[^>]*atelier-danger[^>]*>never<", content)

    def test_works_and_says_so_when_redis_is_away(self, chief: Client, redis_away: None) -> None:
        response = chief.get("/admin/state/")
        content = response.content.decode()
        assert response.status_code == 200
        assert "Redis is away" in content
        assert "<h2>Request log</h2>" in content

    def test_one_section_that_fails_does_not_take_the_others_along(self, chief: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken() -> list[Reading]:
            raise DatabaseError("out of order")

        monkeypatch.setattr(state, "_readers", [(0, "Broken", broken), (1, "Fine", lambda: [Reading("All", "well")])])
        content = chief.get("/admin/state/").content.decode()
        assert "out of order" in content
        assert "well" in content


class TestTheFrame:
    def test_names_every_list_in_the_side_bar(self, chief: Client) -> None:
        content = chief.get("/admin/").content.decode()
        for model_admin in django_admin.site._registry.values():
            assert f'href="/admin/{model_admin.opts.app_label}/{model_admin.opts.model_name}/"' in content

    def test_says_which_environment_this_is(self, chief: Client) -> None:
        assert "Test" in chief.get("/admin/").context["environment"]

    def test_loads_nothing_from_elsewhere(self, chief: Client) -> None:
        for path in ("/admin/", TRAIL, "/admin/users/user/add/", "/admin/api_keys/apikey/add/"):
            content = chief.get(path).content.decode()
            assert not re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="(?:https?:)?//', content)

    def test_search_in_the_side_bar_finds_lists(self, chief: Client) -> None:
        assert TRAIL in chief.get("/admin/search/", {"s": "audit"}).content.decode()

    def test_has_no_groups_since_nothing_asks_about_them(self) -> None:
        assert not django_admin.site.is_registered(Group)

    def test_passes_the_system_checks(self) -> None:
        call_command("check", "admin", fail_level="WARNING")

    def test_writes_no_second_log_beside_the_audit_trail(self, chief: Client, user: User) -> None:
        chief.post(f"/admin/users/user/{user.pk}/delete/", {"post": "yes"})
        assert not User.objects.filter(pk=user.pk).exists()
        assert not LogEntry.objects.exists()


class TestTheQueueSamples:
    def test_are_taken_once_a_minute_however_often_the_heart_beats(self) -> None:
        for _ in range(3):
            broker.sample()
        assert len(broker.samples(0)) == 1

    def test_are_given_from_a_moment_on_oldest_first(self) -> None:
        redis = broker._client()
        redis.rpush(broker.SAMPLES, "300:7", "200:5", "100:3")
        assert broker.samples(150) == [(200, 5), (300, 7)]
