// The genes that differ most between cells.
include { inputOptions; memoryFor; optionsOf; threads } from '../../functions/scanpy.nf'

process SELECT_FEATURES {
    tag "${meta.sample}"
    label 'scanpy'
    memory { memoryFor(h5ad, 12) * task.attempt }
    container 'stargazer/scanpy:1.11.5'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(h5ad, stageAs: 'input/*')
    val options

    output:
    tuple val(meta), path("${meta.sample}.featured.h5ad"), path("${meta.sample}.featured.summary.json"), emit: h5ad
    tuple val(task.process), eval('scanpy_versions.py scikit-misc'), emit: versions

    script:
    """
    ${threads(task.cpus)}
    select_features.py ${inputOptions(h5ad)} \\
        --output '${meta.sample}.featured.h5ad' \\
        --summary '${meta.sample}.featured.summary.json' \\
        ${optionsOf(options + [batch_key: meta.batch])}
    """

    stub:
    """
    touch '${meta.sample}.featured.h5ad'
    echo '{"n_obs": 0, "n_vars": 0}' > '${meta.sample}.featured.summary.json'
    """
}
