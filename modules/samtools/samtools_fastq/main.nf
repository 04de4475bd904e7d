// The reads of an unmapped BAM as FASTQ, for an aligner.
process SAMTOOLS_FASTQ {
    tag "${meta.id}"
    label 'light'
    container 'stargazer/samtools:1.16.1'
    conda "${moduleDir}/environment.yml"

    input:
    // Pairs stand beside each other, as in the order of the reads' names.
    tuple val(meta), path(bam, stageAs: 'input.bam')

    output:
    // Single-end reads have no R2.
    tuple val(meta), path("${meta.id}_R?.fastq.gz", arity: '1..2'), emit: reads
    tuple val(task.process), val('samtools'), eval("samtools --version 2>/dev/null | sed -n '1s/samtools //p'"), emit: versions

    script:
    """
    bam_to_fastq --output '${meta.id}' --threads ${task.cpus} input.bam
    """

    stub:
    """
    touch '${meta.id}_R1.fastq.gz' '${meta.id}_R2.fastq.gz'
    """
}
