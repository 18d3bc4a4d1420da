"""What a quick start holds back is back afterwards, whatever happens inside."""

import gc
import importlib
import subprocess
import sys

import pytest

from config.quick_start import quick_start


def test_what_is_held_back_can_be_imported_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    monkeypatch.delitem(sys.modules, "requests", raising=False)
    with pytest.raises(RuntimeError), quick_start():
        assert not gc.isenabled()
        with pytest.raises(ImportError):
            importlib.import_module("requests")
        raise RuntimeError

    assert gc.isenabled()
    assert "requests" not in sys.modules
    gc.unfreeze()


def test_what_is_there_already_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    monkeypatch.setitem(sys.modules, "requests", gc)
    with quick_start():
        assert sys.modules["requests"] is gc
    assert sys.modules["requests"] is gc
    gc.unfreeze()


def test_with_traces_nothing_is_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    before = {name: sys.modules.get(name, "missing") for name in ("requests", "opentelemetry.sdk.metrics")}
    with quick_start():
        assert {name: sys.modules.get(name, "missing") for name in before} == before
    gc.unfreeze()


@pytest.mark.parametrize("entrance", ["config.wsgi", "config.asgi", "config.celery"])
def test_each_entrance_sets_django_up_without_them(entrance: str) -> None:
    program = (
        f"import gc, sys, {entrance}; from django.apps import apps\n"
        "assert apps.ready and gc.isenabled() and gc.get_freeze_count() > 100_000\n"
        "assert not {'requests', 'rich', 'opentelemetry.sdk.metrics'} & set(sys.modules), 'imported'\n"
        "import requests, opentelemetry.sdk.metrics"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
