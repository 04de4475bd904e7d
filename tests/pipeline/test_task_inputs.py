"""What a task alone refuses before it starts, and what it makes of its files: one start of Nextflow."""

import gzip
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stargazer_cli import catalog
from stargazer_cli.tools import Toolbox

pytestmark = pytest.mark.pipeline

NAMES = "1 to 100 letters, digits, dots, underscores and dashes"
GENOME = "fasta,ref.fa\nfai,ref.fa.fai\ndict,ref.dict\n"
BAM = "role,path,sample_id\nbam,a.bam,a\nbai,a.bai,a\n"
COHORT = "role,path,sample_id,of\nfasta,ref.fa\nfai,ref.fa.fai\ndict,ref.dict\n"
GVCFS = "gvcfs,b.g.vcf.gz,b\ngvcfs,a.g.vcf.gz,a\n"
SITES = "role,path,resource_name,training,truth,prior,vqsr_mode\nvcf,a.vcf.gz\ntbi,a.vcf.gz.tbi\n"
BQSR = "role,path,resource_name\nbam,a.bam\nbai,a.bai\n" + GENOME
MODEL = "role,path,mode\nvcf,a.vcf.gz\ntbi,a.vcf.gz.tbi\ntranches,snp.tranches\n"
INDEX = "".join(f"index,ref.fa.{ending}\n" for ending in ("amb", "ann", "bwt", "pac", "sa"))
HELP = "variant_recalibrator"
READS = "role,path,sample_id,lane,library,sequencing_platform\n"

# A task and, before it, what makes of its files what the module takes; its parameters; inputs.csv, or
# None where there is none; what is in the answer.
Case = tuple[str, dict[str, Any], str | None, tuple[str, ...]]

