"""Generated requests at every operation of the live schema: no 5xx, nothing it does not promise. `make fuzz` takes longer."""

import sys
from collections.abc import Iterator

import pytest

from bench.fuzz import IDENTITIES, LIMITS, Result, fuzz, never_succeeded, operations
from config.tests.live import LiveProduct

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("live")]

SECONDS_EACH = 9


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
    assert sum(count for (_, _, status), count in result.answers.items() if status < 300) >= 10, "it was let in nowhere"


def test_between_them_every_operation_was_tried_and_most_reads_succeeded(product: LiveProduct, results: list[Result]) -> None:
    if len(results) < len(IDENTITIES):
        pytest.skip("not every identity ran here")
    documented = operations(product)
    tried = {(method, path) for result in results for method, path, status in result.answers if status != 405}
    reads = {(method, path) for method, path in documented if method == "GET"}
    unread = [line for line in never_succeeded(documented, results) if line.startswith("GET ")]

    assert documented <= tried
    assert len(unread) <= len(reads) // 2, unread
