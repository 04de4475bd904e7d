// Counts or an AnnData of each sample in, at whatever stage it is; clusters, marker genes and a report out.
include { digestOf } from '../functions/files.nf'
include { IMPORT_COUNTS } from '../../modules/scanpy/import_counts/main.nf'
include { QC_FILTER } from '../../modules/scanpy/qc_filter/main.nf'
include { NORMALIZE } from '../../modules/scanpy/normalize/main.nf'
include { SELECT_FEATURES } from '../../modules/scanpy/select_features/main.nf'
include { REDUCE_DIMENSIONS } from '../../modules/scanpy/reduce_dimensions/main.nf'
include { CLUSTER } from '../../modules/scanpy/cluster/main.nf'
include { FIND_MARKERS } from '../../modules/scanpy/find_markers/main.nf'
include { SCRNA_CHAIN } from '../../modules/scanpy/scrna_chain/main.nf'
include { SCRNA_REPORT } from '../../modules/scanpy/scrna_report/main.nf'

// The stages of an AnnData in their order, and the task that takes it there.
def tasks() {
    return [
        raw: 'import_counts', qc_filtered: 'qc_filter', normalized: 'normalize', featured: 'select_features',
        reduced: 'reduce_dimensions', clustered: 'cluster', annotated: 'find_markers',
    ]
}

// The parameters of each task; those that are a sample's own (organism, batch) travel with the sample.
def parametersOf() {
    return [
        qc_filter: [
            'mt_prefix', 'qc', 'min_genes', 'min_cells', 'max_pct_mt', 'max_pct_ribo', 'max_pct_hb', 'n_mads', 'n_mads_mt',
            'doublets', 'expected_doublet_rate', 'seed',
        ],
        normalize: ['target_sum'],
        select_features: ['n_top_genes', 'hvg_flavor'],
        reduce_dimensions: ['n_pcs', 'n_neighbors', 'integrate', 'seed'],
        cluster: ['resolution', 'more_resolutions', 'leiden_flavor', 'key_added', 'seed'],
        find_markers: ['groupby', 'method', 'min_log2_fold_change', 'min_fraction', 'max_pval_adj'],
    ]
}

workflow SCRNA_CLUSTERING_PIPELINE {
    take:
    entries  // channel: [ meta(sample, organism, batch, stage: 'counts' or an AnnData's, inputs), file ]
    settings // map: the parameters of the tasks; fuse: whether one process runs all steps of a sample
    files    // map: marker_sets and labels, a file or [] each

    main:
    // Only its own parameters, so that changing one of another task does not run a task again.
    options = parametersOf().collectEntries { name, names -> [name, settings.subMap(names)] }

    // With -resume a task runs again when the library of its script is another.
    library = digestOf(file("${projectDir}/bin/scrna"))
    rows = entries.map { meta, file -> [meta + [library: library], file] }

    IMPORT_COUNTS(rows.filter { meta, _file -> meta.stage == 'counts' })
    made = IMPORT_COUNTS.out.h5ad
    versions = IMPORT_COUNTS.out.versions

    if (settings.fuse) {
        entered = rows.filter { meta, _file -> !(meta.stage in ['counts', 'annotated']) }.map { meta, h5ad -> [meta, h5ad, meta.stage] }
        SCRNA_CHAIN(
            entered.mix(made.map { meta, h5ad, _summary -> [meta, h5ad, 'raw'] }),
            options.values().sum(),
            files.marker_sets,
        )
        chained = SCRNA_CHAIN.out.h5ads.flatMap { meta, h5ads, summaries ->
            [sorted(h5ads), sorted(summaries)].transpose().collect { h5ad, summary -> [meta, h5ad, summary] }
        }
        annotated = chained.filter { meta, h5ad, _summary -> stageOf(meta, h5ad) == 'annotated' }
        markers = SCRNA_CHAIN.out.markers
        made = made.mix(chained)
        // What a step ran with is said under its own name, whichever process it ran in.
        versions = versions.mix(chained.map { meta, h5ad, _summary -> [meta, tasks()[stageOf(meta, h5ad)]] }
            .combine(SCRNA_CHAIN.out.versions, by: 0)
            .map { _meta, task, libraries -> [task, libraries] })
    }
    else {
        QC_FILTER(atStage('raw', rows, made), options.qc_filter)
        NORMALIZE(atStage('qc_filtered', rows, QC_FILTER.out.h5ad), options.normalize)
        SELECT_FEATURES(atStage('normalized', rows, NORMALIZE.out.h5ad), options.select_features)
        REDUCE_DIMENSIONS(atStage('featured', rows, SELECT_FEATURES.out.h5ad), options.reduce_dimensions)
        CLUSTER(atStage('reduced', rows, REDUCE_DIMENSIONS.out.h5ad), options.cluster)
        FIND_MARKERS(atStage('clustered', rows, CLUSTER.out.h5ad), options.find_markers, files.marker_sets)
        annotated = FIND_MARKERS.out.h5ad
        markers = FIND_MARKERS.out.markers
        made = made.mix(
            QC_FILTER.out.h5ad, NORMALIZE.out.h5ad, SELECT_FEATURES.out.h5ad, REDUCE_DIMENSIONS.out.h5ad,
            CLUSTER.out.h5ad, annotated,
        )
        versions = versions.mix(
            QC_FILTER.out.versions, NORMALIZE.out.versions, SELECT_FEATURES.out.versions, REDUCE_DIMENSIONS.out.versions,
            CLUSTER.out.versions, FIND_MARKERS.out.versions,
        )
    }
    // A sample that enters with its markers wants another report: other labels, or a newer page.
    SCRNA_REPORT(atStage('annotated', rows, annotated), files.labels)

    assets = channel.empty().mix(
        made.map { meta, h5ad, summary -> cells(meta, h5ad, summary, settings) },
        annotated.join(markers).map { meta, _h5ad, summary, table -> markerTable(meta, summary, table) },
        SCRNA_REPORT.out.report.join(SCRNA_REPORT.out.summary).flatMap { meta, report, summary ->
            reported(meta, report, summary, settings)
        },
    )
    versions = versions.mix(SCRNA_REPORT.out.versions).flatMap { task, libraries ->
        libraries.readLines().collect { line -> [task] + line.tokenize('=') }
    }

    emit:
    annotated // channel: [ meta, h5ad, summary ]
    assets    // channel: one map a file, what the manifest says of it
    versions  // channel: [ process or task, library, version ]
}

