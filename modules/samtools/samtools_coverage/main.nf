// How much of each contig one sample's reads cover, and how deep, duplicates left out.
process SAMTOOLS_COVERAGE {
    tag "${meta.sample}"
    label 'light'
    container 'stargazer/samtools:1.16.1'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(bam, stageAs: 'sample.bam'), path(bai, stageAs: 'sample.bam.bai')

    output:
    tuple val(meta), path("${meta.sample}.samtools_coverage.txt"), emit: coverage
    tuple val(task.process), val('samtools'), eval("samtools --version 2>/dev/null | sed -n '1s/samtools //p'"), emit: versions

    script:
    // Without a limit of the depth, as amplicons and mitochondria pass the default of a million.
    """
    samtools coverage --depth 0 sample.bam > '${meta.sample}.samtools_coverage.txt'
    """

    stub:
    """
    touch '${meta.sample}.samtools_coverage.txt'
    """
}
