"""A real Slurm of one node in a folder, from the system's packages; as root, without systemd.

Its configuration is found by SLURM_CONF, so that a Slurm of the machine's own is left alone. By hand:

    python tests/helpers/slurm.py up FOLDER [MaxJobCount=3 …]    # prints a line for the shell
    python tests/helpers/slurm.py down FOLDER
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "squeue", "scontrol")
_CGROUPS = Path("/sys/fs/cgroup")
_CONTROLLERS = ("freezer", "memory", "cpuset", "cpuacct", "devices")
# Debian's packages put the daemons where only root's PATH looks.
_PATH = f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin{os.pathsep}/usr/local/sbin"


def missing() -> str:
    """Say in a line why no Slurm can be started here; '' where one can."""
    absent = [name for name in _PROGRAMS if shutil.which(name, path=_PATH) is None]
    if absent:
        return f"no Slurm on this machine ({', '.join(absent)}): install slurm-wlm and munge"
    return "" if os.geteuid() == 0 else "only root can start a Slurm that runs jobs"


class Slurm:
    """One node that is its own controller; `settings` are further lines of slurm.conf, or replace ours.

    Where this machine has version 1 of cgroups, jobs are held to their memory and CPUs by them; elsewhere
    Slurm itself looks every second whether a job has more memory than it asked for, and kills it.
    """

    def __init__(
        self, folder: Path, settings: Mapping[str, str] | None = None, partitions: Sequence[str] = ()
    ) -> None:
        self.folder = folder.resolve()
        self.conf = self.folder / "slurm.conf"
        self.jobcomp = self.folder / "log" / "jobcomp.log"
        self.node = socket.gethostname().split(".")[0]
        self._settings = dict(settings or {})
        self._partitions = partitions

    def environment(self) -> dict[str, str]:
        """Return what programs of Slurm, and so Nextflow, need to find this one."""
        return {"SLURM_CONF": str(self.conf)}

    def start(self) -> None:
        """Start the daemons and wait until the node takes jobs."""
        for name in ("ctld", "d", "log", "munge"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for folder in (self.folder, self.folder / "munge"):
            folder.chmod(0o755)  # or munge refuses its socket
        self._configure()
        munge = self.folder / "munge"
        if not (munge / "key").exists():
            (munge / "key").write_bytes(os.urandom(128))
            (munge / "key").chmod(0o600)
        files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log"}
        files |= {"seed-file": "seed"}
        self.run("munged", *(f"--{option}={munge / name}" for option, name in files.items()))
        self.start_controller()
        self.run("slurmd")
        self.wait_for_node("idle")

    def start_controller(self) -> None:
        self.run("slurmctld")

    def stop_controller(self) -> None:
        _stop(self.folder / "slurmctld.pid")

    def lose_node(self) -> None:
        """Let the node, and all that runs on it, end without a word, and tell the controller of it."""
        for pid in [int((self.folder / "slurmd.pid").read_text()), *self._of_jobs()]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        (self.folder / "slurmd.pid").unlink()
        self.run("scontrol", "update", f"nodename={self.node}", "state=down", "reason=lost")
        self.wait_for_node("down")

    def start_node(self) -> None:
        self.run("slurmd")
        self.wait_for_node("idle")

    def wait_for_node(self, state: str, seconds: float = 60) -> None:
        """Wait until `sinfo` says that of the node."""
        deadline = time.monotonic() + seconds
        while True:
            said = self.run("sinfo", "-h", "-N", "-o", "%T", check=False).split()
            if said and all(each.rstrip("*") == state for each in said):
                return
            assert time.monotonic() < deadline, f"the node is {said!r}, not {state}: {self.logs()}"
            time.sleep(0.2)

    def stop(self) -> None:
        """End all jobs and daemons, and remove the cgroups that they leave."""
        with suppress(AssertionError, subprocess.TimeoutExpired):
            self.run("scancel", "--state=PENDING,RUNNING,SUSPENDED", "--partition=main", check=False)
            deadline = time.monotonic() + 30
            while self.jobs() and time.monotonic() < deadline:
                time.sleep(0.2)
        for pid in ("slurmd.pid", "slurmctld.pid", "munge/pid"):
            _stop(self.folder / pid)
        for controller in _CONTROLLERS:
            _remove_cgroup(_CGROUPS / controller / f"slurm_{self.node}")

    def jobs(self, *options: str) -> list[str]:
        """Return the lines of `squeue`, without its header: those of jobs that wait or run."""
        return self.run("squeue", "-h", *options, check=False).splitlines()

    def completed(self) -> list[dict[str, str]]:
        """Return what the log of ended jobs says of each: JobId, Name, JobState, TimeLimit, WorkDir, …"""
        lines = self.jobcomp.read_text().splitlines() if self.jobcomp.exists() else []
        return [dict(re.findall(r"(\w+)=(.*?)(?= \w+=|\s*$)", line)) for line in lines]

    def _of_jobs(self) -> list[int]:
        """Return the processes of all jobs, those that watch over them first."""
        wanted = f"SLURM_CONF={self.conf}".encode()
        own, watching = [], set()
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                environment = (process / "environ").read_bytes().split(b"\0")
                if wanted in environment and any(each.startswith(b"SLURM_JOB_ID=") for each in environment):
                    own.append(int(process.name))
                    (parent,) = re.findall(r"PPid:\t(\d+)", (process / "status").read_text())
                    if (Path("/proc") / parent / "comm").read_text().startswith("slurmstepd"):
                        watching.add(int(parent))
        return [*watching, *own]

    def run(self, program: str, *arguments: str, check: bool = True) -> str:
        """Run a program of Slurm, and return what it printed."""
        # A file and no pipe: the daemons that it may leave behind would keep a pipe open.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                [shutil.which(program, path=_PATH) or program, *arguments],
                env=os.environ | self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=180,
            )
            output.seek(0)
            printed = output.read().decode()
        assert done.returncode == 0 or not check, f"{program}: {printed}{self.logs()}"
        return printed

    def logs(self) -> str:
        """Return the ends of the daemons' logs."""
        files = [*sorted((self.folder / "log").glob("slurm*.log")), self.folder / "munge" / "log"]
        return "".join(
            f"\n{file.name}:\n{file.read_text(errors='replace')[-1500:]}" for file in files if file.exists()
        )

    def _configure(self) -> None:
        here = str(self.folder)
        cgroups = all(os.access(_CGROUPS / each, os.W_OK) for each in _CONTROLLERS)
        hardware = self.run("slurmd", "-C")
        memory = int(re.findall(r"RealMemory=(\d+)", hardware)[0]) - 1024
        lines = {
            "ClusterName": "local",
            "SlurmctldHost": f"{self.node}(127.0.0.1)",
            "SlurmctldPort": str(_free_port()),
            "SlurmdPort": str(_free_port()),
            "SlurmUser": "root",
            "AuthType": "auth/munge",
            "AuthInfo": f"socket={here}/munge/socket",
            "CredType": "cred/munge",
            "StateSaveLocation": f"{here}/ctld",
            "SlurmdSpoolDir": f"{here}/d",
            "SlurmctldPidFile": f"{here}/slurmctld.pid",
            "SlurmdPidFile": f"{here}/slurmd.pid",
            "SlurmctldLogFile": f"{here}/log/slurmctld.log",
            "SlurmdLogFile": f"{here}/log/slurmd.log",
            "ProctrackType": "proctrack/cgroup" if cgroups else "proctrack/linuxproc",
            "TaskPlugin": "task/cgroup" if cgroups else "task/none",
            "MpiDefault": "none",
            "ReturnToService": "2",
            "SelectType": "select/cons_tres",
            "SelectTypeParameters": "CR_Core_Memory",
            "JobAcctGatherType": "jobacct_gather/linux",
            "AccountingStorageType": "accounting_storage/none",
            "JobCompType": "jobcomp/filetxt",
            "JobCompLoc": str(self.jobcomp),
            "SchedulerParameters": "sched_interval=5,batch_sched_delay=0",
        }
        if not cgroups:
            lines |= {"JobAcctGatherFrequency": "task=1", "JobAcctGatherParams": "OverMemoryKill"}
        own = dict(self._settings)
        lines |= {
            "NodeName": f"{self.node} NodeAddr=127.0.0.1 CPUs={os.cpu_count()} "
            f"RealMemory={own.pop('RealMemory', memory)} State=UNKNOWN",
        }
        longest = own.pop("MaxTime", "INFINITE")
        text = [f"{name}={value}" for name, value in (lines | own).items()]
        for number, name in enumerate(("main", *self._partitions)):
            default = "YES" if number == 0 else "NO"
            text.append(
                f"PartitionName={name} Nodes={self.node} Default={default} MaxTime={longest} State=UP"
            )
        self.conf.write_text("\n".join(text) + "\n")
        constrained = "ConstrainCores=yes\nConstrainRAMSpace=yes\n"
        (self.folder / "cgroup.conf").write_text(f"CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n{constrained}")


