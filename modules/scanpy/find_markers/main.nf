// The genes that tell each group of cells from the rest, as a table and in the AnnData.
include { fileOption; inputOptions; memoryFor; optionsOf; threads } from '../../functions/scanpy.nf'

process FIND_MARKERS {
    tag "${meta.sample}"
    label 'scanpy'
    memory { memoryFor(h5ad, 12) * task.attempt }
    container 'stargazer/scanpy:1.11.5'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(h5ad, stageAs: 'input/*')
    val options
    path marker_sets, stageAs: 'marker_sets/*' // or []

    output:
    tuple val(meta), path("${meta.sample}.annotated.h5ad"), path("${meta.sample}.annotated.summary.json"), emit: h5ad
    tuple val(meta), path("${meta.sample}.markers.csv"), emit: markers
    tuple val(task.process), eval('scanpy_versions.py illico numba'), emit: versions

    script:
    """
    ${threads(task.cpus)}
    find_markers.py ${inputOptions(h5ad)} \\
        --output '${meta.sample}.annotated.h5ad' \\
        --summary '${meta.sample}.annotated.summary.json' \\
        --markers '${meta.sample}.markers.csv' \\
        ${fileOption('--marker-sets', marker_sets)} \\
        ${optionsOf(options)}
    """

    stub:
    """
    touch '${meta.sample}.annotated.h5ad' '${meta.sample}.markers.csv'
    echo '{"n_obs": 0, "n_vars": 0}' > '${meta.sample}.annotated.summary.json'
    """
}
