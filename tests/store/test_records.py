"""Records that are changed and deleted, and what links to them."""

import threading
from pathlib import Path
from typing import Any

import pytest

from stargazer_cli.assets import R1, R2, Alignment, Asset, KnownSites, Reference, ReferenceIndex, Variants
from stargazer_cli.errors import UsageError
from stargazer_cli.store import LocalStore, NewFile

EMPTY = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"


def put(store: LocalStore, folder: Path, name: str, asset: Asset, content: str = "", **options: Any) -> Asset:
    path = folder / name
    path.write_text(content or name)
    return store.add([NewFile(path, asset, **options)])[0].asset


class TestUpdate:
    def test_keys_are_set_changed_and_removed(self, store: LocalStore, tmp_path: Path) -> None:
        before = put(
            store, tmp_path, "a.bam", Alignment(sample_id="a", tool="bwa", run_ids=["r"], recipe="x")
        )
        after = store.update(before.cid, {"sample_id": "b", "tool": None, "duplicates_marked": True})
        assert after.keyvalues == {"asset": "alignment", "sample_id": "b", "duplicates_marked": "true"}
        assert store.find() == [after]
        for key in ("id", "cid", "name", "run_ids", "recipe", "created_at", "path"):
            assert getattr(after, key) == getattr(before, key)

    @pytest.mark.parametrize(("value", "kept"), [(True, "true"), ("True", "true"), ("false", "false")])
    def test_a_value_may_be_typed_or_text(
        self, store: LocalStore, tmp_path: Path, value: object, kept: str
    ) -> None:
        asset = put(store, tmp_path, "a.bam", Alignment(sample_id="a"))
        assert store.update(asset.cid, {"duplicates_marked": value}).keyvalues["duplicates_marked"] == kept
        assert store.find(duplicates_marked=value)

    def test_other_types_keep_their_one_form(self, store: LocalStore, tmp_path: Path) -> None:
        sites = put(store, tmp_path, "k.vcf", KnownSites())
        assert store.update(sites.id, {"prior": "12", "known": False}).keyvalues == {
            "asset": "known_sites",
            "prior": "12.0",
            "known": "false",
        }
        variants = put(store, tmp_path, "v.vcf", Variants())
        changed = store.update(variants.cid, {"source_samples": ["a", "b"], "sample_count": 2})
        assert changed.keyvalues["source_samples"] == '["a", "b"]'

    @pytest.mark.parametrize(
        ("changes", "why"),
        [
            ({"duplicates_marked": "perhaps"}, "must be true or false"),
            ({"tool": True}, "must be text"),
            ({"sampel_id": "a"}, "no key 'sampel_id'. Did you mean 'sample_id'"),
            ({"asset": "alignmnt"}, "no asset kind 'alignmnt'"),
            ({"asset": "reference"}, "asset=reference has no key 'sample_id'"),
            ({"cid": "x"}, "kept by the store"),
            ({"name": None}, "kept by the store"),
            ({"sample_id": "a b\n"}, "sample id"),
            ({"tool": "\udc80"}, "not text in UTF-8"),
            ({"": "x"}, "no key ''"),
        ],
    )
    def test_what_a_new_asset_could_not_be_is_refused(
        self, store: LocalStore, tmp_path: Path, changes: dict[str, Any], why: str
    ) -> None:
        asset = put(store, tmp_path, "a.bam", Alignment(sample_id="a"))
        with pytest.raises(UsageError, match=why):
            store.update(asset.cid, changes)
        assert store.find() == [asset]

    def test_a_bare_asset_takes_any_key_and_may_get_a_kind(self, store: LocalStore, tmp_path: Path) -> None:
        asset = put(store, tmp_path, "x", Asset(project="p", build="b"))
        assert store.update(asset.cid, {"n": 5}).keyvalues == {"project": "p", "build": "b", "n": "5"}
        changed = store.update(asset.cid, {"asset": "reference", "project": None, "n": None})
        assert type(changed) is Reference
        assert store.find(asset="reference", build="b") == [changed]

    def test_a_kind_of_another_version_stays_as_it_is(self, store: LocalStore, tmp_path: Path) -> None:
        asset = put(store, tmp_path, "x", Asset(asset="of_tomorrow", colour="red"))
        assert store.update(asset.cid, {"colour": "blue"}).keyvalues == {
            "asset": "of_tomorrow",
            "colour": "blue",
        }

    def test_nothing_new_is_no_write(self, store: LocalStore, tmp_path: Path) -> None:
        asset = put(store, tmp_path, "a.bam", Alignment(duplicates_marked=True))
        before = (store.root / "stargazer_local.json").stat()
        assert store.update(asset.cid, {"duplicates_marked": "true", "tool": None}) == asset
        after = (store.root / "stargazer_local.json").stat()
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)

    def test_two_records_that_become_equal_are_one_and_lose_nothing(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        one = put(store, tmp_path, "x", R1(sample_id="a", run_ids=["1", "2"], recipe="R", derived_from=["p"]))
        two = put(
            store,
            tmp_path,
            "y",
            R1(sample_id="b", run_ids=["2", "3"], recipe="S", derived_from=["q"], owner="me"),
            "x",
        )
        assert one.cid == two.cid
        merged = store.update(two.id, {"sample_id": "a"})
        assert store.find() == [merged]
        assert (merged.id, merged.name, merged.created_at) == (one.id, "x", one.created_at)
        assert merged.run_ids == ["1", "2", "3"]
        assert (merged.recipe, merged.recipes) == ("R", ["R", "S"])
        assert (merged.derived_from, merged.owner) == (["p"], "me")  # what the first maker made it from

    def test_a_cid_with_several_records_asks_which(self, store: LocalStore, tmp_path: Path) -> None:
        one = put(store, tmp_path, "x", R1(sample_id="a"))
        two = put(store, tmp_path, "x", R1(sample_id="b"))
        for act in (lambda: store.update(one.cid, {"lane": "L1"}), lambda: store.delete(one.cid)):
            with pytest.raises(UsageError) as caught:
                act()
            for record, sample in ((one, "a"), (two, "b")):
                assert f"{record.id}  asset=r1 sample_id={sample}" in caught.value.items
            assert "id" in str(caught.value.hint)
        assert store.update(two.id, {"lane": "L1"}).id == two.id
        assert store.find(sample_id="a") == [one]

    @pytest.mark.parametrize("target", ["", "x", "../..", EMPTY])
    def test_what_is_not_there_is_told(self, store: LocalStore, tmp_path: Path, target: str) -> None:
        put(store, tmp_path, "x", R1(sample_id="a"))
        for act in (lambda: store.update(target, {"lane": "L1"}), lambda: store.delete(target)):
            with pytest.raises(UsageError, match="No asset has the CID or id"):
                act()


class TestDelete:
    def test_the_bytes_go_with_their_last_record(self, store: LocalStore, tmp_path: Path) -> None:
        one = put(store, tmp_path, "x", R1(sample_id="a"))
        two = put(store, tmp_path, "x", R1(sample_id="b"))
        first = store.delete(one.id)
        assert (first.asset.id, first.object_removed) == (one.id, False)
        assert store.find() == [two]
        assert store.stage(two.cid, "x").read_text() == "x"
        last = store.delete(two.cid)
        assert (last.asset.id, last.object_removed, last.asset.path) == (two.id, True, None)
        assert store.find() == []
        for folder in ("objects", "seals", "incoming"):
            assert list((store.root / folder).iterdir()) == []

    def test_what_others_link_to_is_kept_until_it_is_forced(self, store: LocalStore, tmp_path: Path) -> None:
        reference = put(store, tmp_path, "r.fa", Reference(build="b"))
        for n in range(7):
            put(store, tmp_path, f"{n}.bam", Alignment(sample_id=f"s{n}", reference_cid=reference.cid))
        with pytest.raises(UsageError) as caught:
            store.delete(reference.cid)
        message = str(caught.value)
        assert "r.fa is what 7 other assets link to" in message
        assert message.count(".bam (bafk") == 5
        assert "and 2 more" in message
        assert "--force" in str(caught.value.hint)
        assert store.object(reference.cid)
        assert store.delete(reference.cid, force=True).object_removed
        assert len(store.find(asset="alignment")) == 7

    def test_a_second_meaning_may_go_though_others_link_to_the_bytes(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        one = put(store, tmp_path, "r.fa", Reference(build="a"))
        two = put(store, tmp_path, "r.fa", Reference(build="b"))
        put(store, tmp_path, "r.fai", ReferenceIndex(reference_cid=one.cid))
        assert not store.delete(two.id).object_removed
        with pytest.raises(UsageError, match="what another asset links to"):
            store.delete(one.id)

    def test_a_link_to_itself_holds_nothing(self, store: LocalStore, tmp_path: Path) -> None:
        asset = put(store, tmp_path, "x", Asset(note="n"))
        store.update(asset.cid, {"source_cid": asset.cid})
        assert store.delete(asset.cid).object_removed

    def test_a_record_whose_bytes_are_missing_can_go(self, store: LocalStore, tmp_path: Path) -> None:
        asset = put(store, tmp_path, "x", R1(sample_id="a"))
        assert asset.path is not None
        asset.path.unlink()
        assert not store.delete(asset.cid).object_removed
        assert store.find() == []

    def test_bytes_that_are_added_while_they_are_deleted_are_there_or_are_not(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        """A file found in the store is deleted before its new record is written: it is copied after all."""
        path = tmp_path / "x"
        path.write_text("x")
        failures: list[BaseException] = []

        def work(sample: str) -> None:
            own = LocalStore(store.settings)
            try:
                for _ in range(25):
                    added = own.add([NewFile(path, R1(sample_id=sample))])[0].asset
                    own.delete(added.id)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(f"s{n}",)) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert store.find() == []
        assert list((store.root / "objects").iterdir()) == []


class TestLinks:
    def test_every_field_that_points_there_is_named(self, store: LocalStore, tmp_path: Path) -> None:
        target = put(store, tmp_path, "r", Reference(build="b"))
        one = put(store, tmp_path, "1", Alignment(reference_cid=target.cid, derived_from=[target.cid]))
        two = put(store, tmp_path, "2", Asset(my_own_cid=target.cid, note=target.cid))
        put(store, tmp_path, "3", Asset(note=target.cid))
        links = {(link.asset.id, link.field) for link in store.links_to(target.cid)}
        assert links == {(one.id, "reference_cid"), (one.id, "derived_from"), (two.id, "my_own_cid")}
        assert store.links_to("") == store.links_to("none") == []

    def test_mates_link_to_each_other(self, store: LocalStore, tmp_path: Path) -> None:
        first, second = tmp_path / "1", tmp_path / "2"
        first.write_text("1")
        second.write_text("2")
        one, two = store.add(
            [
                NewFile(first, R1(sample_id="a"), links={"mate_cid": second}),
                NewFile(second, R2(sample_id="a"), links={"mate_cid": first}),
            ]
        )
        assert [link.asset.id for link in store.links_to(one.asset.cid)] == [two.asset.id]
        with pytest.raises(UsageError, match="by mate_cid"):
            store.delete(one.asset.cid)
