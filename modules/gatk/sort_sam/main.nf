// A BAM in coordinate order, with its index.
include { javaOptions; isSmall } from '../../functions/java_options.nf'

process SORT_SAM {
    tag "${meta.id}"
    label 'java'
    container 'stargazer/gatk:4.6.2.0'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(bam, stageAs: 'input.bam')

    output:
    tuple val(meta), path("${meta.sample}.bam"), path("${meta.sample}.bam.bai"), emit: bam
    tuple val(task.process), val('gatk'), eval("gatk --version 2>/dev/null | sed -n 's/.*(GATK) v//p'"), emit: versions

    script:
    // GATK calls the index of X.bam X.bai; samtools and people look for X.bam.bai.
    """
    ${javaOptions(task.memory, 0.8, isSmall(bam))}
    gatk SortSam \\
        --INPUT input.bam \\
        --OUTPUT '${meta.sample}.bam' \\
        --SORT_ORDER coordinate \\
        --CREATE_INDEX true \\
        --USE_JDK_DEFLATER true \\
        --USE_JDK_INFLATER true \\
        --TMP_DIR .
    mv '${meta.sample}.bai' '${meta.sample}.bam.bai'
    """

    stub:
    """
    touch '${meta.sample}.bam' '${meta.sample}.bam.bai'
    """
}
