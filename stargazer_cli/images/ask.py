"""Run an engine, or a program in an image, and say what went wrong where it fails."""

import os
import secrets
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

from stargazer_cli.errors import StargazerError
from stargazer_cli.images.engines import hint_of

LAST_LINES = 12
# An image without its tool answers at once; a slow disk may take its time.
_IMAGE_SECONDS = 300


def ask(
    command: Sequence[str],
    failure: str,
    *,
    hint: str = "Look at what it says above; what there was before stays in use.",
    seconds: float | None = None,
    env: Mapping[str, str] = os.environ,
) -> str:
    """Run a command and return what it printed.

    Raises:
        StargazerError: `failure` and how it came to that, with the command's last words; `hint` is what to do
            where these do not tell it.

    """
    program = command[0]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env=env,
            timeout=seconds,
        )
    except OSError as error:
        raise StargazerError(
            f"{failure}: {program} cannot be started ({error.strerror}).", f"Look at `command -v {program}`."
        ) from None
    except subprocess.TimeoutExpired:
        raise StargazerError(f"{failure}: {program} did not end within {seconds:g} seconds.", hint) from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise StargazerError(
            f"{failure} (exit status {done.returncode}).", hint_of(said, "") or hint, said[-LAST_LINES:]
        )
    return done.stdout


def ask_image(
    builder: str, image: str, script: str, failure: str, *, hint: str, options: Sequence[str] = ()
) -> str:
    """Run a shell command in an image without a network, and return what it printed.

    An engine's command may end and leave its container: that is removed whatever happens.
    """
    name = f"stargazer-{secrets.token_hex(6)}"
    command = [builder, "run", "--rm", f"--name={name}", "--network=none", *options, image]
    try:
        return ask([*command, "bash", "-c", script], failure, hint=hint, seconds=_IMAGE_SECONDS)
    except BaseException:
        with suppress(OSError):
            subprocess.run([builder, "rm", "--force", name], capture_output=True, check=False)
        raise
