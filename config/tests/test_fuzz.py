"""Generated requests at every operation of the live schema: no 5xx, nothing it does not promise. `make fuzz` takes longer."""

import secrets
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis

from bench.fuzz import IDENTITIES, LIMITS, Result, fuzz, never_succeeded, operations
from config.tests.live import LiveProduct

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("live")]

SECONDS_EACH = 20


@pytest.fixture(scope="module")
def product() -> Iterator[LiveProduct]:
    """A product of its own: what the fuzzer leaves behind is nobody's concern."""
    with LiveProduct(LIMITS) as running:
        yield running


@pytest.fixture(scope="module")
def results() -> list[Result]:
    """What each identity's run found."""
    return []


@pytest.mark.parametrize("identity", IDENTITIES)
def test_the_server_keeps_what_its_schema_promises(product: LiveProduct, results: list[Result], identity: str) -> None:
    result = fuzz(product, identity, SECONDS_EACH, phases="coverage,fuzzing")
    results.append(result)

    sys.stdout.write(f"{result.line}\n")
    assert result.passed, result.output
    assert not [status for _, _, status in result.answers if status >= 500]
    assert sum(count for (_, _, status), count in result.answers.items() if status < 300) >= 1, "it was let in nowhere"


def test_between_them_every_operation_was_tried_and_most_reads_succeeded(product: LiveProduct, results: list[Result]) -> None:
    if len(results) < len(IDENTITIES):
        pytest.skip("not every identity ran here")
    documented = operations(product)
    tried = {(method, path) for result in results for method, path, status in result.answers if status != 405}
    reads = {(method, path) for method, path in documented if method == "GET"}
    unread = [line for line in never_succeeded(documented, results) if line.startswith("GET ")]

    assert documented <= tried
    assert len(unread) <= len(reads) // 2, unread


def test_the_successes_that_chance_does_not_find_keep_the_promise_too(product: LiveProduct) -> None:
    schema = schemathesis.openapi.from_url(f"{product.url}/api/schema/")

    def call(method: str, path: str, status: int, body: Any, credential: str = "", **path_parameters: str) -> Any:
        case = schema[path][method].Case(
            body=body,
            path_parameters=path_parameters,
            headers={"Authorization": credential} if credential else {},
            media_type="application/json",
        )
        response = case.call()
        assert response.status_code == status, response.text
        case.validate_response(response)
        return response.json()["data"] if response.content else None

    def person() -> dict[str, str]:
        name = f"known-{secrets.token_hex(6)}"
        return {"username": name, "email": f"{name}@example.com", "password": secrets.token_urlsafe(12)}

    admin = f"Bearer {product.sign_in()['access']}"
    someone = person()
    account = call("POST", "/api/v1/users/", 201, someone, admin)
    fields = {"username": someone["username"], "email": someone["email"], "first_name": "Given", "max_messages_per_day": 7}
    call("PUT", "/api/v1/users/{id}/", 200, fields, admin, id=account["id"])
    call("PATCH", "/api/v1/users/{id}/", 200, {"last_name": "Family"}, admin, id=account["id"])

    tokens = call("POST", "/api/v1/auth/login/", 200, {name: someone[name] for name in ("username", "password")})
    tokens = call("POST", "/api/v1/auth/refresh/", 200, {"refresh": tokens["refresh"]})
    tokens = call("POST", "/api/v1/auth/token/refresh/", 200, {"refresh": tokens["refresh"]})
    change = {"current_password": someone["password"], "new_password": secrets.token_urlsafe(12)}
    tokens = call("POST", "/api/v1/auth/change-password/", 200, change, f"Bearer {tokens['access']}")
    call("GET", "/api/v1/auth/me/", 200, schemathesis.core.NOT_SET, f"Bearer {tokens['access']}")

    invitation = call("POST", "/api/v1/auth/guest/invitations/", 201, {"resource": "room:1"}, admin)["invitation"]
    guest = call("POST", "/api/v1/auth/guest/", 201, {"invitation": invitation, "display_name": "Passing by"})
    call("GET", "/api/v1/auth/me/", 200, schemathesis.core.NOT_SET, f"Bearer {guest['access']}")
    call("POST", "/api/v1/auth/guest/upgrade/", 200, person(), f"Bearer {guest['access']}")
