"""What is read in --intervals while a run is planned, by the cases that the pipeline is tried with, too."""

from pathlib import Path

import pytest
from helpers.regions import ACCEPTED, CONTIGS, REFUSED

from stargazer_cli.errors import UsageError
from stargazer_cli.runs.regions import bases_of_regions, text_of


def _bases(file: Path, content: str | bytes) -> int:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return bases_of_regions(
        file, file.name, f"--intervals {file.name}", "the reference r.fa", lambda: CONTIGS
    )


@pytest.mark.parametrize("name", REFUSED)
def test_regions_that_cannot_be_called_are_refused_in_a_line_that_names_the_file(
    tmp_path: Path, name: str
) -> None:
    content, says = REFUSED[name]
    with pytest.raises(UsageError) as refused:
        _bases(tmp_path / name, content)
    message = refused.value.message
    assert message.startswith(f"--intervals {name}")
    assert "\n" not in message
    assert [part for part in says if part not in message] == [], message


@pytest.mark.parametrize("name", ACCEPTED)
def test_the_bases_of_regions_are_counted_once(tmp_path: Path, name: str) -> None:
    content, bases = ACCEPTED[name]
    assert _bases(tmp_path / name, content) == bases


def test_the_line_that_is_no_utf_8_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.ped").write_bytes(b"F a 0 0 1 0\nF\xe9 b 0 0 1 0\n")
    with pytest.raises(UsageError, match=r"--pedigree x.ped, line 2: is not UTF-8 text") as refused:
        text_of(tmp_path / "x.ped", "--pedigree x.ped")
    assert "iconv" in str(refused.value.hint)
