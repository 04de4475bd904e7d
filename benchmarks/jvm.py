"""What starting GATK costs: plain Java, Stargazer's launcher, and the launcher with the quick compiler only.

    python benchmarks/jvm.py --repeats 5

The steps run on the bundled child, so that start-up is most of what they do. Stargazer's launcher comes from
`stargazer setup`; --gatk names another one.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from measure import (
    Timing,
    alternate,
    cpu,
    fetched_gatk_jars,
    first_on_path,
    machine,
    table,
    timed,
    wall,
    write_plain_gatk,
)

from stargazer_cli.demo import bundle
from stargazer_cli.settings import Settings
from stargazer_cli.tools import locate

QUICK = "-XX:TieredStopAtLevel=1"


def steps(folder: Path) -> dict[str, list[str]]:
    """Return GATK's arguments of each step; their inputs are made by the plain script."""
    fasta = str(folder / "plain/reference/reference.fa")
    out = folder / "out"
    return {
        "CreateSequenceDictionary": ["-R", fasta, "-O", f"{out}/reference.dict"],
        "MarkDuplicates": [
            "-I",
            f"{folder}/plain/child.bam",
            "-O",
            f"{out}/child.bam",
            "-M",
            f"{out}/child.txt",
        ],
        "HaplotypeCaller": [
            *("-R", fasta, "-I", f"{folder}/plain/child.bam", "-ERC", "GVCF"),
            *("-O", f"{out}/child.g.vcf.gz"),
        ],
        "GenotypeGVCFs": [
            *("-R", fasta, "-V", f"{folder}/plain/child.g.vcf.gz"),
            *("-O", f"{out}/child.vcf.gz"),
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--gatk-jars", type=Path, help="folder of GATK's jars (default: the fetched ones)")
    parser.add_argument("--gatk", type=Path, help="the launcher to compare (default: the one found)")
    options = parser.parse_args()

    tools = locate(Settings(), ["java", "gatk"]).tools
    launcher = options.gatk or tools["gatk"].path
    java = tools["java"].path or shutil.which("java")
    if launcher is None or java is None:
        sys.exit("There is no GATK here yet: run `stargazer setup`.")
    print(f"{machine()}\nJava {tools['java'].version}, launcher {launcher} ({tools['gatk'].origin})")

    trio = bundle.load(bundle.GermlineBundle, "trio")
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        plain = write_plain_gatk(scratch / "bin", options.gatk_jars or fetched_gatk_jars(), str(java))
        lanes = [lane for lane in trio.reads if lane.sample == "demo_child"]
        child = ",".join(f"{trio.path(lane.r1.name)}:{trio.path(lane.r2.name)}" for lane in lanes)
        script = Path(__file__).with_name("germline_plain.sh")
        env = first_on_path(plain.parent, os.environ)
        timed([str(script), f"{scratch}/plain", str(trio.path("reference.fa")), f"child:{child}"], env=env)
        (scratch / "out").mkdir()

        def once(gatk: Path, arguments: list[str], java_options: str = "") -> Callable[[int], Timing]:
            def run(_number: int) -> Timing:
                (scratch / "out/reference.dict").unlink(missing_ok=True)
                return timed([str(gatk), *arguments], env={**os.environ, "JDK_JAVA_OPTIONS": java_options})

            return run

        rows = []
        for step, arguments in steps(scratch).items():
            print(step, file=sys.stderr)
            command = [step, *arguments]
            timings = alternate(
                options.repeats,
                {
                    "plain": once(plain, command),
                    "launcher": once(launcher, command),
                    "launcher, quick": once(launcher, command, QUICK),
                },
            )
            shown = [f"{wall(found):.1f} ({cpu(found):.1f})" for found in timings.values()]
            rows.append([step, *shown, f"{wall(timings['launcher']) / wall(timings['plain']):.2f}"])
    print(f"Median wall seconds of {options.repeats} (CPU seconds)")
    print(table(["step", "plain java", "launcher", f"launcher, {QUICK}", "launcher / plain"], rows))


if __name__ == "__main__":
    main()
