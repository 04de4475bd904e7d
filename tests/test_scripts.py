"""Which code of `bin/` counts as a task's own: a change of it, and no other, makes its results anew."""

from dataclasses import replace
from pathlib import Path

import pytest

from stargazer_cli import catalog
from stargazer_cli.catalog import entries
from stargazer_cli.scripts import scripts_called

FILES = {
    "cluster.py": "from cells.command import run\nrun('cluster')\n",
    "page.py": '"""Writes what cluster.py made."""\nfrom cells import report\n',
    "sort_it": "#!/bin/sh\n# the shell's own\ncheck_it && sort\n",
    "check_it": "#!/usr/bin/env python3\nimport cells.files\n",
    "unused.py": "",
    "cells/__init__.py": "",
    "cells/command.py": "def run(name):\n    from .graph import neighbours\n",
    "cells/graph.py": "import numpy\nfrom . import files\n",
    "cells/files.py": "",
    "cells/report.py": "from pathlib import Path\nTEMPLATE = Path(__file__).with_name('page.html')\n",
    "cells/page.html": "<html>",
    "cells/__pycache__/files.cpython-311.pyc": "compiled",
}
CLUSTER = ["cells/__init__.py", "cells/command.py", "cells/files.py", "cells/graph.py", "cluster.py"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("commands", "files"),
    [
        ("cluster.py --input x", CLUSTER),
        ("page.py --input x", ["cells/__init__.py", "cells/page.html", "cells/report.py", "page.py"]),
        ("sort_it | cat", ["cells/__init__.py", "cells/files.py", "check_it", "sort_it"]),
        ("my_cluster.py; cluster.pyc; unsort_it", []),
    ],
)
def test_what_a_script_uses_is_found(folder: Path, commands: str, files: list[str]) -> None:
    assert list(scripts_called(commands, folder)) == files


def test_a_module_that_is_imported_by_its_name_is_found(folder: Path) -> None:
    (folder / "cells" / "command.py").write_text(
        "from importlib import import_module\n"
        "STEPS = {'cluster': 'graph'}\n"
        "def run(name):\n    import_module(f'cells.{STEPS[name]}')\n"
    )
    assert list(scripts_called("cluster.py", folder)) == CLUSTER


def test_a_module_that_changes_what_it_imports_is_read_again(folder: Path) -> None:
    assert "cells/report.py" not in scripts_called("cluster.py", folder)
    (folder / "cells" / "graph.py").write_text("from cells import files, report  # and more\n")
    assert "cells/page.html" in scripts_called("cluster.py", folder)


@pytest.mark.parametrize(
    ("task", "covered", "not_covered"),
    [
        ("qc_filter", {"qc_filter.py", "scrna/__init__.py", "scrna/qc.py"}, {"scrna/report.py"}),
        ("cluster", {"cluster.py", "scrna/clustering.py"}, {"scrna/report.py", "scrna/report.html"}),
        ("scrna_report", {"scrna_report.py", "scrna/report.py", "scrna/report.html"}, {"qc_filter.py"}),
        ("bwa_mem", {"align_and_sort", "check_fastq"}, {"check_gvcf"}),
    ],
)
def test_the_scripts_of_the_pipeline_s_own_tasks(task: str, covered: set[str], not_covered: set[str]) -> None:
    files = set(catalog.tasks()[task].scripts)
    assert covered <= files
    assert not files & not_covered


def test_a_change_of_a_script_is_a_change_of_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    task = catalog.tasks()["bwa_mem"]
    changed = dict(task.scripts) | {"check_fastq": "changed"}
    twin = replace(task)
    assert twin.script_digest == task.script_digest
    monkeypatch.setattr(entries, "scripts_called", lambda body, folder: changed)
    assert replace(task).script_digest != task.script_digest
