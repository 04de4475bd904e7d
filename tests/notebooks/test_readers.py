"""What the notebooks read with, on small files whose content is known."""

import gzip
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.finished import finished_sample

from stargazer_cli import catalog
from stargazer_cli.assets import new_asset
from stargazer_cli.errors import StargazerError
from stargazer_cli.notebooks import bringing, charts, lineages, metrics, variants
from stargazer_cli.notebooks.cells import Cells
from stargazer_cli.store import LocalStore, NewFile
from stargazer_cli.store.lineage import Edge, Lineage, trace

HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tann\tbob\n"
RECORDS = (
    "1\t10\t.\tA\tG\t50\tPASS\tDP=30\tGT:DP:GQ\t0/1:20:99\t1|1:10:60",
    "1\t20\t.\tA\tC,AT\t.\tLowQual\tAC=1\tGT:DP\t1/2:9\t./.:0",
    "2\t30\t.\tGAT\tG\t70.5\tPASS\tDP=12;AF=0.5\tGT\t0/0\t1",
    "2\t40\t.\tAC\tGC,TT,*\t80\t.\tDP=8\tDP:GT\t8:0/1\t.:0|0",
    "X\t50\t.\tC\t<DEL>\t90\tPASS\tEND=90\tGT\t0/1\t./1",
)


@pytest.fixture
def vcf(tmp_path: Path) -> Path:
    file = tmp_path / "small.vcf.gz"
    file.write_bytes(gzip.compress((HEADER + "\n".join(RECORDS) + "\n").encode()))
    return file


