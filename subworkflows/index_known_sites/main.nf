// Known variants, each with its index: what is given is used, the rest is made.
include { indexName } from '../functions/files.nf'
include { INDEX_FEATURE_FILE } from '../../modules/gatk/index_feature_file/main.nf'

workflow INDEX_KNOWN_SITES {
    take:
    resources // list: [ meta(resource_name, known, training, truth, prior, vqsr_mode, types, path), vcf, index or [] ] a resource
    settings  // map: the parameters, `bqsr` and `filter` decided: nothing is indexed that no task reads

    main:
    read = settings.bqsr == 'on' || settings.filter == 'vqsr'
    bare = resources.findAll { _meta, _vcf, index -> read && !index }
    made = channel.empty()
    assets = channel.empty()
    versions = channel.empty()
    if (bare) {
        INDEX_FEATURE_FILE(channel.fromList(bare.collect { meta, vcf, _index -> [meta + [index: indexName(vcf.name)], vcf] }))
        vcfs = bare.collectEntries { meta, vcf, _index -> [meta.resource_name, [meta, vcf]] }
        made = INDEX_FEATURE_FILE.out.index.map { meta, index -> vcfs[meta.resource_name] + [index] }
        versions = INDEX_FEATURE_FILE.out.versions
        assets = made.map { meta, _vcf, index ->
            [
                asset: 'known_sites_index', folder: 'reference/known_sites', file: index, task: 'index_feature_file',
                subject: meta.resource_name, known_sites_cid: meta.path, derived_from: [meta.path],
            ]
        }
    }
    // 25.04's strict parser emits what has the name of the emission, whatever stands behind the equals sign.
    sites = channel
        .fromList(resources - bare)
        .mix(made)
        .toSortedList { a, b -> a[0].resource_name <=> b[0].resource_name }

    emit:
    sites    // value:   list of [ meta, vcf, index ], in the order of the names
    assets   // channel: one map a file, what the manifest says of it
    versions // channel: [ process, tool, version ]
}
