"""Which product modules are switched on (`ATELIER_MODULES`).

A name without a dot is a folder under `modules/`; a dotted name is the import path of a module that lives elsewhere.
Unset means every folder under `modules/`; empty means the platform alone.
"""

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from config.settings.env import env

_MODULES_DIR = Path(__file__).resolve().parents[3] / "modules"


def _available() -> list[str]:
    if not _MODULES_DIR.is_dir():
        return []
    return sorted(folder.name for folder in _MODULES_DIR.iterdir() if (folder / "apps.py").is_file())


def _resolve(names: list[str] | None) -> list[str]:
    available = _available()
    if names is None:
        names = available
    apps: list[str] = []
    for name in filter(None, (entry.strip() for entry in names)):
        dotted = "." in name and all(part.isidentifier() for part in name.split("."))
        if not dotted and name not in available:
            known = ", ".join(available) or "none"
            raise ImproperlyConfigured(f"ATELIER_MODULES: unknown module {name!r} (available: {known}).")
        apps.append(name if "." in name else f"modules.{name}")
    return list(dict.fromkeys(apps))


ATELIER_MODULES = _resolve(env.list("ATELIER_MODULES", None))
