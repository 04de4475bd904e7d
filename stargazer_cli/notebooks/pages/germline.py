# /// script
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Germline results")

with app.setup(hide_code=True):
    import altair as alt
    import marimo as mo
    import pandas as pd

    import stargazer_cli as sg
    from stargazer_cli.notebooks import bringing, charts, lineages, metrics, variants

    charts.use_theme()


@app.cell(hide_code=True)
def _():
    mo.md("""
    # Germline results

    The variants that a run called, the genotypes of each sample, and how well its reads covered the genome.
    Every number is counted from the files in your store. Choose a cohort; what you filter is counted anew.
    """)
    return


@app.cell(hide_code=True)
def _():
    called = sg.assemble(asset="variants", variant_type="vcf")
    mo.stop(
        not called,
        mo.md("""
        **Your store holds no called variants yet.**

        Run `stargazer demo germline` for a small family whose variants are known, or bring your own reads
        with the notebook *data* (`stargazer notebook data`). Then run this notebook again.
        """).callout(kind="warn"),
    )
    newest_first = sorted(called, key=lambda vcf: vcf.created_at, reverse=True)
    cohorts = {f"{vcf.sample_id} — {vcf.name} …{vcf.cid[-6:]}": vcf for vcf in newest_first}
    cohort = mo.ui.dropdown(cohorts, value=next(iter(cohorts)), label="Cohort")
    cohort
    return (cohort,)


@app.cell(hide_code=True)
def _(cohort):
    vcf = cohort.value
    try:
        vcf.fetch()
        calls = variants.read(vcf.path)
    except sg.StargazerError as _error:
        mo.stop(True, mo.callout(mo.plain_text(bringing.said(_error)), kind="danger"))
    (
        None
        if calls.complete
        else mo.md(f"""
        {vcf.name} has more records than a notebook shows at once. What follows is about its
        **first {len(calls.records):,}**; `variants.read(path, limit=…)` reads more.
        """).callout(kind="warn")
    )
    return calls, vcf


@app.cell(hide_code=True)
def _(calls):
    contigs_there = list(dict.fromkeys(calls.records["chrom"]))
    types_there = [each for each in variants.TYPES if each in set(calls.records["type"])]
    passed = mo.ui.switch(label="Only sites that passed the filters")
    types = mo.ui.multiselect(types_there, label="Types")
    contigs = mo.ui.multiselect(contigs_there, label="Contigs")
    carrier = mo.ui.dropdown(["anyone", *calls.samples], value="anyone", label="Carried by")
    quality = mo.ui.number(0, label="Quality (QUAL) at least", step=10)
    depth = mo.ui.number(0, label="Depth of all samples (DP) at least", step=5)
    mo.vstack(
        [
            mo.md("## Variants"),
            mo.hstack([passed, types, contigs, carrier], justify="start", gap=1.5, wrap=True),
            mo.hstack([quality, depth], justify="start", gap=1.5, wrap=True),
        ]
    )
    return carrier, contigs, depth, passed, quality, types


@app.cell(hide_code=True)
def _(calls, carrier, contigs, depth, passed, quality, types):
    shown = variants.select(
        calls,
        passed=passed.value,
        types=types.value,
        contigs=contigs.value,
        min_quality=quality.value,
        min_depth=depth.value,
        sample="" if carrier.value == "anyone" else carrier.value,
    )
    numbers = variants.summary(shown)
    cards = [
        ("Sites", f"{numbers['records']:,}", f"of {len(calls.records):,}"),
        ("Passed", f"{numbers['passed']:,}", "all filters"),
        ("SNPs", f"{numbers['with SNP']:,}", "sites with one"),
        ("Indels", f"{numbers['with indel']:,}", "sites with one"),
        ("Multi-allelic", f"{numbers['multi-allelic']:,}", "two alleles or more"),
        ("Ti/Tv", f"{numbers['ti/tv']:.2f}", f"{numbers['transitions']:,} / {numbers['transversions']:,}"),
    ]
    mo.hstack(
        [mo.stat(value, label=label, caption=caption, bordered=True) for label, value, caption in cards],
        widths="equal",
        gap=0.75,
    )
    return numbers, shown


