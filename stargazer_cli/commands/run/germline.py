"""The germline workflows of `stargazer run`: a reference, analysis-ready BAMs, a joint call."""

from collections.abc import Callable
from typing import Any, get_args

import click

from stargazer_cli.app import App
from stargazer_cli.commands.run.carry_out import carry_out_request
from stargazer_cli.commands.run.options import parameters, read_samples, running
from stargazer_cli.runs.decisions import Bqsr, Filter
from stargazer_cli.runs.germline import ALIGNERS


def _reference(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which reference and aligner."""
    options = [
        click.option("--build", required=True, help="Genome build label of the reference, such as GRCh38."),
        click.option("--reference", metavar="CID", help="The reference, where a build has several."),
        click.option(
            "--aligner", type=click.Choice(ALIGNERS), default="bwa-mem2", show_default=True, help="Aligner."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


_samples = click.option(
    "--samples",
    multiple=True,
    required=True,
    metavar="ID[,ID…]",
    help="Samples: a comma list, repeated, or @FILE with one a line.",
)
_intermediates = click.option(
    "--save-intermediates",
    is_flag=True,
    help="Also store the sorted BAM of each lane and, before recalibration, the marked BAM of each sample. "
    "Where they are not in the store, a sample is made again from its reads.",
)


_bqsr = click.option(
    "--bqsr",
    type=click.Choice(get_args(Bqsr)),
    default="auto",
    show_default=True,
    help="Base quality recalibration; auto: where the build has known SNPs and known indels, and what is "
    "called is no small panel.",
)
_known_sites = click.option(
    "--known-sites",
    metavar="CID[,CID…]",
    help="Known variants to take: by default all known_sites of the build; none for none.",
)
_intervals = click.option(
    "--intervals",
    metavar="FILE|CID",
    help="Regions to call, BED or interval list: the targets of an exome or a panel.",
)


@click.command("prepare-reference")
@_reference
@running
@click.pass_obj
def prepare_reference(app: App, /, **options: Any) -> None:
    """Index a reference: .fai, .dict and the aligner's index."""
    _run(app, "prepare_reference", options)


@click.command()
@_reference
@running
@_samples
@_bqsr
@_known_sites
@_intervals
@_intermediates
@parameters("preprocess_sample")
@click.pass_obj
def preprocess(app: App, /, **options: Any) -> None:
    """Align reads and mark duplicates: one BAM a sample."""
    _run(app, "preprocess_sample", options)


@click.command()
@_reference
@running
@_samples
@click.option("--cohort-id", default="cohort", show_default=True, help="Name of the joint call set.")
@_bqsr
@click.option(
    "--filter",
    type=click.Choice(get_args(Filter)),
    default="auto",
    show_default=True,
    help="Variant filters; auto: vqsr for a whole genome or 30 exomes, by the bases that are called, where "
    "known sites can train it, else hard.",
)
@_known_sites
@_intervals
@click.option("--pedigree", metavar="FILE|CID", help="PED file that the report checks the samples by.")
@click.option("--skip-report", is_flag=True, help="Make no report.")
@_intermediates
@parameters("germline_short_variant_discovery")
@click.pass_obj
def germline(app: App, /, **options: Any) -> None:
    """Call SNPs and indels of samples jointly.

    Reads to one VCF, with quality measures and a report.
    """
    _run(app, "germline_short_variant_discovery", options)


def _run(app: App, workflow: str, options: dict[str, Any]) -> None:
    samples = {"samples": read_samples(options["samples"])} if "samples" in options else {}
    carry_out_request(app, workflow, options, options | samples)
