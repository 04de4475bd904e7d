"""Our own sections of the report, as MultiQC's custom content; all text is escaped here."""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from germline import metrics, relatedness
from germline.checks import Findings
from germline.metrics import DEPTHS, Stats

_PARENT = {
    "parent_id": "stargazer",
    "parent_name": "This run",
    "parent_description": "What the samples look like, and how the run was made.",
}
_CHECKS = "stargazer_checks"
# More pairs than this are cut to those that are related or said to be.
_MOST_PAIRS = 200
# More regions than this, those of all samples together, are cut to those with the lowest depth.
_MOST_REGIONS = 200
# Depths beyond this are no longer told apart.
_DEEPEST = 500

_FILTERS = {
    "vqsr": "VQSR: a model trained on known variants, separately for SNPs and indels",
    "hard": "hard filters: the expressions that GATK publishes for SNPs and for indels",
    "none": "none: every call with enough confidence is there",
}
_BQSR = {
    "on": "on: the sequencer's quality scores were recalibrated",
    "off": "off: the sequencer's quality scores were used as they are",
}
_CONFIDENCE = (
    "Hints, not findings: they say where to look. Kinship is estimated with KING-robust "
    '(<span class="text-nowrap">doi:10.1093/bioinformatics/btq559</span>) from biallelic SNPs outside X, Y '
    "and mitochondria that passed the filters."
)


@dataclass(frozen=True)
class Counts:
    """What was counted: in each sample's reads and calls, and in the cohort's calls.

    `regions` are the files with the coverage of each region, where the run has regions.
    """

    stats: Mapping[str, Stats]
    calls: Mapping[str, Mapping[str, float]]
    cohort: Mapping[str, float]
    regions: Mapping[str, Path]


def written(run: Mapping[str, Any], counts: Counts, findings: Findings) -> list[dict[str, Any]]:
    """Return the sections in their order, the columns of the first table before them."""
    sections = [
        _samples(counts.stats, counts.calls),
        _hints(findings),
        _sexes(findings),
        _pairs(findings),
        _cohort(counts.cohort),
        _depths(counts.stats),
        _regions(counts.regions),
        _inserts(counts.stats),
        _made(run),
    ]
    return [section for section in sections if section]