REFUSED: dict[str, Case] = {
    "no task": ("", {}, "", ("--task is missing", "apply_bqsr", "sort_sam")),
    "no such task": ("mark_dups", {}, "", ("no task 'mark_dups'", "the tasks are", "mark_duplicates")),
    "a task in other letters": ("MarkDuplicates", {}, "", ("did you mean mark_duplicates?",)),
    "a task as a path": ("../gatk/sort_sam", {}, "", ("no task '../gatk/sort_sam'",)),
    "no input": ("sort_sam", {}, None, ("--input is missing", "role and path", "the roles are bam")),
    "unknown parameter": (
        "sort_sam",
        {"order": 1},
        BAM,
        ("Unknown parameter --order: sort_sam takes --sort_order, --cohort_id",),
    ),
    "a parameter in other letters": (
        "sort_sam",
        {"sortOrder": "duplicate"},
        BAM,
        ("--sortOrder, did you mean --sort_order?",),
    ),
    "a parameter of another task": (
        "sort_sam",
        {"min_genes": 5},
        BAM,
        ("--min_genes 5: is no parameter of sort_sam, which takes --sort_order, --cohort_id",),
    ),
    "no value of a choice": (
        "sort_sam",
        {"sort_order": "size"},
        BAM,
        ("--sort_order size", "coordinate, queryname"),
    ),
    "a word for a number": (
        "mark_duplicates",
        {"optical_duplicate_pixel_distance": "far"},
        BAM,
        ("must be an integer",),
    ),
    "a number out of its range": (
        "joint_call_gvcfs",
        {"sample_ploidy": 0},
        COHORT + GVCFS,
        ("--sample_ploidy 0", "at least 1"),
    ),
    "a parameter that must be": ("variant_recalibrator", {}, SITES, ("--mode is missing", "SNP, INDEL")),
    "a label that is no name": (
        "samtools_fastq",
        {"lane": "../x"},
        BAM,
        ("--lane '../x'", "names files", NAMES),
    ),
    "a cohort that is no name": ("joint_call_gvcfs", {"cohort_id": "a b"}, COHORT, ("--cohort_id 'a b'",)),
    "input is no file": (
        "sort_sam",
        {"input": "absent.csv"},
        None,
        ("--input absent.csv: there is no such file",),
    ),
    "input is no table": ("sort_sam", {"input": "a.bam"}, None, ("--input {}/a.bam", "column 'a.bam'")),
    "an unknown column": (
        "sort_sam",
        {},
        "role,path,colour\nbam,a.bam,red\n",
        ("line 1: unknown column 'colour'",),
    ),
    "no column of paths": ("sort_sam", {}, "role\nbam\n", ("line 1: column path is missing",)),
    "an unknown role": (
        "sort_sam",
        {},
        "role,path\nlanes,a.bam\n",
        ("line 2, column role: 'lanes'", "which has bam"),
    ),
    "no path": ("sort_sam", {}, "role,path\nbam,\n", ("line 2, column path: is empty",)),
    "no such file": ("sort_sam", {}, "role,path\nbam,no.bam\n", ("no.bam: there is no such file",)),
    "a folder": ("sort_sam", {}, "role,path\nbam,.\n", ("is a folder, not a file",)),
    "two files for one": (
        "sort_sam",
        {},
        "role,path\nbam,a.bam\nbam,b.bam\n",
        ("line 3, column role: bam is one file", "line 2"),
    ),
    "a needed file is not there": (
        "validate_sam",
        {},
        BAM,
        ("has no row of role fasta, which validate_sam needs: Reference",),
    ),
    "a sample that is no name": (
        "sort_sam",
        {},
        "role,path,sample_id\nbam,a.bam,a/b\n",
        ("column sample_id: 'a/b'",),
    ),
    "half an index": (
        "alignerIndex bwa_mem",
        {},
        READS + "fastq_1,r1.fq,a\n" + INDEX.replace("index,ref.fa.sa\n", ""),
        ("no row of role index end in .sa", "of bwa is one file each of .amb"),
    ),
    "two indexes": (
        "alignerIndex bwa_mem",
        {},
        READS + "fastq_1,r1.fq,a\n" + INDEX * 2,
        ("several rows of role index end in .amb",),
    ),
    "a GVCF of nobody": (
        "cohortPart joint_call_gvcfs",
        {},
        COHORT + "gvcfs,a.g.vcf.gz\n",
        ("column sample_id: is empty",),
    ),
    "two GVCFs of one": (
        "cohortPart joint_call_gvcfs",
        {},
        COHORT + "gvcfs,a.g.vcf.gz,a\ngvcfs,b.g.vcf.gz,a\n",
        ("a is also on line 5",),
    ),
    "an index of no GVCF": (
        "cohortPart joint_call_gvcfs",
        {},
        COHORT + GVCFS + "tbis,other.tbi\n",
        ("other.tbi is the index of no other row",),
    ),
    "an index of another file": (
        "cohortPart joint_call_gvcfs",
        {},
        COHORT + GVCFS + "tbis,other.tbi,a,x\n",
        ("column of: x is the path of no other row",),
    ),
    "a part without its surroundings": (
        "cohortPart joint_call_gvcfs",
        {},
        COHORT + GVCFS + "part,07.part.bed\n",
        ("a part needs a row of role call",),
    ),
    "lanes of two samples": (
        "mark_duplicates",
        {},
        "role,path,sample_id\nlanes,a.bam,a\nlanes,b.bam,b\n",
        ("line 3, column sample_id: b is another sample than a, and what mark_duplicates makes is of one",),
    ),
    # It goes into the read group, and with it onto a command line.
    "a platform that is none": (
        "lane bwa_mem",
        {},
        READS + "fastq_1,a.fq,a,,,'$(touch x)'\n" + INDEX,
        ("column sequencing_platform: ''$(touch x)'' is none of CAPILLARY",),
    ),
    "a stage that is none": (
        "scrna_chain",
        {},
        "role,path,sample_id,stage\nh5ad,a.h5ad,a,$(touch x)\n",
        ("column stage: '$(touch x)' is none of raw, qc_filtered",),
    ),
    "a part with what is called for another": (
        "cohortPart joint_call_gvcfs",
        {},
        COHORT + GVCFS + "part,07.part.bed\ncall,06.call.bed\n",
        ("06.call.bed does not hold the regions of", "07.part.bed", "of the same number"),
    ),
    "a part that is no BED": (
        "cohortPart joint_call_gvcfs",
        {},
        COHORT + GVCFS + "part,other.txt\ncall,07.call.bed\n",
        ("'other.txt' is no line of a BED",),
    ),
    "known sites without an index": (
        "knownSites base_recalibrator",
        {},
        BQSR + "vcfs,a.vcf.gz,x\nvcfs,b.vcf,y\nindexes,a.vcf.gz.tbi\n",
        ("b.vcf: no row is its index, b.vcf.idx",),
    ),
    "a resource without a name": (
        "resources variant_recalibrator",
        {"mode": "SNP"},
        SITES + "sites,b.vcf\nindexes,b.vcf.idx\n",
        ("column resource_name: is empty",),
    ),
    "a resource without a prior": (
        "resources variant_recalibrator",
        {"mode": "SNP"},
        SITES + "sites,b.vcf,x,true\nindexes,b.vcf.idx\n",
        ("column prior: '' is not a number above 0",),
    ),
    "a model of no mode": (
        "model apply_vqsr",
        {},
        MODEL + "recal,recal.vcf.gz,BOTH\n",
        ("'BOTH' is neither SNP nor INDEL",),
    ),
    "evidence of both kinds": (
        "evidence genotype_gvcfs",
        {},
        "role,path\n" + GENOME + "workspace,db.tar\ngvcf,combined.vcf.gz\n",
        ("genotype_gvcfs takes a workspace or a gvcf, one of both",),
    ),
    "no evidence": ("evidence genotype_gvcfs", {}, "role,path\n" + GENOME, ("takes a workspace or a gvcf",)),
    "a combined GVCF without an index": (
        "evidence genotype_gvcfs",
        {},
        "role,path\n" + GENOME + "gvcf,combined.vcf.gz\n",
        ("no row of role tbi is its index",),
    ),
    "parts of two kinds": (
        "parts gather_vcfs",
        {},
        "role,path,variant_type\nparts,a.vcf.gz,vcf\nparts,a.g.vcf.gz,gvcf\n",
        ("column variant_type: 'gvcf' is not that of line 2",),
    ),
}

