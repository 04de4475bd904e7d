"""A simulated call set of 16,000 annotated sites with planted truth, and the resources that know part of it.

True and false sites draw their annotations from different distributions, as GATK's articles plot them for
real genomes: they overlap, and one false site in twenty looks true in every annotation. Equal seeds give
equal files.
"""

import random
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONTIGS = {"chr1": 6_000_000, "chr2": 4_000_000}
SAMPLE = "simulated"

_BASES = "ACGT"
_LOOKS_TRUE = 0.05
_HEADER = "##fileformat=VCFv4.2\n" + "".join(
    f"##contig=<ID={name},length={length}>\n" for name, length in CONTIGS.items()
)
CALLS_HEADER = (
    _HEADER
    + "".join(
        f'##INFO=<ID={name},Number=1,Type=Float,Description="{name}">\n'
        for name in ("QD", "FS", "SOR", "MQ", "MQRankSum", "ReadPosRankSum")
    )
    + '##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">\n'
    + '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
)


@dataclass(frozen=True, order=True)
class Site:
    """A called site; `kind` is SNP or INDEL, `true` whether it was planted."""

    contig: str
    position: int
    ref: str
    alt: str
    kind: str
    true: bool

    @property
    def key(self) -> tuple[str, int, str, str]:
        return self.contig, self.position, self.ref, self.alt


@dataclass(frozen=True)
class Simulated:
    """The files of a simulated call set."""

    vcf: Path
    sites: list[Site]
    resources: list[dict[str, Any]]

    def keys(self, kind: str, true: bool) -> set[tuple[str, int, str, str]]:
        """The sites of a kind that are true, or those that are false."""
        return {site.key for site in self.sites if site.kind == kind and site.true is true}


# What a resource knows: the share of true sites, the share of false ones, and how many sites more that
# were not called. The rest is what --known_sites says of it.
_RESOURCES: tuple[tuple[str, tuple[str, ...], float, float, Mapping[str, Any]], ...] = (
    ("hapmap", ("SNP",), 0.70, 0.0, {"training": True, "truth": True, "prior": 15, "vqsr_mode": "SNP"}),
    ("omni", ("SNP",), 0.70, 0.0, {"training": True, "truth": True, "prior": 12, "vqsr_mode": "SNP"}),
    ("1000g", ("SNP",), 0.90, 0.01, {"training": True, "truth": False, "prior": 10, "vqsr_mode": "SNP"}),
    ("mills", ("INDEL",), 0.85, 0.0, {"training": True, "truth": True, "prior": 12, "vqsr_mode": "INDEL"}),
    ("dbsnp", ("SNP", "INDEL"), 0.97, 0.10, {"known": True, "prior": 2, "vqsr_mode": "BOTH"}),
)


def simulate(folder: Path, snps: int = 12_000, indels: int = 4_000, seed: int = 6) -> Simulated:
    """Write `calls.vcf.gz`, a VCF for each resource, and their indexes."""
    random_ = random.Random(seed)
    sites = _sites(random_, snps, indels)
    vcf = write_vcf(folder / "calls.vcf.gz", CALLS_HEADER, (_call(random_, site) for site in sites), [SAMPLE])
    resources = []
    for name, kinds, of_true, of_false, said in _RESOURCES:
        held = [
            site for site in sites if site.kind in kinds and random_.random() < (of_false, of_true)[site.true]
        ]
        elsewhere = [site for site in _sites(random_, 1_000, 300) if site.kind in kinds]
        records = sorted({site.key[:2]: site for site in elsewhere + held}.values())
        path = write_vcf(folder / f"{name}.vcf.gz", _HEADER, (_resource(site) for site in records))
        absent = {"known": False, "training": False, "truth": False}
        resources.append({**absent, **said, "resource_name": name, "types": list(kinds), "path": path.name})
    return Simulated(vcf, sites, resources)


