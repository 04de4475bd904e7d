// All steps that a sample has before it, from qc_filter to find_markers, in one process: the same
// files as from the steps one by one, without starting Python and reading the cells each time.
include { fileOption; inputOptions; memoryFor; optionsOf; threads } from '../../functions/scanpy.nf'

process SCRNA_CHAIN {
    tag "${meta.sample}"
    label 'scanpy'
    // Scrublet, in the first step, needs most: see QC_FILTER.
    memory { memoryFor(h5ad, stage == 'raw' && options.doublets != 'none' ? 100 : 20) * task.attempt }
    container 'stargazer/scanpy:1.11.5'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(h5ad, stageAs: 'input/*'), val(stage) // stage: of the h5ad
    val options
    path marker_sets, stageAs: 'marker_sets/*' // or []

    output:
    tuple val(meta), path("${meta.sample}.*.h5ad"), path("${meta.sample}.*.summary.json"), emit: h5ads
    tuple val(meta), path("${meta.sample}.markers.csv"), emit: markers
    tuple val(meta), eval('scanpy_versions.py harmonypy igraph illico leidenalg numba pynndescent scikit-image scikit-learn scikit-misc umap-learn'), emit: versions

    script:
    """
    ${threads(task.cpus)}
    scrna_chain.py ${inputOptions(h5ad)} \\
        --from-stage ${stage} \\
        --sample '${meta.sample}' \\
        --outdir . \\
        ${fileOption('--marker-sets', marker_sets)} \\
        ${optionsOf(options + [organism: meta.organism, batch_key: meta.batch])}
    """

    stub:
    def stages = ['raw', 'qc_filtered', 'normalized', 'featured', 'reduced', 'clustered', 'annotated']
    """
    for stage in ${stages.drop(stages.indexOf(stage) + 1).join(' ')}; do
        touch "${meta.sample}.\$stage.h5ad"
        echo '{"n_obs": 0, "n_vars": 0}' > "${meta.sample}.\$stage.summary.json"
    done
    touch '${meta.sample}.markers.csv'
    """
}
