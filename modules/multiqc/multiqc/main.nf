// The report of a run: MultiQC's own sections, and ours.
process MULTIQC {
    tag "${meta.id}"
    label 'report'
    container 'stargazer/multiqc:1.28'
    conda "${moduleDir}/environment.yml"

    input:
    // meta: id (of the cohort) and run (a map: cohort_id, samples, pedigree (file name or ''), build (or ''), reference,
    // regions (file name or ''), padding, ploidy, known_sites as a list of [ name, types ], bqsr, filter, reasons
    // (map: why bqsr and filter are so), version (of the pipeline), versions as a list of [ tool, version ]); what is
    // not known of a run is left out, from regions to reasons
    tuple val(meta), path(metrics, stageAs: 'metrics/*'), path(genotypes, stageAs: 'genotypes.tsv.gz')
    path fai, stageAs: 'reference.fa.fai'
    path pedigree, stageAs: 'pedigree/*' // or []

    output:
    tuple val(meta), path("${meta.id}.germline.html"), emit: report
    tuple val(task.process), val('multiqc'), eval("multiqc --version 2>/dev/null | sed -n 's/.*version //p'"), emit: versions

    script:
    // Nobody's own configuration of MultiQC takes part, and nothing is asked of the network: neither here
    // nor, by the content security policy, when the page is looked at.
    def document = groovy.json.JsonOutput.toJson(meta.run)
    def policy = "default-src 'none'; img-src data: blob:; font-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval' blob:"
    """
    cat > run.json <<'END_OF_RUN'
    ${document}
    END_OF_RUN
    germline_report.py \\
        --run run.json \\
        --metrics metrics \\
        --genotypes genotypes.tsv.gz \\
        --fai reference.fa.fai \\
        ${pedigree ? '--pedigree pedigree/*' : ''} \\
        --outdir report
    for name in \$(compgen -e MULTIQC_ || true); do
        unset "\$name"
    done
    HOME=\$PWD XDG_CONFIG_HOME=\$PWD multiqc report \\
        --config report/multiqc_config.yaml \\
        --filename report.html \\
        --no-version-check \\
        --no-megaqc-upload \\
        --no-ai \\
        --no-ansi
    awk -v policy="${policy}" '
        !done { done = sub("<head>", "<head><meta http-equiv=\\"Content-Security-Policy\\" content=\\"" policy "\\">") }
        { print }
    ' report.html > '${meta.id}.germline.html'
    """

    stub:
    """
    touch '${meta.id}.germline.html'
    """
}
