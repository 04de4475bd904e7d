// Counts of one sample, as cell callers write them, as a raw AnnData.
include { inputOptions; memoryFor; threads } from '../../functions/scanpy.nf'

process IMPORT_COUNTS {
    tag "${meta.sample}"
    label 'scanpy'
    memory { memoryFor(counts, 20) * task.attempt }
    container 'stargazer/scanpy:1.11.5'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(counts, stageAs: 'input/*') // a file or a folder

    output:
    tuple val(meta), path("${meta.sample}.raw.h5ad"), path("${meta.sample}.raw.summary.json"), emit: h5ad
    tuple val(task.process), eval('scanpy_versions.py'), emit: versions

    script:
    """
    ${threads(task.cpus)}
    import_counts.py ${inputOptions(counts)} \\
        --output '${meta.sample}.raw.h5ad' \\
        --summary '${meta.sample}.raw.summary.json'
    """

    stub:
    """
    touch '${meta.sample}.raw.h5ad'
    echo '{"n_obs": 0, "n_vars": 0}' > '${meta.sample}.raw.summary.json'
    """
}
