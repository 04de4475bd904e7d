// Principal components, the neighbours of each cell among them, and a map in two dimensions.
include { inputOptions; memoryFor; optionsOf; threads } from '../../functions/scanpy.nf'

process REDUCE_DIMENSIONS {
    tag "${meta.sample}"
    label 'scanpy'
    memory { memoryFor(h5ad, 12) * task.attempt }
    container 'stargazer/scanpy:1.11.5'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(h5ad, stageAs: 'input/*')
    val options

    output:
    tuple val(meta), path("${meta.sample}.reduced.h5ad"), path("${meta.sample}.reduced.summary.json"), emit: h5ad
    tuple val(task.process), eval('scanpy_versions.py harmonypy numba pynndescent scikit-learn umap-learn'), emit: versions

    script:
    """
    ${threads(task.cpus)}
    reduce_dimensions.py ${inputOptions(h5ad)} \\
        --output '${meta.sample}.reduced.h5ad' \\
        --summary '${meta.sample}.reduced.summary.json' \\
        ${optionsOf(options + [batch_key: meta.batch])}
    """

    stub:
    """
    touch '${meta.sample}.reduced.h5ad'
    echo '{"n_obs": 0, "n_vars": 0}' > '${meta.sample}.reduced.summary.json'
    """
}
