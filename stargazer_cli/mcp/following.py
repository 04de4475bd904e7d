"""A run as the tools answer it, and waiting for its end."""

import asyncio
import time

from anyio.to_thread import run_sync
from fastmcp import Context

from stargazer_cli import api
from stargazer_cli.errors import StargazerError
from stargazer_cli.mcp.models import PlannedStep, RunState, RunSummary, StoredAsset, TaskRun
from stargazer_cli.runs.plan import Plan

_LOOK_SECONDS = 0.5
# A client may give up on a call that says nothing: it hears of the run at least so often.
_SILENT_SECONDS = 10.0


async def wait_for(ctx: Context, run: api.Run, seconds: float = float("inf")) -> None:
    """Wait until a run ends, or so long, and tell the client what the run says meanwhile.

    The protocol has progress only go up: it is the seconds of the waiting, and the message is the news.
    """
    began = told = time.monotonic()
    await ctx.report_progress(0, None, f"run {run.run_id}")
    message, read = "starting", 0
    while True:
        # The status first: then no line of a run that has ended is missed.
        running = run.status == "running"
        lines, read = await run_sync(run.progress, read)
        now = time.monotonic()
        for line in lines:
            message = line
            await ctx.report_progress(time.monotonic() - began, None, message)
        if lines:
            told = now
        elif now - told > _SILENT_SECONDS:
            await ctx.report_progress(now - began, None, message)
            told = now
        if not running or now - began >= seconds:
            return
        await asyncio.sleep(min(_LOOK_SECONDS, max(0.0, seconds - (now - began))))
        await run_sync(run.refresh)


def failed(run: api.Run) -> StargazerError | None:
    """Return the error that ended a run, with where to look for more; None where it did not end badly."""
    error = run.failure
    if error is None:
        return None
    return StargazerError(error.message, error.hint, [*error.items, f"get_run tells more of {run.run_id}"])


def summary_of(run: api.Run) -> RunSummary:
    """Return a run in a few words."""
    return RunSummary(
        run_id=run.run_id,
        name=run.name,
        status=run.status,
        started_at=run.started_at,
        ended_at=run.ended_at,
        error=run.error,
    )


def state_of(run: api.Run, progress_from: int) -> RunState:
    """Return how a run stands, with what it said from a place in its log on."""
    lines, following = run.progress(progress_from)
    return RunState(
        run_id=run.run_id or None,
        name=run.name,
        status=run.status,
        computed=run.computed,
        notes=list(run.notes),
        outdir=str(run.outdir) if run.outdir else None,
        assets=[StoredAsset.of(asset.to_dict()) for asset in run.assets],
        tasks=[TaskRun.model_validate(row, from_attributes=True) for row in run.tasks],
        progress=list(lines),
        next_progress=following,
        error=run.error,
        hint=run.hint,
        started_at=run.started_at,
        ended_at=run.ended_at,
    )


def planned(plan: Plan) -> RunState:
    """Return what a run would do."""
    return RunState(
        run_id=None,
        name=plan.workflow,
        status="planned",
        computed=False,
        notes=plan.notes,
        steps=[PlannedStep.model_validate(step, from_attributes=True) for step in plan.steps],
    )
