// The joint call set, filtered as settings.filter says.
include { describedVariants } from '../functions/described.nf'

workflow FILTER_VARIANTS {
    take:
    called    // channel: [ meta(id: the cohort, samples, gvcfs: their names in the manifest, task), vcf, tbi ]
    genome    // value:   [ ref, fasta, fai, dict ]
    _sites    // value:   list of [ meta, vcf, index ]
    _settings // map: filter, max_gaussians_snp, …

    main:
    vcf = called
    assets = vcf.combine(genome.map { ref, _fasta, _fai, _dict -> ref }).flatMap { meta, file, tbi, reference ->
        describedVariants(
            [folder: 'variants', task: meta.task, step: 'joint_call_gvcfs', sample_id: meta.id],
            file, tbi, 'vcf', reference, meta.samples, meta.gvcfs + [reference.path],
        )
    }
    versions = channel.empty()

    emit:
    vcf      // channel: [ meta, vcf, tbi ]
    assets   // channel: one map a file, what the manifest says of it
    versions // channel: [ process, tool, version ]
}
