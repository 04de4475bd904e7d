#!/usr/bin/env nextflow

// Reads and checks the parameters, runs the workflow that they name, and writes the manifest.
include { helpText; readParameters } from './subworkflows/functions/parameters.nf'
include { readCellFiles } from './subworkflows/functions/files.nf'
include { readGermline } from './subworkflows/functions/germline_inputs.nf'
include { readSamplesheet } from './subworkflows/functions/samplesheet.nf'
include { forgetManifest; writeManifest } from './subworkflows/functions/manifest.nf'
include { PREPARE_REFERENCE } from './subworkflows/prepare_reference/main.nf'
include { INDEX_KNOWN_SITES } from './subworkflows/index_known_sites/main.nf'
include { PREPROCESS_SAMPLE } from './subworkflows/preprocess_sample/main.nf'
include { GERMLINE_SHORT_VARIANT_DISCOVERY } from './subworkflows/germline_short_variant_discovery/main.nf'
include { FILTER_VARIANTS } from './subworkflows/filter_variants/main.nf'
include { QUALITY_CONTROL } from './subworkflows/quality_control/main.nf'
include { SCRNA_CLUSTERING_PIPELINE } from './subworkflows/scrna_clustering_pipeline/main.nf'

// The germline workflows follow each other, and the one that is asked for is the last to run.
// (They do not include each other: Nextflow 25.04's strict parser fails on a script with
// includes that is itself included by two others.)
workflow GERMLINE {
    take:
    settings // map: the parameters, `bqsr` and `filter` decided
    inputs   // map: what the parameters name, see readGermline
    rows     // list: the samplesheet, [ meta, [ files ] ] a row

    main:
    // Reads need an aligner's index, and preparing a reference is asking for one.
    aligner = settings.workflow == 'prepare_reference' || rows.any { meta, _files -> meta.entry in ['reads', 'unmapped'] } ? settings.aligner : ''
    PREPARE_REFERENCE(inputs.reference, aligner)
    assets = PREPARE_REFERENCE.out.assets
    versions = PREPARE_REFERENCE.out.versions
    genome = PREPARE_REFERENCE.out.genome

    if (settings.workflow != 'prepare_reference') {
        INDEX_KNOWN_SITES(inputs.sites, settings)
        PREPROCESS_SAMPLE(
            channel.fromList(rows.findAll { meta, _files -> meta.entry != 'gvcf' }),
            PREPARE_REFERENCE.out.index,
            genome,
            INDEX_KNOWN_SITES.out.sites,
            inputs.intervals,
            aligner,
            settings,
        )
        assets = assets.mix(INDEX_KNOWN_SITES.out.assets, PREPROCESS_SAMPLE.out.assets)
        versions = versions.mix(INDEX_KNOWN_SITES.out.versions, PREPROCESS_SAMPLE.out.versions)
        variants = channel.empty()

        if (settings.workflow == 'germline_short_variant_discovery') {
            GERMLINE_SHORT_VARIANT_DISCOVERY(
                PREPROCESS_SAMPLE.out.alignments,
                channel.fromList(rows.findAll { meta, _files -> meta.entry == 'gvcf' }),
                genome,
                inputs.intervals,
                settings,
            )
            FILTER_VARIANTS(GERMLINE_SHORT_VARIANT_DISCOVERY.out.vcf, genome, INDEX_KNOWN_SITES.out.sites, settings)
            assets = assets.mix(GERMLINE_SHORT_VARIANT_DISCOVERY.out.assets, FILTER_VARIANTS.out.assets)
            versions = versions.mix(GERMLINE_SHORT_VARIANT_DISCOVERY.out.versions, FILTER_VARIANTS.out.versions)
            variants = FILTER_VARIANTS.out.vcf
        }

        QUALITY_CONTROL(
            PREPROCESS_SAMPLE.out.alignments,
            PREPROCESS_SAMPLE.out.metrics,
            variants,
            genome,
            versions,
            inputs,
            settings,
        )
        assets = assets.mix(QUALITY_CONTROL.out.assets)
        versions = versions.mix(QUALITY_CONTROL.out.versions)
    }

    emit:
    assets
    versions
}

workflow {
    main:
    schema = file("${projectDir}/nextflow_schema.json")
    if (params.help) {
        println(helpText(schema, workflow.manifest.version))
    }
    else {
        settings = readParameters(params, schema)
        single_cell = settings.workflow == 'scrna_clustering_pipeline'
        rows = settings.workflow == 'prepare_reference' ? [] : readSamplesheet(settings)
        inputs = single_cell ? readCellFiles(settings) : readGermline(settings, rows)
        forgetManifest(settings.outdir)

        if (single_cell) {
            SCRNA_CLUSTERING_PIPELINE(channel.fromList(rows), settings, inputs)
            made = SCRNA_CLUSTERING_PIPELINE.out
        }
        else {
            GERMLINE(settings + inputs.decisions, inputs, rows)
            made = GERMLINE.out
        }
        writeManifest(workflow, settings.outdir, made.assets, made.versions)
    }
}
