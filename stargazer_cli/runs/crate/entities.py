"""The entities of a crate: RO-Crate 1.1 with the Workflow Run Crate profiles 0.5."""

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from stargazer_cli import catalog
from stargazer_cli.runs.crate.facts import DataFile, Facts
from stargazer_cli.runs.crate.readme import readme
from stargazer_cli.runs.trace import TaskRun
from stargazer_cli.runs.versions import engine_of
from stargazer_cli.tools.spec import ENGINES

if TYPE_CHECKING:
    from rocrate.model.entity import Entity
    from rocrate.rocrate import ROCrate

_PROFILES = {
    "process": ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate"),
    "workflow": ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate"),
    "provenance": ("https://w3id.org/ro/wfrun/provenance/0.5", "Provenance Run Crate"),
    "workflow_crate": ("https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate"),
}
TERMS = "https://w3id.org/ro/terms/workflow-run#"
# The terms outside RO-Crate's own context; written out, a reader needs one download less.
OWN_TERMS = ("ContainerImage", "containerImage", "registry", "tag", "sha256")
_BIOSCHEMAS_WORKFLOW = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
_LICENSE = "https://spdx.org/licenses/MIT"
_DONE = "http://schema.org/CompletedActionStatus"
_FAILED = "http://schema.org/FailedActionStatus"
_TEXT = (".bed", ".dict", ".fa", ".fai", ".fasta", ".fastq", ".fq", ".gmt", ".txt", ".vcf")
_FORMATS = dict.fromkeys(_TEXT, "text/plain") | {
    ".csv": "text/csv",
    ".gz": "application/gzip",
    ".h5": "application/x-hdf5",
    ".h5ad": "application/x-hdf5",
    ".html": "text/html",
    ".json": "application/json",
    ".md": "text/markdown",
    ".tar": "application/x-tar",
    ".tsv": "text/tab-separated-values",
}
_IMAGE = re.compile(
    r"(?:(?P<registry>[^/]*[.:][^/]*|localhost)/)?(?P<name>[^:@]+)"
    r"(?::(?P<tag>[^@]+))?(?:@sha256:(?P<sha256>[0-9a-f]{64}))?"
)


