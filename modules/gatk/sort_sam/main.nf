// A BAM in another order: of coordinates, with its index, of the reads' names, or of duplicates.
include { javaOptions; isSmall } from '../../functions/java_options.nf'

process SORT_SAM {
    tag "${meta.id}"
    label 'java'
    container 'stargazer/gatk:4.6.2.0'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(bam, stageAs: 'input.bam')
    val sort_order // 'coordinate', 'queryname' or 'duplicate'

    output:
    // Only what is in coordinate order can be indexed.
    tuple val(meta), path("${meta.prefix}.bam"), path("${meta.prefix}.bam.bai"), optional: true, emit: bam
    tuple val(meta), path("${meta.prefix}.bam"), emit: sorted
    tuple val(task.process), val('gatk'), eval("gatk --version 2>/dev/null | sed -n 's/.*(GATK) v//p'"), emit: versions

    script:
    if (!(sort_order in ['coordinate', 'queryname', 'duplicate'])) {
        error("SORT_SAM of ${meta.id}: sort_order '${sort_order}' is none of coordinate, queryname, duplicate")
    }
    // GATK calls the index of X.bam X.bai; samtools and people look for X.bam.bai.
    """
    mkdir -p "\$(dirname '${meta.prefix}')"
    ${javaOptions(task.memory, 0.8, isSmall(bam))}
    gatk SortSam \\
        --INPUT input.bam \\
        --OUTPUT '${meta.prefix}.bam' \\
        --SORT_ORDER ${sort_order} \\
        --CREATE_INDEX ${sort_order == 'coordinate'} \\
        --USE_JDK_DEFLATER true \\
        --USE_JDK_INFLATER true \\
        --TMP_DIR .
    ${sort_order == 'coordinate' ? "mv '${meta.prefix}.bai' '${meta.prefix}.bam.bai'" : ''}
    """

    stub:
    """
    mkdir -p "\$(dirname '${meta.prefix}')"
    touch '${meta.prefix}.bam' ${sort_order == 'coordinate' ? "'${meta.prefix}.bam.bai'" : ''}
    """
}
