"""When a warm start may leave out preparing the database: only while all that `prepare` looks at is as it was."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config.local import prepared as module
from config.local.layout import PROJECT, Layout
from config.local.prepared import Prepared

_ENVIRONMENT = {"DATABASE_URL": "postgres://a@127.0.0.1:1/a", "DJANGO_SETTINGS_MODULE": "config.settings.development"}


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prepared:
    """A project with a migration, a setting and a cluster, prepared."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    project, layout = tmp_path / "project", Layout(tmp_path / "data")
    layout.make()
    _write(layout.root / "postgres/data/global/pg_control", "12345678 the rest changes")
    _write(layout.demo_env, "ATELIER_API_KEY=a")
    _write(project / "users/migrations/0001_initial.py", "operations = []")
    _write(project / "modules/notes/migrations/0001_initial.py", "operations = []")
    _write(project / "config/settings/base.py", 'env.list("ATELIER_MODULES")')
    fresh = Prepared(layout, _ENVIRONMENT, project=project)
    assert not fresh.holds()
    fresh.keep()
    return fresh


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_it_holds_while_nothing_changes(made: Prepared) -> None:
    _write(made.layout.root / "postgres/data/global/pg_control", "12345678 a checkpoint later")
    _write(made.project / "users/models.py", "no migration")
    others = {"TERM": "xterm", "WEB_WORKERS": "4"}

    assert Prepared(made.layout, _ENVIRONMENT | others, project=made.project).holds()


_CHANGES: dict[str, Callable[[Prepared], object]] = {
    "another cluster": lambda it: _write(it.layout.root / "postgres/data/global/pg_control", "87654321 the rest"),
    "no cluster": lambda it: (it.layout.root / "postgres/data/global/pg_control").unlink(),
    "no credentials": lambda it: it.layout.demo_env.unlink(),
    "other credentials": lambda it: _write(it.layout.demo_env, "ATELIER_API_KEY=b"),
    "a migration more": lambda it: _write(it.project / "users/migrations/0002_more.py", ""),
    "a migration changed": lambda it: _write(it.project / "users/migrations/0001_initial.py", "operations = [1]"),
    "a migration less": lambda it: (it.project / "modules/notes/migrations/0001_initial.py").unlink(),
    "a module more": lambda it: _write(it.project / "modules/more/migrations/0001_initial.py", ""),
    "another setting": lambda it: _write(it.project / "config/settings/base.py", 'env.list("ATELIER_MODULES") # other'),
    "a lost mark": lambda it: it.layout.prepared.unlink(),
    "forgotten": lambda it: it.forget(),
}


@pytest.mark.parametrize("change", _CHANGES.values(), ids=_CHANGES)
def test_a_change_ends_it(made: Prepared, change: Callable[[Prepared], object]) -> None:
    assert made.holds()
    change(made)
    assert not made.holds()


@pytest.mark.parametrize("name", ["ATELIER_MODULES", "DATABASE_URL", "DJANGO_SETTINGS_MODULE"])
def test_a_variable_the_settings_read_ends_it(made: Prepared, name: str) -> None:
    for value in ("", "other"):
        assert not Prepared(made.layout, _ENVIRONMENT | {name: value}, project=made.project).holds()


def test_the_next_day_ends_it(made: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    class Tomorrow(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + timedelta(days=1)

    monkeypatch.setattr(module, "datetime", Tomorrow)
    assert not made.holds()


def test_a_database_of_ones_own_is_always_prepared(made: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://mine@127.0.0.1/mine")
    assert not made.holds()
    made.keep()
    assert not made.holds()


def test_it_sees_the_projects_own_migrations_and_settings(tmp_path: Path) -> None:
    seen = {path.relative_to(PROJECT).as_posix() for path in Prepared(Layout(tmp_path), {})._sources()}

    assert {"events/migrations/0001_initial.py", "config/settings/components/modules.py", "api/demo.py"} <= seen
    assert {name for name in module._SOURCES if name.endswith(".py")} <= seen
    written = {path.relative_to(PROJECT).as_posix() for path in PROJECT.glob("*/migrations/0*.py")}
    assert written <= seen