@contextmanager
def serve(settings: Mapping[str, str] | None = None, partitions: Sequence[str] = ()) -> Iterator[Slurm]:
    """Give a running Slurm that ends, with all that it left, when the block does."""
    # Not pytest's folder: a socket's path has at most 107 characters, and munge wants one that all may pass.
    folder = Path(tempfile.mkdtemp(prefix="stargazer-slurm-"))
    slurm = Slurm(folder, settings, partitions)
    try:
        slurm.start()
        yield slurm
    finally:
        slurm.stop()
        shutil.rmtree(folder)


def _stop(pid_file: Path) -> None:
    """End the process that a file names, and wait for it."""
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text())
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + 20
        with suppress(ProcessLookupError):
            os.kill(pid, number)
            while time.monotonic() < deadline:
                os.kill(pid, 0)
                time.sleep(0.1)
            continue
        break
    pid_file.unlink(missing_ok=True)


def _remove_cgroup(folder: Path) -> None:
    if folder.is_dir():
        for inner, _, _ in os.walk(folder, topdown=False):
            with suppress(OSError):
                Path(inner).rmdir()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _main(what: str, folder: str, *lines: str) -> None:
    slurm = Slurm(Path(folder), dict(line.split("=", 1) for line in lines))
    if what == "down":
        slurm.stop()
        return
    if missing():
        sys.exit(missing())
    slurm.start()
    print(f"export SLURM_CONF={slurm.conf}")


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in ("up", "down"):
        sys.exit(str(__doc__))
    _main(*sys.argv[1:])
