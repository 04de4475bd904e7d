"""`stargazer build-images`: the images that tasks run in."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stargazer_cli.app import App
from stargazer_cli.commands.lazy import examples
from stargazer_cli.output import emit_json, live_line, note, size_of, table
from stargazer_cli.tools.spec import ENGINES

if TYPE_CHECKING:
    from stargazer_cli.images.build import Outcome


@click.command(
    "build-images",
    epilog=examples(
        "stargazer build-images",
        "stargazer build-images bwamem2 gatk --engine podman",
        "stargazer build-images --base 'registry.example.org/debian:{}'",
        "stargazer build-images --engine apptainer",
    ),
)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    help="What tasks will run in; by default podman, or else docker. The other engines get files, made from "
    "an image of one of these two.",
)
@click.option(
    "--base", metavar="IMAGE", help="Another base than Debian's slim image; {} in it becomes the release."
)
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path),
    envvar="PIP_CERT",
    show_envvar=True,
    help="Certificates for pip in the build, which the image does not keep.",
)
@click.option(
    "--build-arg", "arguments", multiple=True, metavar="NAME=VALUE", help="An argument of the Dockerfiles."
)
@click.option(
    "--sbom",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the lists of what is in the images; by default `images/sbom` of the tools folder.",
)
@click.option("--no-cache", is_flag=True, help="Build anew what is current too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_obj
def build_images(
    app: App,
    *,
    names: tuple[str, ...],
    engine: str | None,
    base: str | None,
    ca: Path | None,
    arguments: tuple[str, ...],
    sbom: Path | None,
    no_cache: bool,
    as_json: bool,
) -> None:
    """Build the images NAME, or all of them, unless they are current.

    An image is named after its tool's version and all that it is built from; the name that the tasks use
    moves to it when it is built and works. `images.lock.json` in the tools folder says what there is.
    """
    from stargazer_cli.images import sbom as listing
    from stargazer_cli.images.build import STATUSES, Options, build, checked_arguments, default_engine
    from stargazer_cli.images.spec import chosen
    from stargazer_cli.runs.launch import stop_signals_interrupt

    images = chosen(names)
    options = Options(base, ca, no_cache, checked_arguments(arguments, images))
    engine = engine or default_engine()
    if sbom is not None:
        listing.require_library()
    listed = listing.has_library()
    if not listed:
        note("No list is made of what is in the images; for that: pip install 'stargazer[images]'")
    done: list[Outcome] = []
    with (
        stop_signals_interrupt(),
        live_line("asking the engine …", STATUSES, f"{{}} of {len(images)} images") as tell,
    ):
        for outcome in build(images, engine, app.settings, options, tell):
            if listed:
                listing.keep(outcome, engine, app.settings.tools, sbom, tell)
            tell(f"{outcome.status} {outcome.tag}")
            done.append(outcome)
    if as_json:
        emit_json({"engine": engine, "images": [_entry(outcome) for outcome in done]})
        return
    table(("IMAGE", "DIGEST", "SIZE", "SECONDS", ""), [_row(outcome) for outcome in done])


def _entry(outcome: "Outcome") -> dict[str, object]:
    return {
        "reference": outcome.image.reference,
        "tag": outcome.tag,
        "digest": outcome.digest,
        "size": outcome.size,
        "seconds": round(outcome.seconds, 1),
        "status": outcome.status,
        "file": str(outcome.file) if outcome.file else None,
    }


def _row(outcome: "Outcome") -> tuple[str, ...]:
    digest = outcome.digest.removeprefix("sha256:")[:12]
    return (outcome.tag, digest, size_of(outcome.size), f"{outcome.seconds:.1f}", outcome.status)
