"""What installed apps declare, and product modules that can be switched on and off.

A module of the tests' own, outside the tree of product modules, is switched on by ATELIER_MODULES in processes of their own.
"""

import json
import os
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.settings.components import modules
from core import registry
from core.apps import DomainAppConfig

LOOK = """
import json, django
django.setup()
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.urls import NoReverseMatch, reverse
from drf_spectacular.generators import SchemaGenerator
from config.celery import app
from core import registry
try:
    url = reverse("v1:sample-list")
except NoReverseMatch:
    url = None
app.finalize()
schema = SchemaGenerator().get_schema(request=None, public=True)
print(json.dumps({
    "installed": apps.is_installed("core.tests.sample"),
    "modules": settings.ATELIER_MODULES,
    "url": url,
    "paths": sorted(schema["paths"]),
    "tags": sorted({tag for path in schema["paths"].values() for operation in path.values() for tag in operation["tags"]}),
    "scopes": sorted(registry.scopes()),
    "admin_scopes": sorted(registry.admin_scopes()),
    "beat": sorted(app.conf.beat_schedule),
    "admin": sorted(model._meta.label for model in admin.site._registry),
}))
"""


def look(modules):
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.test", "PYTHONWARNINGS": "ignore"}
    environment["ATELIER_MODULES"] = modules
    done = subprocess.run([sys.executable, "-c", LOOK], env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def off():
    return look("")


@pytest.fixture(scope="module")
def on():
    return look("core.tests.sample")


@pytest.mark.xdist_group("sample-module")
class TestModules:
    def test_a_module_that_is_on_brings_urls_schema_scopes_admin_and_beat(self, on):
        assert on["installed"]
        assert on["url"] == "/api/v1/samples/"
        assert "/api/v1/samples/" in on["paths"]
        assert "samples" in on["tags"]
        assert {"samples:read", "samples:clean"} <= set(on["scopes"])
        assert "samples:clean" in on["admin_scopes"]
        assert "sample.sweep" in on["beat"]
        assert "sample.Sample" in on["admin"]

    def test_a_module_that_is_off_leaves_no_trace(self, off):
        assert not off["installed"]
        assert off["url"] is None
        for name in ("paths", "tags", "scopes", "admin_scopes", "beat", "admin"):
            assert not [item for item in off[name] if "sample" in item.lower()], name

    def test_the_platform_is_the_same_with_and_without_it(self, on, off):
        for name in ("paths", "tags", "scopes", "admin_scopes", "beat", "admin"):
            assert [item for item in on[name] if "sample" not in item.lower()] == off[name]
        assert {"analytics", "api-keys", "auth", "users"} <= set(off["tags"])

    @pytest.mark.parametrize("name", ["planet", "../etc", "core.tests.", "core.tests.sample;x", "."])
    def test_a_module_nobody_knows_is_named_with_those_that_are_available(self, name):
        with pytest.raises(ImproperlyConfigured) as caught:
            modules._resolve(["core.tests.sample", name])
        assert f"ATELIER_MODULES: unknown module {name!r} (available: " in str(caught.value)

    def test_names_may_be_spaced_repeated_and_empty(self):
        assert modules._resolve([" core.tests.sample ", "core.tests.sample", ""]) == ["core.tests.sample"]
        assert modules._resolve([]) == []

    def test_without_a_choice_every_folder_under_modules_is_on(self, tmp_path, monkeypatch):
        for name in ("chat", "images"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "apps.py").touch()
        (tmp_path / "notes").mkdir()
        monkeypatch.setattr(modules, "_MODULES_DIR", tmp_path)
        assert modules._resolve(None) == ["modules.chat", "modules.images"]
        assert modules._resolve(["images"]) == ["modules.images"]
        monkeypatch.setattr(modules, "_MODULES_DIR", tmp_path / "none")
        assert modules._resolve(None) == []


class TestDeclarations:
    def test_every_scope_has_a_meaning_and_belongs_to_one_app(self):
        declared = [scope for config in registry.domain_apps() for scope in config.scopes]
        assert len(declared) == len(set(declared))
        assert set(declared) == set(registry.scopes())
        assert all(registry.scopes().values())

    def test_only_declared_scopes_are_the_administrators(self):
        assert registry.admin_scopes() <= set(registry.scopes())

    def test_every_periodic_task_exists(self):
        from config.celery import app

        app.loader.import_default_modules()
        for name, entry in registry.beat_schedule().items():
            assert entry["task"] in app.tasks, name
            assert entry["schedule"] > 0

    def test_periodic_tasks_of_two_apps_do_not_share_a_name(self):
        names = [name for config in registry.domain_apps() for name in config.beat_schedule]
        assert len(names) == len(set(names))

    def test_an_app_declares_nothing_unless_it_says_so(self):
        assert (DomainAppConfig.urlconf, dict(DomainAppConfig.scopes), DomainAppConfig.admin_scopes) == ("", {}, frozenset())
