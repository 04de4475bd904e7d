// Analysis-ready BAMs or GVCFs in; a GVCF a sample and one joint-genotyped VCF of the cohort out.
include { HAPLOTYPE_CALLER } from '../../modules/gatk/haplotype_caller/main.nf'
include { JOINT_CALL_GVCFS } from '../../modules/gatk/joint_call_gvcfs/main.nf'

workflow GERMLINE_SHORT_VARIANT_DISCOVERY {
    take:
    alignments // channel: [ meta(id, sample, bam: its name in the manifest), bam, bai ]
    gvcfs      // channel: [ meta(id, sample, inputs), [ gvcf, tbi ] or [ gvcf ] ], samples that are called already
    genome     // value:   [ ref, fasta, fai, dict ]
    settings   // map: cohort_id, sample_ploidy, pcr_indel_model, stand_call_conf

    main:
    HAPLOTYPE_CALLER(alignments, genome, settings.sample_ploidy, settings.pcr_indel_model)

    made = HAPLOTYPE_CALLER.out.gvcf.map { meta, gvcf, tbi -> [meta + [gvcf: "gvcfs/${gvcf.name}".toString()], gvcf, tbi] }
    given = gvcfs.map { meta, files -> [meta + [gvcf: meta.inputs[0]], files[0], files.size() > 1 ? files[1] : null] }
    cohort = made
        .mix(given)
        .toSortedList { a, b -> a[0].sample <=> b[0].sample }
        .map { rows ->
            def meta = [
                id: settings.cohort_id,
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
            described(
                [folder: 'gvcfs', task: 'haplotype_caller', sample_id: meta.sample],
                gvcf, tbi, 'gvcf', reference, [meta.sample], [meta.bam, reference.path],
            )
        },
        JOINT_CALL_GVCFS.out.vcf.combine(ref).flatMap { meta, vcf, tbi, reference ->
            described(
                [folder: 'variants', task: 'joint_call_gvcfs', sample_id: meta.id],
                vcf, tbi, 'vcf', reference, meta.samples, meta.gvcfs + [reference.path],
            )
        },
    )
    versions = HAPLOTYPE_CALLER.out.versions.mix(JOINT_CALL_GVCFS.out.versions)
    vcf = JOINT_CALL_GVCFS.out.vcf

    emit:
    vcf      // channel: [ meta(id: the cohort, samples), vcf, tbi ]
    assets   // channel: one map a file, what the manifest says of it
    versions // channel: [ process, tool, version ]
}

// What the manifest says of a VCF or GVCF and of its index.
def described(Map shared, vcf, tbi, String type, Map ref, List samples, List sources) {
    def link = "${shared.folder}/${vcf.name}".toString()
    return [
        shared + [
            asset: 'variants', file: vcf, caller: shared.task, variant_type: type, build: ref.build,
            sample_count: samples.size(), source_samples: samples, derived_from: sources,
        ],
        shared + [asset: 'variants_index', file: tbi, variants_cid: link, derived_from: [link]],
    ]
}
