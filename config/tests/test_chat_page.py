"""The example page of chat, read as text: what it must never do, and where it is served."""

import re

import pytest
from django.test import Client

from config.local.layout import PROJECT

PAGE = PROJECT / "docs" / "examples" / "chat"
SCRIPTS = sorted(PAGE.glob("*.js"))
# Ways of making HTML, or a program, of what people wrote.
FORBIDDEN = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser|\beval\b|srcdoc"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_no_script_makes_html_of_text(script):
    assert re.search(FORBIDDEN, script.read_text()) is None


def test_the_page_takes_nothing_from_elsewhere():
    for path in PAGE.iterdir():
        text = path.read_text()
        for target in re.findall(r"(?:from|import|src=|href=|url\()\s*[\"'(]([^\"')]+)", text):
            assert not re.match(r"(https?:)?//", target), f"{path.name}: {target}"
            if target.endswith((".js", ".css")):
                assert (PAGE / target).resolve().is_file(), f"{path.name}: {target}"


def test_the_reference_client_is_used_and_not_copied():
    assert any('from "../atelier-events.js"' in script.read_text() for script in SCRIPTS)
    assert not any("new WebSocket" in script.read_text() for script in SCRIPTS)


def test_outside_development_the_examples_are_not_served():
    assert Client().get("/examples/chat/index.html").status_code == 404
