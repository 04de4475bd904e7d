"""The page of `stargazer browse` in a real Chromium, on a small store."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from helpers import stand_in
from helpers.browser import Watch, chromium, served
from helpers.shell import FASTA, VCF, fastq, write
from helpers.stand_in import wait_until

from stargazer_cli.assets import R1, R2, Alignment, Asset, Reference, Variants
from stargazer_cli.runs import holder, record
from stargazer_cli.runs.plan import Plan
from stargazer_cli.runs.record import RunFolder
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile
from stargazer_cli.tools import Toolbox

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

STATIC = Path(__file__).parents[2] / "stargazer_cli" / "web" / "static"
MARKUP = "<img src=x onerror=alert(1)>.txt"
LONG = "a name that " + "goes on and on and " * 12 + "ends.txt"
# What can be used and has no name that a screen reader could say.
NAMELESS = """
    [...document.querySelectorAll("input, select, textarea, button, a")]
        .filter((each) => !each.labels?.length && !each.ariaLabel && !each.textContent.trim())
        .map((each) => each.outerHTML)
"""
SIZES = ((1440, 900), (800, 900), (390, 800))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStore]:
    """A store with reads, a reference, a BAM of both, calls of it, and names that nobody should choose."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("web")
        patch.setenv("STARGAZER_LOCAL", str(folder / "my store"))
        store = LocalStore(Settings())
        texts = {f"r{mate}.fq": fastq("a", f"{mate}:N:0:1") for mate in (1, 2)}
        texts |= {"ref.fa": FASTA, "NA1.bam": "bam", "NA1.vcf": VCF}
        files = {name: write(folder / "files" / name, text) for name, text in texts.items()}
        made_from = [files["r1.fq"], files["r2.fq"], files["ref.fa"]]
        store.add(
            [
                NewFile(files["r1.fq"], R1(sample_id="NA1"), links={"mate_cid": files["r2.fq"]}),
                NewFile(files["r2.fq"], R2(sample_id="NA1"), links={"mate_cid": files["r1.fq"]}),
                NewFile(files["ref.fa"], Reference(build="b")),
                NewFile(
                    files["NA1.bam"],
                    Alignment(sample_id="NA1", duplicates_marked=True),
                    links={"reference_cid": files["ref.fa"]},
                    made_from=made_from,
                ),
                NewFile(files["NA1.vcf"], Variants(sample_id="NA1", build="b"), made_from=[files["NA1.bam"]]),
            ]
        )
        for name in (MARKUP, LONG[:250]):
            odd = Asset(keyvalues={"note": f"<b>{name[:20]}\u202egpj.exe</b>"})
            store.add([NewFile(write(folder / "files" / name, name), odd)])
        for number in range(120):
            path = write(folder / "files" / f"S{number:03}.txt", str(number))
            store.add([NewFile(path, Asset(keyvalues={"sample_id": f"S{number % 4}", "lot": "many"}))])
        yield store


@pytest.fixture(scope="module")
def failed_run(store: LocalStore) -> str:
    folder = record.create(store.root / "runs", "prepare_reference", "abc1234")
    plan = Plan(workflow="prepare_reference", subject="b", parameters={"build": "b"})
    kept = record.new_record(folder, plan, profile="local", commit="abc1234", versions={}, tools={})
    kept.status, kept.error, kept.hint = "failed", "BWA_INDEX failed: <b>no memory</b>.", "Give it more."
    kept.ended_at = kept.started_at
    folder.save(kept)
    return folder.run_id


