// Counts made comparable between cells, on a log scale; the counts themselves stay as a layer.
include { inputOptions; memoryFor; optionsOf; threads } from '../../functions/scanpy.nf'

process NORMALIZE {
    tag "${meta.sample}"
    label 'scanpy'
    memory { memoryFor(h5ad, 12) * task.attempt }
    container 'stargazer/scanpy:1.11.5'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(h5ad, stageAs: 'input/*')
    val options

    output:
    tuple val(meta), path("${meta.sample}.normalized.h5ad"), path("${meta.sample}.normalized.summary.json"), emit: h5ad
    tuple val(task.process), eval('scanpy_versions.py'), emit: versions

    script:
    """
    ${threads(task.cpus)}
    normalize.py ${inputOptions(h5ad)} \\
        --output '${meta.sample}.normalized.h5ad' \\
        --summary '${meta.sample}.normalized.summary.json' \\
        ${optionsOf(options)}
    """

    stub:
    """
    touch '${meta.sample}.normalized.h5ad'
    echo '{"n_obs": 0, "n_vars": 0}' > '${meta.sample}.normalized.summary.json'
    """
}
