"""Which models known sites serve."""

import pytest

from stargazer_cli.assets import KnownSites
from stargazer_cli.runs.known_sites import Resource

BOTH = frozenset({"SNP", "INDEL"})


@pytest.mark.parametrize(
    ("vqsr_mode", "types", "served"),
    [
        ("SNP", BOTH, {"SNP"}),
        ("snp", BOTH, {"SNP"}),
        ("Indel", BOTH, {"INDEL"}),
        ("both", BOTH, {"SNP", "INDEL"}),
        ("", BOTH, {"SNP", "INDEL"}),
        ("", frozenset({"SNP"}), {"SNP"}),
        ("INDEL", frozenset({"SNP"}), set()),
    ],
)
def test_a_resource_serves_the_models_of_its_mode_in_whatever_case(
    vqsr_mode: str, types: frozenset[str], served: set[str]
) -> None:
    asset = KnownSites(cid="bafy", name="k.vcf", training=True, truth=False, vqsr_mode=vqsr_mode)
    resource = Resource(asset, "k", types)
    assert {mode for mode in ("SNP", "INDEL") if resource.serves(mode, truth=False)} == served
    assert not any(resource.serves(mode, truth=True) for mode in ("SNP", "INDEL"))
