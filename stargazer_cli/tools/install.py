"""Get the tools that are missing."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from stargazer_cli.errors import StargazerError
from stargazer_cli.tools import archive, jars, java, launchers, multiqc_env, scanpy_env, system
from stargazer_cli.tools.alone import alone
from stargazer_cli.tools.jars import Echo, Lock
from stargazer_cli.tools.spec import SYSTEM
from stargazer_cli.tools.toolbox import Toolbox, locate

if TYPE_CHECKING:
    from stargazer_cli.settings import Settings


def ensure(settings: "Settings", names: Iterable[str], *, yes: bool, echo: Echo) -> Toolbox:
    """Find the named tools and get what is missing; returns all that is there afterwards.

    Java, Nextflow, GATK, MultiQC and scanpy are fetched, or an error is raised. A tool that only the system
    can give may still be missing afterwards: `Toolbox.require` turns that into an error.
    """
    wanted = list(dict.fromkeys(names))
    with alone(settings.tools / ".lock", f"Waiting for another setup in {settings.tools}.", echo):
        # Only now: another setup may have installed everything while this one waited.
        box = locate(settings, wanted, fresh=True)
        if system_tools := [tool.name for tool in box.missing(wanted) if tool.name in SYSTEM]:
            system.install(system_tools, settings.tools, yes=yes, echo=echo)
        if "java" in box.tools:
            _fetch(settings, box, echo)
        for environment in (multiqc_env.ENVIRONMENT, scanpy_env.ENVIRONMENT):
            if environment.name in box.tools and box.missing([environment.name]):
                environment.fetch(settings.tools, echo)
    return locate(settings, wanted, fresh=True)


def _fetch(settings: "Settings", box: Toolbox, echo: Echo) -> None:
    folder = settings.tools
    if box.missing(["java"]):
        java.fetch_java(folder, echo)
        # With a Java, a Nextflow or GATK on PATH may answer after all.
        box = locate(settings, list(box.tools), fresh=True)
    java_path = box.tools["java"].path
    if java_path is None:
        raise StargazerError(
            "The fetched Java does not run on this machine.", "Install Java 17 to 24 so that it is on PATH."
        )
    if java.home_of(java_path) is not None:
        # Past the links of PATH: what they point to may change, and the archives fit this Java only.
        java_path = java_path.resolve()
    locks = [
        Lock.load(name)
        for name in ("nextflow", "gatk")
        if name in box.tools and (box.tools[name].path is None or box.tools[name].origin == "fetched")
    ]
    for lock in locks:
        jars.drop_damaged(lock, folder)
    mirror = settings.maven_repository
    jars.fetch(locks, folder, echo, mirror.get_secret_value() if mirror else "")
    for lock in locks:
        launchers.write_launcher(lock, folder, java_path, archive.place(lock, folder, java_path))
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda lock: archive.make(lock, folder, java_path, echo), locks))
