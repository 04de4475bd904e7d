"""A stand-in for podman and docker: it notes how it was called, and keeps images as lines of a file."""

import shutil
from pathlib import Path

# An image is a line: its name, its id. What the engine must answer is a file beside.
_SCRIPT = r"""#!/bin/sh
cd @STATE@
echo "$(echo "${0##*/} $*" | tr '\n' ' ')" >> calls
case ${0##*/} in podman) registry=localhost/ ;; esac
id_of() { awk -v name="$1" '$1 == name || $2 == name { print $2; exit }' images; }
case "$1 $2" in
'image inspect')
    form=$4
    shift 4
    status=0
    for name; do
        id=$(id_of "$name")
        if [ -z "$id" ]; then
            echo "Error: inspecting object: $name: image not known" >&2
            status=125
            continue
        fi
        case $form in
        '["'*) echo "[\"$id\",\"amd64\"]" ;;
        *Env*) echo '["PATH=/opt/venv/bin:/usr/bin","HOME=/tmp"]' ;;
        *) awk -v id="$id" -v at="$registry" '
            $2 == id { names = names (names == "" ? "" : ",") "\"" at $1 "\"" }
            END { printf "%s\tamd64\t%s\t[%s]\n", id, 1000000, names }' images ;;
        esac
    done
    exit $status ;;
'build '*)
    echo 'STEP 1/3: FROM base'
    echo 'STEP 2/3: RUN the work of an hour'
    [ ! -f build.says ] || { cat build.says >&2; exit 125; }
    while [ "$1" != --iidfile ]; do shift; done
    printf 'sha256:%064d' "$(wc -l < calls)" > "$2" ;;
'tag '*)
    id=$(id_of "$2")
    [ -n "$id" ] || id=$2
    awk -v name="$3" '$1 != name' images > images.new
    echo "$3 $id" >> images.new
    mv images.new images ;;
'pull '*)
    [ ! -f pull.says ] || { cat pull.says >&2; exit 125; }
    printf '%s sha256:%064d\n' "$2" 7 >> images ;;
'run '*)
    case "$*" in
    *dpkg-query*) cat said ;;
    *) [ ! -f run.says ] || { cat run.says >&2; exit 127; } ;;
    esac ;;
'save '*)
    while [ "$1" != --output ]; do shift; done
    echo archive > "$2" ;;
'create '*) echo 0123456789ab ;;
'export '*) tar -cf "$3" -C root . ;;
esac
"""
# What there is on PATH beside it: no engine that this machine may have.
_PROGRAMS = ("sh", "awk", "cat", "cp", "gzip", "mv", "ps", "setsid", "sleep", "tar", "touch", "tr", "wc")
_SAID = "system\tdebian\tbookworm\ndeb\tprocps\t2:4.0.2-3\tamd64\tprocps\t2:4.0.2-3\n"


class Builder:
    """The stand-in's folder: `calls` are its command lines so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        (folder / "root" / "etc").mkdir(parents=True)
        (folder / "root" / "etc" / "os-release").write_text("ID=debian\n")
        self.bin.mkdir()
        for name in _PROGRAMS:
            (self.bin / name).symlink_to(str(shutil.which(name)))
        self.forget()
        (folder / "said").write_text(_SAID)
        self.has("docker.io/library/debian:bookworm-slim", 1)
        self.has("docker.io/library/debian:trixie-slim", 2)
        self.add("podman", _SCRIPT.replace("@STATE@", str(folder)))

    def add(self, name: str, script: str) -> Path:
        """Put a command on PATH."""
        command = self.bin / name
        command.write_text(script)
        command.chmod(0o755)
        return command

    def also_as(self, name: str) -> None:
        """Answer to another name too."""
        self.add(name, (self.bin / "podman").read_text())

    def has(self, name: str, number: int) -> None:
        """Put an image into the store."""
        with (self.folder / "images").open("a") as stream:
            stream.write(f"{name} sha256:{number:064d}\n")

    def says(self, command: str, text: str) -> None:
        """Let `build`, `pull` or `run` fail with these words."""
        (self.folder / f"{command}.says").write_text(text)

    def forget(self) -> None:
        """Forget the calls so far."""
        (self.folder / "calls").write_text("")

    @property
    def images(self) -> dict[str, str]:
        """The id of each name."""
        return dict(line.split() for line in (self.folder / "images").read_text().splitlines())

    def calls(self, command: str = "") -> list[str]:
        """The command lines of one command, or of all."""
        lines = [line.strip() for line in (self.folder / "calls").read_text().splitlines()]
        return [line for line in lines if not command or line.split()[1] == command]
