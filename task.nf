#!/usr/bin/env nextflow

// Runs one task alone on files that a CSV names: nextflow run task.nf --task NAME --input inputs.csv
include { readTask; taskHelp } from './subworkflows/functions/task_settings.nf'
include { alignerIndex; cells; cohort; cohortPart; evidence; fileOf; filesOf; genome; indexed; knownSite; knownSites; lane; model; named; options; parts; readInputs; recalibrated; reference; reported; resources; samplePart; unmappedLane } from './subworkflows/functions/task_inputs.nf'
include { calledOutputs; cellOutputs; chainOutputs; describedOutput; filteredOutputs; librariesOf; mateOutputs; outputsOf; pageOutputs } from './subworkflows/functions/task_outputs.nf'
include { forgetManifest; writeManifest } from './subworkflows/functions/manifest.nf'
include { BCFTOOLS_QUERY } from './modules/bcftools/bcftools_query/main.nf'
include { BCFTOOLS_STATS } from './modules/bcftools/bcftools_stats/main.nf'
include { BWA_INDEX } from './modules/bwa/bwa_index/main.nf'
include { BWA_MEM } from './modules/bwa/bwa_mem/main.nf'
include { BWA_MEM2_INDEX } from './modules/bwamem2/bwa_mem2_index/main.nf'
include { BWA_MEM2_MEM } from './modules/bwamem2/bwa_mem2_mem/main.nf'
include { APPLY_BQSR } from './modules/gatk/apply_bqsr/main.nf'
include { APPLY_VQSR } from './modules/gatk/apply_vqsr/main.nf'
include { BASE_RECALIBRATOR } from './modules/gatk/base_recalibrator/main.nf'
include { COMBINE_GVCFS } from './modules/gatk/combine_gvcfs/main.nf'
include { CREATE_SEQUENCE_DICTIONARY } from './modules/gatk/create_sequence_dictionary/main.nf'
include { GATHER_VCFS } from './modules/gatk/gather_vcfs/main.nf'
include { GENOMICS_DB_IMPORT } from './modules/gatk/genomics_db_import/main.nf'
include { GENOTYPE_GVCFS } from './modules/gatk/genotype_gvcfs/main.nf'
include { HAPLOTYPE_CALLER } from './modules/gatk/haplotype_caller/main.nf'
include { HARD_FILTER } from './modules/gatk/hard_filter/main.nf'
include { INDEX_FEATURE_FILE } from './modules/gatk/index_feature_file/main.nf'
include { JOINT_CALL_GVCFS } from './modules/gatk/joint_call_gvcfs/main.nf'
include { MARK_DUPLICATES } from './modules/gatk/mark_duplicates/main.nf'
include { MERGE_BAM_ALIGNMENT } from './modules/gatk/merge_bam_alignment/main.nf'
include { SORT_SAM } from './modules/gatk/sort_sam/main.nf'
include { SPLIT_INTERVALS } from './modules/gatk/split_intervals/main.nf'
include { VALIDATE_SAM } from './modules/gatk/validate_sam/main.nf'
include { VARIANT_RECALIBRATOR } from './modules/gatk/variant_recalibrator/main.nf'
include { MULTIQC } from './modules/multiqc/multiqc/main.nf'
include { DECOMPRESS_FASTA } from './modules/samtools/decompress_fasta/main.nf'
include { SAMTOOLS_COVERAGE } from './modules/samtools/samtools_coverage/main.nf'
include { SAMTOOLS_FAIDX } from './modules/samtools/samtools_faidx/main.nf'
include { SAMTOOLS_FASTQ } from './modules/samtools/samtools_fastq/main.nf'
include { SAMTOOLS_STATS } from './modules/samtools/samtools_stats/main.nf'
include { CLUSTER } from './modules/scanpy/cluster/main.nf'
include { FIND_MARKERS } from './modules/scanpy/find_markers/main.nf'
include { IMPORT_COUNTS } from './modules/scanpy/import_counts/main.nf'
include { NORMALIZE } from './modules/scanpy/normalize/main.nf'
include { QC_FILTER } from './modules/scanpy/qc_filter/main.nf'
include { REDUCE_DIMENSIONS } from './modules/scanpy/reduce_dimensions/main.nf'
include { SCRNA_CHAIN } from './modules/scanpy/scrna_chain/main.nf'
include { SCRNA_REPORT } from './modules/scanpy/scrna_report/main.nf'
include { SELECT_FEATURES } from './modules/scanpy/select_features/main.nf'

