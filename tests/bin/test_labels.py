from pathlib import Path

import pytest
from scrna.agreement import read_labels
from scrna.errors import InputError


def _read(folder: Path, text: str) -> dict[str, str]:
    (folder / "labels.csv").write_text(text)
    return dict(read_labels(folder / "labels.csv", "s"))


@pytest.mark.parametrize("column", ["cell", "label"])
def test_a_column_that_is_there_twice_is_named(tmp_path: Path, column: str) -> None:
    with pytest.raises(InputError, match=f"has the column {column} more than once; leave one"):
        _read(tmp_path, f"cell,label,{column}\na,T,B\n")


def test_other_columns_may_share_a_name(tmp_path: Path) -> None:
    assert _read(tmp_path, "cell,label,x,x\na,T,1,2\n") == {"a": "T"}


def test_rows_of_blanks_are_skipped_and_still_counted(tmp_path: Path) -> None:
    assert _read(tmp_path, "cell,label\n , \na,T\n,\n \n") == {"a": "T"}
    with pytest.raises(InputError, match="row 2 after the header has 1 fields"):
        _read(tmp_path, "cell,label\n,\na\n")
