"""The graph of what came from what, and its forms."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from stargazer_cli.assets import R1, R2, Alignment, Asset, Reference, Variants
from stargazer_cli.errors import UsageError
from stargazer_cli.store import LocalStore, NewFile
from stargazer_cli.store.lineage import Edge, Lineage, to_document, to_dot, to_mermaid, trace, tree


@pytest.fixture
def cids(store: LocalStore, tmp_path: Path) -> dict[str, str]:
    """Reads and a reference, a BAM of both, two calls of it; and another sample's BAM."""
    files = {name: tmp_path / name for name in ("r1", "r2", "ref", "bam", "vcf", "gvcf", "other")}
    for name, path in files.items():
        path.write_text(name)
    made_of_bam = {"made_from": [files["bam"], files["ref"]]}
    added = store.add(
        [
            NewFile(files["r1"], R1(sample_id="a"), links={"mate_cid": files["r2"]}),
            NewFile(files["r2"], R2(sample_id="a"), links={"mate_cid": files["r1"]}),
            NewFile(files["ref"], Reference(build="b")),
            NewFile(
                files["bam"],
                Alignment(sample_id="a"),
                links={"r1_cid": files["r1"], "reference_cid": files["ref"]},
                made_from=[files["r1"], files["r2"], files["ref"]],
            ),
            NewFile(files["vcf"], Variants(sample_id="a"), **made_of_bam),
            NewFile(files["gvcf"], Variants(sample_id="a", variant_type="gvcf"), **made_of_bam),
            NewFile(files["other"], Alignment(sample_id="z"), links={"reference_cid": files["ref"]}),
        ]
    )
    return dict(zip(files, (each.asset.cid for each in added), strict=True))


def named(lineage: Lineage, cids: dict[str, str]) -> set[str]:
    names = {cid: name for name, cid in cids.items()}
    return {names[cid] for cid in lineage.nodes}


def test_up_is_all_that_it_was_made_from(store: LocalStore, cids: dict[str, str]) -> None:
    lineage = trace(store, cids["vcf"], direction="up")
    assert named(lineage, cids) == {"vcf", "bam", "ref", "r1", "r2"}
    assert Edge(cids["bam"], cids["r1"], "r1_cid") in lineage.edges
    assert Edge(cids["bam"], cids["r1"], "derived_from") in lineage.edges
    assert all(edge.child in lineage.nodes and edge.parent in lineage.nodes for edge in lineage.edges)


def test_down_is_all_that_was_made_from_it(store: LocalStore, cids: dict[str, str]) -> None:
    assert named(trace(store, cids["r2"], direction="down"), cids) == {"r2", "bam", "vcf", "gvcf"}
    assert named(trace(store, cids["ref"], direction="down"), cids) == {"ref", "bam", "vcf", "gvcf", "other"}
    assert named(trace(store, cids["vcf"], direction="down"), cids) == {"vcf"}


def test_both_are_its_own_ancestors_and_descendants_and_not_their_other_relatives(
    store: LocalStore, cids: dict[str, str]
) -> None:
    assert named(trace(store, cids["bam"]), cids) == {"r1", "r2", "ref", "bam", "vcf", "gvcf"}
    assert named(trace(store, cids["r1"]), cids) == {"r1", "bam", "vcf", "gvcf"}


def test_mates_were_not_made_from_each_other(store: LocalStore, cids: dict[str, str]) -> None:
    assert trace(store, cids["r1"], direction="up").edges == ()
    assert "mate_cid" not in {edge.relation for edge in trace(store, cids["bam"]).edges}


def test_what_was_deleted_is_a_node_without_assets(store: LocalStore, cids: dict[str, str]) -> None:
    store.delete(cids["r1"], force=True)
    lineage = trace(store, cids["vcf"])
    assert lineage.nodes[cids["r1"]] == ()
    assert [asset.name for asset in lineage.nodes[cids["r2"]]] == ["r2"]
    assert any("not recorded here" in line for line in tree(lineage))
    # It can still be asked what came from it.
    assert named(trace(store, cids["r1"]), cids) == {"r1", "bam", "vcf", "gvcf"}


def test_what_nobody_knows_is_refused(store: LocalStore, cids: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="No asset has the CID"):
        trace(store, "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku")


def test_a_cid_with_two_records_has_the_links_of_both(store: LocalStore, cids: dict[str, str]) -> None:
    store.update(cids["other"], {"sample_id": "y"})
    path = store.object(cids["other"])
    assert path is not None
    store.add([NewFile(path, Alignment(sample_id="z", r1_cid=cids["r1"]))])
    lineage = trace(store, cids["other"], direction="up")
    assert named(lineage, cids) == {"other", "ref", "r1"}
    assert len(lineage.nodes[cids["other"]]) == 2