// The samples that are at a stage: those that a task took there, and those that enter there.
def atStage(String stage, rows, made) {
    return made.map { meta, h5ad, _summary -> [meta, h5ad] }.mix(rows.filter { meta, _file -> meta.stage == stage })
}

// Sorted by name: a sample's AnnData and their summaries go together. One file is no list.
def sorted(files) {
    return [files].flatten().sort { file -> file.name }
}

// Files are named sample.stage.h5ad, and both may hold dots.
def stageOf(Map meta, h5ad) {
    return h5ad.name.drop(meta.sample.size() + 1).replaceFirst(/\.h5ad$/, '')
}

// The file that an AnnData of this stage was made from: the step's before, or the one that was given.
// A report is made from the last.
def sourceOf(Map meta, String stage) {
    def stages = ['counts'] + tasks().keySet() + ['report']
    def before = stages[stages.indexOf(stage) - 1]
    return meta.stage == before ? meta.inputs[0] : "anndata/${meta.sample}.${before}.h5ad".toString()
}

def read(summary) {
    return new groovy.json.JsonSlurper().parseText(summary.text)
}

// What the manifest says of an AnnData.
def cells(Map meta, h5ad, summary, Map settings) {
    def numbers = read(summary)
    def stage = stageOf(meta, h5ad)
    def source = sourceOf(meta, stage)
    return [
        asset: 'anndata', folder: 'anndata', file: h5ad, task: tasks()[stage], sample_id: meta.sample, stage: stage,
        n_obs: numbers.n_obs, n_vars: numbers.n_vars, organism: numbers.organism ?: meta.organism, source_cid: source,
        derived_from: [source] + (stage == 'annotated' ? [settings.marker_sets].findAll() : []),
    ]
}

// The same of a table of markers.
def markerTable(Map meta, summary, table) {
    def numbers = read(summary)
    def source = sourceOf(meta, 'annotated')
    return [
        asset: 'markers', folder: 'markers', file: table, task: 'find_markers', sample_id: meta.sample,
        groupby: numbers.parameters?.groupby, method: numbers.parameters?.method, source_cid: source, derived_from: [source],
    ]
}

// The same of a sample's report and of its numbers.
def reported(Map meta, report, summary, Map settings) {
    def made = [
        folder: 'reports', task: 'scrna_report',
        derived_from: [sourceOf(meta, 'report')] + [settings.labels].findAll(),
    ]
    return [
        made + [
            asset: 'report', file: report, subject: meta.sample, workflow: 'scrna_clustering_pipeline',
            title: "${meta.sample}: single-cell clustering".toString(),
        ],
        made + [asset: 'qc_metrics', file: summary, sample_id: meta.sample, tool: 'scanpy'],
    ]
}
