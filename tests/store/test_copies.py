"""What files are called that are copied out of the store."""

from pathlib import Path

import pytest
from helpers.shell import write

from stargazer_cli.assets import Alignment, AlignmentIndex, Asset
from stargazer_cli.errors import UsageError
from stargazer_cli.store import LocalStore, NewFile
from stargazer_cli.store.copies import file_names


def test_the_first_record_that_has_a_name_gives_it(store: LocalStore, tmp_path: Path) -> None:
    [first] = store.add([NewFile(write(tmp_path / "a", "x"), Asset(keyvalues={"k": "1"}))])
    store.add([NewFile(write(tmp_path / "b", "x"), Asset(name="named.txt", keyvalues={"k": "2"}))])
    with store.metadata.transaction() as table:
        table.update({"name": ""}, doc_ids=[1])
    assert file_names(store, first.asset.cid, with_companions=True) == {first.asset.cid: "named.txt"}
    with store.metadata.transaction() as table:
        table.update({"name": ""})
    assert file_names(store, first.asset.cid, with_companions=False) == {first.asset.cid: first.asset.cid}


def test_two_files_cannot_have_one_name(store: LocalStore, tmp_path: Path) -> None:
    bam, bai = write(tmp_path / "x", "bam"), write(tmp_path / "other" / "x", "bai")
    added = store.add(
        [
            NewFile(bam, Alignment(sample_id="NA1")),
            NewFile(bai, AlignmentIndex(sample_id="NA1"), links={"alignment_cid": bam}),
        ]
    )
    cid = added[0].asset.cid
    assert file_names(store, cid, with_companions=False) == {cid: "x"}
    with pytest.raises(UsageError, match="Two of the files are named x"):
        file_names(store, cid, with_companions=True)
