"""Tools for runs: start them, look at them, wait for them, end them.

A run is carried out by a process of its own. What waits here only watches it: a client that goes away, and
the end of the server, take nothing from it.
"""

from collections.abc import Mapping
from typing import Annotated

from anyio.to_thread import run_sync
from fastmcp import Context
from pydantic import Field

from stargazer_cli import api
from stargazer_cli.errors import UsageError
from stargazer_cli.mcp.following import failed, planned, state_of, summary_of, wait_for
from stargazer_cli.mcp.models import Runs, RunState, Scalar
from stargazer_cli.mcp.tool import Tool, tool
from stargazer_cli.runs.record import Status
from stargazer_cli.runs.requests import file_arguments
from stargazer_cli.serving.arguments import checked, paths_among

_LONGEST_WAIT = 3600.0

Profile = Annotated[
    str,
    Field(
        description="Where and how it runs: `local`, or Nextflow profiles such as `podman` or "
        "`slurm,apptainer`."
    ),
]
Reuse = Annotated[bool, Field(description="Take what earlier runs made already; false computes all anew.")]
DryRun = Annotated[
    bool, Field(description="Start nothing: answer what would be reused and what computed (`steps`).")
]
Background = Annotated[
    bool,
    Field(
        description="Answer with the run_id as soon as the run has started, and do not wait for its end. "
        "Runs take minutes to days: without it this call lasts as long, and tells its progress."
    ),
]
RunId = Annotated[
    str, Field(description="The id of a run, or an unambiguous beginning or end of it; see `list_runs`.")
]
ProgressFrom = Annotated[
    int, Field(ge=0, description="Answer the lines of progress from here on; see `next_progress`.")
]


class RunTools:
    """The tools, over the runs of one store."""

    def tools(self) -> list[Tool]:
        """Return them all."""
        starting = {"idempotent_hint": True, "open_world_hint": True}
        return [
            tool(self.run_workflow, title="Run a workflow", **starting),
            tool(self.run_task, title="Run one task", **starting),
            tool(self.get_run, title="How a run stands", read_only_hint=True),
            tool(self.list_runs, title="List runs", read_only_hint=True),
            tool(self.cancel_run, title="End a run", destructive_hint=True, idempotent_hint=True),
        ]

    async def run_workflow(
        self,
        *,
        ctx: Context,
        workflow: Annotated[
            str,
            Field(
                description="Its name from `list_tasks`, or germline, scrna, preprocess, prepare-reference."
            ),
        ],
        arguments: Annotated[
            dict[str, Scalar | list[Scalar] | None],
            Field(
                description='The workflow\'s parameters by name, such as {"build": "GRCh38", "samples": '
                '["NA1", "NA2"]} for germline or {"sample_id": "pbmc"} for scrna. `list_tasks` '
                "describes them. A parameter that takes a file takes its CID."
            ),
        ] = {},  # noqa: B006
        profile: Profile = "local",
        reuse: Reuse = True,
        background: Background = False,
        dry_run: DryRun = False,
    ) -> RunState:
        """Run a workflow on files of the store, which are found by what they are.

        The result is files in the store (`assets`). What was made before from the same inputs, parameters and
        tools is reused, so that asking again is cheap; where all of it was, nothing runs. Use dry_run first
        to see what a run would do. The run goes on if you stop waiting: `get_run` finds it again.
        """
        given = checked(arguments)
        _refuse_paths(paths_among(given, file_arguments(workflow)))
        if dry_run:
            plan = await run_sync(lambda: api.plan(workflow, profile=profile, reuse=reuse, **given))
            return planned(plan)
        run = await api.astart(workflow, profile=profile, reuse=reuse, **given)
        return await _answer(ctx, run, background=background)

    async def run_task(
        self,
        *,
        ctx: Context,
        task: Annotated[str, Field(description="Its name from `list_tasks`, such as mark_duplicates.")],
        filters: Annotated[
            dict[str, Scalar | list[Scalar]],
            Field(
                description='What its input files are, such as {"sample_id": "NA1", "build": '
                '"GRCh38"}: a key counts for the roles whose kind has it.'
            ),
        ] = {},  # noqa: B006
        inputs: Annotated[
            dict[str, Scalar | list[Scalar] | None],
            Field(
                description="A role of the task and the CID of its file (a list where it takes several), or "
                "a parameter or label and its value. A role that is not named here is found by `filters` and "
                "by the links between files."
            ),
        ] = {},  # noqa: B006
        limits: Annotated[
            dict[str, Scalar],
            Field(description='How it runs, such as {"max_cpus": 4, "max_memory": "8 GB"}.'),
        ] = {},  # noqa: B006
        profile: Profile = "local",
        reuse: Reuse = True,
        background: Background = False,
        dry_run: DryRun = False,
    ) -> RunState:
        """Run one task alone on files of the store. For a whole analysis take run_workflow.

        A file that is missing, or that several fit, is an error that names them and the input that
        decides. Results, reuse and waiting are as with run_workflow.
        """
        given = {"filters": filters, "inputs": checked(inputs), **checked(limits)}
        if dry_run:
            plan = await run_sync(lambda: api.plan(task, profile=profile, reuse=reuse, **given))
            return planned(plan)
        run = await api.astart_task(task, profile=profile, reuse=reuse, **given)
        return await _answer(ctx, run, background=background)

    async def get_run(
        self,
        *,
        ctx: Context,
        run_id: RunId,
        wait_seconds: Annotated[
            float, Field(ge=0, le=_LONGEST_WAIT, description="Wait so long for its end before answering.")
        ] = 0,
        progress_from: ProgressFrom = 0,
    ) -> RunState:
        """Tell how a run stands: running, done with its files, failed and why.

        A run that is `failed` or `interrupted` has `error` and `hint`.
        """
        run = await run_sync(api.get_run, run_id)
        if wait_seconds:
            await wait_for(ctx, run, wait_seconds)
        return await run_sync(state_of, run, progress_from)

    def list_runs(
        self,
        status: Annotated[Status | None, Field(description="Only runs of this status.")] = None,
        limit: Annotated[int, Field(ge=1, le=500, description="At most so many at once.")] = 20,
        offset: Annotated[int, Field(ge=0, description="Leave out so many first; see `next_offset`.")] = 0,
    ) -> Runs:
        """List the runs of workflows and tasks, the newest first, also those that others started."""
        found = [run for run in api.list_runs() if status in (None, run.status)]
        end = min(offset + limit, len(found))
        return Runs(
            total=len(found),
            offset=offset,
            next_offset=end if end < len(found) else None,
            runs=[summary_of(run) for run in found[offset:end]],
        )

    def cancel_run(self, run_id: RunId) -> RunState:
        """End a run that goes on, and its tasks; on a cluster its jobs. Nothing of it is stored.

        It may take a minute. Ask the user first, unless they asked for it.
        """
        return state_of(api.get_run(run_id).cancel(), 0)


def _refuse_paths(paths: Mapping[str, str]) -> None:
    """Let files be taken by their CIDs alone."""
    for name, path in paths.items():
        raise UsageError(
            f"{name} takes the CID of a file of the store here, and {path[:60]!r} is none.",
            "Add the file with upload_file first, and give the CID that it answers.",
        )


async def _answer(ctx: Context, run: api.Run, *, background: bool) -> RunState:
    """Return how a run that was started stands: at once, or at its end.

    Raises:
        StargazerError: it did not end well; the error is what ended it.

    """
    if not background:
        await wait_for(ctx, run)
        if error := failed(run):
            raise error
    return await run_sync(state_of, run, 0)
