"""How far a tool is, told to the client while it waits."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from anyio.to_thread import run_sync
from fastmcp import Context

from stargazer_cli.store.files import Progress

Result = TypeVar("Result")
_SECONDS = 0.5


async def watched(ctx: Context, what: str, work: Callable[[Progress], Result]) -> Result:
    """Do work in a thread, and tell the client the bytes so far, or what else `work` counts.

    `work` is called with a function that takes what is done and the total, where that is known, from any
    thread. A client that goes away meanwhile does not end it: it runs to its end.
    """
    state: list[tuple[int, int | None]] = []

    def note(done: int, total: int | None) -> None:
        state[:] = [(done, total)]

    async def tell() -> None:
        told = -1
        while True:
            await asyncio.sleep(_SECONDS)
            # The protocol has progress only go up.
            if state and state[0][0] > told:
                told, total = state[0]
                await ctx.report_progress(told, total, what)

    teller = asyncio.create_task(tell())
    try:
        return await run_sync(work, note)
    finally:
        teller.cancel()
