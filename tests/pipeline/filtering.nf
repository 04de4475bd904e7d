// For tests: FILTER_VARIANTS on call sets of the test's own. --calls names indexed VCFs with commas between
// them, --sites is a JSON list of resources, whose VCFs lie beside it.
include { FILTER_VARIANTS } from '../../subworkflows/filter_variants/main.nf'
include { manifestLine } from '../../subworkflows/functions/manifest.nf'

workflow {
    main:
    called = params.calls.tokenize(',').collect { name ->
        def meta = [id: file(name).simpleName, samples: ['simulated'], gvcfs: ['simulated.g.vcf.gz'], task: 'joint_call_gvcfs']
        [meta, file(name), file("${name}.tbi")]
    }
    resources = params.sites ? new groovy.json.JsonSlurper().parse(file(params.sites)) : []
    sites = resources.collect { meta ->
        def vcf = file(params.sites).resolveSibling(meta.path)
        [meta, vcf, file("${vcf}.tbi")]
    }
    FILTER_VARIANTS(
        channel.fromList(called),
        channel.value([[path: 'reference.fa', build: 'simulated'], [], [], []]),
        channel.value(sites),
        params,
    )
    FILTER_VARIANTS.out.assets
        .map { asset -> manifestLine(asset) }
        .collectFile(name: 'assets.jsonl', newLine: true, sort: true, storeDir: params.outdir)
}
