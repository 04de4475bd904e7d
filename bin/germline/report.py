"""Lay out what MultiQC reads: each file under its sample's name, our own sections, and a configuration."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from germline import metrics, sections
from germline.checks import Findings, check_samples
from germline.genotypes import Genotypes
from germline.metrics import Contig
from germline.pedigree import Person

# A plot of thousands of contigs shows nothing: the longest are enough.
_MOST_CONTIGS = 50
_MILLION = 1_000_000
# MultiQC greets with a video of a web site.
_STYLE = "#mqc_welcome { display: none !important; }\n"
# The folders that MultiQC reads files of a kind from; the file names are the samples' names.
_FOLDERS = {
    "stats": "samtools_stats",
    "coverage": "samtools_coverage",
    "duplicates": "duplicates",
    "before": "recalibration",
    "after": "recalibration",
    "variants": "bcftools_stats",
}


@dataclass(frozen=True)
class Sources:
    """What a report is made of; `run` says how the run was made, see modules/multiqc/multiqc."""

    run: Mapping[str, Any]
    files: Mapping[str, Mapping[str, Path]]  # by kind and sample
    genotypes: Genotypes
    lengths: Mapping[str, int]
    people: Mapping[str, Person]


def files_by_kind(folder: Path, samples: Sequence[str], cohort: str) -> dict[str, dict[str, Path]]:
    """Sort the metrics of a run's samples by kind and sample; those of other samples are left out."""
    found: dict[str, dict[str, Path]] = {kind: {} for kind in _FOLDERS}
    for file in sorted(folder.iterdir()):
        name, kind = metrics.kind_of(file.name)
        if name in ((cohort,) if kind == "variants" else samples):
            found[kind][name] = file
    return found


def write_report(sources: Sources, folder: Path) -> Findings:
    """Write all that MultiQC needs into a folder; returns what the samples look like."""
    folder.mkdir(parents=True)
    coverage = {name: metrics.read_coverage(file) for name, file in sources.files["coverage"].items()}
    genome = sum(sources.lengths.values())
    stats = {name: metrics.read_stats(file, genome) for name, file in sources.files["stats"].items()}
    calls: dict[str, dict[str, float]] = {}
    cohort: dict[str, float] = {}
    for file in sources.files["variants"].values():
        calls, cohort = metrics.read_calls(file), metrics.read_cohort(file)
    regions = {name: file for name, file in sources.files["coverage"].items() if metrics.is_of_regions(file)}
    findings = check_samples(
        list(sources.run["samples"]), sources.genotypes, sources.lengths, coverage, dict(sources.people)
    )
    for kind, files in sources.files.items():
        for name, file in files.items():
            # MultiQC knows the coverage of contigs alone.
            if kind != "coverage" or name not in regions:
                _place(folder, kind, name, file, coverage)
    counts = sections.Counts(stats, calls, cohort, regions)
    written = sections.written(sources.run, counts, findings)
    for section in written:
        (folder / f"{section['id']}_mqc.json").write_text(json.dumps(section), encoding="utf-8")
    reads = max(
        (sum(contig.reads for contig in contigs.values()) for contigs in coverage.values()), default=0
    )
    settings = configuration(sources.run, folder, written, reads)
    settings["report_comment"] = sections.hints_on_top(findings)
    if max((len(contigs) for contigs in coverage.values()), default=0) < 2:
        # A line from one contig to the next has nothing to show.
        settings["remove_sections"].append("samtools-coverage-section")
    (folder / "report.css").write_text(_STYLE, encoding="utf-8")
    # JSON is YAML too.
    (folder / "multiqc_config.yaml").write_text(json.dumps(settings, indent=1), encoding="utf-8")
    return findings


def _place(
    folder: Path, kind: str, name: str, file: Path, coverage: Mapping[str, Mapping[str, Contig]]
) -> None:
    """Put a file where MultiQC takes its name for the sample's."""
    place = folder / _FOLDERS[kind] / (f"{name} recalibrated" if kind == "after" else name)
    place.parent.mkdir(exist_ok=True)
    if kind != "coverage" or len(coverage[name]) <= _MOST_CONTIGS:
        shutil.copyfile(file, place)
        return
    longest = sorted(coverage[name], key=lambda contig: -coverage[name][contig].length)[:_MOST_CONTIGS]
    with file.open(encoding="utf-8") as source, place.open("w", encoding="utf-8") as target:
        target.writelines(line for line in source if line[0] == "#" or line.split("\t")[0] in set(longest))


def configuration(
    run: Mapping[str, Any], folder: Path, own: Sequence[Mapping[str, Any]], reads: int
) -> dict[str, Any]:
    """Return the configuration of MultiQC for one report."""
    few = {"read_count_multiplier": 0.001, "read_count_prefix": "K", "read_count_desc": "thousands"}
    return {
        "title": f"Germline variants of {run['cohort_id']}",
        "intro_text": "",
        # Where and when it was made is no part of it, and nothing of it goes anywhere.
        "show_analysis_paths": False,
        "show_analysis_time": False,
        "no_version_check": True,
        "no_ai": True,
        "make_data_dir": True,
        "plots_force_interactive": True,
        "skip_versions_section": True,
        # A file's name is its sample's name, whatever ending that has.
        "use_filename_as_sample_name": [
            "samtools/stats",
            "samtools/coverage",
            "picard/markdups",
            "gatk/base_recalibrator",
            "bcftools/stats",
        ],
        "picard_config": {"s_name_filenames": True},
        "fn_clean_exts": [],
        "fn_clean_trim": [],
        "fn_ignore_files": [],
        "fn_ignore_dirs": [],
        "fn_ignore_paths": [],
        "ignore_images": False,
        "log_filesize_limit": 2_000_000_000,
        "data_dump_file": False,
        # Counted in millions, as MultiQC does by itself: a millionth, 1e-06 in JSON, would be text in YAML.
        **(few if reads < _MILLION else {}),
        # Without it sections come as the file system lists them.
        "report_section_order": {
            section["id"]: {"order": place} for place, section in enumerate(own) if "section_name" in section
        },
        "module_order": ["custom_content", "samtools", "picard", "gatk", "bcftools"],
        "run_modules": ["custom_content", "samtools", "picard", "gatk", "bcftools"],
        # The counts of the cohort as a whole have sections of their own, and depths are in our columns.
        "table_columns_visible": {
            "Bcftools: Stats": False,
            "Samtools: coverage": False,
            "Samtools: stats": {
                "non-primary_alignments": False,
                "reads_mapped": False,
                "error_rate": False,
                "insert_size_average": True,
            },
        },
        "table_columns_placement": {"Samtools: stats": {"raw_total_sequences": 10}},
        "section_comments": {
            "gatk-base-recalibrator-quality-scores": (
                "What is called <em>SAMPLE recalibrated</em> was measured on the recalibrated reads, "
                "the rest on the reads before."
            ),
            # MultiQC does not show what a section of ours says of itself.
            **{section["id"]: section["description"] for section in own if section.get("description")},
        },
        "custom_css_files": [str(folder / "report.css")],
        # What the general statistics show already; and numbers of each sample, of which MultiQC takes those
        # of the last one for the cohort's.
        "remove_sections": [
            "samtools-stats",
            "samtools-coverage-table-section",
            "bcftools-stats_sites_per_sample",
            "bcftools-stats_ts_tv",
            "bcftools-stats_singletones",
            "bcftools-stats_sequencing_depth",
        ],
    }
