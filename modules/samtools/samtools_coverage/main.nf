// How much of each contig, or of each region, one sample's reads cover, and how deep, duplicates left out.
process SAMTOOLS_COVERAGE {
    tag "${meta.sample}"
    label 'light'
    container 'stargazer/samtools:1.16.1'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(bam, stageAs: 'sample.bam'), path(bai, stageAs: 'sample.bam.bai')
    path regions, stageAs: 'regions/*' // or []
    path fai, stageAs: 'reference.fa.fai'

    output:
    tuple val(meta), path("${meta.sample}.samtools_coverage.txt"), emit: coverage
    tuple val(task.process), val('samtools'), eval("samtools --version 2>/dev/null | sed -n '1s/samtools //p'"), emit: versions

    script:
    // Without a limit of the depth, as amplicons and mitochondria pass the default of a million.
    // samtools coverage takes one region at a time, so with regions bedcov counts the same (-j: no deletions)
    // in one pass over their reads: the sum of depths, bases covered once or more, reads. What bedcov
    // does not know, mean qualities, is no column then.
    def coverage = regions
        ? """
    regions_to_call --intervals regions/* reference.fa.fai > regions.bed
    samtools bedcov -j -d 1 -c regions.bed sample.bam |
        awk -F '\\t' -v OFS='\\t' '
            BEGIN { print "#rname", "startpos", "endpos", "numreads", "covbases", "coverage", "meandepth" }
            { bases = \$3 - \$2; print \$1, \$2 + 1, \$3, \$6, \$5, 100 * \$5 / bases, \$4 / bases }
        ' > '${meta.sample}.samtools_coverage.txt'
    """
        : "samtools coverage --depth 0 sample.bam > '${meta.sample}.samtools_coverage.txt'"
    """
    ${coverage}
    """

    stub:
    """
    touch '${meta.sample}.samtools_coverage.txt'
    """
}
