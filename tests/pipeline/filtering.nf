// For tests: FILTER_VARIANTS on a call set of the test's own. --sites is a JSON list of resources,
// beside the VCFs that they name.
include { FILTER_VARIANTS } from '../../subworkflows/filter_variants/main.nf'
include { manifestLine } from '../../subworkflows/functions/manifest.nf'

workflow {
    main:
    calls = file(params.calls)
    meta = [id: 'trial', samples: ['simulated'], gvcfs: ['simulated.g.vcf.gz'], task: 'joint_call_gvcfs', prefix: 'intermediate/trial']
    sites = params.sites ? new groovy.json.JsonSlurper().parse(file(params.sites)) : []
    FILTER_VARIANTS(
        channel.of([meta, calls, file("${calls}.tbi")]),
        channel.value([[path: 'reference.fa', build: 'simulated'], [], [], []]),
        channel.value(sites.collect { site -> [site + [vqsr_mode: site.vqsr_mode ?: 'BOTH'], file("${calls.parent}/${site.path}"), file("${calls.parent}/${site.path}.tbi")] }),
        params,
    )
    FILTER_VARIANTS.out.assets
        .map { asset -> manifestLine(asset) }
        .collectFile(name: 'assets.jsonl', newLine: true, sort: true, storeDir: params.outdir)
}
