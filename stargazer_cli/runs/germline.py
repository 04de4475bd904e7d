"""The plans of the germline workflows: prepare_reference, preprocess_sample and joint calling.

For each sample the furthest output with the wanted recipe enters the samplesheet: the GVCF, else the
analysis-ready BAM, else the reads. The same holds for the reference's indexes. Where only the report of a
cohort is missing, the joint call is made again from the GVCFs: it is cheap beside them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stargazer_cli import catalog
from stargazer_cli.assets import Asset
from stargazer_cli.assets.names import check_name
from stargazer_cli.errors import UsageError
from stargazer_cli.runs.decisions import Bqsr, Decision, Filter, Target, decide_bqsr, decide_filter
from stargazer_cli.runs.germline_recipes import ALIGNERS, BAM, Aligner, Product, Recipes
from stargazer_cli.runs.known_sites import index_of, resolve_known_sites, row_of
from stargazer_cli.runs.plan import Plan, Step
from stargazer_cli.runs.planner import BaseRequest, Planner
from stargazer_cli.runs.recipe import RecipeSpec, Source, Versions
from stargazer_cli.runs.reference import bases_of, is_gzip
from stargazer_cli.runs.regions import bases_of_regions, contigs_of, text_of
from stargazer_cli.runs.resolve import Sample, resolve_reference, resolve_samples

if TYPE_CHECKING:
    from stargazer_cli.store import LocalStore

__all__ = ["ALIGNERS", "Aligner", "Request", "plan"]

_COLUMNS = ("sample", "lane", "library", "platform", "fastq_1", "fastq_2", "bam", "bai", "gvcf", "tbi")
_ALIGN: dict[Aligner, str] = {"bwa": "bwa_mem", "bwa-mem2": "bwa_mem2_mem"}
_OF_VQSR = ("max_gaussians_", "truth_sensitivity_")
# Two parts of the 4 Mb that bin/count_parts makes them of at least.
_WORTH_SPLITTING = 8_000_000


class Request(BaseRequest):
    """What the user asked for.

    known_sites  CIDs of those to take; None: all of the build
    intervals    regions to call, which need not be in the store before the plan is carried out
    pedigree     a PED file for the report, likewise
    """

    build: str
    samples: tuple[str, ...] = ()
    cohort_id: str = "cohort"
    aligner: Aligner = "bwa-mem2"
    reference: str = ""
    bqsr: Bqsr = "auto"
    filter: Filter = "auto"
    known_sites: tuple[str, ...] | None = None
    intervals: Asset | None = None
    pedigree: Asset | None = None
    skip_report: bool = False


def plan(store: "LocalStore", request: Request, versions: Versions) -> Plan:
    """Resolve the request against the store, and decide what is reused and what is computed."""
    return _Germline(store, request, versions).plan()


class _Germline(Planner):
    """Builds one plan."""

    def __init__(self, store: "LocalStore", request: Request, versions: Versions) -> None:
        self.request = request
        super().__init__(
            store,
            request,
            versions,
            subject=request.cohort_id if request.samples else request.build,
            parameters={"build": request.build, "aligner": request.aligner},
        )
        # What was counted in samples that do not pass the pipeline again, for the report.
        self.counted: list[Asset] = []
        self.aligning = False
        # Tasks that have no recipe of their own, and whom they are for.
        self.on_the_way: list[tuple[str, str]] = []
        # Those whose statistics are not here.
        self.uncounted: list[str] = []

    def plan(self) -> Plan:
        self.reference = resolve_reference(self.store, self.request.build, self.request.reference)
        source = Source(role="reference", cid=self.reference.cid)
        compressed = is_gzip(self.reference)
        if self.request.workflow == "prepare_reference":
            self.recipes = Recipes(source, self.request.aligner, compressed)
            self._prepare_reference(with_index=True)
        else:
            self._decide(source, compressed)
            if self.request.workflow == "preprocess_sample":
                self._preprocess()
            else:
                self._call()
        return self.finished()

    def fits(self, asset: "Asset") -> bool:
        """Whether it says that it is of this build, or of none."""
        return getattr(asset, "build", "") in ("", self.request.build)

    def _decide(self, source: Source, compressed: bool) -> None:
        """Find the samples and the known sites, and decide what is done with them."""
        request = self.request
        samples = resolve_samples(self.store, request.samples, self._reference_cids(), request.build)
        sites = resolve_known_sites(self.store, request.build, request.known_sites)
        self.target = self._target()
        left_out = request.known_sites == ()
        from_reads = any(sample.from_reads for sample in samples)
        bqsr = decide_bqsr(request.bqsr, sites, from_reads=from_reads, target=self.target, left_out=left_out)
        decisions = {"bqsr": bqsr}
        if request.workflow == "germline_short_variant_discovery":
            check_name("cohort id", request.cohort_id)
            self.draft.parameters["cohort_id"] = request.cohort_id
            decisions["filter"] = decide_filter(
                request.filter, sites, samples=len(samples), target=self.target, left_out=left_out
            )
        for name, decision in decisions.items():
            self.draft.parameters[name] = decision.value
            self.draft.parameters[f"{name}_reason"] = decision.reason
            self.draft.notes.append(f"{name}: {decision.value} ({decision.reason})")
        self.draft.notes += self._idle(decisions)
        self.recipes = Recipes(
            source,
            request.aligner,
            compressed,
            bqsr=bqsr.value == "on",
            filter=decisions["filter"].value if "filter" in decisions else "none",
            sites=sites,
            intervals=self._beside("intervals", request.intervals),
            pedigree=self._beside("pedigree", request.pedigree),
            cohort_id=request.cohort_id,
            samples=samples,
            targeted=self.target.targeted,
            intermediates=bool(request.options.get("save_intermediates")),
            told=self._told(decisions),
        )
        self._note_intermediates()

    def _told(self, decisions: Mapping[str, Decision]) -> dict[str, str]:
        """Return what the report tells that neither its tasks nor the bytes of its sources do."""
        files = {
            "reference": self.reference,
            "intervals": self.request.intervals,
            "pedigree": self.request.pedigree,
        }
        return {
            "build": self.request.build,
            **{role: asset.name for role, asset in files.items() if asset is not None},
            **{name: f"{decision.value}: {decision.reason}" for name, decision in decisions.items()},
        }

    def _note_intermediates(self) -> None:
        """Say whose BAM is made a second time, as a file on the way to it is to be kept and is not here."""
        again = [
            sample.name
            for sample in self.recipes.samples
            if self._lacks_intermediates(sample)
            and (product := self.recipes.bam(sample)) is not None
            and self.find(product)
        ]
        if again:
            self.draft.notes.append(
                f"intermediates: {', '.join(again)} made again from the reads (--save-intermediates)"
            )

    def _lacks_intermediates(self, sample: Sample) -> bool:
        """Whether a sample must pass the pipeline from its reads for the files on the way to its BAM."""
        return any(not self.find(product) for product in self.recipes.on_the_way(sample))

    def _idle(self, decisions: dict[str, Decision]) -> list[str]:
        """Say which options were given and do nothing in this run."""
        known = catalog.parameters_of(self.request.workflow)
        given = [name for name, item in known.items() if self.parameters[name] != item.default]
        idle = []
        if self.request.intervals is None:
            idle += [(name, "without --intervals") for name in given if name == "interval_padding"]
        if "filter" in decisions and decisions["filter"].value != "vqsr":
            why = f"as the filter is {decisions['filter'].value}"
            idle += [(name, why) for name in given if name.startswith(_OF_VQSR)]
        if self.request.pedigree is not None and self.request.skip_report:
            idle.append(("pedigree", "without a report"))
        return [f"--{name.replace('_', '-')} does nothing {why}" for name, why in idle]

    def _target(self) -> Target:
        """Check what the user has beside the data, and return what is called."""
        if self.request.pedigree is not None:
            text_of(*self._file_beside("pedigree", self.request.pedigree))
        regions = None
        if self.request.intervals is not None:
            path, source = self._file_beside("intervals", self.request.intervals)
            regions = bases_of_regions(
                path,
                self.request.intervals.name,
                source,
                f"the reference {self.reference.name}",
                lambda: contigs_of(self.store, self.reference, self._reference_cids()),
            )
        return Target(regions, lambda: bases_of(self.store, self.reference, self._reference_cids()))

    def _file_beside(self, option: str, asset: "Asset") -> tuple[Path, str]:
        """Return where a file's bytes are, and what messages call it: its path, or its name in the store."""
        if asset.path is None:
            raise UsageError(
                f"--{option} {asset.cid}: {asset.name} is recorded, but its bytes are not here.",
                "Add the file again with `stargazer assets add`: its record takes it back.",
            )
        return asset.path, f"--{option} {f'{asset.name} ({asset.cid})' if asset.id else asset.path}"

    def _beside(self, role: str, asset: "Asset | None") -> list[Source]:
        return [] if asset is None else [Source(role=role, cid=asset.cid)]

    # Workflows

    def _prepare_reference(self, *, with_index: bool) -> None:
        fasta: Asset = self.reference
        fresh = False
        if self.recipes.compressed:
            decompressed = self._reuse_or_compute(self.recipes.of_reference("decompress_fasta", "reference"))
            fresh = not decompressed
            fasta = decompressed[0] if decompressed else self.reference
        self.draft.parameters["fasta"] = self.input(fasta)
        for parameter, task, kind in (
            ("fasta_fai", "samtools_faidx", "reference_index"),
            ("dict", "create_sequence_dictionary", "sequence_dict"),
        ):
            found = self._reuse_or_compute(self.recipes.of_reference(task, kind), allowed=not fresh)
            if found:
                self.draft.parameters[parameter] = self.input(found[0])
        if with_index:
            files = self._reuse_or_compute(self.recipes.aligner_index, allowed=not fresh)
            if files:
                self.draft.parameters["aligner_index"] = [self.input(file) for file in files]

    def _preprocess(self) -> None:
        rows = []
        for sample in self.recipes.samples:
            if sample.gvcf is not None:
                raise UsageError(
                    f"Sample {sample.name!r} has a GVCF only: there is nothing to preprocess.",
                    "Add its reads, or run `stargazer run germline`.",
                )
            bam = self._bam(sample)
            if bam and all(self.find(product) for product in self.recipes.statistics(sample)):
                self._statistics(sample)
                continue
            rows += [self._bam_row(sample, bam)] if bam else self._entry_rows(sample)
            self._statistics(sample, passes=True)
        self._finish(rows)

    def _call(self) -> None:
        vcf, report = self.recipes.vcf, self.recipes.report
        called = self.find(vcf)
        page = [] if self.request.skip_report else self.find(report)
        done = bool(called) and (self.request.skip_report or bool(page))
        done = done and not any(map(self._lacks_intermediates, self.recipes.samples))
        rows: list[dict[str, str]] = []
        for sample in self.recipes.samples:
            rows += self._gvcf_rows(sample, wanted=not done)
        self.plan_for(vcf, called if done else [])
        for product in self.recipes.beside_vcf:
            found = self.find(product)
            if found or not done:
                self.plan_for(product, found if done else [])
        if not self.request.skip_report:
            self.plan_for(report, page if done else [])
        if self.uncounted and not (done or self.request.skip_report):
            self.draft.notes.append(
                f"report: without the depths of {', '.join(self.uncounted)}, whose BAMs are not read again; "
                "`stargazer run preprocess` counts them"
            )
        self._finish(rows)

    def _finish(self, rows: list[dict[str, str]]) -> None:
        """Plan what the samples' rows need beside them; nothing where nothing is left to compute."""
        if self.draft.complete:
            return
        self._prepare_reference(with_index=self.aligning)
        self._take_known_sites()
        for name in ("intervals", "pedigree"):
            asset = getattr(self.request, name)
            if asset is not None:
                path = str(self.store.staged_path(asset.cid, asset.name))
                self.draft.inputs[path] = asset.cid
                self.draft.parameters[name] = path
        if self.counted and not self.request.skip_report:
            self.draft.parameters["qc_metrics"] = sorted(self.input(asset) for asset in self.counted)
        self.draft.parameters["skip_report"] = self.request.skip_report
        self.draft.samplesheet = [{column: row.get(column, "") for column in _COLUMNS} for row in rows]
        self._name_other_tasks()

    def _name_other_tasks(self) -> None:
        """Add what is computed on the way to what has a recipe of its own: people are shown all that runs."""
        tasks = list(self.on_the_way)
        if self.request.workflow == "germline_short_variant_discovery":
            beside = () if self.request.skip_report else ("bcftools_query",)
            names = ("joint_call_gvcfs", *beside, *self._splitting())
            tasks += [(name, self.request.cohort_id) for name in names]
        known = {(step.stage, step.subject) for step in self.draft.steps}
        self.draft.steps += [
            Step(stage=stage, subject=subject, reused=False)
            for stage, subject in dict.fromkeys(tasks)
            if (stage, subject) not in known
        ]

    def _splitting(self) -> tuple[str, ...]:
        """Return the tasks that split the work and gather its parts, as bin/count_parts decides it."""
        asked = self.parameters.get("scatter_count")
        several = (
            min(asked, self.target.bases // 1_000) > 1 if asked else self.target.bases >= _WORTH_SPLITTING
        )
        split = several or self.request.intervals is not None
        return (*(("split_intervals",) if split else ()), *(("gather_vcfs",) if several else ()))

    def _take_known_sites(self) -> None:
        """Give the pipeline the known sites where it reads them, each with its index where there is one."""
        if not (self.recipes.bqsr or self.recipes.filter == "vqsr"):
            return
        for site in self.recipes.sites:
            product = self.recipes.known_sites_index(site)
            found = self.find(product)
            brought = None if found else index_of(self.store, site)
            if brought is None:
                self.plan_for(product, found)
            index = self.input(*brought) if brought else self.input(found[0]) if found else ""
            self.draft.known_sites.append(row_of(site, self.input(site.asset), index))

    # One sample

    def _gvcf_rows(self, sample: Sample, *, wanted: bool) -> list[dict[str, str]]:
        """Decide where a sample enters, and return its rows; `wanted` is false where the cohort is done."""
        if sample.gvcf is not None:
            return self._entry_rows(sample) if wanted else []
        product = self.recipes.gvcf(sample)
        found = [] if self._lacks_intermediates(sample) else self.find(product)
        if found:
            self.plan_for(product, found)
        if found or not wanted:
            # The BAM of a sample belongs to the result, although calling needs it no more.
            self._bam(sample, optional=True)
            self._statistics(sample)
            if not wanted:
                return []
            return [{"sample": sample.name, "gvcf": self.input(found[0]), "tbi": self.input(found[1])}]
        bam = self._bam(sample)
        self._statistics(sample, passes=True)
        self.plan_for(product, [])
        if bam:
            return [self._bam_row(sample, bam)]
        return self._entry_rows(sample)

    def _bam_row(self, sample: Sample, bam: Sequence["Asset"]) -> dict[str, str]:
        return {"sample": sample.name, "bam": self.input(bam[0]), "bai": self.input(bam[1])}

    def _bam(self, sample: Sample, *, optional: bool = False) -> list["Asset"]:
        """Return the analysis-ready BAM, its index (and its metrics) where an equal recipe made them."""
        product = self.recipes.bam(sample)
        if product is None:
            return []
        found = [] if self._lacks_intermediates(sample) else self.find(product)
        if found or not optional:
            self.plan_for(product, found)
        self.counted += [asset for asset in found if asset.kind == "duplicate_metrics"]
        for beside in self.recipes.beside_bam(sample):
            tables = self.find(beside)
            if found and tables:
                self.plan_for(beside, tables)
                self.counted += [asset for asset in tables if asset.kind not in BAM]
            elif not (found or optional):
                self.plan_for(beside, [])
        return found

    def _statistics(self, sample: Sample, *, passes: bool = False) -> None:
        """Plan what is counted in a BAM: anew where it `passes` the pipeline, else what is here."""
        for product in self.recipes.statistics(sample):
            found = [] if passes else self.find(product)
            self.counted += found
            if found or passes:
                self.plan_for(product, found)
            elif sample.name not in self.uncounted:
                self.uncounted.append(sample.name)

    def _entry_rows(self, sample: Sample) -> list[dict[str, str]]:
        if sample.gvcf is not None:
            row = {"sample": sample.name, "gvcf": self.input(sample.gvcf)}
            if sample.gvcf_index is not None:
                row["tbi"] = self.input(sample.gvcf_index)
            return [row]
        if sample.alignment is not None:
            row = {"sample": sample.name, "bam": self.input(sample.alignment)}
            if sample.alignment_index is not None:
                row["bai"] = self.input(sample.alignment_index)
            return [row]
        self.aligning = True
        # Whether an unmapped BAM is sorted by name first is seen in its reads alone, by the pipeline.
        converted = ("samtools_fastq", "merge_bam_alignment") if sample.unmapped else ()
        tasks = (_ALIGN[self.request.aligner], *converted)
        self.on_the_way += [(task, sample.name) for task in tasks]
        if sample.unmapped:
            return [
                {"sample": sample.name, "lane": lane, "bam": self.input(bam)}
                for lane, bam in sample.unmapped_lanes.items()
            ]
        return [
            {
                "sample": sample.name,
                "lane": lane.lane,
                "library": lane.library,
                "platform": lane.platform,
                "fastq_1": self.input(lane.r1),
                "fastq_2": self.input(lane.r2) if lane.r2 is not None else "",
            }
            for lane in sample.lanes
        ]

    # Recipes and inputs

    def find(self, product: Product) -> list["Asset"]:
        """Return what an equal recipe made of a product."""
        return self.made(self._spec_of(product), *product.kinds)

    def plan_for(self, product: Product, found: Sequence["Asset"]) -> None:
        """Plan that `found` is reused for a product, or where it is empty that it is made."""
        self.note(self._spec_of(product), found, self.request.build)

    def _spec_of(self, product: Product) -> RecipeSpec:
        # Where there are no regions, their padding changes nothing.
        own = {} if self.recipes.intervals else {"interval_padding": None}
        spec = self.spec(product.stage, product.subject, product.tasks, product.sources, **own)
        return spec.model_copy(update={"told": product.told})

    def _reuse_or_compute(self, product: Product, *, allowed: bool = True) -> list["Asset"]:
        found = self.find(product) if allowed else []
        self.plan_for(product, found)
        return found

    def _reference_cids(self) -> set[str]:
        """Return the CIDs that an alignment to it may link to: the reference and its decompressed form."""
        derived = self.store.find(asset="reference", build=self.request.build)
        cid = self.reference.cid
        return {cid} | {asset.cid for asset in derived if cid in asset.derived_from}