@app.cell(hide_code=True)
def _(numbers, shown):
    mo.stop(shown.records.empty, mo.md("No variant fits these filters.").callout())

    of_types = pd.DataFrame(
        [{"type": each, "sites": numbers[each]} for each in variants.TYPES if numbers[each]]
    )
    by_type = (
        alt.Chart(of_types)
        .mark_bar(cornerRadiusEnd=3)
        .encode(
            x=alt.X("sites:Q", title="sites", axis=alt.Axis(tickMinStep=1)),
            y=alt.Y("type:N", sort=list(variants.TYPES), title=None),
            tooltip=["type", "sites"],
        )
        .properties(title="Sites by type", width="container", height=180)
    )

    zygosities = alt.Scale(domain=variants.ZYGOSITIES, range=["#0072B2", "#D55E00", "#c8ccd4", "#6b7280"])
    by_zygosity = (
        alt.Chart(shown.genotypes.groupby(["sample", "zygosity"]).size().rename("sites").reset_index())
        .mark_bar()
        .encode(
            x=alt.X("sites:Q", title="sites", axis=alt.Axis(tickMinStep=1)),
            y=alt.Y("sample:N", title=None),
            color=alt.Color("zygosity:N", title=None, scale=zygosities, legend=alt.Legend(orient="top")),
            order=alt.Order("zygosity:N"),
            tooltip=["sample", "zygosity", "sites"],
        )
        .properties(title="Genotypes by sample", width="container", height=180)
    )
    mo.hstack([by_type, by_zygosity], widths="equal", gap=2)
    return


@app.cell(hide_code=True)
def _(shown):
    qualities = (
        alt.Chart(charts.histogram(shown.records["quality"]))
        .mark_rect(stroke="white", strokeWidth=0.5)
        .encode(
            x=alt.X("start:Q", title="quality of a site (QUAL)"),
            x2="end",
            y=alt.Y("count:Q", title="sites", axis=alt.Axis(tickMinStep=1)),
            tooltip=[alt.Tooltip("start", format=".0f"), alt.Tooltip("end", format=".0f"), "count"],
        )
        .properties(title="Quality", width="container", height=200)
    )
    depth_counts = shown.genotypes[["sample", "depth"]].dropna().value_counts().rename("sites").reset_index()
    read_depths = (
        alt.Chart(depth_counts)
        .mark_area(line={"strokeWidth": 2}, fillOpacity=0.12, interpolate="monotone")
        .encode(
            x=alt.X(
                "depth:Q",
                bin=alt.Bin(maxbins=25, minstep=1),
                axis=alt.Axis(format="d"),
                title="reads at a site (DP of the genotype)",
            ),
            y=alt.Y("sum(sites):Q", title="sites", stack=None),
            color=alt.Color("sample:N", title=None, legend=alt.Legend(orient="top")),
        )
        .properties(title="Depth by sample", width="container", height=200)
    )
    mo.hstack([qualities, read_depths], widths="equal", gap=2)
    return


@app.cell(hide_code=True)
def _(shown):
    samples = variants.by_sample(shown)
    mo.vstack(
        [
            mo.md("### Samples"),
            mo.ui.table(samples, selection=None, pagination=False, show_data_types=False),
        ]
    )
    return (samples,)


@app.cell(hide_code=True)
def _(shown):
    sites = variants.wide(shown)
    mo.vstack(
        [
            mo.md("### Sites\n\nSearch, sort or filter by any column; *Export* saves what is shown."),
            mo.ui.table(sites, selection=None, page_size=12, show_data_types=False),
        ]
    )
    return


@app.cell(hide_code=True)
def _(vcf):
    # The metrics of the alignments that these variants were called from. A sample may have several, such as
    # those of its lanes: what is told of the one nearest to the variants comes last, and counts.
    nearest = lineages.ancestors(sg.lineage(vcf.cid, direction="up"))
    counted = sg.assemble(asset=["qc_metrics", "duplicate_metrics"], alignment_cid=nearest) if nearest else []
    found = {"coverage": {}, "stats": {}, "duplicates": {}}
    for each in sorted(counted, key=lambda each: nearest.index(each.alignment_cid), reverse=True):
        each.fetch()
        found.get(metrics.kind_of(each.path), {})[each.sample_id] = each.path
    return (found,)


