"""The germline demo: reads of a data set to a joint VCF, and what a biologist wants to know about it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stargazer_cli import catalog
from stargazer_cli.demo import summary
from stargazer_cli.demo.common import (
    Tell,
    add_data,
    file_of,
    get_tools,
    object_of,
    only,
    run_document,
    run_line,
    table,
)
from stargazer_cli.demo.dataset import GermlineData

if TYPE_CHECKING:
    from stargazer_cli.runs.execute import RunResult
    from stargazer_cli.runs.germline import Aligner
    from stargazer_cli.runs.record import MadeAsset
    from stargazer_cli.settings import Settings
    from stargazer_cli.store import LocalStore

WORKFLOW = "germline_short_variant_discovery"

_COLUMNS = {
    "SNP": "SNPs",
    "insertion": "insertions",
    "deletion": "deletions",
    "multi-allelic": "multi-allelic",
}
_PLURALS = _COLUMNS | {"multi-allelic": "multi-allelic sites", "other": "others"}
_SHOWN_AT_MOST = 10


@dataclass(frozen=True)
class SampleSummary:
    """One line of the table; `reads` is None where no metrics are there."""

    sample: str
    reads: summary.ReadCounts | None
    variants: Mapping[str, int]


@dataclass(frozen=True)
class Outcome:
    """What a demo run gave, and how it compares with what was planted."""

    data: GermlineData
    run: "RunResult"
    vcf: "MadeAsset"
    vcf_path: Path
    samples: tuple[SampleSummary, ...]
    calls: summary.Calls
    comparison: summary.Comparison | None
    report: "MadeAsset | None" = None
    report_path: Path | None = None

    @property
    def passed(self) -> bool:
        """Whether all that was planted was found, and nothing else; without a truth, whether it ran."""
        return self.comparison is None or self.comparison.perfect


def choose_aligner(settings: "Settings", profile: str, wanted: "Aligner | None", tell: Tell) -> "Aligner":
    """Return the aligner to use: the wanted one, else bwa-mem2 where the profile has it, else bwa."""
    from stargazer_cli.tools import locate, tools_for

    if wanted is not None:
        return wanted
    preferred: Aligner = "bwa-mem2"
    if preferred in tools_for(profile, WORKFLOW, preferred) and locate(settings, [preferred]).missing(
        [preferred]
    ):
        tell(f"{preferred} is not on this machine; the demo aligns with bwa.")
        return "bwa"
    return preferred


def run_demo(
    settings: "Settings",
    store: "LocalStore",
    data: GermlineData,
    *,
    profile: str,
    aligner: "Aligner | None",
    yes: bool,
    tell: Tell,
) -> Outcome:
    """Get the tools, add the data, run the workflow, and look at what it made."""
    from stargazer_cli.runs.execute import execute
    from stargazer_cli.runs.germline import Request, plan
    from stargazer_cli.runs.site import find_site
    from stargazer_cli.tools import tools_for

    catalog.check_profile(profile)
    chosen = choose_aligner(settings, profile, aligner, tell)
    get_tools(settings, tools_for(profile, WORKFLOW, chosen), yes=yes, tell=tell)
    added = add_data(data, store, tell)
    started = time.monotonic()
    site = find_site(settings, store, profile, WORKFLOW, chosen)
    request = Request(
        workflow=WORKFLOW,
        build=data.build,
        samples=data.samples,
        cohort_id=data.cohort_id,
        aligner=chosen,
        # By CID: another reference with the same build label is none of the demo's business.
        reference=added[0].asset.cid,
    )
    planned = plan(store, request, site.versions)
    if not planned.complete:
        site.require_tools(planned.tasks())
    for note in planned.notes:
        tell(note)
    result = execute(site.after(time.monotonic() - started), planned, tell)
    return examine(store, data, result)


def examine(store: "LocalStore", data: GermlineData, result: "RunResult") -> Outcome:
    """Read the metrics and the VCF of a finished run, and compare its calls with the truth."""
    vcf = only(result.assets, "joint VCFs", asset="variants", variant_type="vcf")
    calls = summary.read_vcf(object_of(store, vcf))
    variants = summary.count_variants(calls)
    metrics = {
        made.keyvalues.get("sample_id", ""): summary.read_duplicate_metrics(object_of(store, made))
        for made in result.assets
        if made.keyvalues.get("asset") == "duplicate_metrics"
    }
    samples = tuple(
        SampleSummary(sample, metrics.get(sample), variants[sample]) for sample in sorted(calls.samples)
    )
    where = file_of(store, result, vcf, "variants")
    pages = [made for made in result.assets if made.keyvalues.get("asset") == "report"]
    report = only(pages, "reports", asset="report") if pages else None
    return Outcome(
        data,
        result,
        vcf,
        where,
        samples,
        calls,
        _compare(data, calls),
        report,
        file_of(store, result, report, "reports") if report else None,
    )


def _compare(data: GermlineData, calls: summary.Calls) -> summary.Comparison | None:
    if data.truth is None:
        return None
    truth = renamed(summary.read_vcf(data.path(data.truth.name)), data.truth.samples)
    return summary.compare(calls, truth, summary.read_fasta(data.path(data.reference.name)))


def renamed(calls: summary.Calls, names: Mapping[str, str]) -> summary.Calls:
    """Return the same calls with other sample names."""
    return summary.Calls(
        tuple(names[sample] for sample in calls.samples),
        tuple(
            replace(record, genotypes={names[sample]: called for sample, called in record.genotypes.items()})
            for record in calls.records
        ),
    )


def as_text(outcome: Outcome) -> str:
    """Write the summary for a person."""
    return "\n".join(
        [
            f"Germline variants of {outcome.data.title}, build {outcome.data.build}",
            "",
            *_table(outcome.samples),
            "",
            *_passed(outcome),
            *_check(outcome),
            *_where(outcome),
        ]
    )


def _table(samples: Sequence[SampleSummary]) -> list[str]:
    columns = dict(_COLUMNS)
    if any(sample.variants["other"] for sample in samples):
        columns["other"] = "other"
    rows = [["sample", "reads", "mapped", "duplicates", *columns.values()]]
    for sample in samples:
        reads = sample.reads
        shown = (
            [f"{reads.reads:,}", f"{reads.mapped_share:.1%}", f"{reads.duplicate_share:.1%}"]
            if reads
            else ["-", "-", "-"]
        )
        rows.append([sample.sample, *shown, *(str(sample.variants[kind]) for kind in columns)])
    return table(rows)


def _passed(outcome: Outcome) -> list[str]:
    """Say what was decided for the run, and how many calls its filters left: those that are counted here."""
    passed, filtered = len(outcome.calls.records), outcome.calls.filtered
    return [*outcome.run.notes, f"Sites that passed: {passed} of {passed + filtered}", ""]


def _check(outcome: Outcome) -> list[str]:
    comparison = outcome.comparison
    if comparison is None:
        return []
    kinds = ", ".join(
        f"{_PLURALS[kind]} {right} of {planted}" for kind, (right, planted) in comparison.by_kind().items()
    )
    lines = [
        f"Planted variants found, with the right genotype in every sample: "
        f"{len(comparison.right)} of {len(comparison.sites)}",
        f"  {kinds}",
    ]
    wrong = [
        f"{site}: {', '.join(f'{m.sample} {m.called}, planted {m.expected}' for m in site.mistakes)}"
        for site in comparison.found
        if site.mistakes
    ]
    extra = [f"{item} in {', '.join(item.samples)}" for item in comparison.extra]
    lines += _listed("missed", [str(site) for site in comparison.missed])
    lines += _listed("wrong genotype", wrong)
    lines += _listed("called but not planted", extra)
    return [*lines, ""]


def _listed(what: str, items: Sequence[str]) -> list[str]:
    more = len(items) - _SHOWN_AT_MOST
    lines = [f"  {what}: {item}" for item in items[:_SHOWN_AT_MOST]]
    return [*lines, f"  {what}: {more} more"] if more > 0 else lines


def _where(outcome: Outcome) -> list[str]:
    cid, run = outcome.vcf.cid, outcome.run
    page = [f"Report  {outcome.report_path}", f"CID     {outcome.report.cid}"] if outcome.report else []
    return [
        f"VCF     {outcome.vcf_path}",
        f"CID     {cid}",
        *page,
        run_line(run, 8),
        "",
        f"Next: stargazer assets get {cid} -o {outcome.data.name}.vcf.gz",
        f"      stargazer assets query asset=variants build={outcome.data.build}",
        f"      stargazer runs show {run.run_id}",
        "      stargazer notebook germline",
    ]


def as_document(outcome: Outcome) -> dict[str, Any]:
    """Write the summary as one JSON document."""
    run, comparison = outcome.run, outcome.comparison
    return {
        "data": outcome.data.name,
        "passed": outcome.passed,
        **run_document(run),
        "notes": list(run.notes),
        "vcf": _file_document(outcome.vcf, outcome.vcf_path),
        "report": _file_document(outcome.report, outcome.report_path) if outcome.report else None,
        "sites": {"passed": len(outcome.calls.records), "filtered": outcome.calls.filtered},
        "samples": [_sample_document(sample) for sample in outcome.samples],
        "truth": None if comparison is None else _comparison_document(comparison),
        "assets": [made.model_dump(exclude={"id"}) for made in run.assets],
    }


def _file_document(made: "MadeAsset", path: Path | None) -> dict[str, Any]:
    return {"cid": made.cid, "name": made.name, "path": str(path)}


def _sample_document(sample: SampleSummary) -> dict[str, Any]:
    reads = sample.reads
    return {
        "sample": sample.sample,
        "reads": reads.reads if reads else None,
        "mapped": reads.mapped if reads else None,
        "duplicates": reads.duplicates if reads else None,
        "variants": dict(sample.variants),
    }


def _comparison_document(comparison: summary.Comparison) -> dict[str, Any]:
    return {
        "planted": len(comparison.sites),
        "found": len(comparison.found),
        "right": len(comparison.right),
        "by_kind": {
            kind: {"right": right, "planted": planted}
            for kind, (right, planted) in comparison.by_kind().items()
        },
        "missed": [str(site) for site in comparison.missed],
        "wrong_genotype": [
            {
                "site": str(site),
                "samples": {m.sample: {"called": m.called, "planted": m.expected} for m in site.mistakes},
            }
            for site in comparison.found
            if site.mistakes
        ],
        "extra": [{"allele": str(item), "samples": list(item.samples)} for item in comparison.extra],
    }
