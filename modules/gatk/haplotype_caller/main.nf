// The GVCF of one sample.
include { javaOptions; isTiny } from '../../functions/java_options.nf'

process HAPLOTYPE_CALLER {
    tag "${meta.sample}"
    label 'caller'
    container 'stargazer/gatk:4.6.2.0'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(bam, stageAs: 'input.bam'), path(bai, stageAs: 'input.bam.bai')
    tuple val(ref), path(fasta, stageAs: 'reference.fa'), path(fai, stageAs: 'reference.fa.fai'), path(dict, stageAs: 'reference.dict')
    val sample_ploidy
    val pcr_indel_model

    output:
    tuple val(meta), path("${meta.prefix}.g.vcf.gz"), path("${meta.prefix}.g.vcf.gz.tbi"), emit: gvcf
    tuple val(task.process), val('gatk'), eval("gatk --version 2>/dev/null | sed -n 's/.*(GATK) v//p'"), emit: versions

    script:
    """
    mkdir -p "\$(dirname '${meta.prefix}')"
    ${javaOptions(task.memory, 0.8, isTiny(bam))}
    gatk HaplotypeCaller \\
        --reference reference.fa \\
        --input input.bam \\
        --sample-name '${meta.sample}' \\
        --output '${meta.prefix}.g.vcf.gz' \\
        --emit-ref-confidence GVCF \\
        --sample-ploidy ${sample_ploidy} \\
        --pcr-indel-model ${pcr_indel_model} \\
        --native-pair-hmm-threads ${task.cpus} \\
        --add-output-vcf-command-line false \\
        --use-jdk-deflater true \\
        --use-jdk-inflater true
    """

    stub:
    """
    mkdir -p "\$(dirname '${meta.prefix}')"
    touch '${meta.prefix}.g.vcf.gz' '${meta.prefix}.g.vcf.gz.tbi'
    """
}
