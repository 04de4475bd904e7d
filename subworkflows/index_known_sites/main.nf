// Known variants, each with its index: what is given is used, the rest is made.
workflow INDEX_KNOWN_SITES {
    take:
    sites     // list: [ meta(resource_name, known, training, truth, prior, vqsr_mode, types, path), vcf, index or [] ] a resource
    _settings // map: the parameters, `bqsr` and `filter` decided: nothing is indexed that no task reads

    main:
    indexed = channel.value(sites)
    assets = channel.empty()
    versions = channel.empty()

    emit:
    sites = indexed // value:   list of [ meta, vcf, index ], in the order of the names
    assets          // channel: one map a file, what the manifest says of it
    versions        // channel: [ process, tool, version ]
}