@pytest.fixture(scope="module")
def site(
    store: LocalStore, failed_run: str, toolbox: Toolbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of the server; where it runs something, a stand-in plays Nextflow."""
    path = stand_in.put_on_path(tmp_path_factory.mktemp("path") / "first")
    with served({"STARGAZER_LOCAL": str(store.root), "PATH": path}) as address:
        yield address
    for folder in record.every(store.root / "runs"):
        kept = folder.read()
        for pid in (kept.pid, kept.nextflow_pid):
            if pid != os.getpid() and holder.holds(pid, folder):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def context(browser: "Browser", site: str) -> Iterator["BrowserContext"]:
    """One visitor, who has come in by the token."""
    clipboard = ["clipboard-read", "clipboard-write"]
    visitor = browser.new_context(viewport={"width": 1440, "height": 900}, permissions=clipboard)
    visitor.set_default_timeout(10_000)
    visitor.new_page().goto(site)
    yield visitor
    visitor.close()


@pytest.fixture
def page(context: "BrowserContext") -> Iterator["Page"]:
    """A page that must not complain: no error of a script, nothing that its policy refuses, no alert."""
    watch = Watch()
    opened = context.new_page()
    watch.over(opened)
    yield opened
    opened.close()
    assert watch.said == []


@pytest.fixture
def visit(page: "Page", site: str) -> Any:
    """Go to a place in the page, and wait until it is drawn."""
    parts = urlsplit(site)

    def go(place: str, heading: str | re.Pattern[str] = "") -> "Page":
        page.goto("about:blank")
        page.goto(f"{parts.scheme}://{parts.netloc}/#/{place}")
        page.get_by_role("heading", level=1, name=heading).wait_for()
        return page

    return go


def rows(page: "Page", caption: str = "Assets") -> list[str]:
    """The names in the first column of a table, once it is no longer on its way."""
    page.locator(".table-card:not([aria-busy])").first.wait_for()
    cells = page.get_by_role("table", name=caption).locator("tbody tr td:first-child")
    return cells.locator("a > .name > .quiet").all_text_contents()


def shown(page: "Page", first: int, last: int, total: str) -> None:
    """Wait for the line below a table that says which rows these are."""
    page.get_by_text(f"{first}\N{EN DASH}{last} of {total}").wait_for()


def hold(page: "Page", pattern: str) -> list[Any]:
    """Keep what the page asks for from now on, until somebody answers it."""
    held: list[Any] = []

    def keep(route: Any) -> None:
        held.append(route)

    page.route(pattern, keep)
    return held


def one(store: LocalStore, **filters: Any) -> Asset:
    (found,) = store.find(**filters)
    return found


# Assets


def test_assets_are_found_by_words_kinds_and_fields(visit: Any) -> None:
    page = visit("assets", "Assets")
    page.get_by_text("of 127 assets").wait_for()
    page.get_by_role("searchbox", name="Search").fill("na1")
    page.get_by_text("of 4 assets").wait_for()
    page.get_by_role("button", name="alignment 1").click()
    page.get_by_text("of 1 asset", exact=False).wait_for()
    assert rows(page) == ["NA1.bam"]
    assert page.locator("tbody .kind").get_attribute("class") == "kind kind-alignment"
    page.get_by_role("button", name="alignment 1").click()
    page.get_by_label("Field", exact=True).select_option("build")
    page.get_by_label("Is", exact=True).fill("b")
    page.get_by_role("button", name="Add filter").click()
    page.get_by_role("button", name="Remove build = b").wait_for()
    shown(page, 1, 1, "1 asset")
    assert rows(page) == ["NA1.vcf"]
    page.reload()  # what is asked for is in the address
    shown(page, 1, 1, "1 asset")
    assert rows(page) == ["NA1.vcf"]
    page.get_by_role("searchbox", name="Search").fill("nothing has this")
    page.get_by_role("button", name="Clear all filters").click()
    page.get_by_text("of 127 assets").wait_for()


def test_assets_are_sorted_and_paged(visit: Any) -> None:
    page = visit("assets?where=lot%3Dmany&sort=name", "Assets")
    assert rows(page)[:2] == ["S000.txt", "S001.txt"]
    page.get_by_role("button", name="Next page").click()
    shown(page, 51, 100, "120 assets")
    assert rows(page)[0] == "S050.txt"
    page.get_by_role("button", name="Name").click()
    shown(page, 1, 50, "120 assets")
    assert rows(page)[0] == "S119.txt"
    head = page.get_by_role("columnheader", name="Name")
    assert head.get_attribute("aria-sort") == "descending"
    page.get_by_label("Rows on a page").select_option("200")
    shown(page, 1, 120, "120 assets")


def test_names_and_values_are_never_markup(visit: Any, store: LocalStore) -> None:
    page = visit("assets?q=onerror", "Assets")
    assert rows(page) == [MARKUP]
    page.get_by_role("link", name=MARKUP).click()
    page.get_by_role("heading", level=1, name=MARKUP).wait_for()
    page.get_by_text("<b><img src=x", exact=False).wait_for()
    # A mark that turns letters round is shown, and turns nothing.
    page.get_by_text("\ufffdgpj.exe</b>", exact=False).wait_for()
    assert page.locator("main img, main b").count() == 0
    visit(f"graph/{one(store, name=MARKUP).cid}", "Provenance")


def test_one_asset_shows_what_belongs_to_it(visit: Any, store: LocalStore) -> None:
    bam = one(store, name="NA1.bam")
    page = visit(f"assets/{bam.id}", "NA1.bam")
    page.get_by_text("Made from 3 files").wait_for()
    page.get_by_role("link", name="r2.fq").wait_for()
    page.get_by_role("term").filter(has_text="Reference").wait_for()
    page.get_by_role("button", name="Copy CID").first.click()
    page.get_by_role("status").filter(has_text="Copied CID").wait_for(state="attached")
    assert page.evaluate("navigator.clipboard.readText()") == bam.cid
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "NA1.bam"
    assert download.value.path().read_bytes() == b"bam"
    page.get_by_role("link", name="ref.fa").first.click()
    page.get_by_role("heading", level=1, name="ref.fa").wait_for()
    page.get_by_text("ACGTACGT").wait_for()


def test_a_content_identifier_leads_to_its_records_alone(visit: Any, store: LocalStore) -> None:
    """Others that mention it may be many: a reference is in the record of each alignment."""
    reference = one(store, name="ref.fa")
    page = visit("runs", "Runs")
    with page.expect_request(re.compile(r"/api/assets\?")) as asked:
        page.evaluate(f"location.hash = '#/cid/{reference.cid}'")
    page.get_by_role("heading", level=1, name="ref.fa").wait_for()
    assert f"where=cid%3D{reference.cid}" in asked.value.url
    visit("cid/bafknone", "Not recorded here")


def test_an_edit_is_kept_and_a_wrong_one_is_told_in_its_dialog(visit: Any, store: LocalStore) -> None:
    page = visit(f"assets/{one(store, name='NA1.vcf').id}", "NA1.vcf")
    page.get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Sample ID").fill("no/slash")
    dialog.get_by_role("button", name="Save").click()
    assert "sample" in dialog.get_by_role("alert").inner_text()
    dialog.get_by_label("Sample ID").fill("NA1")
    dialog.get_by_label("Caller").fill("haplotype_caller")
    dialog.get_by_role("button", name="Save").click()
    page.get_by_role("definition").filter(has_text="haplotype_caller").wait_for()
    assert one(store, name="NA1.vcf").to_keyvalues()["caller"] == "haplotype_caller"
    page.get_by_role("button", name="Edit").click()
    page.get_by_role("dialog").get_by_label("Caller").fill("")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("definition").filter(has_text="haplotype_caller").wait_for(state="detached")
    assert "caller" not in one(store, name="NA1.vcf").to_keyvalues()


def test_an_edit_that_changes_nothing_sends_nothing(visit: Any, store: LocalStore) -> None:
    """Lists and numbers are written in more than one way."""
    kept = one(store, name="S001.txt")
    page = visit(f"assets/{kept.id}", "S001.txt")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method))
    document = page.request.get(f"{page.url.split('#')[0]}api/assets/{kept.id}").json()
    said = {"asset": "variants", "sample_id": "c", "source_samples": '["a", "b"]', "sample_count": "2"}
    changed = document | {"kind": "variants", "keyvalues": said}
    page.route(f"**/api/assets/{kept.id}", lambda route: route.fulfill(json=changed))
    page.reload()
    page.get_by_role("definition").filter(has_text="a").first.wait_for()
    page.get_by_role("button", name="Edit").click()
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    page.get_by_role("dialog").wait_for(state="detached")
    assert set(asked) == {"GET"}


def test_what_is_being_done_is_not_called_off_and_its_end_is_told(visit: Any, store: LocalStore) -> None:
    page = visit(f"assets/{one(store, name='S117.txt').id}", "S117.txt")
    held = hold(page, "**/api/assets/*")
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Delete").click()
    wait_until(lambda: page.evaluate("true") and bool(held))
    page.keyboard.press("Escape")
    assert dialog.get_by_role("button", name="Cancel").is_disabled()
    held[0].continue_()
    page.get_by_text("Deleted, with its bytes.").wait_for()
    page.get_by_role("heading", level=1, name="Assets").wait_for()
    page.unroute_all()
    # A question is about its place: on another one it is gone.
    page = visit(f"assets/{one(store, name='S116.txt').id}", "S116.txt")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").wait_for()
    page.evaluate("location.hash = '#/runs'")
    page.get_by_role("dialog").wait_for(state="detached")


def test_a_page_that_was_left_says_nothing_in_the_address_of_the_next(visit: Any) -> None:
    page = visit("assets", "Assets")
    held = hold(page, "**/api/assets?*")
    page.get_by_role("searchbox", name="Search").fill("na1")
    wait_until(lambda: page.evaluate("true") and bool(held))
    page.get_by_role("link", name="Catalogue").click()
    page.get_by_role("heading", level=1, name="Catalogue").wait_for()
    nothing = {"total": 0, "offset": 0, "limit": 50, "assets": [], "kinds": {}}
    held[0].fulfill(json=nothing)
    page.wait_for_timeout(200)
    assert page.evaluate("location.hash") == "#/catalogue"


def test_deleting_asks_first_and_names_what_links_to_it(visit: Any, store: LocalStore) -> None:
    reference = one(store, name="ref.fa")
    page = visit(f"assets/{reference.id}", "ref.fa")
    page.get_by_role("button", name="Delete").click()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Delete").click()
    assert "NA1.bam" in dialog.get_by_role("alert").inner_text()
    dialog.get_by_role("button", name="Cancel").click()
    assert store.find(cid=reference.cid)

    page = visit(f"assets/{one(store, name='S119.txt').id}", "S119.txt")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_role("heading", level=1, name="Assets").wait_for()
    assert store.find(name="S119.txt") == []


def test_files_are_uploaded_with_the_fields_of_their_kind(visit: Any, store: LocalStore) -> None:
    page = visit("upload", "Upload")
    send = page.get_by_role("button", name="Upload", exact=True)
    assert send.is_disabled()
    chosen = [{"name": f"up{number}.txt", "mimeType": "", "buffer": b"a 1"} for number in (1, 2)]
    page.locator("input[type=file]").set_input_files(chosen)
    page.get_by_role("button", name="Leave out up2.txt").wait_for()
    later = {"name": "up1.txt", "mimeType": "", "buffer": b"the later one"}
    page.locator("input[type=file]").set_input_files([later])
    page.get_by_text("up1.txt was chosen twice: the later one is taken.").wait_for()
    page.get_by_label("Kind").first.select_option("qc_metrics")
    page.get_by_label("Sample ID").fill("UP1")
    page.get_by_label("Tool").fill("counter")
    page.get_by_role("button", name="Leave out up2.txt").click()
    send.click()
    page.get_by_text("1 file stored").wait_for()
    said = {"asset": "qc_metrics", "sample_id": "UP1", "tool": "counter"}
    stored = one(store, name="up1.txt")
    assert stored.to_keyvalues() == said
    assert store.stage(stored.cid, stored.name).read_bytes() == b"the later one"
    page.locator("input[type=file]").set_input_files([{"name": "x.bam", "mimeType": "", "buffer": b"no bam"}])
    page.get_by_label("Kind").first.select_option("alignment")
    send.click()
    page.get_by_role("alert").filter(has_text="BAM").wait_for()
    assert store.find(name="x.bam") == []


def test_the_graph_is_walked_with_the_keyboard(visit: Any, store: LocalStore) -> None:
    page = visit(f"graph/{one(store, name='NA1.bam').cid}", "Provenance of NA1.bam")
    graph = page.get_by_role("group", name="Graph of what was made").first
    graph.get_by_role("link").first.wait_for()
    assert graph.get_by_role("link").count() == 5
    assert graph.locator("path.edge").count() >= 4
    graph.locator(".node.here").focus()
    page.keyboard.press("ArrowRight")
    focused = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert focused.startswith("NA1.vcf, variants")
    page.get_by_label("Show", exact=True).select_option("up")
    page.get_by_text("4 files").wait_for()
    page.get_by_text("The same as a list").click()
    page.get_by_role("table", name="Files of the graph").wait_for()
    graph.locator(".node.here").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", level=1, name="NA1.bam", exact=True).wait_for()


# Runs


def test_a_run_is_planned_started_and_watched_until_its_results(visit: Any, store: LocalStore) -> None:
    page = visit("catalogue", "Catalogue")
    page.get_by_role("searchbox", name="Search").fill("gatk")
    page.get_by_role("link", name="validate_sam").wait_for()
    page.get_by_role("searchbox", name="Search").fill("dictionary index aligner")
    page.get_by_role("link", name="prepare_reference").click()
    page.get_by_role("heading", level=1, name="prepare_reference").wait_for()
    page.get_by_label("build").fill("b")
    page.locator("details > summary").filter(has_text="parameter").click()
    page.get_by_label("aligner").select_option("bwa")
    page.get_by_role("button", name="Show the plan").click()
    page.get_by_text("would be computed").wait_for()
    page.get_by_role("button", name="Start").click()
    page.get_by_role("heading", level=1, name=re.compile("prepare_reference-")).wait_for()
    folder = RunFolder(store.root / "runs" / page.locator("h1").inner_text())
    page.get_by_role("log").filter(has_text="samtools_faidx").wait_for()
    page.locator("header .state.busy").first.wait_for()
    (folder.path / "go").touch()
    page.get_by_text("Results: 1 asset").wait_for()
    page.get_by_role("link", name="r.fa.fai").wait_for()
    page.get_by_role("link", name="In the table").click()
    page.get_by_role("heading", level=1, name="Assets").wait_for()
    assert "r.fa.fai" in rows(page)


def test_a_run_is_cancelled_after_a_question(visit: Any, store: LocalStore, site: str) -> None:
    page = visit("catalogue/samtools_faidx", "samtools_faidx")
    page.get_by_label("Field").fill("build")
    page.get_by_label("Value").fill("b")
    page.get_by_label("Do not compute again").uncheck()
    page.get_by_role("button", name="Start").click()
    page.get_by_role("heading", level=1, name=re.compile("samtools_faidx-")).wait_for()
    folder = RunFolder(store.root / "runs" / page.locator("h1").inner_text())
    wait_until(lambda: "started" in stand_in.happened(folder.path))
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the run").click()
    page.locator("header .state", has_text="Interrupted").wait_for()


def test_the_tasks_of_a_run_name_what_they_are_for(visit: Any, failed_run: str) -> None:
    page = visit(f"runs/{failed_run}", failed_run)
    found: dict[str, Any] = page.request.get(f"{page.url.split('#')[0]}api/runs/{failed_run}").json()
    task = dict.fromkeys(
        ("duration", "started_at", "ended_at", "exit_status", "cpu", "memory", "container"), ""
    )
    tasks = [task | {"name": "bwa_index", "subject": "ref.fa", "status": "kept"}]
    page.route(f"**/api/runs/{failed_run}", lambda route: route.fulfill(json=found | {"tasks": tasks}))
    page.reload()
    row = page.get_by_role("table", name="Tasks").get_by_role("row").last
    row.wait_for()
    assert row.get_by_role("cell").all_text_contents()[:3] == ["bwa_index", "ref.fa", "Kept"]


def test_a_failed_run_says_why_and_what_to_do(visit: Any, failed_run: str) -> None:
    page = visit("runs?status=failed", "Runs")
    page.get_by_role("link", name=failed_run).click()
    said = page.get_by_role("alert").inner_text()
    assert said.split("\n\n") == ["BWA_INDEX failed: <b>no memory</b>.", "Give it more."]


def test_a_task_is_asked_for_with_all_that_its_form_says(visit: Any) -> None:
    page = visit("catalogue/cluster", "cluster")
    page.locator("details > summary").filter(has_text="parameter").click()
    page.get_by_label("resolution", exact=True).fill("0.8")
    for place, sample in enumerate(("S1", "S2")):
        page.get_by_label("Field").nth(place).fill("sample_id")
        page.get_by_label("Value").nth(place).fill(sample)
        page.get_by_role("button", name="Add a filter").click()
    page.get_by_label("Field").nth(2).fill("stage")
    page.get_by_role("button", name="Show the plan").click()
    page.get_by_text("A field and its value go together.").wait_for()
    page.get_by_label("Value").nth(2).fill("reduced")
    with page.expect_response("**/api/plan") as answer:
        page.get_by_role("button", name="Show the plan").click()
    asked = answer.value.request.post_data_json
    assert asked["inputs"] == {"resolution": 0.8}
    assert asked["filters"] == {"sample_id": ["S1", "S2"], "stage": "reduced"}
    # Nothing of it is unknown: what is told is that the store has no such file.
    assert "anndata" in page.get_by_role("alert").inner_text()


def test_a_start_of_what_is_there_already_says_that_nothing_was_started(visit: Any) -> None:
    page = visit("catalogue/samtools_faidx", "samtools_faidx")
    step = {"stage": "samtools_faidx", "subject": "b", "reused": True, "cids": []}
    run = {"run_id": "", "status": "done"}
    plan = {"name": "samtools_faidx", "steps": [step], "notes": [], "parameters": {}, "inputs": []}
    page.route(
        "**/api/runs",
        lambda route: route.fulfill(status=201, json={"run": run, "computed": False, "notes": []}),
    )
    page.route("**/api/plan", lambda route: route.fulfill(json=plan))
    page.get_by_role("button", name="Start").click()
    page.get_by_text("All of it is there: nothing would be computed").wait_for()


def test_what_a_task_lacks_is_said_in_its_form(visit: Any) -> None:
    page = visit("catalogue/mark_duplicates", "mark_duplicates")
    page.get_by_label("Field").fill("sample_id")
    page.get_by_label("Value").fill("nobody")
    page.get_by_role("button", name="Start").click()
    assert "alignment" in page.get_by_role("alert").inner_text()


# The page itself


def test_every_page_fits_its_width_and_names_its_controls(
    visit: Any, store: LocalStore, failed_run: str
) -> None:
    bam, long = one(store, name="NA1.bam"), one(store, name=LONG[:250])
    places = ["assets", f"assets/{bam.id}", f"assets/{long.id}", f"graph/{bam.cid}", "upload", "runs"]
    places += [f"runs/{failed_run}", "catalogue", "catalogue/mark_duplicates", "cid/bafknone"]
    for place in places:
        page = visit(place)
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (place, width)
        assert page.evaluate(NAMELESS) == [], place


def test_light_and_dark_follow_the_system_and_the_switch(visit: Any) -> None:
    def background() -> str:
        said: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return said

    page = visit("assets", "Assets")
    page.emulate_media(color_scheme="light")
    light = background()
    page.emulate_media(color_scheme="dark")
    dark = background()
    assert light != dark
    page.get_by_role("button", name="Light").click()
    assert background() == light
    page.reload()
    page.get_by_role("heading", level=1).wait_for()
    assert background() == light
    page.get_by_role("button", name="As the system has it").click()
    assert background() == dark


def test_the_keyboard_alone_is_enough(visit: Any) -> None:
    page = visit("assets?q=NA1.bam", "Assets")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the link that skips what is on every page
    assert page.evaluate("document.activeElement.id") == "content"
    page.get_by_role("link", name="NA1.bam").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", level=1, name="NA1.bam").wait_for()
    assert page.title() == "NA1.bam · Stargazer"
    assert page.evaluate("document.activeElement.id") == "content"


def test_an_empty_store_and_a_server_that_is_gone_are_told(visit: Any) -> None:
    page = visit("upload", "Upload")
    nothing = {"total": 0, "offset": 0, "limit": 50, "assets": [], "kinds": {}}
    page.route("**/api/assets?*", lambda route: route.fulfill(json=nothing))
    page.get_by_role("link", name="Assets").click()
    page.get_by_role("heading", name="The store is empty").wait_for()
    page.unroute_all()
    page.route("**/static/js/pages/**", lambda route: route.abort())
    page.reload()
    assert "The server does not answer" in page.get_by_role("alert").inner_text()
    page.unroute_all()
    page.reload()
    page.route("**/api/**", lambda route: route.abort())
    page.get_by_role("link", name="Runs").click()
    assert "The server does not answer" in page.get_by_role("alert").inner_text()
    page.unroute_all()
    page.route("**/api/catalogue", lambda route: route.fulfill(status=500, body="<h1>no JSON</h1>"))
    page.get_by_role("link", name="Catalogue").click()
    page.get_by_text("The server answered 500.").wait_for()


@pytest.mark.parametrize("file", sorted(STATIC.glob("js/**/*.js")), ids=lambda file: file.stem)
def test_no_script_makes_markup_or_code_of_text(file: Path) -> None:
    text = file.read_text()
    banned = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|srcdoc"
    assert not re.search(banned, text)
    assert not re.search(r"""["']style["']|javascript:""", text)


def test_the_page_has_nothing_inline_and_nothing_from_elsewhere() -> None:
    text = (STATIC / "index.html").read_text()
    assert not re.search(r"\sstyle=|<style|\son\w+=|<script(?![^>]*\ssrc=)", text)
    for file in [*STATIC.glob("css/*.css"), *STATIC.glob("*.html"), *STATIC.glob("js/**/*.js")]:
        elsewhere = re.findall(r"https?://[^\s\"'`]+", file.read_text())
        assert [each for each in elsewhere if "www.w3.org" not in each] == [], file
