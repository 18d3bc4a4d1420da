"""Looking at the admin's pages as a browser does."""

import re
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

BASE = "/admin/whatsapp/"


def listing(model: str) -> str:
    """The address of a list."""
    return f"{BASE}{model}/"


def page(thing: Any, action: str = "change") -> str:
    """The address of a thing's page, or of a question about it."""
    return f"{listing(thing._meta.model_name)}{thing.pk}/{action}/"


def rows(browser: Client, model: str, **query: Any) -> set[str]:
    """The ids in a list."""
    content = browser.get(listing(model), query).content.decode()
    return set(re.findall(rf"{listing(model)}([0-9a-f-]{{36}})/change/", content))


def ids(*things: Any) -> set[str]:
    """Their ids as lists show them."""
    return {str(thing.pk) for thing in things}


def text_of(browser: Client, address: str, **query: Any) -> str:
    """A page that is there."""
    answer = browser.get(address, query)
    assert answer.status_code == 200
    return answer.content.decode()


def queries(call: Callable[[], Any]) -> list[str]:
    """The statements that a call makes."""
    with CaptureQueriesContext(connection) as found:
        call()
    return [query["sql"] for query in found.captured_queries]


def offered(browser: Client, thing: Any, *actions: str) -> set[str]:
    """Which of the actions a thing's page has a button for."""
    content = text_of(browser, page(thing))
    return {action for action in actions if f'"{page(thing, action)}"' in content}