ACCEPTED: dict[str, Case] = {
    "the subject is the sample": ("sort_sam", {}, BAM.replace("bai,a.bai,a\n", ""), ("[a, ", "coordinate")),
    "or the cohort": ("sort_sam", {"cohort_id": 42}, "role,path\nbam,a.bam\n", ("[42, ",)),
    "or the cohort of several lanes": (
        "mark_duplicates",
        {},
        "role,path\nlanes,a.bam\nlanes,b.bam\n",
        ("[cohort, ", ":100"),
    ),
    "what runs tasks may be said": ("sort_sam", {"max_cpus": 2, "partition": "x"}, BAM[:32], ("[a, ",)),
    "a default of another task is not set": ("sort_sam", {"min_genes": 100}, BAM[:32], ("[a, ",)),
    "a lane": (
        "lane bwa_mem",
        {},
        READS + "fastq_1,r1.fq,a,L7,lib,element\nfastq_2,r2.fq,a\n" + INDEX,
        ("id:a.lib.L7, ", "platform:ELEMENT", "entry:reads", "/r2.fq]"),
    ),
    "reads that say nothing": (
        "lane bwa_mem",
        {"sort_order": "unsorted"},
        READS + "fastq_1,r1.fq,a\n" + INDEX,
        ("id:a.a.L1, ", "library:a, ", "platform:ILLUMINA", "entry:unmapped", ", []]"),
    ),
    "an index in any order": (
        "alignerIndex bwa_mem",
        {},
        READS + "index,ref.fa.sa\nfastq_1,r1.fq,a\n" + INDEX[:-16],
        ("ref.fa.sa, ",),
    ),
    "GVCFs in the order of samples": (
        "cohortPart joint_call_gvcfs",
        {"cohort_id": "trio"},
        COHORT + GVCFS + "tbis,b.g.vcf.gz.tbi\n",
        ("samples:[a, b]", "indexed:[false, true]", "prefix:trio, ", "a.g.vcf.gz, ", ".tbi], [], []]"),
    ),
    "an index by its owner": (
        "cohortPart joint_call_gvcfs",
        {},
        COHORT + GVCFS + "tbis,other.tbi,,{}/a.g.vcf.gz\n",
        ("indexed:[true, false]", "other.tbi]"),
    ),
    "an index is called after its file": (
        "knownSite index_feature_file",
        {},
        "role,path,name\nvcf,a.vcf,it's $(touch x).vcf\n",
        ("index:it_s___touch_x_.vcf.idx",),
    ),
    "a part of a cohort": (
        "cohortPart joint_call_gvcfs",
        {"cohort_id": "trio"},
        COHORT + GVCFS + "part,07.part.bed\ncall,07.call.bed\n",
        ("part:7, parts:7", "prefix:trio.00007, "),
    ),
    "regions of a sample": (
        "samplePart haplotype_caller",
        {},
        BAM + GENOME + "call,07.call.bed\n",
        ("prefix:a]", "[], ", "07.call.bed]"),
    ),
    "known sites beside their indexes": (
        "knownSites base_recalibrator",
        {},
        BQSR + "vcfs,b.vcf,y\nvcfs,a.vcf.gz,x\nindexes,b.vcf.idx\nindexes,a.vcf.gz.tbi\n",
        ("a.vcf.gz, ", "b.vcf], ", "a.vcf.gz.tbi, ", "b.vcf.idx]]"),
    ),
    "resources of the mode": (
        "resources variant_recalibrator",
        {"mode": "SNP"},
        SITES
        + "sites,b.vcf,x,TRUE,true,15,snp\nsites,a.vcf.gz,y,,,,INDEL\n"
        + "indexes,b.vcf.idx\nindexes,a.vcf.gz.tbi\n",
        (
            "mode:SNP",
            "resources:[[resource_name:x, prior:15.0, path:b.vcf, known:true, training:true, truth:true]]",
        ),
    ),
    "a model": (
        "model apply_vqsr",
        {},
        MODEL + "recal,recal.vcf.gz,SNP\n",
        ("mode:SNP]", "recal.vcf.gz, [], "),
    ),
    "evidence": (
        "evidence genotype_gvcfs",
        {"cohort_id": "trio"},
        "role,path\n" + GENOME + "workspace,db.tar\n",
        ("prefix:trio]", "db.tar, [], [], []]"),
    ),
    "parts": ("parts gather_vcfs", {}, "role,path,variant_type\nparts,a.g.vcf.gz,gvcf\n", ("type:gvcf]",)),
    "cells that say what they are": (
        "cells qc_filter",
        {"batch_key": "donor"},
        "role,path,sample_id,organism\nh5ad,a.h5ad,a,mouse\n",
        ("[[sample:a, organism:mouse, batch:donor, library:", "mt_prefix:null"),
    ),
    "cells that do not": (
        "cells qc_filter",
        {},
        "role,path\nh5ad,a.h5ad\n",
        ("sample:cohort, organism:human",),
    ),
    "a report's run": (
        "reported multiqc",
        {},
        "role,path,sample_id,build\nmetrics,m.samtools_stats.txt,m\nduplicates,m.duplicate_metrics.txt,m\n"
        "genotypes,genotypes.tsv.gz,trio\nfai,ref.fa.fai,,hg38\n",
        (
            "cohort_id:trio, samples:[m, n], pedigree:, build:hg38, reference:ref.fa",
            "m.duplicate_metrics.txt, ",
        ),
    ),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, toolbox: Toolbox) -> dict[str, str]:
    """What Nextflow answers to each case, without the folder's name."""
    folder = tmp_path_factory.mktemp("task")
    (folder / "a.bam").write_text("a.bam\n")
    (folder / "genotypes.tsv.gz").write_bytes(gzip.compress(b"#contig\tposition\tm\tn\n"))
    for name, region in {
        "06.call.bed": (0, 1200),
        "07.call.bed": (800, 2000),
        "07.part.bed": (1000, 2000),
    }.items():
        (folder / name).write_text("c\t{}\t{}\n".format(*region))
    cases = {}
    for number, (name, (asked, given, table, _)) in enumerate((REFUSED | ACCEPTED).items()):
        call, _, task = asked.rpartition(" ")
        own = {"task": task, "outdir": str(folder / "results")} | given
        if table is not None:
            sheet = folder / f"{number}.csv"
            sheet.write_text(_whole(table, folder))
            own["input"] = str(sheet)
        elif "input" in given:
            own["input"] = given["input"] if "absent" in given["input"] else str(folder / given["input"])
        cases[name] = {"call": call or "values", "given": own}
    (folder / "cases.json").write_text(json.dumps(cases))
    root = catalog.pipeline_dir()
    asked_for: list[str | Path] = [
        "--cases",
        "cases.json",
        "--said",
        folder / "said.json",
        "--scripts",
        root / "bin/scrna",
    ]
    done = subprocess.run(
        [*toolbox.nextflow, "run", root / "tests/pipeline/task_inputs.nf", *asked_for, "--help_of", HELP],
        cwd=folder,
        env=toolbox.environment(),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, str] = json.loads((folder / "said.json").read_text())
    return {name: text.replace(str(folder), "{}") for name, text in told.items()}


