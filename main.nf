#!/usr/bin/env nextflow

// Reads and checks the parameters, runs the workflow that they name, and writes the manifest.
include { helpText; missingTool; readParameters } from './subworkflows/functions/parameters.nf'
include { readCellFiles } from './subworkflows/functions/files.nf'
include { readGermline } from './subworkflows/functions/germline_inputs.nf'
include { readSamplesheet } from './subworkflows/functions/samplesheet.nf'
include { manifestLine; versionsDocument } from './subworkflows/functions/manifest.nf'
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
        // A manifest of an earlier run must not stand beside the files of one that fails.
        documents = ['assets.jsonl': '', 'versions.json': '']
        documents.keySet().each { name -> file("${settings.outdir}/${name}", glob: false).delete() }

        if (single_cell) {
            SCRNA_CLUSTERING_PIPELINE(channel.fromList(rows), settings, inputs)
            made = SCRNA_CLUSTERING_PIPELINE.out
        }
        else {
            GERMLINE(settings + inputs.decisions, inputs, rows)
            made = GERMLINE.out
        }
        made.assets
            .map { asset -> manifestLine(asset) }
            .toSortedList()
            .subscribe { lines -> documents['assets.jsonl'] = lines.collect { line -> line + '\n' }.join('') }
        made.versions
            .toList()
            .subscribe { records -> documents['versions.json'] = versionsDocument(records) }
        // After a failure channels end early, with what was done until then: that is no manifest.
        // (Inside the handler the name `workflow` means nothing.)
        run = workflow
        run.onComplete {
            if (run.success) {
                file(settings.outdir, glob: false).mkdirs()
                documents.each { name, text -> file("${settings.outdir}/${name}", glob: false).text = text }
            }
            else if (missingTool(run.errorReport)) {
                System.err.println(missingTool(run.errorReport))
            }
        }
    }
}
