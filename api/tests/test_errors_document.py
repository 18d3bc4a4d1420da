"""docs/errors.md names every stable code that the source can answer with, with the status it has, and none besides."""

import ast
import importlib
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from django.conf import settings

from core.exception_handler import _CODES, translate
from core.exceptions import DomainError
from core.middleware import _STATUS_TEXT

ROOT = Path(settings.BASE_DIR)
APPS = ("core", "events", "users", "api_keys", "analytics", "webhooks", "api", "modules")
# Raised by DRF itself; the exception handler gives them on under these names.
FRAMEWORK = {
    ("method_not_allowed", 405),
    ("unsupported_media_type", 415),
    ("malformed_body", 400),
    ("invalid_credentials", 401),
    ("not_found", 404),
    ("permission_denied", 403),
}
# What DRF's and Django's own fields and validators say of a value.
FIELD_FRAMEWORK = {
    "blank",
    "date",
    "does_not_exist",
    "empty",
    "incorrect_type",
    "invalid_choice",
    "invalid_image",
    "max_digits",
    "max_length",
    "max_string_length",
    "max_value",
    "min_length",
    "min_value",
    "no_name",
    "not_a_dict",
    "not_a_list",
    "null",
    "null_characters_not_allowed",
    "password_too_common",
    "password_too_short",
    "required",
    "surrogate_characters_not_allowed",
    "unique",
}
# Raised in forms of the admin only, never answered by the API.
FORMS = ("admin", "admin_pages", "sign_in_form.py", "tests", "migrations", "management")


def classes(base: type[DomainError] = DomainError) -> Iterator[type[DomainError]]:
    yield base
    for kind in base.__subclasses__():
        if ".tests." not in kind.__module__:
            yield from classes(kind)


for _app in APPS:
    for _path in (ROOT / _app).rglob("exceptions.py"):
        # A class is known among its base's subclasses once its module is imported.
        importlib.import_module(".".join(_path.relative_to(ROOT).with_suffix("").parts))
STATUS_OF = {kind.__name__: translate(kind())[0] for kind in classes()}


def sources() -> Iterator[ast.Module]:
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if not set(path.relative_to(ROOT).parts) & set(FORMS):
                yield ast.parse(path.read_text())


def words(node: ast.AST | None) -> set[str]:
    """The strings an expression can be; none when it is computed."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        return {node.value}
    if isinstance(node, ast.IfExp):
        return words(node.body) | words(node.orelse)
    return set()


def name_of(call: ast.Call) -> str:
    return ast.unparse(call.func)


def argument(call: ast.Call, position: int, keyword: str) -> ast.AST | None:
    named = next((item.value for item in call.keywords if item.arg == keyword), None)
    return named or (call.args[position] if len(call.args) > position else None)


def error_codes() -> set[tuple[str, int]]:
    found = {(kind.code, STATUS_OF[kind.__name__]) for kind in classes()}
    found |= {(code, status) for status, (code, _) in _STATUS_TEXT.items()} | FRAMEWORK
    for tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                found |= set(_codes_of(node))
            elif isinstance(node, ast.Tuple) and len(node.elts) == 3 and isinstance(node.elts[1], ast.Call):
                if name_of(node.elts[1]) == "error_body" and isinstance(node.elts[0], ast.Constant):
                    found |= {(word, int(node.elts[0].value)) for word in words(node.elts[1].args[0])}
            elif isinstance(node, ast.ClassDef) and any("APIException" in ast.unparse(base) for base in node.bases):
                values = {ast.unparse(i.targets[0]): i.value for i in node.body if isinstance(i, ast.Assign)}
                found |= {(word, int(ast.unparse(values["status_code"]))) for word in words(values.get("default_code"))}
    return found


def _codes_of(call: ast.Call) -> Iterator[tuple[str, int]]:
    name = name_of(call)
    short = name.rpartition(".")[2]
    if short in STATUS_OF:
        named = next((item.value for item in call.keywords if item.arg == "code"), None)
        yield from ((word, STATUS_OF[short]) for word in words(named))
    elif short == "Refusal":
        yield from ((word, 401) for word in words(call.args[0]))
    elif short == "ParseError":
        yield from ((word, 400) for word in words(argument(call, 1, "code")))
    elif name == "APIResponse.error" and isinstance(call.args[1], ast.Constant):
        yield from ((word, int(call.args[1].value)) for word in words(call.args[2]))


def field_codes() -> set[str]:
    found = {"invalid"}
    for tree in sources():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            short = name_of(node).rpartition(".")[2]
            if name_of(node).endswith("Invalid.field"):
                found |= words(argument(node, 2, "code"))
            elif short == "FieldError" or short == "ValidationError":
                found |= words(argument(node, 1, "code"))
            found |= {word for item in node.keywords if item.arg == "violation_error_code" for word in words(item.value)}
    return found


def document(heading: str) -> list[list[str]]:
    text = (ROOT / "docs" / "errors.md").read_text()
    section = re.split(r"^## ", text.partition(f"\n## {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")] for line in section.splitlines() if line.startswith("| `")
    ]
    assert rows
    return rows


def test_every_error_code_stands_in_the_document_with_its_status_and_none_besides():
    documented = [(row[0].strip("`"), int(row[1])) for row in document("Codes")]
    assert len(documented) == len(set(documented))
    assert error_codes() - set(documented) == set(), "raised in the source, missing in docs/errors.md"
    assert set(documented) - error_codes() == set(), "in docs/errors.md, raised nowhere"


def test_every_field_code_stands_in_the_document_and_none_besides():
    documented = [row[0].strip("`") for row in document("Codes of fields")]
    assert documented == sorted(set(documented))
    assert field_codes() - set(documented) == set(), "raised in the source, missing in docs/errors.md"
    assert set(documented) - field_codes() - FIELD_FRAMEWORK == set(), "in docs/errors.md, raised nowhere"


def test_every_row_has_a_meaning():
    for heading in ("Codes", "Codes of fields"):
        assert all(row[-1].endswith(".") for row in document(heading))


@pytest.mark.parametrize("row", document("Codes"), ids=lambda row: f"{row[0]}-{row[1]}")
def test_a_code_is_plain_and_its_status_an_error(row):
    assert re.fullmatch(r"`[a-z][a-z0-9_]*`", row[0])
    assert HTTPStatus(int(row[1])) >= 400


def test_what_the_handler_renames_is_documented():
    assert set(_CODES.values()) <= {code for code, _ in error_codes()}
