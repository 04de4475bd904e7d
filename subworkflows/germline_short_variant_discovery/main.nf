// Analysis-ready BAMs or GVCFs in; a GVCF a sample and one joint-genotyped VCF of the cohort, not yet filtered, out.
include { SPLIT_INTERVALS } from '../../modules/gatk/split_intervals/main.nf'
include { HAPLOTYPE_CALLER } from '../../modules/gatk/haplotype_caller/main.nf'
include { GATHER_VCFS; GATHER_VCFS as GATHER_VCFS__GVCF } from '../../modules/gatk/gather_vcfs/main.nf'
include { JOINT_CALL_GVCFS } from '../../modules/gatk/joint_call_gvcfs/main.nf'
include { describedVariants } from '../functions/described.nf'

workflow GERMLINE_SHORT_VARIANT_DISCOVERY {
    take:
    alignments // channel: [ meta(id, sample, bam: its name in the manifest), bam, bai ]
    gvcfs      // channel: [ meta(id, sample, inputs), [ gvcf, tbi ] or [ gvcf ] ], samples that are called already
    genome     // value:   [ ref, fasta, fai, dict ]
    intervals  // the regions' file, or []
    settings   // map: scatter_count, interval_padding, cohort_id, sample_ploidy, pcr_indel_model, stand_call_conf, filter

    main:
    // Parts: maps of part (its number), parts (how many), region and call (BEDs, or [] for the whole reference).
    divided = genome.branch { _ref, _fasta, fai, _dict ->
        whole: !intervals && !isWorthSplitting(settings.scatter_count, fai)
        split: true
    }
    SPLIT_INTERVALS(divided.split, intervals, settings.scatter_count ?: 0, settings.interval_padding)
    parts = SPLIT_INTERVALS.out.parts
        .flatMap { _ref, regions, calls -> numbered(inOrder(regions), inOrder(calls)) }
        .mix(divided.whole.map { _ref, _fasta, _fai, _dict -> [part: 1, parts: 1, region: [], call: []] })

    HAPLOTYPE_CALLER(
        alignments.combine(parts.map { part -> [part] }).map { meta, bam, bai, part ->
            [partOf(meta, meta.sample, part, 'intermediate/'), bam, bai, part.region, part.call]
        },
        genome, settings.sample_ploidy, settings.pcr_indel_model,
    )
    // A sample is gathered when its own parts are there, whatever the other samples still do.
    GATHER_VCFS__GVCF(
        HAPLOTYPE_CALLER.out.part
            .map { meta, file -> [groupKey(meta.sample, meta.parts), meta, file] }
            .groupTuple()
            .map { _sample, metas, files -> gathered(metas, files, [prefix: metas[0].sample, type: 'gvcf']) },
    )
    made = HAPLOTYPE_CALLER.out.gvcf
        .map { meta, gvcf, tbi -> [meta + [task: 'haplotype_caller'], gvcf, tbi] }
        .mix(GATHER_VCFS__GVCF.out.vcf.map { meta, gvcf, tbi -> [meta + [task: 'gather_vcfs'], gvcf, tbi] })
        .map { meta, gvcf, tbi -> [meta + [gvcf: "gvcfs/${gvcf.name}".toString()], gvcf, tbi] }

    given = gvcfs.map { meta, files -> [meta + [gvcf: meta.inputs[0]], files[0], files.size() > 1 ? files[1] : null] }
    prefix = (settings.filter == 'none' ? '' : 'intermediate/') + settings.cohort_id
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
    JOINT_CALL_GVCFS(
        cohort.combine(parts.map { part -> [part] }).map { meta, files, tbis, part ->
            [partOf(meta, prefix, part, prefix.startsWith('intermediate/') ? '' : 'intermediate/'), files, tbis, part.region, part.call]
        },
        genome, settings.sample_ploidy, settings.stand_call_conf,
    )
    GATHER_VCFS(
        JOINT_CALL_GVCFS.out.part
            .map { meta, vcf -> [groupKey(meta.id, meta.parts), meta, vcf] }
            .groupTuple()
            .map { _id, metas, files -> gathered(metas, files, [prefix: prefix, type: 'vcf']) },
    )
    vcf = JOINT_CALL_GVCFS.out.vcf
        .map { meta, file, tbi -> [meta + [task: 'joint_call_gvcfs'], file, tbi] }
        .mix(GATHER_VCFS.out.vcf.map { meta, file, tbi -> [meta + [task: 'gather_vcfs'], file, tbi] })

    ref = genome.map { ref, _fasta, _fai, _dict -> ref }
    assets = made.combine(ref).flatMap { meta, gvcf, tbi, reference ->
        describedVariants(
            [folder: 'gvcfs', task: meta.task, step: 'haplotype_caller', sample_id: meta.sample],
            gvcf, tbi, 'gvcf', reference, [meta.sample], [meta.bam, reference.path],
        )
    }
    versions = channel.empty().mix(
        SPLIT_INTERVALS.out.versions,
        HAPLOTYPE_CALLER.out.versions,
        GATHER_VCFS__GVCF.out.versions,
        JOINT_CALL_GVCFS.out.versions,
        GATHER_VCFS.out.versions,
    )

    emit:
    vcf      // channel: [ meta(id: the cohort, samples, gvcfs, prefix, task: the one that made it), vcf, tbi ]
    assets   // channel: one map a file, what the manifest says of it
    versions // channel: [ process, tool, version ]
}

// Whether a whole reference would be split: from 8 Mb on count_parts makes two parts of it.
def isWorthSplitting(count, fai) {
    return count ? count > 1 : fai.readLines().collect { line -> line.tokenize('\t')[1] as long }.sum() >= 8_000_000L
}

def inOrder(files) {
    return [files].flatten().sort { file -> file.name }
}

def numbered(regions, calls) {
    return [regions, calls].transpose().withIndex(1).collect { pair, number ->
        [part: number, parts: regions.size(), region: pair[0], call: pair[1]]
    }
}

// The meta of a part: the only one writes the result, one of several the file PREFIX.NUMBER in a folder that is not published.
def partOf(meta, prefix, part, folder) {
    def name = part.parts > 1 ? "${folder}${prefix}.${part.part.toString().padLeft(5, '0')}".toString() : prefix
    return meta + [part: part.part, parts: part.parts, prefix: name]
}

// What GATHER_VCFS takes: the parts in order, whatever the order in which they came.
def gathered(metas, files, more) {
    def rows = [metas, files].transpose().sort { row -> row[0].part }
    return [rows[0][0] + [part: 1, parts: 1] + more, rows.collect { row -> row[1] }]
}
