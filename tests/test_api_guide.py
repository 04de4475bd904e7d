"""The session in docs/guides/python.md is what Python prints, with the real pipeline behind it.

`PYTHONPATH=tests python tests/test_api_guide.py` writes into the page what it prints now.
"""

import contextlib
import doctest
import io
import os
import re
import shutil
import sys
import tempfile
import traceback
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
PAGE = CHECKOUT / "docs" / "guides" / "python.md"
BUNDLED = CHECKOUT / "stargazer_cli" / "demo" / "data" / "germline"
BLOCK = re.compile(r"^```pycon\n(.*?)^```$", re.M | re.S)


def replayed(page: str) -> str:
    """Return the page with what its statements print now, all of them in one session."""
    names: dict[str, object] = {}

    def replay(block: re.Match[str]) -> str:
        lines = []
        for example in doctest.DocTestParser().get_examples(block[1]):
            first, *more = example.source.splitlines()
            lines += [f">>> {first}", *(f"... {line}".rstrip() for line in more)]
            lines += _printed(example.source, names).splitlines()
        return "```pycon\n" + "".join(f"{line}\n" for line in lines) + "```"

    return BLOCK.sub(replay, page)


def _printed(source: str, names: dict[str, object]) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try:
            exec(compile(source, "<page>", "single"), names)
        except Exception:
            traceback.print_exc(file=out)
    return out.getvalue()


def prepare(folder: Path) -> None:
    """Put the files that the page names into the current folder."""
    for name in (
        "reference.fa",
        *(f"child_L00{lane}_R{mate}.fastq.gz" for lane in (1, 2) for mate in (1, 2)),
    ):
        shutil.copyfile(BUNDLED / name, folder / name)


@pytest.mark.pipeline
def test_the_session_of_the_guide_is_what_python_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARGAZER_LOCAL", str(tmp_path / "my store"))
    monkeypatch.delenv("STARGAZER_WORK", raising=False)
    monkeypatch.chdir(tmp_path)
    prepare(tmp_path)
    page = PAGE.read_text(encoding="utf-8")
    assert len(BLOCK.findall(page)) >= 10
    assert "Traceback" not in page
    assert replayed(page).splitlines() == page.splitlines()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as here:
        os.environ["STARGAZER_LOCAL"] = f"{here}/my store"
        os.chdir(here)
        prepare(Path(here))
        new = replayed(PAGE.read_text(encoding="utf-8"))
        os.chdir(CHECKOUT)
    sys.stdout.write(new)
    PAGE.write_text(new, encoding="utf-8")