@pytest.fixture
def ring(store: LocalStore, tmp_path: Path) -> list[str]:
    """Three files, each of which says that it was made from the next."""
    cids = []
    for name in "abc":
        (tmp_path / name).write_text(name)
        cids.append(store.add([NewFile(tmp_path / name, Asset(note=name))])[0].asset.cid)
    for cid, following in zip(cids, cids[1:] + cids[:1], strict=True):
        store.update(cid, {"source_cid": following})
    return cids


def test_a_ring_ends(store: LocalStore, ring: list[str]) -> None:
    for direction in ("up", "down", "both"):
        lineage = trace(store, ring[0], direction=direction)
        assert set(lineage.nodes) == set(ring)
        assert len(lineage.edges) == 3
        assert len(tree(lineage)) <= 9
        assert to_dot(lineage).count("->") == to_mermaid(lineage).count("-->") == 3


def test_a_long_chain_is_no_matter_of_recursion() -> None:
    length = 3000
    nodes = {f"n{n}": () for n in range(length)}
    edges = tuple(Edge(f"n{n}", f"n{n + 1}", "source_cid") for n in range(length - 1))
    assert len(tree(Lineage("n0", nodes, edges))) == length + 1


def test_the_tree_is_what_a_person_would_draw(store: LocalStore, cids: dict[str, str]) -> None:
    def shown(target: str) -> list[str]:
        names = {cid: name for name, cid in cids.items()}
        lines = tree(trace(store, cids[target]))
        return [" ".join(names.get(word, word) for word in line.split(" ")) for line in lines]

    above = shown("bam")
    assert above[:2] == ["alignment bam  bam", "made from"]
    assert sorted(line[3:] for line in above[2:5]) == [
        "r1 r1  r1  [derived_from, r1_cid]",
        "r2 r2  r2  [derived_from]",
        "reference ref  ref  [derived_from, reference_cid]",
    ]
    assert [line[0] for line in above[2:5]] == ["├", "├", "└"]
    assert above[5] == "used by"
    assert sorted(line[3:] for line in above[6:]) == [
        "variants gvcf  gvcf  [derived_from]",
        "variants vcf  vcf  [derived_from]",
    ]
    # The calls hang from the reference itself and from the BAM; as leaves they are shown at both.
    below = shown("ref")
    assert below[1] == "used by"
    assert len(below) == 2 + 4 + 2


def test_a_branch_that_comes_twice_is_unfolded_once() -> None:
    edges = [("x", "a"), ("x", "b"), ("a", "c"), ("b", "c"), ("c", "d")]
    lineage = Lineage(
        "x",
        dict.fromkeys("xabcd", ()),
        tuple(sorted(Edge(child, parent, "source_cid") for child, parent in edges)),
    )
    assert tree(lineage) == [
        "not recorded here  x",
        "made from",
        "├─ not recorded here  a  [source_cid]",
        "│  └─ not recorded here  c  [source_cid]",
        "│     └─ not recorded here  d  [source_cid]",
        "└─ not recorded here  b  [source_cid]",
        "   └─ not recorded here  c  [source_cid] (shown above)",
    ]


def test_the_document_is_json_and_whole(store: LocalStore, cids: dict[str, str]) -> None:
    lineage = trace(store, cids["bam"])
    document = json.loads(json.dumps(to_document(lineage)))
    assert document["cid"] == cids["bam"]
    assert {node["cid"] for node in document["nodes"]} == set(lineage.nodes)
    [bam] = [node for node in document["nodes"] if node["cid"] == cids["bam"]]
    assert bam["assets"][0]["keyvalues"]["sample_id"] == "a"
    assert {(edge["child"], edge["parent"], edge["relation"]) for edge in document["edges"]} == {
        (edge.child, edge.parent, edge.relation) for edge in lineage.edges
    }


NASTY = 'a"];\n end [label="x`<b>&amp; \\ é %% #quot; \x1b[31m|.bam'


@pytest.fixture
def nasty(store: LocalStore, tmp_path: Path) -> Lineage:
    path = tmp_path / "x"
    path.write_text("x")
    cid = store.add([NewFile(path, Asset(name=NASTY, **{"my_cid": 'p"q\n'}))])[0].asset.cid
    return trace(store, cid)


def test_names_cannot_leave_their_label_in_mermaid(nasty: Lineage) -> None:
    text = to_mermaid(nasty)
    lines = text.splitlines()
    assert lines[0] == "flowchart LR"
    assert len(lines) == 1 + 2 + 1 + 1
    for line in lines[1:4]:
        assert line.count('"') == 2
    assert not set(text) & set("\x1b`\\&")
    assert "é" in text


def test_names_cannot_leave_their_label_in_graphviz(nasty: Lineage) -> None:
    text = to_dot(nasty)
    assert text.count("->") == 1
    assert "\x1b" not in text
    for line in text.splitlines()[3:-1]:
        assert line.replace("\\\\", "").replace('\\"', "").count('"') in (4, 6)
    if dot := shutil.which("dot"):
        subprocess.run([dot, "-Tsvg"], input=text.encode(), check=True, capture_output=True)
