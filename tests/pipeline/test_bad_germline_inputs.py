"""What a germline run refuses before its first task, and what it takes: many cases, one start of Nextflow."""

import gzip
import json
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from helpers import regions
from helpers.regions import CONTIGS, DIFFER, REGION
from helpers.shell import bgzf

from stargazer_cli import catalog
from stargazer_cli.tools import Toolbox

pytestmark = pytest.mark.pipeline

VCF_COLUMNS = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
OTHER_BUILD = {REGION: 399, "chr2": 200}
READ_CONTIGS = f"contigs:[{REGION}:400, chr2:200]"
NCBI_NAMES = {"17": 400, "2": 200}


# One of every type that a tag of a read may have, none of them a read group.
TAGS = b"XAAxXcc\1Xss\1\1XII\1\1\1\1XffRGZ?XHH1F\0XBBs\2\0\0\0RGZ?XZZRGZ\0"


def read(tags: bytes) -> bytes:
    """A read of three bases, with a CIGAR of one operation."""
    fixed = struct.pack("<iiBBHHHiiii", 0, 0, 2, 60, 4680, 1, 0, 3, -1, -1, 0)
    record = fixed + b"r\0" + struct.pack("<I", 3 << 4) + b"\x12\x40" + b"III" + tags
    return struct.pack("<i", len(record)) + record


def bam(
    contigs: dict[str, int],
    order: str = "coordinate",
    groups: tuple[str, ...] = ("ID:g\tSM:a",),
    reads: bytes = b"",
) -> bytes:
    """A BAM of no reads, or of those that are given."""
    lines = [f"@HD\tVN:1.6\tSO:{order}", *(f"@SQ\tSN:{name}\tLN:{size}" for name, size in contigs.items())]
    text = "".join(f"{line}\n" for line in [*lines, *(f"@RG\t{group}" for group in groups)]).encode()
    names = b"".join(
        struct.pack("<i", len(name) + 1) + name.encode() + b"\0" + struct.pack("<i", size)
        for name, size in contigs.items()
    )
    return bgzf(
        b"BAM\1" + struct.pack("<i", len(text)) + text + struct.pack("<i", len(contigs)) + names + reads
    )


def vcf(contigs: dict[str, int], records: list[str], samples: str = "", head: str = "") -> str:
    lines = [
        "##fileformat=VCFv4.2",
        *(f"##contig=<ID={name},length={size}>" for name, size in contigs.items()),
    ]
    columns = [*VCF_COLUMNS, *samples.split()]
    rows = [record.replace(" ", "\t") for record in records]
    return "\n".join([*lines, *head.splitlines(), "\t".join(columns), *rows]) + "\n"


def gvcf(contigs: dict[str, int], sample: str = "a") -> bytes:
    alt = '##ALT=<ID=NON_REF,Description="any other">'
    return bgzf(vcf(contigs, [], f"FORMAT {sample}", alt).encode())


def bai(references: int, last: int = 0) -> bytes:
    """An index whose last reads end in the block at `last`, before what it counts of them."""
    chunks = struct.pack("<QQQQ", 0, 0, 0, last << 16)
    counts = struct.pack("<IiQQQQ", 37450, 2, 1 << 60, 1 << 60, 7, 7)
    first = struct.pack("<iIi", 2, 4681, 2) + chunks + counts + struct.pack("<iQ", 1, 0)
    return b"BAI\1" + struct.pack("<i", references) + first + bytes(8) * (references - 1)


def tbi(names: str, last: int = 0) -> bytes:
    text = "".join(f"{name}\0" for name in names.split()).encode()
    fixed = struct.pack("<8i", len(names.split()), 2, 1, 2, 0, ord("#"), 0, len(text))
    return bgzf(b"TBI\1" + fixed + text + bai(len(names.split()), last)[8:])


SNP, INDEL = f"{REGION} 5 . A C . . .", f"{REGION} 9 . AT A . . ."

