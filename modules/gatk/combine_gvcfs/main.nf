// The GVCFs of a small cohort as one GVCF of all its samples.
include { printGvcfTable } from '../../functions/gvcf_table.nf'
include { javaOptions; isTiny } from '../../functions/java_options.nf'

process COMBINE_GVCFS {
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
    tuple val(meta), path("${meta.id}.g.vcf.gz"), path("${meta.id}.g.vcf.gz.tbi"), emit: gvcf
    tuple val(task.process), val('gatk'), eval("gatk --version 2>/dev/null | sed -n 's/.*(GATK) v//p'"), emit: versions

    script:
    """
    ${javaOptions(task.memory, 0.8, isTiny(gvcfs))}
    ${printGvcfTable(meta, gvcfs, tbis)} > gvcfs.tsv
    map_gvcfs gvcfs.tsv gvcfs > sample_map.tsv
    cut -f 2 sample_map.tsv | sed 's/^/--variant /' > inputs

    gatk CombineGVCFs \\
        --reference reference.fa \\
        --arguments_file inputs ${call ? '--intervals call.bed' : ''} \\
        --output '${meta.id}.g.vcf.gz' \\
        --add-output-vcf-command-line false \\
        --use-jdk-deflater true \\
        --use-jdk-inflater true
    """

    stub:
    """
    touch '${meta.id}.g.vcf.gz' '${meta.id}.g.vcf.gz.tbi'
    """
}