@app.cell(hide_code=True)
def _(found):
    mo.stop(
        not found["coverage"],
        mo.md("""
        ## Coverage

        The store holds no coverage of these samples: the run that called them made no metrics.
        """).callout(),
    )
    of_sample = [metrics.coverage(path).assign(sample=name) for name, path in found["coverage"].items()]
    covered = pd.concat(of_sample)
    # Of a whole genome the chromosomes: they are the longest.
    longest = covered.drop_duplicates("contig").nlargest(25, "length")["contig"]
    cells = alt.Chart(covered[covered["contig"].isin(longest)]).encode(
        x=alt.X("contig:N", title=None, sort=None, axis=alt.Axis(labelAngle=0, labelOverlap=True)),
        y=alt.Y("sample:N", title=None),
        tooltip=[
            "sample",
            "contig",
            alt.Tooltip("depth:Q", format=".1f", title="mean depth"),
            alt.Tooltip("covered:Q", format=".1%"),
        ],
    )
    dark = f"datum.depth > {covered['depth'].max() / 2}"
    by_contig = (
        cells.mark_rect(cornerRadius=3).encode(
            color=alt.Color("depth:Q", scale=alt.Scale(domainMin=0, range=list(charts.DEPTH)), legend=None)
        )
        + cells.mark_text(fontSize=11).encode(
            text=alt.Text("depth:Q", format=".0f"),
            color=alt.condition(dark, alt.value("white"), alt.value("#1f2937")),
        )
    ).properties(title="Mean depth by contig, reads a base", width="container", height=200)
    return by_contig, covered


@app.cell(hide_code=True)
def _(by_contig, covered, found):
    def share_at_least(path, length):
        """Return for each depth the share of the genome that is covered so deep, or deeper."""
        bases = metrics.depths(path).set_index("depth")["bases"]
        return (bases[::-1].cumsum()[::-1] / length).rename("share").reset_index()

    lengths = covered.groupby("sample")["length"].sum()
    deep = pd.concat(
        [
            share_at_least(path, lengths[name]).assign(sample=name)
            for name, path in found["stats"].items()
            if name in lengths
        ]
        or [pd.DataFrame(columns=["depth", "share", "sample"])]
    )
    at_least = (
        alt.Chart(deep)
        .mark_line(strokeWidth=2, interpolate="step-after")
        .encode(
            x=alt.X("depth:Q", title="covered by at least so many reads"),
            y=alt.Y("share:Q", title="share of the genome", axis=alt.Axis(format="%")),
            color=alt.Color("sample:N", title=None, legend=alt.Legend(orient="top")),
            tooltip=["sample", "depth", alt.Tooltip("share:Q", format=".1%")],
        )
        .properties(title="Breadth", width="container", height=200)
    )
    mo.vstack([mo.md("## Coverage"), mo.hstack([by_contig, at_least], widths="equal", gap=2)])
    return


@app.cell(hide_code=True)
def _(found):
    mo.stop(
        not found["stats"],
        mo.md("""
        ## Quality of the reads

        The store holds no statistics of these samples: the run that called them made no metrics.
        """).callout(),
    )

    def quality_of(name):
        """Return the row of a sample: what samtools and Picard counted of its reads."""
        counts = metrics.read_numbers(found["stats"][name])
        reads = counts["sequences"]
        return {
            "sample": name,
            "reads": int(reads),
            "mapped": counts["reads mapped"] / reads if reads else None,
            "properly paired": counts["reads properly paired"] / reads if reads else None,
            "duplicates": metrics.duplicates(found["duplicates"][name])
            if name in found["duplicates"]
            else None,
            "mismatches": counts["error rate"],
            "base quality": counts["average quality"],
            "insert size": counts["insert size average"],
        }

    read_quality = pd.DataFrame([quality_of(name) for name in sorted(found["stats"])])
    shares = ["mapped", "properly paired", "duplicates", "mismatches"]
    mo.vstack(
        [
            mo.md("## Quality of the reads"),
            mo.ui.table(
                read_quality,
                selection=None,
                pagination=False,
                show_data_types=False,
                format_mapping=dict.fromkeys(shares, "{:.2%}".format),
            ),
        ]
    )
    return (read_quality,)


@app.cell(hide_code=True)
def _(found):
    sizes = pd.concat([metrics.inserts(path).assign(sample=name) for name, path in found["stats"].items()])
    # Without the long tail of pairs that were mapped far apart.
    usual = sizes.groupby("size")["pairs"].sum().cumsum() <= 0.995 * sizes["pairs"].sum()
    (
        alt.Chart(sizes[sizes["size"].isin(usual[usual].index)])
        .mark_area(line={"strokeWidth": 2}, fillOpacity=0.1, interpolate="monotone")
        .encode(
            x=alt.X("size:Q", bin=alt.Bin(maxbins=80), title="bases between the outer ends of a pair"),
            y=alt.Y("sum(pairs):Q", title="pairs", stack=None),
            color=alt.Color("sample:N", title=None, legend=alt.Legend(orient="top")),
        )
        .properties(title="Insert size", width="container", height=180)
    )
    return


if __name__ == "__main__":
    app.run()
