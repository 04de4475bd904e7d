// The GVCFs of a cohort in a GenomicsDB workspace, as one uncompressed tar.
include { printGvcfTable } from '../../functions/gvcf_table.nf'
include { javaOptions; isSmall } from '../../functions/java_options.nf'

process GENOMICS_DB_IMPORT {
    tag "${meta.id}"
    label 'joint'
    container 'stargazer/gatk:4.6.2.0'
    conda "${moduleDir}/environment.yml"

    input:
    // meta: id (of the cohort), samples (one name a GVCF), indexed (whether the GVCF has a .tbi);
    // tbis holds those that are there, in the same order. call: a BED of SPLIT_INTERVALS, what will be genotyped,
    // or [] for the whole reference.
    tuple val(meta), path(gvcfs, stageAs: 'gvcf?/sample.g.vcf.gz'), path(tbis, stageAs: 'tbi?/sample.g.vcf.gz.tbi'), path(call, stageAs: 'call.bed')
    tuple val(ref), path(fasta, stageAs: 'reference.fa'), path(fai, stageAs: 'reference.fa.fai'), path(dict, stageAs: 'reference.dict')

    output:
    tuple val(meta), path("${meta.id}.genomicsdb.tar"), emit: workspace
    tuple val(task.process), val('gatk'), eval("gatk --version 2>/dev/null | sed -n 's/.*(GATK) v//p'"), emit: versions

    script:
    """
    [ ! -e '${meta.id}.genomicsdb' ] || { echo 'workspace ${meta.id}.genomicsdb exists already: give the cohort another name' >&2; exit 1; }
    ${javaOptions(task.memory, 0.6, isSmall(gvcfs))}
    ${printGvcfTable(meta, gvcfs, tbis)} > gvcfs.tsv
    import_gvcfs gvcfs.tsv reference.fa.fai '${meta.id}.genomicsdb' ${call ? 'call.bed' : ''}
    tar --sort=name -cf '${meta.id}.genomicsdb.tar' '${meta.id}.genomicsdb'
    rm -r '${meta.id}.genomicsdb'
    """

    stub:
    """
    touch '${meta.id}.genomicsdb.tar'
    """
}
