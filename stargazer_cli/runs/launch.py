"""Run Nextflow, show how it goes, and say in two lines what failed."""

import os
import re
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from stargazer_cli.errors import StargazerError
from stargazer_cli.images import hint_of
from stargazer_cli.runs.trace import rows as trace_rows
from stargazer_cli.runs.trace import task_name

_TASK_LINE = re.compile(r"\[[0-9a-f]{2}/[0-9a-f]+\] (?P<what>Submitted|Cached) process > (?P<name>.+)")
# What Nextflow says around its own error: banner, progress, warnings, and where its log is.
_CHATTER = re.compile(
    r"N E X T F L O W|Launching |WARN:|(bqsr|filter): |\[[0-9a-f]{2}/|Execution cancelled|-- Check |Tip: "
    r"|- (attempt|command|reason|cmd executed|exit status|output) *:"
)
# What it warns of while it waits for a scheduler, and below that, why.
_NOT_SUBMITTED = re.compile(r"WARN: Failed to submit process '(?P<name>.+)'")
_NO_QUEUE = re.compile(r"WARN: \[\w+\] (queue .*status cannot be fetched|failed to retrieve queue)")
_BECAUSE = re.compile(r"\s*(?:- reason *: *)?(?P<why>[^\s-].*)")
_AGAIN_SECONDS = 60.0
_TAIL_LINES = 12
# conf/resources.config tells where they come from.
_REASONS = {
    "134": ", its Java heap was full or it aborted",
    "137": ", out of memory or killed",
    "140": ", out of time",
    "143": ", terminated",
    "247": ", out of memory or killed",
    "250": ", its Java heap was full or it aborted",
}
# A job without an exit status, as the table has it, and as Nextflow has it in older ones.
_NO_STATUS = ("-", "", "2147483647")
# What sbatch says when it refuses a job -> what to do, and the option that does it.
_REFUSALS = (
    (
        r"invalid partition|not permitted to use this partition|partition .* (down|inactive)",
        "Name a partition that you may use (`sinfo -s` lists them)",
        "--partition NAME",
    ),
    (r"invalid account", "Name an account of yours (`sacctmgr show user $USER withassoc`)", "--account NAME"),
    (
        r"invalid qos|unrecognized option|invalid option",
        "Correct the options of sbatch",
        "--cluster-options=OPTIONS",
    ),
    (
        r"time limit is invalid|timelimit",
        "Ask for no more time than the partition gives (`sinfo`)",
        "--max-time TIME",
    ),
    (
        r"memory specification|node configuration|more processors|cpu count",
        "Ask for no more than a node has (`sinfo -N -l`)",
        "--max-memory SIZE --max-cpus N",
    ),
    (r"unable to contact|could not establish|connection refused", "See when Slurm answers (`sinfo`)", ""),
    (r"job array", "Submit smaller arrays", "--job-array N"),
    (
        r"submit limit|accounting/qos policy|maxsubmit",
        "Have fewer jobs in the queue at once, or keep to your limits",
        "--queue-size N",
    ),
)
_SUBMITTING = "Failed to submit process to grid scheduler"
_NO_SBATCH = re.compile(r"Cannot run program \"(?P<program>sbatch|squeue|scancel)\"")
# By itself, and where a script had started it.
_KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)
# How long Nextflow may take to end: it cancels every job of a scheduler first.
STOP_SECONDS = 120.0


class HadToBeKilled(KeyboardInterrupt):
    """The run was interrupted, and Nextflow did not end by itself: its jobs may go on."""


@dataclass(frozen=True)
class Failure:
    """Why Nextflow ended: a task's last lines and folder, or the pipeline's own message.

    `lines` are what the tool or Nextflow itself said.
    `begun` is false where no task was started: then there is nothing to go on from. `option` is what to give
    to `stargazer run --resume`.
    """

    message: str
    hint: str
    begun: bool = True
    lines: Sequence[str] = ()
    option: str = ""


def command(
    nextflow: Sequence[str],
    script: Path,
    *,
    profile: str,
    trace: Path,
    log: Path,
    params: Path,
    work: Path,
    resume: bool = True,
) -> list[str]:
    """Return the `nextflow run` command of a script; it goes on where an earlier one in its folder ended."""
    return [
        *nextflow,
        "-log",
        str(log),
        "run",
        str(script),
        "-profile",
        profile,
        "-params-file",
        str(params),
        "-work-dir",
        str(work),
        "-with-trace",
        str(trace),
        "-with-report",
        str(trace.with_name("report.html")),
        "-with-timeline",
        str(trace.with_name("timeline.html")),
        "-ansi-log",
        "false",
        *(["-resume"] if resume else []),
    ]


