"""How fast CIDs are computed and files are stored, against `sha256sum`, `openssl`, `ipfs add` and `cp`.

python benchmarks/store.py --size 2000 --folder /a/disk/with/room

Files are read from the page cache and written to the disk of `--folder`. Each command is a process of its
own: what Python needs to start is part of its time.
"""

import argparse
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from measure import Timing, alternate, machine, table, timed, wall

CIDS = "import sys; from stargazer_cli.store.cid import cids_of; from pathlib import Path; " + (
    "print(*cids_of([Path(name) for name in sys.argv[2:]], threads=int(sys.argv[1])))"
)
ADD = (
    "import sys; from pathlib import Path; from stargazer_cli.assets import Asset; "
    "from stargazer_cli.settings import Settings; from stargazer_cli.store import LocalStore, NewFile; "
    "LocalStore(Settings()).add([NewFile(Path(sys.argv[1]), Asset(), made_here=len(sys.argv) > 2)])"
)


def shell(line: str) -> list[str]:
    return ["bash", "-euo", "pipefail", "-c", line]


def hashing(files: list[Path], ipfs: str) -> dict[str, list[str]]:
    """Commands that hash, and `files` is what they are given: all of them, or the first."""
    first, both = str(files[0]), [str(file) for file in files]
    python = [sys.executable, "-c", CIDS]
    commands = {
        "sha256sum, one file": ["sha256sum", first],
        "sha256sum, two files, two processes": shell(
            " & ".join(f"sha256sum {shlex.quote(file)}" for file in both) + " & wait"
        ),
        "CID, one file, 1 thread": [*python, "1", first],
        "CID, one file, 2 threads": [*python, "2", first],
        "CID, two files, 1 thread": [*python, "1", *both],
        "CID, two files, 2 threads": [*python, "2", *both],
    }
    if shutil.which("openssl"):
        commands["openssl dgst -sha256, one file"] = ["openssl", "dgst", "-sha256", first]
    if ipfs:
        commands["ipfs, one file"] = [*shlex.split(ipfs), first]
    return commands


def storing(source: Path, folder: Path) -> dict[str, Callable[[int], Timing]]:
    """Ways to keep a file and know its hash; what each of them writes is removed before the next."""

    def run(command: list[str]) -> Callable[[int], Timing]:
        def once(_: int) -> Timing:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            # What the last one wrote is not to be paid for by the next.
            os.sync()
            return timed(command, env=os.environ | {"STARGAZER_LOCAL": str(folder / "store")})

        return once

    name, copy = shlex.quote(str(source)), shlex.quote(str(folder / "copy"))
    return {
        "cp + sha256sum": run(shell(f"cp --reflink=never {name} {copy}; sha256sum {copy}")),
        "cp + sync + sha256sum": run(
            shell(f"cp --reflink=never {name} {copy}; sync {copy}; sha256sum {copy}")
        ),
        "add": run([sys.executable, "-c", ADD, str(source)]),
        "add of a file that the pipeline made": run([sys.executable, "-c", ADD, str(source), "made here"]),
    }


def make(path: Path, size: int) -> Path:
    """Write `size` bytes that no file system can make smaller."""
    with path.open("wb") as stream:
        for start in range(0, size, 1 << 20):
            stream.write(os.urandom(min(1 << 20, size - start)))
    return path


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=2000, help="MB of each file (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where files are written (default: the temporary folder)")
    parser.add_argument(
        "--ipfs",
        default="ipfs add --only-hash --quieter --cid-version=1" if shutil.which("ipfs") else "",
        metavar="COMMAND",
        help="a command that prints the CID of the file after it (default: ipfs, where it is)",
    )
    options = parser.parse_args()
    size = options.size * 1_000_000

    print(machine())
    with tempfile.TemporaryDirectory(prefix="stargazer-store-", dir=options.folder) as scratch:
        files = [make(Path(scratch) / f"{number}.bin", size) for number in range(2)]
        commands = hashing(files, options.ipfs)
        for command in commands.values():
            timed(command)  # into the page cache
        hashed = alternate(
            options.repeats, {name: lambda _, c=command: timed(c) for name, command in commands.items()}
        )
        stored = alternate(options.repeats, storing(files[0], Path(scratch) / "kept"))

    def speed(name: str) -> float:
        return size * (2 if "two files" in name else 1) / wall(hashed[name]) / 1e6

    base = speed("sha256sum, one file")
    print(f"\nHashing, files of {options.size} MB in the page cache, median of {options.repeats}\n")
    print(
        table(
            ["command", "MB/s", "of sha256sum"],
            [[name, f"{speed(name):.0f}", f"{speed(name) / base:.2f}"] for name in hashed],
        )
    )
    plain = wall(stored["cp + sha256sum"])
    print(f"\nKeeping a file of {options.size} MB, median of {options.repeats}\n")
    print(
        table(
            ["command", "s", "MB/s", "time / (cp + sha256sum)"],
            [
                [name, f"{wall(each):.2f}", f"{size / wall(each) / 1e6:.0f}", f"{wall(each) / plain:.2f}"]
                for name, each in stored.items()
            ],
        )
    )


if __name__ == "__main__":
    main()
