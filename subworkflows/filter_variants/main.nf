// The joint call set, filtered as settings.filter says: by VQSR, by hard filters, or not at all.
include { describedVariants } from '../functions/described.nf'
include { HARD_FILTER } from '../../modules/gatk/hard_filter/main.nf'
include { VARIANT_RECALIBRATOR } from '../../modules/gatk/variant_recalibrator/main.nf'
include { APPLY_VQSR; APPLY_VQSR as APPLY_VQSR__INDEL } from '../../modules/gatk/apply_vqsr/main.nf'

workflow FILTER_VARIANTS {
    take:
    called   // channel: [ meta(id: the cohort, samples, gvcfs: their names in the manifest, task, prefix), vcf, tbi ]
    genome   // value:   [ ref, fasta, fai, dict ]
    sites    // value:   list of [ meta(resource_name, known, training, truth, prior, vqsr_mode, path), vcf, index ]
    settings // map: filter ('vqsr', 'hard' or 'none'), targeted (whether but targets are called), max_gaussians_snp, max_gaussians_indel, truth_sensitivity_snp, truth_sensitivity_indel

    main:
    vcf = called
    models = channel.empty()
    versions = channel.empty()
    listed = sites.map { list -> [list] } // one item, which combine then leaves whole

    if (settings.filter == 'hard') {
        HARD_FILTER(called.map { meta, file, tbi -> [meta + [task: 'hard_filter', prefix: meta.id], file, tbi] })
        vcf = HARD_FILTER.out.vcf
        versions = HARD_FILTER.out.versions
    }
    if (settings.filter == 'vqsr') {
        VARIANT_RECALIBRATOR(
            called.combine(channel.of('INDEL', 'SNP')).combine(listed).map { meta, file, tbi, mode, list ->
                def used = list.findAll { site -> site[0].vqsr_mode in [mode, 'BOTH'] }
                [meta + [mode: mode, resources: used.collect { site -> site[0] }], file, tbi, used.collect { site -> site[1] }, used.collect { site -> site[2] }]
            },
            !settings.targeted,
            settings.max_gaussians_snp,
            settings.max_gaussians_indel,
            settings.truth_sensitivity_snp,
            settings.truth_sensitivity_indel,
        )
        models = VARIANT_RECALIBRATOR.out.model
        // Indels first, as in GATK's articles; the same level for both would give the same either way.
        APPLY_VQSR__INDEL(
            called.combine(models.filter { meta, _recal, _tbi, _tranches -> meta.mode == 'INDEL' }).map { meta, file, tbi, model, recal, recal_tbi, tranches ->
                [meta + [mode: model.mode, prefix: "intermediate/${meta.id}"], file, tbi, recal, recal_tbi, tranches]
            },
            settings.truth_sensitivity_snp,
            settings.truth_sensitivity_indel,
        )
        APPLY_VQSR(
            APPLY_VQSR__INDEL.out.vcf.combine(models.filter { meta, _recal, _tbi, _tranches -> meta.mode == 'SNP' }).map { meta, file, tbi, model, recal, recal_tbi, tranches ->
                [meta + [task: 'apply_vqsr', mode: model.mode, prefix: meta.id], file, tbi, recal, recal_tbi, tranches]
            },
            settings.truth_sensitivity_snp,
            settings.truth_sensitivity_indel,
        )
        vcf = APPLY_VQSR.out.vcf
        versions = VARIANT_RECALIBRATOR.out.versions.mix(APPLY_VQSR__INDEL.out.versions, APPLY_VQSR.out.versions)
    }

    refs = genome.map { ref, _fasta, _fai, _dict -> ref }
    described = vcf.combine(refs).combine(listed).flatMap { meta, file, tbi, ref, list -> describedCalls(meta, file, tbi, ref, settings.filter == 'vqsr' ? list : []) }
    assets = described.mix(models.combine(refs).flatMap { meta, recal, _tbi, tranches, ref -> describedModel(meta, recal, tranches, ref) })

    emit:
    vcf      // channel: [ meta, vcf, tbi ]
    assets   // channel: one map a file, what the manifest says of it
    versions // channel: [ process, tool, version ]
}

// The final VCF and its index. Without a filter it is what joint calling made, whatever task put it together.
def describedCalls(Map meta, vcf, tbi, Map ref, List sites) {
    def sources = meta.gvcfs + [ref.path] + sites.collect { site -> site[0].path }
    def filtered = meta.task in ['hard_filter', 'apply_vqsr']
    def shared = [folder: 'variants', task: meta.task, sample_id: meta.id] + (filtered ? [:] : [step: 'joint_call_gvcfs'])
    def (calls, index) = describedVariants(shared, vcf, tbi, 'vcf', ref, meta.samples, sources)
    return [calls + [caller: 'joint_call_gvcfs'] + (sites ? [vqsr_mode: 'BOTH'] : [:]), index]
}

// A model and its tranches. The VCF that they were learnt from is not kept: they link to the one that
// they were applied to, which has the same records.
def describedModel(Map meta, recal, tranches, Map ref) {
    def shared = [
        folder: 'variants', task: 'variant_recalibrator', sample_id: meta.id, mode: meta.mode, variants_cid: "variants/${meta.id}.vcf.gz".toString(),
        derived_from: meta.gvcfs + [ref.path] + meta.resources.collect { resource -> resource.path },
    ]
    return [
        shared + [asset: 'vqsr_model', file: recal, build: ref.build, tranches_cid: "variants/${tranches.name}".toString()],
        shared + [asset: 'vqsr_tranches', file: tranches],
    ]
}