// One call a module, and what of its result is stored.
workflow TASK {
    take:
    given // map: name (of the task), rows (of each input), values (of its parameters and labels), subject, see readInputs

    main:
    values = given.values
    made = channel.empty()
    versions = channel.empty()

    if (given.name == 'decompress_fasta') {
        DECOMPRESS_FASTA(reference(given))
        made = outputsOf(DECOMPRESS_FASTA.out.fasta, ['fasta'])
        versions = DECOMPRESS_FASTA.out.versions
    }
    if (given.name == 'samtools_faidx') {
        SAMTOOLS_FAIDX(reference(given))
        made = outputsOf(SAMTOOLS_FAIDX.out.fai, ['fai'])
        versions = SAMTOOLS_FAIDX.out.versions
    }
    if (given.name == 'create_sequence_dictionary') {
        CREATE_SEQUENCE_DICTIONARY(reference(given))
        made = outputsOf(CREATE_SEQUENCE_DICTIONARY.out.dict, ['dict'])
        versions = CREATE_SEQUENCE_DICTIONARY.out.versions
    }
    if (given.name == 'bwa_index') {
        BWA_INDEX(reference(given))
        made = outputsOf(BWA_INDEX.out.index, ['index'])
        versions = BWA_INDEX.out.versions
    }
    if (given.name == 'bwa_mem2_index') {
        BWA_MEM2_INDEX(reference(given))
        made = outputsOf(BWA_MEM2_INDEX.out.index, ['index'])
        versions = BWA_MEM2_INDEX.out.versions
    }
    if (given.name == 'index_feature_file') {
        INDEX_FEATURE_FILE(knownSite(given))
        made = outputsOf(INDEX_FEATURE_FILE.out.index, ['index'])
        versions = INDEX_FEATURE_FILE.out.versions
    }
    if (given.name == 'bwa_mem') {
        BWA_MEM(lane(given), alignerIndex(given, 'bwa'))
        made = outputsOf(BWA_MEM.out.bam, ['bam', 'bai']).mix(outputsOf(BWA_MEM.out.unsorted, ['bam']))
        versions = BWA_MEM.out.versions.mix(BWA_MEM.out.samtools_versions)
    }
    if (given.name == 'bwa_mem2_mem') {
        BWA_MEM2_MEM(lane(given), alignerIndex(given, 'bwa-mem2'))
        made = outputsOf(BWA_MEM2_MEM.out.bam, ['bam', 'bai']).mix(outputsOf(BWA_MEM2_MEM.out.unsorted, ['bam']))
        versions = BWA_MEM2_MEM.out.versions.mix(BWA_MEM2_MEM.out.samtools_versions)
    }
    if (given.name == 'samtools_fastq') {
        SAMTOOLS_FASTQ([unmappedLane(given), fileOf(given, 'bam')])
        made = mateOutputs(SAMTOOLS_FASTQ.out.reads)
        versions = SAMTOOLS_FASTQ.out.versions
    }
    if (given.name == 'merge_bam_alignment') {
        MERGE_BAM_ALIGNMENT([unmappedLane(given), fileOf(given, 'unmapped'), fileOf(given, 'aligned')], genome(given))
        made = outputsOf(MERGE_BAM_ALIGNMENT.out.bam, ['bam', 'bai'])
        versions = MERGE_BAM_ALIGNMENT.out.versions
    }
    if (given.name == 'mark_duplicates') {
        MARK_DUPLICATES([named(given), filesOf(given.rows.lanes)], values.optical_duplicate_pixel_distance)
        made = outputsOf(MARK_DUPLICATES.out.bam, ['bam', 'bai']).mix(outputsOf(MARK_DUPLICATES.out.metrics, ['metrics']))
        versions = MARK_DUPLICATES.out.versions
    }
    if (given.name == 'sort_sam') {
        SORT_SAM([named(given), fileOf(given, 'bam')], values.sort_order)
        made = values.sort_order == 'coordinate' ? outputsOf(SORT_SAM.out.bam, ['bam', 'bai']) : outputsOf(SORT_SAM.out.sorted, ['bam'])
        versions = SORT_SAM.out.versions
    }
    if (given.name == 'base_recalibrator') {
        BASE_RECALIBRATOR(recalibrated(given), genome(given), knownSites(given)[0], knownSites(given)[1], fileOf(given, 'intervals'), values.interval_padding)
        made = outputsOf(BASE_RECALIBRATOR.out.table, ['table'])
        versions = BASE_RECALIBRATOR.out.versions
    }
    if (given.name == 'apply_bqsr') {
        APPLY_BQSR(indexed(given, 'bam', 'bai') + [fileOf(given, 'table')], genome(given))
        made = outputsOf(APPLY_BQSR.out.bam, ['bam', 'bai'])
        versions = APPLY_BQSR.out.versions
    }
    if (given.name == 'validate_sam') {
        VALIDATE_SAM(indexed(given, 'bam', 'bai'), genome(given))
        made = outputsOf(VALIDATE_SAM.out.report, ['report'])
        versions = VALIDATE_SAM.out.versions
    }
    if (given.name == 'samtools_stats') {
        SAMTOOLS_STATS(indexed(given, 'bam', 'bai'), fileOf(given, 'regions'), fileOf(given, 'fai'))
        made = outputsOf(SAMTOOLS_STATS.out.stats, ['stats'])
        versions = SAMTOOLS_STATS.out.versions
    }
    if (given.name == 'samtools_coverage') {
        SAMTOOLS_COVERAGE(indexed(given, 'bam', 'bai'), fileOf(given, 'regions'), fileOf(given, 'fai'))
        made = outputsOf(SAMTOOLS_COVERAGE.out.coverage, ['coverage'])
        versions = SAMTOOLS_COVERAGE.out.versions
    }
    if (given.name == 'split_intervals') {
        SPLIT_INTERVALS(genome(given), fileOf(given, 'intervals'), values.scatter_count ?: 0, values.interval_padding)
        made = outputsOf(SPLIT_INTERVALS.out.parts, ['parts', 'calls'])
        versions = SPLIT_INTERVALS.out.versions
    }
    if (given.name == 'haplotype_caller') {
        HAPLOTYPE_CALLER(samplePart(given), genome(given), values.sample_ploidy, values.pcr_indel_model)
        made = outputsOf(HAPLOTYPE_CALLER.out.gvcf, ['gvcf', 'tbi']).mix(outputsOf(HAPLOTYPE_CALLER.out.part, ['part']))
        versions = HAPLOTYPE_CALLER.out.versions
    }
    if (given.name == 'gather_vcfs') {
        GATHER_VCFS(parts(given))
        made = outputsOf(GATHER_VCFS.out.vcf, ['vcf', 'tbi'])
        versions = GATHER_VCFS.out.versions
    }
    if (given.name == 'joint_call_gvcfs') {
        JOINT_CALL_GVCFS(cohortPart(given), genome(given), values.sample_ploidy, values.stand_call_conf)
        made = outputsOf(JOINT_CALL_GVCFS.out.vcf, ['vcf', 'tbi']).mix(outputsOf(JOINT_CALL_GVCFS.out.part, ['part']))
        versions = JOINT_CALL_GVCFS.out.versions
    }
    if (given.name == 'combine_gvcfs') {
        COMBINE_GVCFS(cohort(given) + [fileOf(given, 'call')], genome(given))
        made = outputsOf(COMBINE_GVCFS.out.gvcf, ['gvcf', 'tbi'])
        versions = COMBINE_GVCFS.out.versions
    }
    if (given.name == 'genomics_db_import') {
        GENOMICS_DB_IMPORT(cohort(given) + [fileOf(given, 'call')], genome(given))
        made = outputsOf(GENOMICS_DB_IMPORT.out.workspace, ['workspace'])
        versions = GENOMICS_DB_IMPORT.out.versions
    }
    if (given.name == 'genotype_gvcfs') {
        GENOTYPE_GVCFS(evidence(given), genome(given), values.sample_ploidy, values.stand_call_conf)
        made = calledOutputs(GENOTYPE_GVCFS.out.vcf, ['vcf', 'tbi']).mix(calledOutputs(GENOTYPE_GVCFS.out.part, ['part']))
        versions = GENOTYPE_GVCFS.out.versions
    }
    if (given.name == 'hard_filter') {
        HARD_FILTER(indexed(given, 'vcf', 'tbi'))
        made = outputsOf(HARD_FILTER.out.vcf, ['vcf', 'tbi'])
        versions = HARD_FILTER.out.versions
    }
    if (given.name == 'variant_recalibrator') {
        VARIANT_RECALIBRATOR(resources(given), values.with_depth, values.max_gaussians_snp, values.max_gaussians_indel, values.truth_sensitivity_snp, values.truth_sensitivity_indel)
        made = outputsOf(VARIANT_RECALIBRATOR.out.model, ['recal', 'tbi', 'tranches'])
        versions = VARIANT_RECALIBRATOR.out.versions
    }
    if (given.name == 'apply_vqsr') {
        APPLY_VQSR(model(given), values.truth_sensitivity_snp, values.truth_sensitivity_indel)
        made = filteredOutputs(APPLY_VQSR.out.vcf, given.rows.vcf[0].vqsr_mode)
        versions = APPLY_VQSR.out.versions
    }
    if (given.name == 'bcftools_stats') {
        BCFTOOLS_STATS(indexed(given, 'vcf', 'tbi'))
        made = outputsOf(BCFTOOLS_STATS.out.stats, ['stats'])
        versions = BCFTOOLS_STATS.out.versions
    }
    if (given.name == 'bcftools_query') {
        BCFTOOLS_QUERY(indexed(given, 'vcf', 'tbi') + [fileOf(given, 'stats')])
        made = outputsOf(BCFTOOLS_QUERY.out.genotypes, ['genotypes'])
        versions = BCFTOOLS_QUERY.out.versions
    }
    if (given.name == 'multiqc') {
        MULTIQC(reported(given, workflow.manifest.version), fileOf(given, 'fai'), fileOf(given, 'pedigree'))
        made = MULTIQC.out.report.map { meta, page -> [output: 'report', file: page, title: "Germline variants of ${meta.id}".toString()] }
        versions = MULTIQC.out.versions
    }
    if (given.name == 'import_counts') {
        IMPORT_COUNTS(cells(given, 'counts', "${moduleDir}/bin/scrna"))
        made = cellOutputs(IMPORT_COUNTS.out.h5ad)
        versions = librariesOf(IMPORT_COUNTS.out.versions, given.name)
    }
    if (given.name == 'qc_filter') {
        QC_FILTER(cells(given, 'h5ad', "${moduleDir}/bin/scrna"), options(given))
        made = cellOutputs(QC_FILTER.out.h5ad)
        versions = librariesOf(QC_FILTER.out.versions, given.name)
    }
    if (given.name == 'normalize') {
        NORMALIZE(cells(given, 'h5ad', "${moduleDir}/bin/scrna"), options(given))
        made = cellOutputs(NORMALIZE.out.h5ad)
        versions = librariesOf(NORMALIZE.out.versions, given.name)
    }
    if (given.name == 'select_features') {
        SELECT_FEATURES(cells(given, 'h5ad', "${moduleDir}/bin/scrna"), options(given))
        made = cellOutputs(SELECT_FEATURES.out.h5ad)
        versions = librariesOf(SELECT_FEATURES.out.versions, given.name)
    }
    if (given.name == 'reduce_dimensions') {
        REDUCE_DIMENSIONS(cells(given, 'h5ad', "${moduleDir}/bin/scrna"), options(given))
        made = cellOutputs(REDUCE_DIMENSIONS.out.h5ad)
        versions = librariesOf(REDUCE_DIMENSIONS.out.versions, given.name)
    }
    if (given.name == 'cluster') {
        CLUSTER(cells(given, 'h5ad', "${moduleDir}/bin/scrna"), options(given))
        made = cellOutputs(CLUSTER.out.h5ad)
        versions = librariesOf(CLUSTER.out.versions, given.name)
    }
    if (given.name == 'find_markers') {
        FIND_MARKERS(cells(given, 'h5ad', "${moduleDir}/bin/scrna"), options(given), fileOf(given, 'marker_sets'))
        made = cellOutputs(FIND_MARKERS.out.h5ad.join(FIND_MARKERS.out.markers))
        versions = librariesOf(FIND_MARKERS.out.versions, given.name)
    }
    if (given.name == 'scrna_chain') {
        SCRNA_CHAIN(cells(given, 'h5ad', "${moduleDir}/bin/scrna") + [given.rows.h5ad[0].stage ?: 'raw'], options(given), fileOf(given, 'marker_sets'))
        made = chainOutputs(SCRNA_CHAIN.out.h5ads.join(SCRNA_CHAIN.out.markers), given)
        versions = librariesOf(SCRNA_CHAIN.out.versions, given.name)
    }
    if (given.name == 'scrna_report') {
        SCRNA_REPORT(cells(given, 'h5ad', "${moduleDir}/bin/scrna"), fileOf(given, 'labels'))
        made = pageOutputs(SCRNA_REPORT.out.report.join(SCRNA_REPORT.out.summary), given.subject)
        versions = librariesOf(SCRNA_REPORT.out.versions, given.name)
    }
    assets = made.map { asset -> describedOutput(asset, given) }

    emit:
    assets   // channel: one map a file, what the manifest says of it
    versions // channel: [ process, tool, version ]
}

workflow {
    main:
    schema = file("${projectDir}/nextflow_schema.json")
    modules = file("${projectDir}/modules")
    if (params.help) {
        println(taskHelp(params, modules, workflow.manifest.version))
    }
    else {
        given = readInputs(readTask(params, schema, modules))
        forgetManifest(given.outdir)
        TASK(given)
        writeManifest(workflow, given.outdir, TASK.out.assets, TASK.out.versions)
    }
}
