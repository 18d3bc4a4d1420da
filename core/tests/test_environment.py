"""The environment is read loudly: a wrong or missing variable stops the start and is named, all of them at once."""

import os
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.settings.env import parse_keyring

LONG = "x" * 32
FERNET = "dGVzdC1vbmx5LW5vdC1hLXNlY3JldC0wMDAwMDAwMDA="
COMPLETE = {
    "SECRET_KEY": "s" * 60,
    "JWT_SIGNING_KEYS": f"a1:{LONG}",
    "API_KEY_PEPPERS": f"1:{LONG}",
    "FIELD_ENCRYPTION_KEYS": FERNET,
    "DATABASE_URL": "postgres://user:secret-word@localhost:5432/name",
    "REDIS_URL": "redis://:secret-word@localhost:6379/0",
    "ALLOWED_HOSTS": "api.example.test",
}


def start(settings="production", code="", drop=(), **changes):
    """Read the settings in a process of its own, then run `code`."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "VIRTUAL_ENV") if name in os.environ}
    environment = {**kept, **COMPLETE, "DJANGO_SETTINGS_MODULE": f"config.settings.{settings}", **changes}
    for name in drop:
        del environment[name]
    script = f"import config.settings.{settings}\n{code}"
    return subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120, check=False
    )


class TestProduction:
    def test_a_complete_environment_starts(self):
        done = start(code="import django; django.setup(); from django.conf import settings as s; print(s.DEBUG, s.DEMO_ALLOWED)")
        assert done.returncode == 0, done.stderr[-2000:]
        assert done.stdout.split() == ["False", "False"]

    @pytest.mark.parametrize("name", sorted(set(COMPLETE) - {"ALLOWED_HOSTS"}))
    def test_a_missing_secret_or_address_stops_the_start_and_is_named(self, name):
        done = start(drop=[name])
        assert done.returncode != 0
        assert name in done.stderr
        assert "secret-word" not in done.stderr

    @pytest.mark.parametrize(
        ("name", "value"),
        [("JWT_SIGNING_KEYS", "short:secret"), ("API_KEY_PEPPERS", LONG), ("DATABASE_URL", "nonsense")],
    )
    def test_a_malformed_secret_or_address_stops_the_start_and_is_named(self, name, value):
        done = start(**{name: value})
        assert done.returncode != 0
        assert name in done.stderr
        assert LONG not in done.stderr

    def test_all_values_of_the_wrong_kind_are_named_at_once(self):
        wrong = {
            "DATABASE_POOL_SIZE": "many",
            "TRUSTED_PROXY_COUNT": "one",
            "SPOOL_MAX_BYTES": "1GB",
            "REGISTRATION_ENABLED": "perhaps",
            "MAX_JSON_BODY_BYTES": "x",
            "PORT": "http",
            "REFRESH_TOKEN_DAYS": "a month",
        }
        done = start(**wrong)
        assert done.returncode != 0
        assert [name for name in wrong if name not in done.stderr] == []

    def test_a_limit_that_is_none_is_refused_and_named(self):
        code = "import django; django.setup(); from api import gate; gate.anonymous_policy()"
        done = start(code=code, LIMIT_ANONYMOUS="lots")
        assert done.returncode != 0
        assert "anonymous" in done.stderr

    def test_demo_data_is_for_development_only(self):
        code = (
            "import django; django.setup(); from django.core.management import call_command; "
            "call_command('prepare', env_file='x.env')"
        )
        done = start("staging", code)
        assert done.returncode != 0
        assert "development settings only" in done.stderr


class TestDevelopment:
    def test_only_the_addresses_are_needed(self):
        done = start(
            "development", drop=["SECRET_KEY", "JWT_SIGNING_KEYS", "API_KEY_PEPPERS", "FIELD_ENCRYPTION_KEYS", "ALLOWED_HOSTS"]
        )
        assert done.returncode == 0, done.stderr[-2000:]


class TestKeyring:
    def parse(self, monkeypatch, text):
        monkeypatch.setenv("RING", text)
        return parse_keyring("RING")

    def test_keys_keep_their_order_and_the_first_is_current(self, monkeypatch):
        ring = self.parse(monkeypatch, f" b2:{'b' * 40} , a1:{'a' * 32},")
        assert list(ring.items()) == [("b2", "b" * 40), ("a1", "a" * 32)]

    def test_a_secret_may_hold_colons(self, monkeypatch):
        assert self.parse(monkeypatch, f"1:{LONG}:y") == {"1": f"{LONG}:y"}

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "at least one"),
            (" , ", "at least one"),
            (LONG, "id:secret"),
            (f":{LONG}", "id:secret"),
            (f"a-b:{LONG}", "id:secret"),
            ("1:" + "x" * 31, "shorter than 32"),
            (f"1:{LONG},1:{LONG}", "stands twice"),
        ],
    )
    def test_a_ring_that_is_none_is_refused_with_its_name_and_without_its_secret(self, monkeypatch, text, reason):
        with pytest.raises(ImproperlyConfigured, match="RING") as caught:
            self.parse(monkeypatch, text)
        assert reason in str(caught.value)
        assert "x" * 20 not in str(caught.value)

    def test_a_missing_ring_is_named_unless_there_is_a_default(self, monkeypatch):
        monkeypatch.delenv("RING", raising=False)
        with pytest.raises(Exception, match="RING"):
            parse_keyring("RING")
        assert parse_keyring("RING", f"1:{LONG}") == {"1": LONG}