def _samples(stats: Mapping[str, Stats], calls: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    data: dict[str, dict[str, float]] = {}
    for name, found in stats.items():
        if found.bases:
            covered = {f"covered_{least}": found.covered(least) for least in DEPTHS}
            data[name] = {"mean_depth": found.mean_depth} | covered
    for name, counts in calls.items():
        data[name] = data.get(name, {}) | dict(counts)
    if not data:
        return {}
    headers = {
        "mean_depth": _column("Depth", "Mean depth without duplicates", suffix="x", scale="Greens"),
        **{
            f"covered_{least}": _column(
                f"≥ {least}x", f"Bases covered {least} times or more", suffix="%", max=100
            )
            for least in DEPTHS
        },
        "snps": _column("SNPs", "SNPs of the sample that passed the filters", format="{:,.0f}"),
        "indels": _column("Indels", "Indels of the sample that passed the filters", format="{:,.0f}"),
        "ti_tv": _column("Ti/Tv", "Transitions for one transversion", format="{:.2f}"),
        "het_hom": _column("Het/hom", "Heterozygous SNPs for one homozygous", format="{:.2f}"),
        "singletons": _column("Singletons", "Variants of this sample alone", format="{:,.0f}", hidden=True),
        "missing": _column("Missing", "Sites without a genotype", format="{:,.0f}", hidden=True),
    }
    return {
        "id": "stargazer_samples",
        "namespace": "Stargazer",
        "plot_type": "generalstats",
        "headers": [{key: value} for key, value in headers.items()],
        "data": dict(sorted(data.items())),
    }


def _cohort(counts: Mapping[str, float]) -> dict[str, Any]:
    if not counts:
        return {}
    shown = {name: f"{value:,.2f}" if name == "Ti/Tv" else f"{value:,.0f}" for name, value in counts.items()}
    body = _rows(shown.items())
    return _html("stargazer_variants", "Variants of the cohort", body, "What passed the filters.")


def _depths(stats: Mapping[str, Stats]) -> dict[str, Any]:
    data = {name: _cumulative(found) for name, found in stats.items() if found.bases and found.depths}
    axes = {"xlab": "Depth", "ylab": "Bases covered as often or more", "ysuffix": "%", "ymin": 0, "ymax": 100}
    text = (
        "How many of the bases (of the regions, where the run has some) are covered how often; duplicates do "
        "not count."
    )
    return _lines("stargazer_depths", "Depth", axes, data, text)


def _cumulative(found: Stats) -> dict[int, float]:
    """Return the part of the bases that is covered so often, up to where it is less than one in a hundred."""
    points: dict[int, float] = {}
    for depth in range(_DEEPEST + 1):
        points[depth] = found.covered(depth)
        if points[depth] < 1:
            break
    return points


def _regions(files: Mapping[str, Path]) -> dict[str, Any]:
    """Return a table of the regions that each sample covers least, worst first."""
    if not files:
        return {}
    most = max(1, _MOST_REGIONS // len(files))
    data = {}
    cut = False
    for name, file in sorted(files.items()):
        worst = heapq.nsmallest(most + 1, metrics.read_regions(file), key=lambda region: region.depth)
        cut = cut or len(worst) > most
        for region in worst[:most]:
            data[f"{name} {region.contig}:{region.start:,}-{region.end:,}"] = {
                "depth": region.depth,
                "covered": region.covered,
                "bases": region.bases,
            }
    headers = {
        "depth": _column("Depth", "Mean depth without duplicates", suffix="x", scale="Greens"),
        "covered": _column("Covered", "Bases covered once or more", suffix="%", max=100),
        "bases": _column("Bases", "How long the region is", format="{:,.0f}"),
    }
    which = f"The {most:,} regions of each sample with the lowest depth" if cut else "Each region"
    text = (
        f"{which}; duplicates do not count, and regions that overlap or touch are one. "
        "SAMPLE.samtools_coverage.txt has all of them."
    )
    return _table("stargazer_regions", "Regions", headers, data, text, sort_rows=False)


def _inserts(stats: Mapping[str, Stats]) -> dict[str, Any]:
    data = {name: _longest_left_out(found.inserts) for name, found in stats.items() if found.inserts}
    axes = {"xlab": "Insert size", "ylab": "Pairs", "xsuffix": " bp", "ymin": 0}
    return _lines("stargazer_inserts", "Insert size", axes, data, "Pairs of reads of each insert size.")


def _longest_left_out(inserts: Mapping[int, int]) -> dict[int, int]:
    """Return the counts without the longest inserts, one pair in a hundred, which would squeeze the plot."""
    rest = 0.99 * sum(inserts.values())
    shown = {}
    for size in range(min(inserts), max(inserts) + 1):
        shown[size] = inserts.get(size, 0)
        rest -= shown[size]
        if rest < 0:
            break
    return shown


def _column(title: str, description: str, **more: Any) -> dict[str, Any]:
    return {"title": title, "description": description, "min": 0, "scale": "Blues"} | more


def hints_on_top(findings: Findings) -> str:
    """Return what stands above all tables where something looks wrong, else an empty string."""
    if not findings.hints:
        return ""
    return f'{_alert(findings.hints)}<a href="#{_CHECKS}">Are the samples who they should be?</a>'


def _alert(hints: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(hint)}</li>" for hint in hints)
    return f'<div class="alert alert-warning"><ul>{items}</ul></div>'


def _hints(findings: Findings) -> dict[str, Any]:
    if findings.hints:
        body = _alert(findings.hints)
    else:
        looked = [
            *(["pairs of samples"] if findings.pairs else []),
            *(["sexes"] if any(sex.looks for sex in findings.sexes.values()) else []),
        ]
        body = f"<p>Nothing unexpected in what was looked at: {' and '.join(looked)}.</p>" if looked else ""
    lacks = [*_lacks(findings)]
    body += "".join(f"<p>{escape(lack)}</p>" for lack in lacks)
    return _html(_CHECKS, "Are the samples who they should be?", body, _CONFIDENCE)


def _lacks(findings: Findings) -> Iterator[str]:
    if findings.lack:
        yield f"Pairs of samples were not compared: {findings.lack}."
    without = [name for name, sex in findings.sexes.items() if not sex.looks]
    if len(without) == len(findings.sexes):
        yield "Sexes were not judged: not enough data on human X and Y chromosomes."
    elif without:
        yield f"Not enough data to judge the sex of {', '.join(without)}."


def _sexes(findings: Findings) -> dict[str, Any]:
    if not any(sex.looks for sex in findings.sexes.values()):
        return {}
    data = {
        name: _known(
            {
                "given": findings.given_sexes[name] or None,
                "looks": sex.looks or "not enough data",
                "het_x": None if sex.heterozygous is None else 100 * sex.heterozygous,
                "depth_x": sex.x_depth,
                "depth_y": sex.y_depth,
            }
        )
        for name, sex in findings.sexes.items()
    }
    headers = {
        "given": {"title": "Given", "description": "Sex in the PED file"},
        "looks": {"title": "Looks", "description": "Sex that the data look like"},
        "het_x": _column(
            "X het", "Heterozygous part of the differences on X, outside of what X shares with Y", suffix="%",
            max=100,
        ),
        "depth_x": _column("X depth", "Depth of X, where that of the autosomes is 1", format="{:.2f}"),
        "depth_y": _column("Y depth", "Depth of Y, where that of the autosomes is 1", format="{:.2f}"),
    }  # fmt: skip
    return _table("stargazer_sexes", "Sexes", headers, data, "What X and Y chromosomes look like.")


def _pairs(findings: Findings) -> dict[str, Any]:
    shown = findings.pairs
    description = "Kinship of each pair of samples: 0.5 is the same person, 0.25 parents and siblings."
    if len(shown) > _MOST_PAIRS:
        related = [
            pair
            for pair in shown
            if pair.kinship > relatedness.SECOND or pair.samples in findings.given_parents
        ]
        shown = sorted(related, key=lambda pair: -pair.kinship)[:_MOST_PAIRS]
        description += (
            f" Of {len(findings.pairs):,} pairs, the {len(shown):,} that look related, at least in the "
            "second degree, or are given as parent and child."
        )
    if not shown:
        return {}
    data = {
        " and ".join(pair.samples): _known(
            {
                "kinship": pair.kinship,
                "looks": pair.looks,
                "given": "parent and child" if pair.samples in findings.given_parents else None,
                "opposite": pair.opposite,
                "sites": pair.sites,
            }
        )
        for pair in shown
    }
    headers = {
        "kinship": {
            "title": "Kinship", "description": "KING-robust", "format": "{:.3f}", "min": 0, "max": 0.5,
            "scale": "Oranges",
        },
        "looks": {"title": "Look like", "description": "What this kinship stands for"},
        "given": {"title": "Given", "description": "In the PED file"},
        "opposite": _column("IBS0", "Sites with different homozygous genotypes", format="{:,.0f}"),
        "sites": _column("Sites", "Sites where both have a genotype", format="{:,.0f}"),
    }  # fmt: skip
    return _table("stargazer_pairs", "Relatedness", headers, data, description)


def _made(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return how the run was made, as far as it is told: a report that is made alone knows of no run."""
    samples = list(run["samples"])
    rows = {
        "Cohort": run["cohort_id"],
        "Samples": f"{len(samples):,}" + (f": {', '.join(samples)}" if len(samples) <= 20 else ""),
        "Pedigree": run["pedigree"] or "none was given",
        "Reference": ", ".join(filter(None, (run["build"], run["reference"]))),
        **(_calling(run) if "filter" in run else {}),
        "Pipeline": f"Stargazer {run['version']}",
    }
    tools = f"<h4>Software</h4>{_rows(run['versions'])}" if run["versions"] else ""
    body = f"{_rows(rows.items())}{tools}"
    counted = "Variant counts in this report are of records that passed the filters."
    return _html("stargazer_run", "How it was made", body, counted)


def _calling(run: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Regions": _within(run["regions"], run["padding"]),
        "Ploidy": run["ploidy"],
        "Known sites": _used(run),
        "Base qualities": _decided(_BQSR, run, "bqsr"),
        "Filter": _decided(_FILTERS, run, "filter"),
    }


def _within(regions: str, padding: int) -> str:
    if not regions:
        return "the whole reference"
    beside = f"with {padding:,} bases more on each side" if padding else "with no bases beside them"
    return f"{regions}: variants were called in them {beside}; depths and coverage are of the regions alone"


def _used(run: Mapping[str, Any]) -> str:
    """Return the known sites that recalibration or a model read: others say nothing of the calls."""
    read = run["bqsr"] == "on" or run["filter"] == "vqsr"
    return "; ".join(map(_site, run["known_sites"] if read else ())) or "none were used"


def _site(site: Mapping[str, Any]) -> str:
    kinds = {"SNP": "SNPs", "INDEL": "indels"}
    return (
        f"{site['name']} ({' and '.join(kinds[kind] for kind in site['types']) or 'neither SNPs nor indels'})"
    )


def _decided(words: Mapping[str, str], run: Mapping[str, Any], name: str) -> str:
    """Return what was decided and why; a reason holds also what speaks against it."""
    reason = run["reasons"].get(name)
    return words[run[name]] + (f". Why: {reason}" if reason else "")


def _rows(rows: Iterable[tuple[str, Any]]) -> str:
    """Return a table of two columns."""
    cells = "".join(f"<tr><th>{escape(key)}</th><td>{escape(str(value))}</td></tr>" for key, value in rows)
    return f'<table class="table table-condensed" style="width:auto"><tbody>{cells}</tbody></table>'


def _html(name: str, title: str, body: str, description: str) -> dict[str, Any]:
    shown = f"<p>{description}</p>{body}"
    return _section(name, title, "") | {"plot_type": "html", "data": shown}


def _table(
    name: str,
    title: str,
    headers: Mapping[str, Any],
    data: Mapping[str, Any],
    description: str,
    **more: Any,
) -> dict[str, Any]:
    config = {"id": f"{name}_table", "title": title, "namespace": "", "no_violin": True} | more
    table = {"plot_type": "table", "pconfig": config, "headers": headers, "data": data}
    return _section(name, title, description) | table


def _lines(
    name: str, title: str, axes: Mapping[str, Any], data: Mapping[str, Any], description: str
) -> dict[str, Any]:
    if not data:
        return {}
    # MultiQC sorts the keys of a JSON object, which are texts: without the zeros 10 would come before 9.
    lines = {
        sample: {f"{place:06d}": value for place, value in points.items()} for sample, points in data.items()
    }
    plot = {
        "plot_type": "linegraph",
        "pconfig": {"id": f"{name}_plot", "title": title, **axes},
        "data": lines,
    }
    return _section(name, title, description) | plot


def _section(name: str, title: str, description: str) -> dict[str, Any]:
    called = {"id": name, "section_id": name, "section_anchor": name, "section_name": title}
    return called | {"description": description, **_PARENT}


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
