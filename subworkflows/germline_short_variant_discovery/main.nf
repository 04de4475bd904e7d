// Analysis-ready BAMs or GVCFs in; a GVCF a sample and one joint-genotyped VCF of the cohort, not yet filtered, out.
include { HAPLOTYPE_CALLER } from '../../modules/gatk/haplotype_caller/main.nf'
include { JOINT_CALL_GVCFS } from '../../modules/gatk/joint_call_gvcfs/main.nf'
include { describedVariants } from '../functions/described.nf'

workflow GERMLINE_SHORT_VARIANT_DISCOVERY {
    take:
    alignments // channel: [ meta(id, sample, bam: its name in the manifest), bam, bai ]
    gvcfs      // channel: [ meta(id, sample, inputs), [ gvcf, tbi ] or [ gvcf ] ], samples that are called already
    genome     // value:   [ ref, fasta, fai, dict ]
    _intervals // the regions' file, or []
    settings   // map: scatter_count, interval_padding, cohort_id, sample_ploidy, pcr_indel_model, stand_call_conf

    main:
    HAPLOTYPE_CALLER(alignments.map { meta, bam, bai -> [meta + [prefix: meta.sample], bam, bai] }, genome, settings.sample_ploidy, settings.pcr_indel_model)

    made = HAPLOTYPE_CALLER.out.gvcf.map { meta, gvcf, tbi -> [meta + [gvcf: "gvcfs/${gvcf.name}".toString()], gvcf, tbi] }
    given = gvcfs.map { meta, files -> [meta + [gvcf: meta.inputs[0]], files[0], files.size() > 1 ? files[1] : null] }
    cohort = made
        .mix(given)
        .toSortedList { a, b -> a[0].sample <=> b[0].sample }
        .map { rows ->
            def meta = [
                id: settings.cohort_id,
                prefix: (settings.filter == 'none' ? '' : 'intermediate/') + settings.cohort_id,
                samples: rows.collect { row -> row[0].sample },
                indexed: rows.collect { row -> row[2] != null },
                gvcfs: rows.collect { row -> row[0].gvcf },
            ]
            [meta, rows.collect { row -> row[1] }, rows.findResults { row -> row[2] }]
        }
    JOINT_CALL_GVCFS(cohort, genome, settings.sample_ploidy, settings.stand_call_conf)

    ref = genome.map { ref, _fasta, _fai, _dict -> ref }
    assets = channel.empty().mix(
        made.combine(ref).flatMap { meta, gvcf, tbi, reference ->
            describedVariants(
                [folder: 'gvcfs', task: 'haplotype_caller', sample_id: meta.sample],
                gvcf, tbi, 'gvcf', reference, [meta.sample], [meta.bam, reference.path],
            )
        },
    )
    versions = HAPLOTYPE_CALLER.out.versions.mix(JOINT_CALL_GVCFS.out.versions)
    vcf = JOINT_CALL_GVCFS.out.vcf.map { meta, file, tbi -> [meta + [task: 'joint_call_gvcfs'], file, tbi] }

    emit:
    vcf      // channel: [ meta(id: the cohort, samples, gvcfs, task: the one that made it), vcf, tbi ]
    assets   // channel: one map a file, what the manifest says of it
    versions // channel: [ process, tool, version ]
}
