"""Requests that schemathesis makes up from the API's own description: none may break the server.

Each answer must be one that the description knows, of the shape that it tells. What has the right shape may
still be wrong, such as a key that no asset has.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.browser import served
from helpers.shell import FASTA, write
from hypothesis import HealthCheck, given, settings

from stargazer_cli.assets import QCMetrics, Reference
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("fuzzed")
        patch.setenv("STARGAZER_LOCAL", str(folder / "store"))
        store = LocalStore(Settings())
        store.add([NewFile(write(folder / "ref.fa", FASTA), Reference(build="b"))])
        for number in range(5):
            store.add([NewFile(write(folder / f"{number}.txt", str(number)), QCMetrics(sample_id="S"))])
        # Nothing is reached, and there are no files to be had.
        (folder / "files").mkdir()
        environment = {
            "STARGAZER_LOCAL": str(store.root),
            "PINATA_GATEWAY": "",
            "PATH": str(Path("/usr/bin")),
        }
        with served(environment, "--root", str(folder / "files")) as address:
            yield address


def test_no_request_breaks_the_server(address: str) -> None:
    from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

    base, _, token = address.partition("/?token=")
    headers = {"Authorization": f"Bearer {token}"}
    schema = schemathesis.openapi.from_url(f"{base}/api/openapi.json", headers=headers)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 25
    for operation in operations:
        # In a query anything is text, and one of it is a list.
        lenient = [negative_data_rejection] if operation.method == "get" else []
        for mode in schemathesis.GenerationMode:
            check(operation.as_strategy(generation_mode=mode), headers, [positive_data_acceptance, *lenient])


def check(cases: Any, headers: dict[str, str], excluded_checks: list[Any]) -> None:
    @given(case=cases)
    @settings(max_examples=10, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def keeps_to_its_description(case: Any) -> None:
        case.call_and_validate(headers=headers, excluded_checks=excluded_checks)

    keeps_to_its_description()
