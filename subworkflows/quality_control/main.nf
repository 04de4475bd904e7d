// What people look at before they believe a call set: statistics of alignments and variants, and one report.
include { readPedigree; readQcMetrics } from '../functions/qc_inputs.nf'
include { SAMTOOLS_STATS } from '../../modules/samtools/samtools_stats/main.nf'
include { SAMTOOLS_COVERAGE } from '../../modules/samtools/samtools_coverage/main.nf'
include { BCFTOOLS_STATS } from '../../modules/bcftools/bcftools_stats/main.nf'
include { BCFTOOLS_QUERY } from '../../modules/bcftools/bcftools_query/main.nf'
include { MULTIQC } from '../../modules/multiqc/multiqc/main.nf'

workflow QUALITY_CONTROL {
    take:
    alignments    // channel: [ meta(sample, bam: its name in the manifest, inputs), bam, bai ]
    metrics       // channel: [ meta(sample), [ files ] ], duplicate metrics and recalibration tables
    variants      // channel: [ meta(id: the cohort, samples), vcf, tbi ], filtered
    genome        // value:   [ ref, fasta, fai, dict ]
    tool_versions // channel: [ process, tool, version ], of the tasks before
    inputs        // map: intervals, sites: list of [ meta(resource_name, types), vcf, index ]
    settings      // map: workflow, cohort_id, intervals, pedigree, qc_metrics, skip_report, interval_padding, sample_ploidy, bqsr, filter,
                  //   reasons (map: why bqsr and filter are what they are), samples (list: the run's samples)

    main:
    fai = genome.map { _ref, _fasta, index, _dict -> index }
    SAMTOOLS_STATS(alignments, inputs.intervals, fai)
    SAMTOOLS_COVERAGE(alignments, inputs.intervals, fai)
    BCFTOOLS_STATS(variants)
    versions = SAMTOOLS_STATS.out.versions.mix(SAMTOOLS_COVERAGE.out.versions, BCFTOOLS_STATS.out.versions)
    assets = channel.empty().mix(
        SAMTOOLS_STATS.out.stats.map { meta, file -> describedAlignment(meta, file, 'samtools_stats', settings.intervals) },
        SAMTOOLS_COVERAGE.out.coverage.map { meta, file -> describedAlignment(meta, file, 'samtools_coverage', settings.intervals) },
        BCFTOOLS_STATS.out.stats.combine(variants.map { _meta, vcf, _tbi -> vcf.name }).map { meta, file, vcf ->
            def link = "variants/${vcf}".toString()
            [
                asset: 'qc_metrics', folder: 'metrics', file: file, task: 'bcftools_stats', sample_id: meta.id,
                tool: 'bcftools', variants_cid: link, derived_from: [link],
            ]
        },
    )

    if (settings.workflow == 'germline_short_variant_discovery' && !settings.skip_report) {
        pedigree = readPedigree(settings, settings.samples ?: [])
        earlier = readQcMetrics(settings)
        chosen = choicesOf(settings, inputs) + [pedigree: pedigree ? pedigree.name : '', version: workflow.manifest.version]
        BCFTOOLS_QUERY(variants.join(BCFTOOLS_STATS.out.stats))
        files = metrics
            .flatMap { _meta, list -> list }
            .mix(
                SAMTOOLS_STATS.out.stats.map { _meta, file -> file },
                SAMTOOLS_COVERAGE.out.coverage.map { _meta, file -> file },
                BCFTOOLS_STATS.out.stats.map { _meta, file -> file },
            )
            .toSortedList { one, other -> one.name <=> other.name }
        used = tool_versions
            .mix(BCFTOOLS_STATS.out.versions, SAMTOOLS_STATS.out.versions)
            .map { _process, tool, version -> [tool, version] }
            .unique()
            .toSortedList { one, other -> one.join(' ') <=> other.join(' ') }
        made = variants
            .join(BCFTOOLS_QUERY.out.genotypes)
            .combine(files.map { list -> [list] })
            .combine(used.map { list -> [list] })
            .combine(genome.map { ref, _fasta, _fai, _dict -> ref })
            .map { meta, vcf, _tbi, genotypes, list, tools, ref ->
                def given = namesOnce(list, earlier)
                def run = chosen + [cohort_id: meta.id, samples: meta.samples, build: ref.build ?: '', reference: ref.name, versions: tools]
                def sources = ["variants/${vcf.name}".toString()] + list.collect { file -> "metrics/${file.name}".toString() } + given.collect { path, _file -> path }
                [[id: meta.id, run: run, sources: sources + (pedigree ? [settings.pedigree] : [])], list + given.collect { _path, file -> file }, genotypes]
            }
        MULTIQC(made, fai, pedigree)
        versions = versions.mix(BCFTOOLS_QUERY.out.versions, MULTIQC.out.versions)
        assets = assets.mix(MULTIQC.out.report.map { meta, report ->
            [
                asset: 'report', folder: 'reports', file: report, task: 'multiqc', subject: meta.id, workflow: settings.workflow,
                title: "Germline variants of ${meta.id}".toString(), derived_from: meta.sources,
            ]
        })
    }

    emit:
    assets   // channel: one map a file, what the manifest says of it
    versions // channel: [ process, tool, version ]
}

// How the run was made, as the report tells it: what was given, and what was decided and why.
def choicesOf(Map settings, Map inputs) {
    return [
        regions: inputs.intervals ? inputs.intervals.name : '',
        padding: settings.interval_padding,
        ploidy: settings.sample_ploidy,
        known_sites: inputs.sites.collect { meta, _vcf, _index -> [name: meta.resource_name, types: meta.types] },
        bqsr: settings.bqsr,
        filter: settings.filter,
        reasons: settings.reasons ?: [:],
    ]
}

// What the manifest says of the statistics of one sample's BAM.
def describedAlignment(Map meta, file, String task, intervals) {
    return [
        asset: 'qc_metrics', folder: 'metrics', file: file, task: task, sample_id: meta.sample, tool: 'samtools',
        alignment_cid: meta.bam, derived_from: [meta.bam] + (intervals ? [intervals] : []),
    ]
}

// The metrics of earlier runs, [ path as given, file ], none of which this run has made too.
def namesOnce(List made, List earlier) {
    def names = made.collect { file -> file.name }.toSet()
    def twice = earlier.find { _path, file -> file.name in names }
    if (twice) {
        error("--qc_metrics ${twice[0]}: this run has made ${twice[1].name} itself: leave it out")
    }
    return earlier
}
