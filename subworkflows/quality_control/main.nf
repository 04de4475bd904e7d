// What people look at before they believe a call set: statistics of alignments and variants, and one report.
workflow QUALITY_CONTROL {
    take:
    _alignments // channel: [ meta(sample, bam: its name in the manifest, inputs), bam, bai ]
    _metrics    // channel: [ meta(sample), [ files ] ], duplicate metrics and recalibration tables
    _variants   // channel: [ meta(id: the cohort, samples), vcf, tbi ], filtered
    _genome     // value:   [ ref, fasta, fai, dict ]
    _inputs     // map: intervals, pedigree
    _settings   // map: cohort_id, qc_metrics, skip_report, bqsr, filter

    main:
    assets = channel.empty()
    versions = channel.empty()

    emit:
    assets   // channel: one map a file, what the manifest says of it
    versions // channel: [ process, tool, version ]
}