def _sites(random_: random.Random, snps: int, indels: int) -> list[Site]:
    """Sites at places of their own: four in five SNPs are true, and three in four indels."""
    places = [
        (contig, place) for contig, length in CONTIGS.items() for place in range(100, length - 100, 200)
    ]
    chosen = random_.sample(places, snps + indels)
    return sorted(
        _site(random_, contig, place + random_.randrange(100), "SNP" if number < snps else "INDEL")
        for number, (contig, place) in enumerate(chosen)
    )


def _site(random_: random.Random, contig: str, position: int, kind: str) -> Site:
    ref = random_.choice(_BASES)
    if kind == "SNP":
        alt = random_.choice([base for base in _BASES if base != ref])
        return Site(contig, position, ref, alt, kind, random_.random() < 0.8)
    longer = ref + "".join(random_.choices(_BASES, k=random_.randint(1, 12)))
    ref, alt = (ref, longer) if random_.random() < 0.5 else (longer, ref)
    return Site(contig, position, ref, alt, kind, random_.random() < 0.75)


def _call(random_: random.Random, site: Site) -> str:
    homozygous = random_.random() < 0.35
    looks_true = site.true or random_.random() < _LOOKS_TRUE
    drawn = _true_annotations(random_, homozygous) if looks_true else _false_annotations(random_)
    depth = max(4, round(random_.gauss(32, 5)))
    if homozygous:  # no read has the reference allele, so there is nothing to compare
        drawn = {name: value for name, value in drawn.items() if not name.endswith("RankSum")}
    info = ";".join([f"DP={depth}"] + [f"{name}={value:.3f}" for name, value in sorted(drawn.items())])
    quality = max(30.01, drawn["QD"] * depth)
    return f"{_place(site)}\t{quality:.2f}\t.\t{info}\tGT\t{'1/1' if homozygous else '0/1'}"


def _true_annotations(random_: random.Random, homozygous: bool) -> dict[str, float]:
    return {
        "QD": _within(random_.gauss(29, 3) if homozygous else random_.gauss(15, 4), 1, 40),
        "FS": 0.0 if homozygous else _within(random_.expovariate(1 / 3), 0, 60),
        "SOR": random_.lognormvariate(-0.3, 0.35),
        "MQ": _within(random_.gauss(60.3, 0.8), 20, 60),
        "MQRankSum": random_.gauss(0, 0.5),
        "ReadPosRankSum": random_.gauss(0.2, 0.9),
    }


def _false_annotations(random_: random.Random) -> dict[str, float]:
    return {
        "QD": _within(random_.gauss(5, 3), 0.1, 40),
        "FS": _within(random_.expovariate(1 / 25), 0, 300),
        "SOR": random_.lognormvariate(1.0, 0.5),
        "MQ": _within(random_.gauss(46, 7), 20, 60),
        "MQRankSum": random_.gauss(-3.5, 2.5),
        "ReadPosRankSum": random_.gauss(-2, 2),
    }


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _resource(site: Site) -> str:
    return f"{_place(site)}\t.\tPASS\t."


def _place(site: Site) -> str:
    return f"{site.contig}\t{site.position}\t.\t{site.ref}\t{site.alt}"


def write_vcf(path: Path, header: str, records: Iterable[str], samples: Sequence[str] = ()) -> Path:
    """Write a bgzipped VCF and its tabix index."""
    columns = [
        "#CHROM",
        "POS",
        "ID",
        "REF",
        "ALT",
        "QUAL",
        "FILTER",
        "INFO",
        *(["FORMAT"] if samples else []),
    ]
    text = header + "\t".join([*columns, *samples]) + "\n" + "".join(record + "\n" for record in records)
    command: list[str | Path] = ["bcftools", "view", "--no-version", "-Oz", "-o", path, "-"]
    subprocess.run(command, input=text, text=True, check=True)
    subprocess.run(["bcftools", "index", "--tbi", path], check=True)
    return path