FILES: dict[str, str | bytes] = {
    "ref.fa": "".join(f">{name} text\n{'ACGT' * (size // 4)}\n" for name, size in CONTIGS.items()),
    "ref.fa.fai": "".join(f"{name}\t{size}\t9\t60\t61\n" for name, size in CONTIGS.items()),
    "other.fai": "".join(f"{name}\t{size}\t9\t60\t61\n" for name, size in OTHER_BUILD.items()),
    "ncbi.fai": "".join(f"{name}\t{size}\t9\t60\t61\n" for name, size in NCBI_NAMES.items()),
    "text.fai": "no index\n",
    "ref.dict": "@HD\tVN:1.6\n" + "".join(f"@SQ\tSN:{n}\tLN:{size}\n" for n, size in CONTIGS.items()),
    "a.bam": bam(CONTIGS, reads=read(TAGS + b"RGZg\0") + read(b"RGZg\0")),
    "untagged.bam": bam(CONTIGS, reads=read(b"RGZg\0") + read(TAGS)),
    "foreign.bam": bam(CONTIGS, reads=read(b"RGZh\0")),
    "short read.bam": bam(CONTIGS, reads=struct.pack("<ii", 4, 0)),
    "short read.u.bam": bam({}, order="queryname", reads=struct.pack("<ii", 4, 0)),
    "unknown tag.bam": bam(CONTIGS, reads=read(b"XXq1")),
    "a.bai": bai(2),
    "end.bai": bai(2, len(bam(CONTIGS, reads=read(TAGS + b"RGZg\0") + read(b"RGZg\0")))),
    "old.bai": bai(2, 1),
    "beyond.bai": bai(2, 1 << 20),
    "three.bai": bai(3),
    "short.bai": bai(2)[:60],
    "huge.bai": b"BAI\1" + struct.pack("<iiIi", 2, 1, 0, 1 << 26),
    "unsorted.bam": bam(CONTIGS, order="unsorted"),
    "ncbi.bam": bam(NCBI_NAMES),
    "other.bam": bam(OTHER_BUILD),
    "more.bam": bam({**CONTIGS, "chrM": 9}),
    "moved.bam": bam(dict(reversed(CONTIGS.items()))),
    "no group.bam": bam(CONTIGS, groups=()),
    "b.bam": bam(CONTIGS, groups=("ID:g\tSM:a", "ID:h\tSM:b")),
    "damaged.bam": bgzf(b"BAM\1" + struct.pack("<i", 5000) + b"@HD"),
    "u.bam": bam({}, order="queryname"),
    "u2.bam": bam({}, order="unsorted"),
    "no group.u.bam": bam({}, groups=()),
    "a.g.vcf.gz": gvcf(CONTIGS),
    "a.g.vcf.gz.tbi": tbi(f"{REGION} chr2"),
    "chr2.tbi": tbi("chr2"),
    "ncbi.tbi": tbi("2"),
    "old.tbi": tbi("chr2", 1),
    "short.tbi": bgzf(b"TBI\1\2"),
    "other.g.vcf.gz": gvcf(OTHER_BUILD, "b"),
    "both.vcf": vcf(CONTIGS, [SNP, INDEL]),
    "more/both.vcf": vcf(CONTIGS, [SNP, INDEL]),
    "it's.vcf": vcf(CONTIGS, [SNP, INDEL]),
    "both.vcf.idx": b"TIDX",
    "both.vcf.tbi": b"TIDX",
    "packed.vcf.gz": bgzf(vcf(CONTIGS, [SNP]).encode()),
    "packed.vcf.gz.tbi": b"no index",
    "zipped.vcf.gz": gzip.compress(vcf(CONTIGS, [SNP]).encode()),
    "cut.vcf.gz": bgzf(vcf(CONTIGS, [SNP]).encode())[:-28],
    "plain.vcf.gz": vcf(CONTIGS, [SNP]),
    "ncbi.vcf": vcf(NCBI_NAMES, []),
    "ncbi_records.vcf": vcf({}, [SNP.replace(REGION, "17")]),
    "other.vcf": vcf(OTHER_BUILD, [SNP]),
    "none.vcf": vcf(CONTIGS, []),
    "symbolic.vcf": vcf(CONTIGS, [f"{REGION} 5 . A <DEL>,* . . .", f"{REGION} 5 . AC GT . . ."]),
    "text.vcf": "no VCF\n",
    **{name: content for name, (content, _) in (regions.REFUSED | regions.ACCEPTED).items()},
}

