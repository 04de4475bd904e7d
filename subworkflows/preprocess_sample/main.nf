// Reads or BAMs in, one analysis-ready BAM a sample out.
include { BWA_MEM } from '../../modules/bwa/bwa_mem/main.nf'
include { BWA_MEM2_MEM } from '../../modules/bwamem2/bwa_mem2_mem/main.nf'
include { MARK_DUPLICATES } from '../../modules/gatk/mark_duplicates/main.nf'
include { SORT_SAM } from '../../modules/gatk/sort_sam/main.nf'

workflow PREPROCESS_SAMPLE {
    take:
    entries    // channel: [ meta(id, sample, lane, library, platform, lanes, entry, inputs), [ files ] ], entry 'reads', 'bam' or 'ready'
    index      // value:   [ ref, [ index files ] ]
    _genome    // value:   [ ref, fasta, fai, dict ]
    _sites     // value:   list of [ meta, vcf, index ], the known sites
    _intervals // the regions' file, or []
    aligner    // 'bwa', 'bwa-mem2', or '' where no entry has reads
    settings   // map: bqsr ('on' or 'off'), optical_duplicate_pixel_distance, save_intermediates, …

    main:
    versions = channel.empty()
    entry = entries.branch { meta, files ->
        reads: meta.entry == 'reads'
            return [meta, files[0], files.size() > 1 ? files[1] : []]
        unsorted: meta.entry == 'bam'
            return [meta, files[0]]
        ready: meta.entry == 'ready'
            return [meta + [bam: meta.inputs[0]], files[0], files[1]]
    }

    lanes = channel.empty()
    if (aligner == 'bwa') {
        BWA_MEM(entry.reads, index)
        lanes = BWA_MEM.out.bam
        versions = versions.mix(BWA_MEM.out.versions, BWA_MEM.out.samtools_versions)
    }
    else if (aligner == 'bwa-mem2') {
        BWA_MEM2_MEM(entry.reads, index)
        lanes = BWA_MEM2_MEM.out.bam
        versions = versions.mix(BWA_MEM2_MEM.out.versions, BWA_MEM2_MEM.out.samtools_versions)
    }

    // A sample goes on when its own lanes are there, whatever the other samples still do.
    samples = lanes
        .map { meta, bam, _bai -> [groupKey(meta.sample, meta.lanes), meta, bam] }
        .groupTuple()
        .map { sample, metas, bams ->
            def rows = [metas, bams].transpose().sort { row -> row[0].order }
            def sorted = rows.collect { row -> row[0] }
            [
                [id: "${sample}", sample: "${sample}", prefix: "${sample}".toString(), inputs: sorted.collectMany { meta -> meta.inputs }, r1: sorted[0].inputs[0]],
                rows.collect { row -> row[1] },
            ]
        }
    MARK_DUPLICATES(samples, settings.optical_duplicate_pixel_distance)
    SORT_SAM(entry.unsorted.map { meta, bam -> [meta + [prefix: meta.sample], bam] })
    versions = versions.mix(MARK_DUPLICATES.out.versions, SORT_SAM.out.versions)

    marked = MARK_DUPLICATES.out.bam.map { meta, bam, bai -> [meta + [bam: "alignments/${bam.name}".toString()], bam, bai] }
    sorted = SORT_SAM.out.bam.map { meta, bam, bai -> [meta + [bam: "alignments/${bam.name}".toString()], bam, bai] }
    alignments = marked.mix(sorted, entry.ready)

    sources = index.map { ref, _files -> ref.path }
    assets = channel.empty().mix(
        marked.combine(sources).flatMap { meta, bam, bai, reference ->
            def made = [folder: 'alignments', task: 'mark_duplicates', sample_id: meta.sample]
            [
                made + aligned(reference, meta.r1, meta.inputs) + [asset: 'alignment', file: bam, duplicates_marked: true],
                made + [asset: 'alignment_index', file: bai, alignment_cid: meta.bam, derived_from: [meta.bam]],
            ]
        },
        MARK_DUPLICATES.out.metrics.combine(sources).map { meta, metrics, reference ->
            [
                asset: 'duplicate_metrics', folder: 'metrics', file: metrics, task: 'mark_duplicates', sample_id: meta.sample,
                tool: 'gatk', alignment_cid: "alignments/${meta.sample}.bam".toString(), derived_from: meta.inputs + [reference],
            ]
        },
        sorted.flatMap { meta, bam, bai ->
            def made = [folder: 'alignments', task: 'sort_sam', sample_id: meta.sample]
            [
                made + [asset: 'alignment', file: bam, format: 'bam', sorted: 'coordinate', bqsr_applied: false, tool: 'gatk', derived_from: meta.inputs],
                made + [asset: 'alignment_index', file: bai, alignment_cid: meta.bam, derived_from: [meta.bam]],
            ]
        },
        lanes.filter { settings.save_intermediates }.combine(sources).flatMap { meta, bam, bai, reference ->
            def made = [folder: 'alignments/lanes', task: aligner == 'bwa' ? 'bwa_mem' : 'bwa_mem2_mem', sample_id: meta.sample]
            def link = "alignments/lanes/${bam.name}".toString()
            [
                made + aligned(reference, meta.inputs[0], meta.inputs) + [asset: 'alignment', file: bam, duplicates_marked: false, tool: aligner],
                made + [asset: 'alignment_index', file: bai, alignment_cid: link, derived_from: [link]],
            ]
        },
    )

    metrics = MARK_DUPLICATES.out.metrics.map { meta, file -> [meta, [file]] }

    emit:
    alignments // channel: [ meta(..., bam: its name in the manifest), bam, bai ]
    metrics    // channel: [ meta(sample), [ files ] ]
    assets     // channel: one map a file, what the manifest says of it
    versions   // channel: [ process, tool, version ]
}

// What the manifest says of every BAM that was made from reads here.
def aligned(String reference, String r1, List inputs) {
    return [
        format: 'bam', sorted: 'coordinate', bqsr_applied: false, tool: 'gatk', reference_cid: reference, r1_cid: r1,
        derived_from: inputs + [reference],
    ]
}
