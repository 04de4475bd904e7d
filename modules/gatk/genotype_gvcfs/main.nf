// The genotypes of a cohort, from its GenomicsDB workspace or its combined GVCF.
include { javaOptions; isTiny } from '../../functions/java_options.nf'

process GENOTYPE_GVCFS {
    tag "${meta.id}"
    label 'joint'
    container 'stargazer/gatk:4.6.2.0'
    conda "${moduleDir}/environment.yml"

    input:
    // evidence: the tar of GENOMICS_DB_IMPORT with [] as its index, or a combined GVCF with its index.
    // regions: a BED, or [] for all that the evidence covers. meta: id (of the cohort), prefix.
    tuple val(meta), path(evidence, stageAs: 'evidence'), path(tbi, stageAs: 'evidence.tbi'), path(regions, stageAs: 'part.bed')
    tuple val(ref), path(fasta, stageAs: 'reference.fa'), path(fai, stageAs: 'reference.fa.fai'), path(dict, stageAs: 'reference.dict')
    val sample_ploidy
    val stand_call_conf

    output:
    tuple val(meta), path("${meta.prefix}.vcf.gz"), path("${meta.prefix}.vcf.gz.tbi"), emit: vcf
    tuple val(task.process), val('gatk'), eval("gatk --version 2>/dev/null | sed -n 's/.*(GATK) v//p'"), emit: versions

    script:
    """
    mkdir -p "\$(dirname '${meta.prefix}')"
    ${javaOptions(task.memory, 0.6, isTiny(evidence))}
    variant=\$(open_evidence evidence ${tbi ? 'evidence.tbi' : ''})
    gatk GenotypeGVCFs \\
        --reference reference.fa \\
        --variant "\$variant" \\
        --output '${meta.prefix}.vcf.gz' ${regions ? '--intervals part.bed --variant-output-filtering STARTS_IN' : ''} \\
        --sample-ploidy ${sample_ploidy} \\
        --standard-min-confidence-threshold-for-calling ${stand_call_conf} \\
        --genomicsdb-shared-posixfs-optimizations true \\
        --add-output-vcf-command-line false \\
        --use-jdk-deflater true \\
        --use-jdk-inflater true
    """

    stub:
    """
    mkdir -p "\$(dirname '${meta.prefix}')"
    touch '${meta.prefix}.vcf.gz' '${meta.prefix}.vcf.gz.tbi'
    """
}