BAMS = "sample,bam,bai,lane,library\n"
SITES = "resource_name,vcf,index,known,training,truth,prior,vqsr_mode\n"

# name -> parameters (`sheet` and `sites`: rows of the samplesheet and of known sites), what must be said
Case = tuple[dict[str, Any], list[str]]
REFUSED: dict[str, Case] = {
    "fai of another build": (
        {"fasta_fai": "other.fai", "dict": "ref.dict"},
        ["other.fai", "ref.dict", REGION, DIFFER],
    ),
    "fai of other names": ({"fasta_fai": "ncbi.fai"}, ["ncbi.fai", "contig 17", REGION, DIFFER]),
    "fai that is none": ({"fasta_fai": "text.fai"}, ["text.fai", "is no index"]),
    "BAM of other names": (
        {"sheet": "a,{}/ncbi.bam,,,"},
        ["ncbi.bam", "contig 17", REGION, "ref.fa", DIFFER],
    ),
    "BAM of other lengths": ({"sheet": "a,{}/other.bam,,,"}, ["other.bam", "399", "400", REGION, DIFFER]),
    "BAM with more contigs": ({"sheet": "a,{}/more.bam,,,"}, ["more.bam", "chrM", "ref.fa", DIFFER]),
    "BAM in another order": ({"sheet": "a,{}/moved.bam,,,"}, ["moved.bam", "order", DIFFER]),
    "BAM without read groups": (
        {"sheet": "a,{}/no group.bam,,,"},
        ["no group.bam", "AddOrReplaceReadGroups --RGSM a"],
    ),
    "reads without a read group": (
        {"sheet": "a,{}/untagged.bam,,,"},
        ["untagged.bam", "reads that name no read group", "AddOrReplaceReadGroups --RGSM a"],
    ),
    "reads of an unknown read group": ({"sheet": "a,{}/foreign.bam,,,"}, ["foreign.bam", "read group h"]),
    "a read that is none": (
        {"sheet": "a,{}/short read.bam,,,"},
        ["short read.bam", "header or its first read is damaged"],
    ),
    "an unmapped one": (
        {"sheet": "a,{}/short read.u.bam,,,"},
        ["short read.u.bam", "header or its first read is damaged"],
    ),
    "a tag that is none": (
        {"sheet": "a,{}/unknown tag.bam,,,"},
        ["unknown tag.bam", "header or its first read is damaged"],
    ),
    "BAM of two samples": ({"sheet": "a,{}/b.bam,,,"}, ["b.bam", "read group h is of sample b, not a"]),
    "unsorted BAM with an index": (
        {"sheet": "a,{}/unsorted.bam,{}/a.bai,,"},
        ["column bai", "unsorted.bam", "leave the bai out and it is sorted"],
    ),
    "index of other contigs": (
        {"sheet": "a,{}/a.bam,{}/three.bai,,"},
        [
            "column bai",
            "three.bai: is not the index of a.bam: it has 3 contigs and the BAM 2",
            "samtools index",
        ],
    ),
    "index of another BAM": ({"sheet": "a,{}/a.bam,{}/old.bai,,"}, ["column bai", "has no reads"]),
    "index of a longer BAM": ({"sheet": "a,{}/a.bam,{}/beyond.bai,,"}, ["column bai", "has no reads"]),
    "short index": ({"sheet": "a,{}/a.bam,{}/short.bai,,"}, ["short.bai", "a.bam: it is damaged"]),
    "index that counts beyond itself": ({"sheet": "a,{}/a.bam,{}/huge.bai,,"}, ["it is damaged"]),
    "index of a GVCF of other names": (
        {"sheet": "sample,gvcf,tbi\na,{}/a.g.vcf.gz,{}/ncbi.tbi"},
        ["column tbi", "ncbi.tbi: is not the index of a.g.vcf.gz", "contig 2", "IndexFeatureFile"],
    ),
    "index of another GVCF": (
        {"sheet": "sample,gvcf,tbi\na,{}/a.g.vcf.gz,{}/old.tbi"},
        ["column tbi", "old.tbi", "has no records"],
    ),
    "short index of a GVCF": (
        {"sheet": "sample,gvcf,tbi\na,{}/a.g.vcf.gz,{}/short.tbi"},
        ["short.tbi", "it is damaged"],
    ),
    "damaged BAM": ({"sheet": "a,{}/damaged.bam,,,"}, ["damaged.bam", "header or its first read is damaged"]),
    "mapped BAM with a lane": ({"sheet": "a,{}/a.bam,,L1,"}, ["column lane", "belongs to reads"]),
    "unmapped BAM with an index": ({"sheet": "a,{}/u.bam,{}/a.bai,,"}, ["column bai", "leave the bai out"]),
    "unmapped BAM with a library": ({"sheet": "a,{}/u.bam,,,lib"}, ["column library", "read groups"]),
    "unmapped BAM without read groups": (
        {"sheet": "a,{}/no group.u.bam,,,"},
        ["no group.u.bam", "AddOrReplaceReadGroups"],
    ),
    "unmapped and mapped": (
        {"sheet": "a,{}/u.bam,,L1,\na,{}/a.bam,,,"},
        ["line 3", "a BAM without a bai here", "an unmapped BAM on line 2"],
    ),
    "a sample twice": (
        {"sheet": "a,{}/a.bam,,,\na,{}/unsorted.bam,,,"},
        ["line 3", "column sample", "line 2"],
    ),
    "mixed builds": (
        {"sheet": "sample,gvcf\na,{}/a.g.vcf.gz\nb,{}/other.g.vcf.gz"},
        ["GVCF of sample b", "other.g.vcf.gz", REGION, "399", DIFFER],
    ),
    "sites of other names": ({"sites": "x,{}/ncbi.vcf,,,,,,"}, ["line 2", "ncbi.vcf", "contig 17", DIFFER]),
    "sites of other names, in records": (
        {"sites": "x,{}/ncbi_records.vcf,,,,,,"},
        ["ncbi_records.vcf", "contig 17", DIFFER],
    ),
    "sites of another build": ({"sites": "x,{}/other.vcf,,,,,,"}, ["other.vcf", REGION, "399", DIFFER]),
    "sites without variants": ({"sites": "x,{}/none.vcf,,,,,,"}, ["none.vcf", "holds no variants"]),
    "sites in plain gzip": ({"sites": "x,{}/zipped.vcf.gz,,,,,,"}, ["zipped.vcf.gz", "bgzip"]),
    "sites cut off": ({"sites": "x,{}/cut.vcf.gz,,,,,,"}, ["cut.vcf.gz", "cut off"]),
    "sites in plain text named gz": (
        {"sites": "x,{}/plain.vcf.gz,,,,,,"},
        ["plain.vcf.gz", "must end in .vcf"],
    ),
    "sites in no VCF": ({"sites": "x,{}/text.vcf,,,,,,"}, ["text.vcf", "is not a VCF"]),
    "sites with an index of another name": (
        {"sites": "x,{}/both.vcf,{}/both.vcf.tbi,,,,,"},
        ["column index", "both.vcf.idx"],
    ),
    "sites with a bad index": (
        {"sites": "x,{}/packed.vcf.gz,{}/packed.vcf.gz.tbi,,,,,"},
        ["column index", "is not an index"],
    ),
    "sites without a file": (
        {"sites": "x,{}/missing.vcf,,,,,,"},
        ["line 2, column vcf", "missing.vcf", "no such file"],
    ),
    "sites that name no file": ({"sites": "x,,,,,,,"}, ["line 2, column vcf: is empty"]),
    "sites with an odd name": (
        {"sites": "x y,{}/both.vcf,,,,,,"},
        ["line 2, column resource_name", "'x y' cannot be used"],
    ),
    "a resource twice": (
        {"sites": "x,{}/both.vcf,,,,,,\nX,{}/packed.vcf.gz,,,,,,"},
        ["line 3, column resource_name", "line 2"],
    ),
    "sites whose file has an odd name": (
        {"sites": "x,{}/it's.vcf,,,,,,"},
        ["line 2, column vcf", "it's.vcf", "rename it"],
    ),
    "indexes of one name": (
        {"sites": "x,{}/both.vcf,,,,,,\ny,{}/more/both.vcf,,,,,,"},
        ["line 3, column vcf", "more/both.vcf", "line 2", "rename one"],
    ),
    "a file of sites twice": (
        {"sites": "x,{}/both.vcf,,,,,,\ny,{}/both.vcf,,,,,,"},
        ["line 3, column vcf", "line 2"],
    ),
    "neither true nor false": ({"sites": "x,{}/both.vcf,,yes,,,,"}, ["column known", "'yes'"]),
    "training without a prior": ({"sites": "x,{}/both.vcf,,,true,,,"}, ["column prior", "is empty"]),
    "prior that is no number": ({"sites": "x,{}/both.vcf,,,true,,high,"}, ["column prior", "'high'"]),
    "mode": ({"sites": "x,{}/both.vcf,,,,,,MNP"}, ["column vqsr_mode", "SNP, INDEL, BOTH"]),
    "unknown column of sites": (
        {"sites": "resource_name,vcf,build\nx,{}/both.vcf,hg19"},
        ["line 1", "'build'"],
    ),
    "sites without a VCF column": ({"sites": "resource_name\nx"}, ["line 1", "column vcf is missing"]),
    "a VCF for the table of sites": ({"known_sites": "both.vcf"}, ["both.vcf", "is a VCF; it takes a CSV"]),
    **{name: ({"intervals": name}, says) for name, (_, says) in regions.REFUSED.items()},
}

