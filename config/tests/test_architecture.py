"""What the import linter cannot see of the house's rules."""

import ast
import configparser
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import models
from django.utils.module_loading import import_string

from config.celery import app as celery
from core.registry import beat_schedule, domain_apps

ROOT = Path(settings.BASE_DIR)
PLATFORM = {"api", "core", "events", "users", "api_keys", "analytics", "webhooks", "config"}
# Foreign keys that name their target by a string, which the import linter cannot follow.
STRING_KEYS = {
    ("api_keys.APIKey", "owner"): "users.User",
    ("api_keys.APIKey", "created_by"): "users.User",
    ("analytics.UsageStats", "user"): "users.User",
    ("chat.Room", "created_by"): "users.User",
    ("chat.Member", "user"): "users.User",
    ("chat.Ban", "user"): "users.User",
    ("chat.Ban", "banned_by"): "users.User",
    ("chat.InviteLink", "created_by"): "users.User",
    ("chat.Admission", "user"): "users.User",
    ("chat.Admission", "invited_by"): "users.User",
    ("chat.Admission", "decided_by"): "users.User",
    ("chat.IncomingWebhook", "created_by"): "users.User",
    ("chat.Message", "sender"): "users.User",
    ("chat.Message", "pinned_by"): "users.User",
    ("chat.Message", "deleted_by"): "users.User",
    ("chat.Reaction", "user"): "users.User",
    ("chat.Mention", "user"): "users.User",
    ("chat.ThreadFollower", "user"): "users.User",
    ("chat.ChatFile", "owner"): "users.User",
    ("chat.Report", "reporter"): "users.User",
    ("chat.Report", "handled_by"): "users.User",
    ("webhooks.WebhookEndpoint", "owner"): "users.User",
    ("whatsapp.Bulk", "user"): "users.User",
    ("whatsapp.Media", "user"): "users.User",
    ("whatsapp.Message", "user"): "users.User",
    ("whatsapp.WhatsAppSession", "user"): "users.User",
}
ABOVE_USERS = {"api_keys", "analytics", "webhooks", "whatsapp", "chat"}


def _imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
    return found


@pytest.mark.parametrize("package", sorted(path.name for path in (ROOT / "api/v1").iterdir() if (path / "urls.py").is_file()))
def test_an_api_package_imports_its_own_domain_and_the_platform_only(package: str) -> None:
    for path in (ROOT / "api/v1" / package).glob("*.py"):
        for name in _imports(path):
            if name.startswith("modules."):
                assert name.split(".")[1] == package, f"{path.name} imports {name}"


def test_every_top_level_app_stands_in_the_layers() -> None:
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    layers = contracts["importlinter:contract:house"]["layers"].replace("|", " ").split()
    top_level = {path.parent.name for path in ROOT.glob("*/apps.py")}
    assert top_level <= set(layers)
    assert top_level <= set(contracts["importlinter"]["root_packages"].split())


def test_every_module_and_api_package_stands_in_a_contract() -> None:
    text = (ROOT / ".importlinter").read_text()
    modules = [f"modules.{path.parent.name}" for path in ROOT.glob("modules/*/apps.py")]
    packages = [f"api.v1.{path.parent.name}" for path in ROOT.glob("api/v1/*/urls.py")]
    assert [name for name in (*modules, *packages) if name not in text] == []


def test_foreign_keys_point_down() -> None:
    found = {}
    for config in domain_apps():
        for model in config.get_models():
            for field in model._meta.get_fields():
                if isinstance(field, models.ForeignKey) and field.remote_field.model._meta.app_label != config.label:
                    target = field.remote_field.model._meta.label
                    found[(model._meta.label, field.name)] = target
    assert found == STRING_KEYS


def test_pages_keep_the_middleware_that_django_looks_for() -> None:
    for needed in (
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ):
        assert needed in settings.PAGES_MIDDLEWARE
    assert "core.pages_middleware.PagesMiddleware" in settings.MIDDLEWARE
    for name in (*settings.PAGES_MIDDLEWARE, *settings.MIDDLEWARE):
        assert import_string(name)


def test_every_beat_entry_names_a_task_that_exists() -> None:
    celery.loader.import_default_modules()
    schedule = beat_schedule()
    assert schedule
    for entry in schedule.values():
        assert entry["task"] in celery.tasks


def test_every_scope_is_declared_once_and_named_by_its_app() -> None:
    seen: set[str] = set()
    for config in domain_apps():
        assert not seen & set(config.scopes)
        seen |= set(config.scopes)
        assert config.admin_scopes <= set(config.scopes)


def test_no_module_of_the_product_is_longer_than_five_hundred_lines() -> None:
    for config in apps.get_app_configs():
        if Path(config.path).is_relative_to(ROOT) and ".venv" not in config.path:
            for path in Path(config.path).rglob("*.py"):
                if "migrations" not in path.parts and "tests" not in path.parts:
                    assert len(path.read_text().splitlines()) <= 500, path
