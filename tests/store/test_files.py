"""Moving bytes: a file is whole or absent, and several files are told of as one."""

from pathlib import Path

import pytest

from stargazer_cli.errors import UsageError
from stargazer_cli.store.files import check_absent, counted, counter, replacing, share_of


def test_what_fails_while_it_is_written_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("before")

    def write(then: str) -> None:
        with replacing(path) as stream:
            stream.write(b"after")
            assert path.read_text() == "before"
            if then:
                raise RuntimeError(then)

    with pytest.raises(RuntimeError):
        write("the source is gone")
    assert path.read_text() == "before"
    write("")
    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]


def test_several_files_are_told_of_as_one() -> None:
    told: list[tuple[int, int | None]] = []
    count = counter(30, lambda *each: told.append(each))
    one, other = share_of(count), share_of(count)
    assert one
    assert other
    one(5, 10)
    other(20, 20)
    one(0, 10)  # begun anew
    one(10, 10)
    assert told == [(5, 30), (25, 30), (20, 30), (30, 30)]
    assert share_of(counter(30, None)) is None


def test_things_are_counted_when_they_were_dealt_with() -> None:
    told: list[tuple[int, int | None]] = []
    items = counted("ab", counter(2, lambda *each: told.append(each)))
    assert next(items) == "a"
    assert told == []
    assert list(items) == ["b"]
    assert told == [(1, 2), (2, 2)]
    assert list(counted("ab", None)) == ["a", "b"]


def test_a_link_to_nothing_is_in_the_way_too(tmp_path: Path) -> None:
    path = tmp_path / "x"
    check_absent(path)
    path.symlink_to("nothing")
    with pytest.raises(UsageError, match="x exists already"):
        check_absent(path)
