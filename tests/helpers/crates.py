"""RO-Crates as others read them: the entities of one, and what the community's validator says about it."""

import json
from pathlib import Path
from typing import Any

import requests
import rocrate
from requests_cache import CachedRequest, CachedResponse, CachedSession
from rocrate_validator import services
from rocrate_validator.models import Severity, ValidationSettings

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
# rocrate carries the context of RO-Crate 1.3; in 1.1 these four terms stood for other names.
TERMS_OF_1_1 = {
    "ComputationalWorkflow": "https://bioschemas.org/ComputationalWorkflow",
    "FormalParameter": "https://bioschemas.org/FormalParameter",
    "input": "https://bioschemas.org/ComputationalWorkflow#input",
    "output": "https://bioschemas.org/ComputationalWorkflow#output",
}


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Return the entities of a crate by their id."""
    document = json.loads((path / "ro-crate-metadata.json").read_text())
    entities = {entity["@id"]: entity for entity in document["@graph"]}
    assert len(entities) == len(document["@graph"])
    return entities


def listed(value: Any) -> list[str]:
    """Return the ids that a property refers to, one or several."""
    return [each["@id"] for each in (value if isinstance(value, list) else [value])]


def faults(path: Path, profile: str, scratch: Path, severity: Severity = Severity.REQUIRED) -> list[str]:
    """Validate a crate without the network, and return what it violates."""
    cache = scratch / "validator"
    _remember_context(cache)
    result = services.validate(
        ValidationSettings(
            rocrate_uri=str(path),
            profile_identifier=profile,
            requirement_severity=severity,
            offline=True,
            cache_path=cache,
        )
    )
    assert result.passed() == (not result.get_issues())
    return [str(issue.message) for issue in result.get_issues()]


def _remember_context(cache: Path) -> None:
    """Put the one context that the validator would ask the network for into its cache."""
    document = json.loads((Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld").read_text())
    document["@context"] |= TERMS_OF_1_1
    with CachedSession(cache_name=str(cache), backend="sqlite", expire_after=-1) as session:
        request = session.prepare_request(requests.Request("GET", CONTEXT))
        answer = CachedResponse(
            url=CONTEXT,
            status_code=200,
            headers={"Content-Type": "application/ld+json"},
            content=json.dumps(document).encode(),
            request=CachedRequest(method="GET", url=CONTEXT),
        )
        session.cache.save_response(answer, cache_key=session.cache.create_key(request))
