// Reads or BAMs in, one analysis-ready BAM a sample out.
include { BWA_MEM } from '../../modules/bwa/bwa_mem/main.nf'
include { BWA_MEM2_MEM } from '../../modules/bwamem2/bwa_mem2_mem/main.nf'
include { SAMTOOLS_FASTQ } from '../../modules/samtools/samtools_fastq/main.nf'
include { MERGE_BAM_ALIGNMENT } from '../../modules/gatk/merge_bam_alignment/main.nf'
include { MARK_DUPLICATES } from '../../modules/gatk/mark_duplicates/main.nf'
include { BASE_RECALIBRATOR; BASE_RECALIBRATOR as BASE_RECALIBRATOR__AFTER } from '../../modules/gatk/base_recalibrator/main.nf'
include { APPLY_BQSR } from '../../modules/gatk/apply_bqsr/main.nf'
include { SORT_SAM; SORT_SAM as SORT_SAM__BY_NAME } from '../../modules/gatk/sort_sam/main.nf'

workflow PREPROCESS_SAMPLE {
    take:
    entries   // channel: [ meta(id, sample, lane, library, platform, lanes, entry, by_name, inputs), [ files ] ], entry 'reads', 'unmapped', 'bam' or 'ready'
    index     // value:   [ ref, [ index files ] ]
    genome    // value:   [ ref, fasta, fai, dict ]
    sites     // value:   list of [ meta, vcf, index ], the known sites
    intervals // the regions' file, or []
    aligner   // 'bwa', 'bwa-mem2', or '' where no entry has reads
    settings  // map: bqsr ('on' or 'off'), interval_padding, optical_duplicate_pixel_distance, save_intermediates, …

    main:
    recalibrate = settings.bqsr == 'on'
    entry = entries.branch { meta, files ->
        reads: meta.entry == 'reads'
            return [meta, files[0], files.size() > 1 ? files[1] : []]
        named: meta.entry == 'unmapped' && meta.by_name
            return [meta + [prefix: "intermediate/${meta.id}".toString()], files[0]]
        unnamed: meta.entry == 'unmapped'
            return [meta + [prefix: "intermediate/${meta.id}".toString()], files[0]]
        unsorted: meta.entry == 'bam'
            return [meta, files[0]]
        ready: meta.entry == 'ready'
            return [meta + [bam: meta.inputs[0]], files[0], files[1]]
    }

    // The reads of an unmapped BAM are aligned in the order of their names, and so meet their records again.
    SORT_SAM__BY_NAME(entry.unnamed, 'queryname')
    unmapped = entry.named.mix(SORT_SAM__BY_NAME.out.sorted)
    SAMTOOLS_FASTQ(unmapped)
    reads = entry.reads.mix(SAMTOOLS_FASTQ.out.reads.map { meta, files -> [meta, files[0], files.size() > 1 ? files[1] : []] })

    whole = channel.empty()
    unsorted = channel.empty()
    versions = SORT_SAM__BY_NAME.out.versions.mix(SAMTOOLS_FASTQ.out.versions)
    if (aligner == 'bwa') {
        BWA_MEM(reads, index)
        whole = BWA_MEM.out.bam
        unsorted = BWA_MEM.out.unsorted
        versions = versions.mix(BWA_MEM.out.versions, BWA_MEM.out.samtools_versions)
    }
    else if (aligner == 'bwa-mem2') {
        BWA_MEM2_MEM(reads, index)
        whole = BWA_MEM2_MEM.out.bam
        unsorted = BWA_MEM2_MEM.out.unsorted
        versions = versions.mix(BWA_MEM2_MEM.out.versions, BWA_MEM2_MEM.out.samtools_versions)
    }
    MERGE_BAM_ALIGNMENT(unmapped.join(unsorted), genome)
    lanes = whole.mix(MERGE_BAM_ALIGNMENT.out.bam)

    // A sample goes on when its own lanes are there, whatever the other samples still do.
    samples = lanes
        .map { meta, bam, _bai -> [groupKey(meta.sample, meta.lanes), meta, bam] }
        .groupTuple()
        .map { sample, metas, bams ->
            def rows = [metas, bams].transpose().sort { row -> row[0].order }
            def sorted = rows.collect { row -> row[0] }
            def name = "${sample}".toString()
            [
                [
                    id: name, sample: name, prefix: (recalibrate ? 'intermediate/' : '') + name, inputs: sorted.collectMany { meta -> meta.inputs },
                    r1: sorted[0].entry == 'reads' ? sorted[0].inputs[0] : null, bam: "alignments/${name}.bam".toString(),
                ],
                rows.collect { row -> row[1] },
            ]
        }
    MARK_DUPLICATES(samples, settings.optical_duplicate_pixel_distance)
    SORT_SAM(entry.unsorted.map { meta, bam -> [meta + [prefix: meta.sample, bam: "alignments/${meta.sample}.bam".toString()], bam] }, 'coordinate')
    versions = versions.mix(MERGE_BAM_ALIGNMENT.out.versions, MARK_DUPLICATES.out.versions, SORT_SAM.out.versions)

    marked = MARK_DUPLICATES.out.bam
    made = marked
    tables = channel.empty()
    after = channel.empty()
    if (recalibrate) {
        known = [
            sites.map { rows -> rows.collect { row -> row[1] } },
            sites.map { rows -> rows.collect { row -> row[2] } },
        ]
        BASE_RECALIBRATOR(
            marked.map { meta, bam, bai -> [meta + [table: "${meta.sample}.recalibration.table".toString()], bam, bai] },
            genome, known[0], known[1], intervals, settings.interval_padding,
        )
        tables = BASE_RECALIBRATOR.out.table
        APPLY_BQSR(
            marked
                .map { meta, bam, bai -> [meta.sample, meta + [prefix: meta.sample], bam, bai] }
                .join(tables.map { meta, table -> [meta.sample, table] })
                .map { _sample, meta, bam, bai, table -> [meta, bam, bai, table] },
            genome,
        )
        made = APPLY_BQSR.out.bam
        // What is left to correct: for the report.
        BASE_RECALIBRATOR__AFTER(
            made.map { meta, bam, bai -> [meta + [table: "${meta.sample}.recalibration_after.table".toString()], bam, bai] },
            genome, known[0], known[1], intervals, settings.interval_padding,
        )
        after = BASE_RECALIBRATOR__AFTER.out.table
        versions = versions.mix(BASE_RECALIBRATOR.out.versions, APPLY_BQSR.out.versions)
    }
    alignments = made.mix(SORT_SAM.out.bam, entry.ready)
    metrics = MARK_DUPLICATES.out.metrics.mix(tables, after).map { meta, file -> [meta, [file]] }

    // [ name of the reference, names of the known sites ]
    sources = index.combine(sites.map { rows -> [rows.collect { row -> row[0].path }] }).map { ref, _files, paths -> [ref.path, paths] }
    assets = channel.empty().mix(
        made.combine(sources).flatMap { meta, bam, bai, reference, paths ->
            def learnt = recalibrate ? paths : []
            describedBam(
                [folder: 'alignments', task: recalibrate ? 'apply_bqsr' : 'mark_duplicates', sample_id: meta.sample], bam, bai,
                alignedFrom(reference, meta.r1, meta.inputs, learnt) + [duplicates_marked: true, bqsr_applied: recalibrate],
            )
        },
        marked.filter { recalibrate && settings.save_intermediates }.combine(sources).flatMap { meta, bam, bai, reference, _paths ->
            describedBam(
                [folder: 'alignments/marked', task: 'mark_duplicates', sample_id: meta.sample], bam, bai,
                alignedFrom(reference, meta.r1, meta.inputs, []) + [duplicates_marked: true],
            )
        },
        lanes.filter { settings.save_intermediates }.combine(sources).flatMap { meta, bam, bai, reference, _paths ->
            def task = meta.entry == 'unmapped' ? 'merge_bam_alignment' : aligner == 'bwa' ? 'bwa_mem' : 'bwa_mem2_mem'
            describedBam(
                [folder: 'alignments/lanes', task: task, sample_id: meta.sample], bam, bai,
                alignedFrom(reference, meta.entry == 'reads' ? meta.inputs[0] : null, meta.inputs, []) + [duplicates_marked: false, tool: aligner],
            )
        },
        SORT_SAM.out.bam.flatMap { meta, bam, bai ->
            describedBam(
                [folder: 'alignments', task: 'sort_sam', sample_id: meta.sample], bam, bai,
                [format: 'bam', sorted: 'coordinate', bqsr_applied: false, tool: 'gatk', derived_from: meta.inputs],
            )
        },
        MARK_DUPLICATES.out.metrics.combine(sources).map { meta, file, reference, _paths ->
            describedMetrics(meta, file, 'mark_duplicates') + [asset: 'duplicate_metrics', derived_from: meta.inputs + [reference]]
        },
        tables.combine(sources).map { meta, file, reference, paths ->
            describedMetrics(meta, file, 'base_recalibrator') + [asset: 'bqsr_report', derived_from: meta.inputs + [reference] + paths]
        },
        after.combine(sources).map { meta, file, reference, paths ->
            describedMetrics(meta, file, 'base_recalibrator') + [asset: 'qc_metrics', derived_from: [meta.bam, reference] + paths]
        },
    )

    emit:
    alignments // channel: [ meta(..., bam: its name in the manifest), bam, bai ]
    metrics    // channel: [ meta(sample), [ file ] ], several a sample
    assets     // channel: one map a file, what the manifest says of it
    versions   // channel: [ process, tool, version ]
}

// What the manifest says of every BAM that was made from reads here.
def alignedFrom(String reference, String r1, List inputs, List sites) {
    return [
        format: 'bam', sorted: 'coordinate', bqsr_applied: false, tool: 'gatk', reference_cid: reference, r1_cid: r1,
        derived_from: inputs + [reference] + sites,
    ]
}

// A BAM and its index.
//   shared: folder, task, sample_id
def describedBam(Map shared, bam, bai, Map fields) {
    def link = "${shared.folder}/${bam.name}".toString()
    return [
        shared + fields + [asset: 'alignment', file: bam],
        shared + [asset: 'alignment_index', file: bai, alignment_cid: link, derived_from: [link]],
    ]
}

// A table about the analysis-ready BAM.
def describedMetrics(Map meta, file, String task) {
    return [folder: 'metrics', file: file, task: task, sample_id: meta.sample, tool: 'gatk', alignment_cid: meta.bam]
}
