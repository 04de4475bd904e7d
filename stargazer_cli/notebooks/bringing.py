"""What a person who brings data is shown: what files are taken for, and what a workflow asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from stargazer_cli.assets import kind_class
from stargazer_cli.errors import StargazerError, needing

if TYPE_CHECKING:
    import pandas as pd

    from stargazer_cli.assets import Asset
    from stargazer_cli.catalog import Parameter, Workflow

# What a person says of a file; where it came from in a run, the run says.
_ASKED = ("sample_id", "build", "organism", "lane", "library", "sequencing_platform", "resource_name")


@dataclass(frozen=True)
class Look:
    """Files as the store would take them.

    table     file, kind, what is known of it, remarks; one row a file
    fields    what a person may say of such files, the most asked for first
    """

    table: "pd.DataFrame"
    fields: tuple[str, ...]


def look(paths: Sequence[Path], keyvalues: Mapping[str, str], kind: str | None = None) -> Look:
    """Look at files, and store nothing; the first that is not sound refuses all of them."""
    with needing("A notebook", "pandas", "notebook"):
        import pandas as pd

    from stargazer_cli.store.intake import take_in

    with TemporaryDirectory(prefix="stargazer-") as scratch:
        intake = take_in(paths, keyvalues, kind, scratch=Path(scratch))
    remarks = dict(note.partition(": ")[::2] for note in intake.notes)
    rows = []
    for file in intake.files:
        known = file.asset.to_keyvalues()
        rows.append(
            {
                "file": file.path.name,
                "kind": known.pop("asset", "?"),
                "known": ", ".join(f"{key}={value}" for key, value in known.items()),
                "remarks": remarks.get(file.path.name, ""),
            }
        )
    there = {field for row in rows if row["kind"] != "?" for field in kind_class(row["kind"]).fields()}
    return Look(pd.DataFrame(rows), tuple(field for field in _ASKED if field in there))


def samples_for(workflow: "Workflow", assets: "Sequence[Asset]") -> list[str]:
    """Return the samples that a workflow may be run on, as far as the kinds of their files tell."""
    # An index is no sample by itself, and a VCF (no GVCF) is of a cohort that was called.
    kinds = {role.kind for role in workflow.inputs if not role.kind.endswith("_index")}
    taken = (asset for asset in assets if asset.kind in kinds)
    found = {getattr(each, "sample_id", "") for each in taken if getattr(each, "variant_type", "") != "vcf"}
    return sorted(found - {""})


def builds(assets: "Sequence[Asset]") -> list[str]:
    """Return the genome builds of which there is a reference."""
    return sorted({getattr(asset, "build", "") for asset in assets if asset.kind == "reference"} - {""})


def value_of(parameter: "Parameter", given: Any) -> Any:
    """Return what a person entered as the parameter's type; None where it is as it was, or empty."""
    if given in (None, "", []) or given == parameter.default:
        return None
    if parameter.type == "array" and isinstance(given, str):
        return [part.strip() for part in given.split(",") if part.strip()]
    if parameter.type == "integer" and isinstance(given, float):
        return int(given)
    return given


def said(error: StargazerError) -> str:
    """Return an error as the command line shows it: what is wrong, and what to do."""
    return "\n".join(error.lines())
