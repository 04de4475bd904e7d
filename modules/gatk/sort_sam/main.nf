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
    tuple val(meta), path("${meta.prefix}.bam"), path("${meta.prefix}.bam.bai"), emit: bam
    tuple val(task.process), val('gatk'), eval("gatk --version 2>/dev/null | sed -n 's/.*(GATK) v//p'"), emit: versions

    script:
    // GATK calls the index of X.bam X.bai; samtools and people look for X.bam.bai.
    """
    mkdir -p "\$(dirname '${meta.prefix}')"
    ${javaOptions(task.memory, 0.8, isSmall(bam))}
    gatk SortSam \\
        --INPUT input.bam \\
        --OUTPUT '${meta.prefix}.bam' \\
        --SORT_ORDER coordinate \\
        --CREATE_INDEX true \\
        --USE_JDK_DEFLATER true \\
        --USE_JDK_INFLATER true \\
        --TMP_DIR .
    mv '${meta.prefix}.bai' '${meta.prefix}.bam.bai'
    """

    stub:
    """
    mkdir -p "\$(dirname '${meta.prefix}')"
    touch '${meta.prefix}.bam' '${meta.prefix}.bam.bai'
    """
}