class Builder:
    """Adds the entities of a run to a crate."""

    def __init__(self, crate: "ROCrate", facts: Facts, content: Path, places: Mapping[str, Path]) -> None:
        self.crate = crate
        self.facts = facts
        self.record = facts.record
        name = self.record.workflow
        self._entry: catalog.Entry | None = catalog.workflows().get(name) or catalog.tasks().get(name)
        self._content = content
        self._places = places
        self._files: dict[str, Entity] = {}
        self._agent: Entity | None = None

    def build(self, license_id: str) -> None:
        """Describe the root, the workflow, its run, and each task's."""
        if self.facts.owner:
            person = {"@type": "Person", "name": self.facts.owner}
            self._agent = self._add(_ref("person", self.facts.owner), person)
        self._root(license_id)
        workflow = self._workflow()
        inputs = [self._file(file, "input", workflow) for file in self.facts.inputs]
        values = [self._value(workflow, key, value) for key, value in self.facts.parameters.items()]
        outputs = [self._file(file, "output", workflow) for file in self.facts.outputs]
        for file in self.facts.reused:
            self._file(file)
        run = self._action(
            _ref("run", self.record.run_id),
            workflow,
            name=f"Run {self.record.run_id}",
            description=f"{self.record.workflow} for {self.record.plan.subject}, with the profile "
            f"{self.record.profile}",
            started=datetime.fromisoformat(self.record.started_at),
            ended=datetime.fromisoformat(self.record.ended_at) if self.record.ended_at else None,
            error="" if self.record.status == "done" else self.facts.error,
        )
        _set(run, "object", [*inputs, *values])
        _set(run, "result", outputs)
        if self.facts.tasks:
            self._tasks(workflow, run)

    def _add(self, identifier: str, properties: dict[str, Any]) -> "Entity":
        from rocrate.model.contextentity import ContextEntity

        return self.crate.get(identifier) or self.crate.add(
            ContextEntity(self.crate, identifier, properties=properties)
        )

    def _root(self, license_id: str) -> None:
        root = self.crate.root_dataset
        what = f"{catalog.category_of(self.record.workflow)} {self.record.workflow}"
        root["name"] = f"Run {self.record.run_id}"
        root["description"] = (
            f"What the {what} took and made in one run ({self.record.status}). "
            "Each file is named by its CID, as `ipfs add --cid-version=1` gives it: any copy can be checked."
        )
        _set(root, "author", self._agent)
        root["license"] = self._license(license_id)
        kinds = ["process", "workflow", *(["provenance"] if self.facts.tasks else []), "workflow_crate"]
        page = self._content / "README.md"
        page.write_text(readme(self.facts), encoding="utf-8")
        about = {"encodingFormat": _format(page.name), "about": {"@id": root.id}}
        self.crate.add_file(page, page.name, properties=about)
        for identifier, name in (_PROFILES[kind] for kind in kinds):
            version = identifier.rpartition("/")[2]
            profile = {"@type": "CreativeWork", "name": name, "version": version}
            root.append_to("conformsTo", self._add(identifier, profile), compact=True)

    def _license(self, url: str) -> "Entity":
        """Add a licence; an empty one is said to be unknown, for the crate must have one."""
        name = url.rpartition("/")[2] or "Not stated"
        text = f"The licence {url}" if url else "What may be done with the data is for their owner to say"
        return self._add(url or _ref("license"), {"@type": "CreativeWork", "name": name, "description": text})

    def _workflow(self) -> "Entity":
        """Add the script of the pipeline as the workflow that was run."""
        name = catalog.script_of(self.record.workflow)
        script = self._content / name
        script.write_bytes(self.facts.script)
        exact = self.facts.script_version == self.record.commit
        remark = "" if exact else f" The file is that of {self.facts.script_version}."
        types = ["File", "SoftwareSourceCode", "ComputationalWorkflow"]
        workflow = self.crate.add_workflow(
            script,
            name,
            properties={"@type": [*types, "HowTo"] if self.facts.tasks else types},
            main=True,
            lang="nextflow",
            lang_version=self.record.tools.get("nextflow") or None,
        )
        _set(workflow, "name", self.record.workflow)
        _set(workflow, "description", f"{self._description()}{remark}")
        _set(workflow, "version", self.record.commit)
        _set(workflow, "encodingFormat", "text/plain")
        _set(workflow, "conformsTo", {"@id": _BIOSCHEMAS_WORKFLOW})
        _set(workflow, "license", self._license(_LICENSE))
        return workflow

    def _description(self) -> str:
        return self._entry.description if self._entry else self.record.workflow

    def _file(self, file: DataFile, direction: str = "", workflow: "Entity | None" = None) -> "Entity":
        """Add a file, and what it is to the workflow."""
        if file.cid not in self._files:
            self._files[file.cid] = self._new_file(file)
        entity = self._files[file.cid]
        if workflow is not None:
            slot = self._slot(workflow, direction, file.role, "File")
            slot.append_to("workExample", entity, compact=True)
            entity.append_to("exampleOfWork", slot, compact=True)
        return entity

    def _new_file(self, file: DataFile) -> "Entity":
        uri = _uri(file.cid)
        told = ", ".join(f"{key}={value}" for key, value in file.keyvalues.items() if key != "asset")
        properties: dict[str, Any] = {
            "name": file.name,
            "identifier": uri,
            "encodingFormat": _format(file.name),
            "description": f"{file.keyvalues.get('asset', file.role)}{': ' + told if told else ''}",
        }
        if file.size is not None:
            properties["contentSize"] = str(file.size)
        if file.derived_from:
            origins = [{"@id": self._id_of(cid)} for cid in file.derived_from]
            properties["isBasedOn"] = origins if len(origins) > 1 else origins[0]
        place = self._places.get(file.cid)
        if place is None:
            return self.crate.add_file(uri, properties=properties)
        return self.crate.add_file(self._content / place, place, properties=properties)

    def _id_of(self, cid: str) -> str:
        """Return the id that a file has, or would have, in this crate."""
        place = self._places.get(cid)
        return quote(place.as_posix()) if place else _uri(cid)

    def _value(self, workflow: "Entity", key: str, value: Any) -> "Entity":
        """Add the value that a parameter had."""
        kinds = {bool: "Boolean", int: "Integer", float: "Float"}
        slot = self._slot(workflow, "input", key, kinds.get(type(value), "Text"))
        entity = self._add(_ref("value", key), {"@type": "PropertyValue", "name": key, "value": value})
        entity["exampleOfWork"] = slot
        slot.append_to("workExample", entity, compact=True)
        return entity

    def _slot(self, workflow: "Entity", direction: str, name: str, kind: str) -> "Entity":
        """Return the formal parameter of the workflow with a name; a new one is added to it."""
        identifier = _ref(direction, name)
        if here := self.crate.get(identifier):
            return here
        known = {item.name: item.description for item in self._entry.parameters} if self._entry else {}
        description = known.get(name)
        slot = self.crate.add_formal_parameter(name, kind, identifier=identifier, description=description)
        workflow.append_to(direction, slot, compact=True)
        return slot

    def _action(
        self,
        identifier: str,
        instrument: "Entity",
        *,
        name: str,
        description: str,
        started: datetime | None,
        ended: datetime | None,
        error: str,
    ) -> "Entity":
        """Add something that was carried out; an `error` says that it failed."""
        action = self._add(identifier, {"@type": "CreateAction", "name": name, "description": description})
        action["instrument"] = instrument
        action["actionStatus"] = _FAILED if error else _DONE
        _set(action, "startTime", _iso(started))
        _set(action, "endTime", _iso(ended))
        _set(action, "error", error)
        _set(action, "agent", self._agent)
        self.crate.root_dataset.append_to("mentions", action, compact=True)
        return action

    def _tasks(self, workflow: "Entity", run: "Entity") -> None:
        """Add each task as a step with its tool, each execution, and Nextflow, which ordered them."""
        version = self.record.tools.get("nextflow", "")
        engine = self._software("nextflow", version, "https://www.nextflow.io")
        order = self._add(
            _ref("nextflow", self.record.run_id),
            {"@type": "OrganizeAction", "name": f"Nextflow {version}".strip()},
        )
        order["instrument"], order["result"] = engine, run
        _set(order, "agent", self._agent)
        for position, name in enumerate(dict.fromkeys(task.task for task in self.facts.tasks), 1):
            tool = self._tool(name)
            workflow.append_to("hasPart", tool, compact=True)
            step = self._add(
                _ref("step", name), {"@type": "HowToStep", "position": str(position), "name": name}
            )
            step["workExample"] = tool
            workflow.append_to("step", step, compact=True)
            control = self._add(
                _ref("control", name), {"@type": "ControlAction", "name": f"Orchestrate {name}"}
            )
            control["instrument"] = step
            order.append_to("object", control, compact=True)
            for task in self.facts.tasks:
                if task.task == name:
                    control.append_to("object", self._execution(task, tool), compact=True)

    def _execution(self, task: TaskRun, tool: "Entity") -> "Entity":
        made = [self._files[cid] for cid in self.facts.made_by.get(task.key, ())]
        unkept = task.succeeded and self.facts.made_by and not made
        remark = "; what it made was for other tasks and is not kept" if unkept else ""
        action = self._action(
            _ref("task", task.key),
            tool,
            name=f"{task.task} for {task.subject}" if task.subject else task.task,
            description=f"One execution of {task.task}{remark}",
            started=task.started_at,
            ended=task.ended_at,
            error="" if task.succeeded else f"exit {task.exit_status}",
        )
        _set(action, "result", made)
        if task.container and engine_of(self.record.profile) in ENGINES:
            action["containerImage"] = self._image(self._reference(task.container))
        return action

    def _tool(self, name: str) -> "Entity":
        """Add a task of the pipeline as an application that needs the tools which it runs."""
        known = catalog.tasks().get(name)
        tool = self._add(
            _ref("tool", name),
            {
                "@type": "SoftwareApplication",
                "name": name,
                "description": known.description if known else f"The task {name} of the pipeline",
                # What decides what a task makes is its script: the same one has the same digest.
                "softwareVersion": self.record.scripts.get(name, "")[:16] or self.record.commit,
            },
        )
        for software, version in sorted(self.facts.versions.get(name, {}).items()):
            url = known.documentation.get(software, "") if known else ""
            tool.append_to("softwareRequirements", self._software(software, version, url), compact=True)
        return tool

    def _software(self, name: str, version: str, url: str) -> "Entity":
        software = self._add(_ref("software", name, version), {"@type": "SoftwareApplication", "name": name})
        _set(software, "softwareVersion", version)
        _set(software, "url", url)
        return software

    def _reference(self, container: str) -> str:
        """Return the reference of an image, which a table may name by the path of the file made of it."""
        if not container.startswith("/"):
            return container
        name = _plain(Path(container).name.removesuffix(".img"))
        return next((each for each in self.record.images if _plain(each) == name), name)

    def _image(self, reference: str) -> "Entity":
        """Add a container image; its digest is told where the record knows it or the reference holds it."""
        match = _IMAGE.fullmatch(reference)
        parts = match.groupdict() if match else {"name": reference}
        parts["sha256"] = parts.get("sha256") or _sha256(self.record.images.get(reference, ""))
        told = {key: value for key, value in parts.items() if value}
        return self._add(
            _ref("image", reference),
            {"@type": "ContainerImage", "additionalType": {"@id": f"{TERMS}DockerImage"}, **told},
        )


def _plain(name: str) -> str:
    """Return an image's reference as the names of files have it, whichever engine made them."""
    return re.sub("[:/%+]", "-", name)


def _sha256(digest: str) -> str:
    """Return the digest of an image without its kind; nothing where it is not known."""
    return digest.removeprefix("sha256:") if digest.startswith("sha256:") else ""


def _format(name: str) -> str:
    """Return the media type of a file by the end of its name."""
    return _FORMATS.get(Path(name).suffix.lower(), "application/octet-stream")


def _uri(cid: str) -> str:
    return f"ipfs://{cid}"


def _ref(*parts: str) -> str:
    """Return the id of an entity that is described in the crate alone."""
    return "#" + "/".join(quote(part, safe="") for part in parts if part)


def _iso(time: datetime | None) -> str:
    return time.isoformat(timespec="seconds") if time else ""


def _set(entity: "Entity", key: str, value: Any) -> None:
    """Set a property that has a value; RO-Crate 1.1 wants one value alone and not in a list."""
    if value:
        entity[key] = value[0] if isinstance(value, list) and len(value) == 1 else value
