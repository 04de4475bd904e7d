// What the manifest says of a VCF or GVCF and of its index.
//   shared: folder, task, sample_id, and `step` where another task's recipe stands for it
def describedVariants(Map shared, vcf, tbi, String type, Map ref, List samples, List sources) {
    def link = "${shared.folder}/${vcf.name}".toString()
    return [
        shared + [
            asset: 'variants', file: vcf, caller: shared.step ?: shared.task, variant_type: type, build: ref.build,
            sample_count: samples.size(), source_samples: samples, derived_from: sources,
        ],
        shared + [asset: 'variants_index', file: tbi, variants_cid: link, derived_from: [link]],
    ]
}
