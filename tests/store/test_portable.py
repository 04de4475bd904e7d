"""Records leave a store as JSON Lines and enter another one, all or none."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from stargazer_cli.assets import R1, Asset, Reference
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile
from stargazer_cli.store import portable as portable_module
from stargazer_cli.store.metadata.merge import Merged
from stargazer_cli.store.portable import export_records, import_records


@pytest.fixture
def other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    monkeypatch.setenv("STARGAZER_LOCAL", str(tmp_path / "other"))
    return LocalStore(Settings())


@pytest.fixture
def filled(store: LocalStore, tmp_path: Path) -> LocalStore:
    assets: list[Asset] = [
        Reference(build="b", recipe="r", run_ids=["run1"], derived_from=["bafyx"]),
        R1(sample_id="a"),
        Asset(label='quo"te é\n\u2028'),
    ]
    for number, asset in enumerate(assets):
        (tmp_path / f"{number}").write_text("same" if number else "first")
        store.add([NewFile(tmp_path / f"{number}", asset)])
    return store


def exported(store: LocalStore) -> bytes:
    stream = io.BytesIO()
    export_records(store, stream)
    return stream.getvalue()


def rewritten(content: bytes, line: int, change: Any) -> bytes:
    """Put something else in place of a line: bytes, or what a function makes of its object."""
    lines = content.splitlines()
    lines[line] = (
        change if isinstance(change, bytes) else json.dumps(change(json.loads(lines[line]))).encode()
    )
    return b"\n".join(lines) + b"\n"


def records(store: LocalStore) -> list[dict[str, Any]]:
    return [dict(record) for record in store.metadata.read()]


def test_every_record_arrives_as_it_was(filled: LocalStore, other: LocalStore) -> None:
    stream = io.BytesIO()
    assert export_records(filled, stream) == 3
    lines = stream.getvalue().splitlines()
    assert json.loads(lines[0])["stargazer"] == 1
    assert [json.loads(line) for line in lines[1:4]] == records(filled)
    stream.seek(0)
    assert import_records(other, stream) == Merged(added=3, merged=0, unchanged=0)
    assert records(other) == records(filled)
    assert import_records(other, io.BytesIO(exported(filled))) == Merged(0, 0, 3)
    assert len(LocalStore(other.settings).find()) == 3


def test_an_empty_store(store: LocalStore, other: LocalStore) -> None:
    assert import_records(other, io.BytesIO(exported(store))) == Merged(0, 0, 0)


def test_equal_records_become_one_that_knows_what_both_knew(filled: LocalStore, other: LocalStore) -> None:
    content = exported(filled)
    import_records(other, io.BytesIO(content))

    def more(record: dict[str, Any]) -> dict[str, Any]:
        return record | {"id": "another", "run_ids": ["run2"], "recipe": "", "recipes": []}

    assert import_records(other, io.BytesIO(rewritten(content, 1, more))) == Merged(0, 1, 2)
    [found] = other.find(build="b")
    assert (found.run_ids, found.recipe, found.recipes) == (["run1", "run2"], "r", ["r"])
    assert found.id == filled.find(build="b")[0].id
    assert len(records(other)) == 3


def test_a_record_that_was_changed_on_one_side_keeps_all_out(filled: LocalStore, other: LocalStore) -> None:
    content = exported(filled)
    import_records(other, io.BytesIO(rewritten(content, 2, lambda r: r | {"keyvalues": {"changed": "yes"}})))
    before = records(other)
    with pytest.raises(StargazerError, match="says other things"):
        import_records(other, io.BytesIO(content))
    assert records(other) == before


@pytest.mark.parametrize(
    ("line", "change", "told"),
    [
        (0, b"", "Line 1 is not JSON"),
        (0, b"[]", "Line 1 is not a JSON object"),
        (0, b"{}", "Line 1 is not the header"),
        (0, b'{"stargazer": 2}', "newer version"),
        (2, b"{", "Line 3 is not JSON"),
        (2, b"\xff\xfe", "Line 3 is not JSON"),
        (2, b"5", "Line 3 is not a JSON object"),
        (2, b"{}", "Line 3 is not a record: its keyvalues are not text"),
        (2, lambda r: r | {"keyvalues": {"a": 5}}, "Line 3 is not a record: its keyvalues"),
        (2, lambda r: r | {"keyvalues": {"cid": "x"}}, "Line 3 is not a record: The key 'cid' is kept"),
        (2, lambda r: r | {"keyvalues": {"": "x"}}, "Line 3 is not a record: A key must not be empty"),
        (2, lambda r: r | {"cid": ""}, "Line 3 is not a record: its cid is not one"),
        (2, lambda r: r | {"cid": "../../x"}, "Line 3 is not a record: its cid is not one"),
        (2, lambda r: r | {"cid": "Qm" + "a" * 44}, "Line 3 is not a record: .* is a CIDv0"),
        (2, lambda r: r | {"name": ["x"]}, "Line 3 is not a record: its name is not text"),
        (2, lambda r: r | {"derived_from": "x"}, "Line 3 is not a record: its derived_from is not a list"),
        (4, b'{"records": 2}', "Line 5 says that there are 2 records, and 3 came"),
        (4, b'{"records": "many"}', "Line 5 says"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_entered(
    filled: LocalStore, other: LocalStore, line: int, change: Any, told: str
) -> None:
    with pytest.raises(StargazerError, match=told):
        import_records(other, io.BytesIO(rewritten(exported(filled), line, change)))
    assert records(other) == []
    assert not other.root.exists()


@pytest.mark.parametrize("lines", [0, 1, 3, 4])
def test_an_export_that_was_cut_off_is_refused(filled: LocalStore, other: LocalStore, lines: int) -> None:
    content = b"".join(exported(filled).splitlines(keepends=True)[:lines])
    with pytest.raises(UsageError, match=r"cut off|not the header"):
        import_records(other, io.BytesIO(content))
    with pytest.raises(UsageError, match=r"cut off|not the header|not JSON"):
        import_records(other, io.BytesIO(content[:-5]))
    assert records(other) == []


def test_a_line_without_end_does_not_fill_the_memory(
    filled: LocalStore, other: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portable_module, "_LONGEST_LINE", 1_000)
    long = rewritten(exported(filled), 2, lambda record: record | {"name": "x" * 5_000})
    with pytest.raises(UsageError, match="Line 3 is not JSON"):
        import_records(other, io.BytesIO(long))


def test_a_record_without_base_fields_is_completed(other: LocalStore) -> None:
    record = {"cid": "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku", "keyvalues": {"a": "b"}}
    lines = [b'{"stargazer": 1}', json.dumps(record).encode(), b'{"records": 1}']
    assert import_records(other, io.BytesIO(b"\r\n".join(lines))) == Merged(1, 0, 0)
    [asset] = other.find(a="b")
    assert asset.id