def run(
    arguments: Sequence[str],
    folder: Path,
    environment: dict[str, str],
    tell: Callable[[str], None],
    *,
    keep: int,
    begun: Callable[[int], None] = lambda _pid: None,
) -> int:
    """Run Nextflow in `folder`; `tell` gets one line for each task that starts, and why none does.

    Nextflow inherits the descriptor `keep`, and with it the lock of the run; `begun` gets its process id.

    Returns the exit status. Within `stop_signals_interrupt`, a stop signal or Ctrl-C ends Nextflow, which
    ends its tasks, and raises `KeyboardInterrupt`.
    """
    output = folder / "nextflow.out"
    with (
        output.open("w", encoding="utf-8") as copy,
        # A session of its own: a Ctrl-C on the terminal reaches this process only, which then asks
        # Nextflow to end; in the background Nextflow would not get it at all.
        subprocess.Popen(
            arguments,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            pass_fds=(keep,),
        ) as process,
    ):
        try:
            begun(process.pid)
            assert process.stdout is not None  # noqa: S101 - PIPE was asked for
            waits = _Waits(tell)
            for line in process.stdout:
                copy.write(line)
                copy.flush()
                if match := _TASK_LINE.match(line):
                    tell(_describe(match["what"], match["name"]))
                else:
                    waits.hear(line)
            status = process.wait()
            if status:
                # Where it was killed, for the memory it took perhaps, its tasks go on: all are in its group.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
            return status
        except BaseException as reason:
            # Also where its output cannot be kept: nobody would see what it does.
            if not _stop(process) and isinstance(reason, KeyboardInterrupt):
                raise HadToBeKilled from None
            raise


class _Waits:
    """Tells from Nextflow's warnings what a run waits for, such as a queue that is full: it may take days.

    A new reason is told at once, the same one once a minute at most.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._about = ""
        self._why = ""
        self._told = 0.0

    def hear(self, line: str) -> None:
        """Take a line of Nextflow's output."""
        if match := _NOT_SUBMITTED.match(line):
            self._about = f"waiting to submit {_named(match['name'])}"
        elif _NO_QUEUE.match(line):
            self._about = "the scheduler does not tell its queue"
        elif self._about and (match := _BECAUSE.match(line)):
            self._say(match["why"].rstrip())
            self._about = ""

    def _say(self, why: str) -> None:
        now = time.monotonic()
        if why != self._why or now - self._told >= _AGAIN_SECONDS:
            self._tell(f"{self._about}: {why}")
            self._why, self._told = why, now


def failure(folder: Path, trace: Path, exit_status: int = 1) -> Failure:
    """Explain why Nextflow ended, from its trace (a failed task) or its output (everything else)."""
    # The last one: an earlier failure may have been made good by trying again with more memory.
    rows = list(trace_rows(trace))
    lost = [row for row in rows if row.get("status") == "FAILED"]
    said = _lines(folder / "nextflow.out")
    if exit_status in _KILLED:
        told = "Where nobody did that, the machine had too little memory"
        return Failure("Nextflow was killed, and its tasks were ended.", told, bool(rows) or bool(said))
    if lost:
        return _refused_job(lost[-1], said) or _task_failure(lost[-1])
    return _pipeline_failure(folder / "nextflow.out", said, begun=bool(rows))


def _task_failure(row: dict[str, str]) -> Failure:
    workdir = Path(row.get("workdir", ""))
    last = _tail(workdir / ".command.err") or _tail(workdir / ".command.out")
    exit_status = row.get("exit") or "-"
    where = f"The task's folder is {workdir}"
    if exit_status in _NO_STATUS:
        ended = "no exit status: its job was lost, or the scheduler or its node ended it without a word"
        told = "`sacct -o JobID,State,Reason,NodeList` may say why"
    else:
        ended = f"exit {exit_status}{_REASONS.get(exit_status, '')}"
        told = hint_of(last, exit_status) or ""
    return Failure(
        f"{_whose(row, 'failed')} ({ended}).",
        f"{told.rstrip('.')}. {where}" if told else where,
        lines=[f"| {line}" for line in last],
    )