ACCEPTED: dict[str, Case] = {
    "everything at its best": (
        {
            "sheet": "a,{}/a.bam,{}/a.bai,,",
            "fasta_fai": "ref.fa.fai",
            "dict": "ref.dict",
            "intervals": "good.bed",
            "sites": "z,{}/both.vcf,{}/both.vcf.idx,false,true,TRUE,15,snp\ny,{}/packed.vcf.gz,,,,,,",
        },
        [
            "entry:ready",
            "types:[SNP, INDEL]",
            "types:[SNP]",
            "prior:15.0",
            "vqsr_mode:SNP",
            "vqsr_mode:BOTH",
            READ_CONTIGS,
        ],
    ),
    "index up to the end": ({"sheet": "a,{}/a.bam,{}/end.bai,,"}, ["entry:ready"]),
    "index of a GVCF": (
        {"sheet": "sample,gvcf,tbi\na,{}/a.g.vcf.gz,{}/a.g.vcf.gz.tbi"},
        ["entry:gvcf"],
    ),
    "index of a GVCF of one contig": (
        {"sheet": "sample,gvcf,tbi\na,{}/a.g.vcf.gz,{}/chr2.tbi"},
        ["entry:gvcf"],
    ),
    "contigs from the FASTA": ({"intervals": "good.interval_list"}, [READ_CONTIGS]),
    # That their bases are counted is seen in what 2 x bases < 600 decides.
    **{
        name: ({"intervals": name}, [f"targeted:{str(2 * bases < sum(CONTIGS.values())).lower()}"])
        for name, (_, bases) in regions.ACCEPTED.items()
    },
    "BAM in any order": ({"sheet": "a,{}/unsorted.bam,,,"}, ["entry:bam"]),
    "unmapped lanes": (
        {"sheet": "a,{}/u.bam,,L1,\na,{}/u2.bam,,L2,"},
        ["entry:unmapped, by_name:true", "entry:unmapped, by_name:false", "id:a.L2", "lanes:2"],
    ),
    "sites that are neither": ({"sites": "x,{}/symbolic.vcf,,,,,,"}, ["types:[]"]),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, toolbox: Toolbox) -> dict[str, str]:
    """What the pipeline says of each case, without the folder's name."""
    folder = tmp_path_factory.mktemp("bad inputs")
    for name, content in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    cases = {name: _parameters(folder, name, case) for name, (case, _) in (REFUSED | ACCEPTED).items()}
    (folder / "cases.json").write_text(json.dumps(cases))
    script = catalog.pipeline_dir() / "tests/pipeline/refusals.nf"
    done = subprocess.run(
        [*toolbox.nextflow, "run", script, "--cases", "cases.json", "--said", folder / "said.json"],
        cwd=folder,
        env=toolbox.environment(),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, str] = json.loads((folder / "said.json").read_text())
    return {name: text.replace(f"{folder}/", "") for name, text in told.items()}


