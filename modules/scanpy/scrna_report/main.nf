// What was done with one sample and what came out: a page to look at and the numbers.
include { fileOption; inputOptions; memoryFor; threads } from '../../functions/scanpy.nf'

process SCRNA_REPORT {
    tag "${meta.sample}"
    label 'scanpy'
    memory { memoryFor(h5ad, 12) * task.attempt }
    container 'stargazer/scanpy:1.11.5'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(h5ad, stageAs: 'input/*')
    path labels, stageAs: 'labels/*' // or []

    output:
    tuple val(meta), path("${meta.sample}.report.html"), emit: report
    tuple val(meta), path("${meta.sample}.summary.json"), emit: summary
    tuple val(task.process), eval('scanpy_versions.py jinja2 matplotlib scikit-learn'), emit: versions

    script:
    """
    ${threads(task.cpus)}
    scrna_report.py ${inputOptions(h5ad)} \\
        --sample '${meta.sample}' \\
        --report '${meta.sample}.report.html' \\
        --summary '${meta.sample}.summary.json' \\
        ${fileOption('--labels', labels)}
    """

    stub:
    """
    touch '${meta.sample}.report.html'
    echo '{}' > '${meta.sample}.summary.json'
    """
}
