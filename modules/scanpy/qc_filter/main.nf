// The cells and genes that are worth keeping, with what was removed and why.
include { inputOptions; memoryFor; optionsOf; threads } from '../../functions/scanpy.nf'

process QC_FILTER {
    tag "${meta.sample}"
    label 'scanpy'
    // Scrublet lays out three cells for each on all variable genes, several times over.
    memory { memoryFor(h5ad, options.doublets == 'none' ? 12 : 100) * task.attempt }
    container 'stargazer/scanpy:1.11.5'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(h5ad, stageAs: 'input/*')
    val options

    output:
    tuple val(meta), path("${meta.sample}.qc_filtered.h5ad"), path("${meta.sample}.qc_filtered.summary.json"), emit: h5ad
    tuple val(task.process), eval('scanpy_versions.py numba pynndescent scikit-image scikit-learn'), emit: versions

    script:
    """
    ${threads(task.cpus)}
    qc_filter.py ${inputOptions(h5ad)} \\
        --output '${meta.sample}.qc_filtered.h5ad' \\
        --summary '${meta.sample}.qc_filtered.summary.json' \\
        ${optionsOf(options + [organism: meta.organism, batch_key: meta.batch])}
    """

    stub:
    """
    touch '${meta.sample}.qc_filtered.h5ad'
    echo '{"n_obs": 0, "n_vars": 0}' > '${meta.sample}.qc_filtered.summary.json'
    """
}