def _parameters(folder: Path, name: str, case: dict[str, Any]) -> dict[str, str | int]:
    """The parameters of a case, its samplesheet and table of sites written."""
    given: dict[str, str | int] = {
        "workflow": "germline_short_variant_discovery",
        "bqsr": "off",
        "filter": "none",
    }
    given |= {"fasta": str(folder / "ref.fa"), "aligner": "bwa", "outdir": str(folder / "results")}
    given |= {key: str(folder / value) for key, value in case.items() if key not in ("sheet", "sites")}
    tables = {
        "input": (BAMS, case.get("sheet", "a,{}/a.bam,,,")),
        "known_sites": (SITES, case.get("sites", "")),
    }
    for key, (header, rows) in tables.items():
        if rows:
            table = folder / f"{name} {key}.csv"
            own_header = rows.startswith(("sample,", "resource_name"))
            table.write_text(("" if own_header else header) + rows.replace("{}", str(folder)) + "\n")
            given[key] = str(table)
    return given


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_in_one_line_that_names_it(said: dict[str, str], case: str) -> None:
    assert not said[case].startswith("accepted")
    assert "\n" not in said[case]
    assert [part for part in REFUSED[case][1] if part not in said[case]] == [], said[case]


@pytest.mark.parametrize("case", ACCEPTED)
def test_good_input_is_read_for_what_it_is(said: dict[str, str], case: str) -> None:
    assert said[case].startswith("accepted")
    assert [part for part in ACCEPTED[case][1] if part not in said[case]] == [], said[case]


def test_a_missing_aligner_is_told_with_the_ways_out(tmp_path: Path, toolbox: Toolbox) -> None:
    """Default parameters on a machine that has but bwa."""
    (tmp_path / "ref.fa").write_text(str(FILES["ref.fa"]))
    hidden = "process { withName: BWA_MEM2_INDEX { beforeScript = 'PATH=/usr/bin:/bin' } }\n"
    (tmp_path / "hidden.config").write_text(hidden)
    asked = ("-ansi-log", "false", "--workflow", "prepare_reference", "--fasta", "ref.fa")
    done = subprocess.run(
        [*toolbox.nextflow, "run", catalog.pipeline_dir(), "-c", "hidden.config", *asked],
        cwd=tmp_path,
        env=toolbox.environment(),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode != 0
    (hint,) = (line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Hint"))
    assert "bwa-mem2 is not on PATH" in hint
    assert "--aligner bwa" in hint