@pytest.mark.parametrize(
    ("library", "name", "read"),
    [
        ("pandas", "pandas", variants.read),
        ("pandas", "pandas", metrics.coverage),
        ("pandas", "pandas", lambda path: bringing.look([path], {})),
        ("anndata", "AnnData", lambda path: Cells(path).genes),
        ("altair", "Altair", lambda _: charts.use_theme()),
    ],
    ids=["variants", "metrics", "bringing", "cells", "charts"],
)
def test_a_missing_library_is_told_with_the_extra(
    vcf: Path, monkeypatch: pytest.MonkeyPatch, library: str, name: str, read: Callable[[Path], object]
) -> None:
    for module in [each for each in sys.modules if each.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(StargazerError, match=f"A notebook needs {name}, which is not installed") as error:
        read(vcf)
    assert error.value.hint == "Install it with: pip install 'stargazer[notebook]'"


@pytest.mark.parametrize(
    ("ref", "alt", "kind"),
    [
        ("A", "G", "SNP"),
        ("ATG", "ACG", "SNP"),
        ("A", "AT", "insertion"),
        ("CAA", "CA", "deletion"),
        ("AT", "GC", "MNP"),
        ("ATG", "CA", "complex"),
        ("A", "<DEL>", "symbolic"),
        ("A", "A[chr2:3[", "symbolic"),
    ],
)
def test_an_allele_is_what_is_left_of_it(ref: str, alt: str, kind: str) -> None:
    assert variants.classify(ref, alt) == kind


def test_records_and_genotypes_are_counted(vcf: Path) -> None:
    calls = variants.read(vcf)
    numbers = variants.summary(calls)
    assert {key: numbers[key] for key in ("records", "passed", "multi-allelic", "SNP", "deletion")} == {
        "records": 5,
        "passed": 4,
        "multi-allelic": 2,
        "SNP": 1,
        "deletion": 1,
    }
    # A>G and, written long, A>G; A>C. AC>TT is no SNP.
    assert (numbers["transitions"], numbers["transversions"], numbers["ti/tv"]) == (2, 1, 2)
    samples = variants.by_sample(calls).set_index("sample")
    assert samples.loc["ann", ["het", "hom alt", "hom ref", "no call"]].tolist() == [4, 0, 1, 0]
    assert samples.loc["bob", ["het", "hom alt", "hom ref", "no call"]].tolist() == [0, 2, 1, 2]
    assert calls.complete


@pytest.mark.parametrize(
    ("ref", "alt", "expected"),
    [
        # type, with SNP, with indel, alleles, transitions, transversions: as bcftools 1.16 counts them
        ("AT", "A,ATT", ("mixed", 0, 1, 2, 0, 0)),
        ("A", "AT,G", ("mixed", 1, 1, 2, 1, 0)),
        ("A", "AT,*", ("insertion", 0, 1, 2, 0, 0)),
        ("N", "A", ("SNP", 1, 0, 1, 0, 0)),
        ("a", "c", ("SNP", 1, 0, 1, 0, 1)),
        ("A", "G,<NON_REF>", ("SNP", 1, 0, 1, 1, 0)),
        ("A", ".", ("no allele", 0, 0, 0, 0, 0)),
        ("AT", "GCA", ("complex", 0, 0, 1, 0, 0)),
    ],
)
def test_a_site_counts_for_what_bcftools_counts_it(
    tmp_path: Path, ref: str, alt: str, expected: tuple[object, ...]
) -> None:
    file = tmp_path / "one.vcf"
    file.write_text(f"{HEADER}1\t10\t.\t{ref}\t{alt}\t50\tPASS\t.\tGT\t0/1\t0/0\n")
    calls = variants.read(file)
    numbers = variants.summary(calls)
    found = [numbers[name] for name in ("with SNP", "with indel")]
    found += [calls.records["alleles"].sum(), numbers["transitions"], numbers["transversions"]]
    assert (calls.records["type"].item(), *found) == expected


def test_a_selection_is_what_fits_all_that_is_asked(vcf: Path) -> None:
    calls = variants.read(vcf)

    def places(**asked: object) -> list[int]:
        return variants.select(calls, **asked).records["pos"].tolist()  # type: ignore[arg-type]

    assert places() == [10, 20, 30, 40, 50]
    assert places(passed=True) == [10, 30, 40, 50]
    assert places(types=["SNP", "mixed"]) == [10, 20, 40]
    assert places(contigs=["2"], min_quality=75) == [40]
    assert places(min_depth=12) == [10, 30]
    assert places(sample="bob") == [10, 30]
    assert variants.select(calls, sample="bob").genotypes["record"].unique().tolist() == [0, 2]
    wide = variants.wide(variants.select(calls, contigs=["1"]))
    assert wide[["ann", "bob"]].to_numpy().tolist() == [["0/1", "1|1"], ["1/2", "./."]]


def test_letters_of_another_time_do_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "old.vcf"
    file.write_bytes(f"##by=Andr\u00e9\n{HEADER}{RECORDS[0]}\n".encode("latin-1"))
    assert len(variants.read(file).records) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: gzip.compress(whole)[:-20],
        lambda whole: whole[:-30],
        lambda whole: whole.replace(b"\t50\t.\tC", b"\tfifty\t.\tC"),
    ],
)
def test_a_damaged_file_is_told_as_such(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    file = tmp_path / "damaged.vcf"
    file.write_bytes(damage((HEADER + "\n".join(RECORDS) + "\n").encode()))
    with pytest.raises(StargazerError, match=r"damaged\.vcf"):
        variants.read(file)


def test_a_long_file_is_read_up_to_a_limit(vcf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (len((some := variants.read(vcf, limit=2)).records), some.complete) == (2, False)
    assert variants.read(vcf, limit=5).complete
    # Of two samples, half as many records as genotypes.
    monkeypatch.setattr(variants, "GENOTYPES", 8)
    assert len(variants.read(vcf).records) == 4


def test_what_is_no_vcf_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.vcf").write_text("chrom pos\n")
    with pytest.raises(StargazerError, match="no VCF"):
        variants.read(tmp_path / "a.vcf")
    (tmp_path / "b.vcf").write_text(HEADER + "1\t10\n")
    with pytest.raises(StargazerError, match="cut short"):
        variants.read(tmp_path / "b.vcf")


def test_a_vcf_without_records_or_samples_has_empty_tables(tmp_path: Path) -> None:
    file = tmp_path / "empty.vcf"
    file.write_text("\t".join(HEADER.split("\t")[:8]) + "\n")
    calls = variants.read(file)
    assert variants.summary(variants.select(calls, passed=True))["records"] == 0
    assert (len(variants.wide(calls)), len(variants.by_sample(calls))) == (0, 0)


def test_the_share_of_duplicates_is_over_all_libraries(tmp_path: Path) -> None:
    file = tmp_path / "d.txt"
    counted = ("UNPAIRED_READS_EXAMINED", "READ_PAIRS_EXAMINED", "UNPAIRED_READ_DUPLICATES")
    names = "\t".join(("LIBRARY", *counted, "READ_PAIR_DUPLICATES"))
    file.write_text(
        f"## METRICS CLASS\tpicard.sam.DuplicationMetrics\n{names}\na\t10\t20\t2\t5\nb\t0\t25\t0\t0\n\n"
    )
    assert metrics.kind_of(file) == "duplicates"
    assert metrics.duplicates(file) == pytest.approx((2 + 10) / (10 + 40 + 50))


def test_cells_are_read_as_they_are_asked_for(tmp_path: Path) -> None:
    sample = finished_sample((60, 40, 20))
    sample.write_h5ad(tmp_path / "cells.h5ad")
    cells = Cells(tmp_path / "cells.h5ad")
    assert cells.clusters == ["0", "1", "2"]
    assert len(cells.table) == 120
    gene = cells.genes[3]
    assert np.allclose(cells.expression(gene), sample.X[:, 3].toarray().ravel())
    seen = cells.expressed([gene]).set_index("cluster")
    # A gene of the first cluster, in the second: some cells have it.
    second = sample.X[60:100, 3].toarray()
    assert seen.loc["1", "mean"] == pytest.approx(second.mean())
    assert seen.loc["1", "fraction"] == pytest.approx((second > 0).mean()) != 1
    assert len(cells.sample(50, gene)) == 50
    drawn = cells.sample(500, gene).reindex(sample.obs_names)
    assert np.allclose(drawn["expression"], cells.expression(gene))
    assert drawn["cluster"].tolist() == sample.obs["leiden"].tolist()
    with pytest.raises(StargazerError, match="no gene 'NONE'"):
        cells.expression("NONE")
    with pytest.raises(StargazerError, match="no column 'louvain'"):
        _ = Cells(tmp_path / "cells.h5ad", "louvain").table


def test_cells_of_one_name_keep_their_own_values(tmp_path: Path) -> None:
    """Barcodes of two samples that were put together by hand may be the same."""
    sample = finished_sample((6, 4, 2))
    sample.obs_names = ["AAAC-1"] * 12
    sample.write_h5ad(tmp_path / "cells.h5ad")
    cells = Cells(tmp_path / "cells.h5ad")
    drawn = cells.sample(500, cells.genes[3])
    assert sorted(drawn["expression"]) == sorted(cells.expression(cells.genes[3]))


def test_what_is_no_anndata_is_told(tmp_path: Path) -> None:
    (tmp_path / "cells.h5ad").write_text("no HDF5")
    with pytest.raises(StargazerError, match="cannot be read as AnnData"):
        _ = Cells(tmp_path / "cells.h5ad").table


def _graph(*edges: tuple[str, str]) -> Lineage:
    cids = sorted({end for edge in edges for end in edge})
    return Lineage(
        cids[-1], dict.fromkeys(cids, ()), tuple(Edge(child, parent, "x") for parent, child in edges)
    )


def test_a_file_stands_right_of_what_it_was_made_from() -> None:
    # b was made from a, d from b and c; that d was made from a too shows by b.
    drawing = lineages.draw(_graph(("a", "b"), ("b", "d"), ("c", "d"), ("a", "d")))
    boxes = drawing.boxes.set_index("cid")
    assert boxes["x"].to_dict() == {"a": 0, "c": 0, "b": 1, "d": 2}
    assert set(drawing.lines["line"]) == {"a b", "b d", "c d"}
    assert boxes["chosen"].to_dict() == {"a": False, "b": False, "c": False, "d": True}
    ends = drawing.lines.groupby("line")["x"].agg(["first", "last"])
    assert ends.loc["c d"].tolist() == [pytest.approx(0.4), pytest.approx(1.6)]
    assert not boxes.duplicated(["x", "y"]).any()


def test_a_ring_is_drawn_too() -> None:
    drawing = lineages.draw(_graph(("a", "b"), ("b", "a"), ("b", "c")))
    assert len(drawing.boxes) == 3
    assert set(drawing.lines["line"]) == {"a b", "b a", "b c"}


def test_what_a_file_was_made_from_is_told_from_near_to_far() -> None:
    graph = _graph(("lane", "merged"), ("merged", "recalibrated"), ("recalibrated", "vcf"), ("merged", "vcf"))
    assert lineages.ancestors(graph) == ["recalibrated", "merged", "lane"]
    assert lineages.ancestors(_graph(("a", "b"), ("b", "a"))) == ["a"]


def test_files_of_a_kind_can_share_a_box(store: LocalStore, tmp_path: Path) -> None:
    sources = []
    for number in range(3):
        (tmp_path / f"r{number}.fq").write_text(f"@{number}\nA\n+\nI\n")
        asset = new_asset("r1", sample_id=f"s{number}", name=f"r{number}.fq")
        sources.append(store.add([NewFile(tmp_path / f"r{number}.fq", asset)])[0].asset.cid)
    (tmp_path / "all.vcf").write_text(HEADER)
    made = new_asset("variants", name="all.vcf", derived_from=sources)
    result = store.add([NewFile(tmp_path / "all.vcf", made)])[0].asset
    graph = trace(store, result.cid, direction="up")
    assert len(lineages.draw(graph).boxes) == 4
    boxes = lineages.draw(graph, fold=True).boxes.set_index("kind")
    assert boxes["name"].to_dict() == {"r1": "3 files", "variants": "all.vcf"}
    assert lineages.files(graph)["made from"].tolist() == [0, 0, 0, 3]


def test_a_long_name_keeps_its_end() -> None:
    assert lineages.shortened("short.bam", 20) == "short.bam"
    assert lineages.shortened("a_very_long_name_of_a_sample.bam", 20) == "a_very…_a_sample.bam"


def test_a_histogram_counts_every_known_value() -> None:
    table = charts.histogram([1, 2, 2, 9, float("nan")], bins=4)
    assert table["count"].sum() == 4
    assert (table["start"].min(), table["end"].max()) == (1, 9)
    assert charts.histogram([])["count"].sum() == 0
    assert len(charts.palette(40)) == 40


def test_files_are_looked_at_and_none_is_stored(bundled: Path, store: LocalStore) -> None:
    reads = [bundled / "father_R1.fastq.gz", bundled / "father_R2.fastq.gz"]
    seen = bringing.look(reads, {"sample_id": "dad"})
    assert seen.table["kind"].tolist() == ["r1", "r2"]
    assert seen.table["known"].tolist() == ["sample_id=dad"] * 2
    assert "mate father_R2.fastq.gz" in seen.table["remarks"][0]
    assert seen.fields[0] == "sample_id"
    assert store.find() == []


def test_a_workflow_is_offered_the_samples_of_files_that_it_takes() -> None:
    assets = [
        new_asset("r1", sample_id="reads"),
        new_asset("variants", sample_id="called", variant_type="gvcf"),
        new_asset("variants", sample_id="cohort", variant_type="vcf"),
        new_asset("variants_index", sample_id="cohort"),
        new_asset("anndata", sample_id="cells"),
    ]
    offered = {name: bringing.samples_for(entry, assets) for name, entry in catalog.workflows().items()}
    assert offered == {
        "germline_short_variant_discovery": ["called", "reads"],
        "prepare_reference": [],
        "preprocess_sample": ["reads"],
        "scrna_clustering_pipeline": ["cells"],
    }
