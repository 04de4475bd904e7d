"""What the page reads of an answer is what the API gives: a name that is not there is read as nothing."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

pytest.importorskip("fastapi", reason="FastAPI is not installed")
models = pytest.importorskip("stargazer_cli.web.models")

PAGES = Path(__file__).parents[2] / "stargazer_cli" / "web" / "static" / "js" / "pages"
ANSWERS = [
    ("asset.js", "asset", "AssetDetail"),
    ("asset.js", "run", "RunOfAsset"),
    ("asset.js", "job", "Job"),
    ("graph.js", "node", "GraphNode"),
    ("run.js", "input", "RunInput"),
    ("run.js", "made", "RunOutput"),
    ("run.js", "report", "RunReport"),
    ("run.js", "run", "RunDetail"),
    ("run.js", "task", "TaskOfRun"),
    ("runs.js", "run", "RunLine"),
    ("upload.js", "bundle", "Bundle"),
    ("upload.js", "job", "Job"),
]


@pytest.mark.parametrize(("page", "name", "answer"), ANSWERS)
def test_a_page_reads_only_what_it_is_given(page: str, name: str, answer: str) -> None:
    model: type[BaseModel] = getattr(models, answer)
    read = set(re.findall(rf"(?<![\w.]){name}\.(\w+)", (PAGES / page).read_text(encoding="utf-8")))
    assert read - set(model.model_fields) == set()
    assert read
