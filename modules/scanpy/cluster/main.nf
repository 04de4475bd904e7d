// Groups of cells that are neighbours of each other.
include { inputOptions; memoryFor; optionsOf; threads } from '../../functions/scanpy.nf'

process CLUSTER {
    tag "${meta.sample}"
    label 'scanpy'
    memory { memoryFor(h5ad, 12) * task.attempt }
    container 'stargazer/scanpy:1.11.5'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(h5ad, stageAs: 'input/*')
    val options

    output:
    tuple val(meta), path("${meta.sample}.clustered.h5ad"), path("${meta.sample}.clustered.summary.json"), emit: h5ad
    tuple val(task.process), eval('scanpy_versions.py igraph leidenalg'), emit: versions

    script:
    """
    ${threads(task.cpus)}
    cluster.py ${inputOptions(h5ad)} \\
        --output '${meta.sample}.clustered.h5ad' \\
        --summary '${meta.sample}.clustered.summary.json' \\
        ${optionsOf(options)}
    """

    stub:
    """
    touch '${meta.sample}.clustered.h5ad'
    echo '{"n_obs": 0, "n_vars": 0}' > '${meta.sample}.clustered.summary.json'
    """
}