def _refused_job(row: dict[str, str], said: Sequence[str]) -> Failure | None:
    """Explain why the scheduler took no job; None where the task failed by itself."""
    # Elsewhere in the output it may be what the tool said.
    causes = _section(said, "Caused by:")
    if not any(_SUBMITTING in line or _NO_SBATCH.search(line) for line in causes):
        return None
    message = f"{_whose(row, 'could not be submitted')}: the scheduler did not take its job."
    # The table tells a refused job by the exit status of sbatch; what that said, Nextflow shows.
    told = _section(said, "Command output:")
    for pattern, hint, option in _REFUSALS:
        if any(re.search(pattern, line, re.IGNORECASE) for line in told):
            return Failure(message, hint, lines=[f"| {line}" for line in told], option=option)
    for line in causes:
        if match := _NO_SBATCH.search(line):
            hint = (
                "Start the run where jobs are submitted from, such as a login node, or take --profile local"
            )
            return Failure(f"{_whose(row, 'could not be submitted')}: {match['program']} is not here.", hint)
    return Failure(
        message,
        "See what the scheduler says (`sinfo`, `squeue --me`)",
        lines=[f"| {line}" for line in told],
    )


def _whose(row: dict[str, str], what: str) -> str:
    subject = row.get("tag") or "-"
    return f"{task_name(row['process'])} {what}" + (f" for {subject}" if subject != "-" else "")


def _section(said: Sequence[str], title: str) -> list[str]:
    """Return the lines below a title in what Nextflow says of a task, up to the next empty one."""
    lines = [line.strip() for line in said]
    if title not in lines:
        return []
    below = lines[lines.index(title) + 1 :]
    return below[: below.index("")] if "" in below else below


def _lines(output: Path) -> list[str]:
    return output.read_text(encoding="utf-8", errors="replace").splitlines() if output.exists() else []


def _pipeline_failure(output: Path, lines: Sequence[str], *, begun: bool) -> Failure:
    said = [line.strip() for line in lines if line.strip() and not _CHATTER.match(line.strip())]
    hint = f"Nextflow's log is {output.with_name('nextflow.log')}"
    if told := hint_of(said, "-"):
        hint = f"{told.rstrip('.')}. {hint}"
    if not said:
        return Failure("Nextflow ended without a word.", hint, begun)
    said[0] = said[0].removeprefix("ERROR ~ ")
    what = "The pipeline ended early" if begun else "The pipeline refused to run"
    return Failure(f"{what}: {said[0]}", hint, begun, said[1:_TAIL_LINES])


def _describe(what: str, name: str) -> str:
    return f"{'kept' if what == 'Cached' else 'started'} {_named(name)}"


def _named(name: str) -> str:
    process, _, tag = name.partition(" (")
    return task_name(process) + (f" for {tag.removesuffix(')')}" if tag else "")


def _tail(file: Path) -> list[str]:
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            return [line.rstrip() for line in deque(lines, maxlen=_TAIL_LINES) if line.strip()]
    except OSError:
        return []


def _stop(process: "subprocess.Popen[str]") -> bool:
    """Ask Nextflow to end, which cancels its tasks; kill its group when it does not, and return False."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return False
    return True


@contextmanager
def stop_signals_interrupt() -> Iterator[None]:
    """Within it SIGTERM and SIGHUP do what Ctrl-C does; the first one counts, as what follows takes its time.

    A SIGHUP that is ignored (nohup) stays so.
    """
    names = [
        name
        for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
        if name is not signal.SIGHUP or signal.getsignal(name) is not signal.SIG_IGN
    ]

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for name in names:
            signal.signal(name, signal.SIG_IGN)
        raise KeyboardInterrupt

    previous = {name: signal.signal(name, interrupt) for name in names}
    try:
        yield
    finally:
        for name, handler in previous.items():
            signal.signal(name, handler)


def failed(found: Failure, run_id: str) -> StargazerError:
    """Return the error that ends a failed run."""
    if not found.begun:
        hint = f"{found.hint}. Correct the request and run again."
    else:
        resume = f"stargazer run --resume {run_id} {found.option}".rstrip()
        hint = f"{found.hint}. Go on from there with: {resume}"
    return StargazerError(found.message, hint, found.lines)