def _whole(table: str, folder: Path) -> str:
    """The table with every row as long as its header and paths in the folder, where the files are made."""
    header, *rows = (line.split(",") for line in table.splitlines() or [""])
    cells = [[*row, *[""] * (len(header) - len(row))] for row in rows]
    for row in cells:
        if len(row) > 1 and row[1]:
            file = folder / row[1]
            row[1] = str(file)
            if not (file.exists() or file.name == "no.bam"):
                file.write_text(f"{file.name}\n")
    return "\n".join(",".join(row).replace("{}", str(folder)) for row in [header, *cells]) + "\n"


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_told_in_one_line_that_names_it(said: dict[str, str], case: str) -> None:
    assert not said[case].startswith("accepted")
    assert "\n" not in said[case]
    assert [part for part in REFUSED[case][-1] if part not in said[case]] == [], said[case]


@pytest.mark.parametrize("case", ACCEPTED)
def test_a_module_is_given_what_the_workflows_give_it(said: dict[str, str], case: str) -> None:
    assert said[case].startswith("accepted")
    assert [part for part in ACCEPTED[case][-1] if part not in said[case]] == [], said[case]


def test_help_names_what_a_task_takes(said: dict[str, str]) -> None:
    task = catalog.tasks()[HELP]
    for name in (*(role.name for role in task.inputs), *(f"--{one.name}" for one in task.parameters)):
        assert f"  {name} " in said["help"]
    assert task.description in said["help"]
