// Counts of the variants that passed the filters: of the cohort, and of each sample.
process BCFTOOLS_STATS {
    tag "${meta.id}"
    label 'light'
    container 'stargazer/bcftools:1.16'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(vcf, stageAs: 'variants.vcf.gz'), path(tbi, stageAs: 'variants.vcf.gz.tbi')

    output:
    tuple val(meta), path("${meta.id}.bcftools_stats.txt"), emit: stats
    tuple val(task.process), val('bcftools'), eval("bcftools --version 2>/dev/null | sed -n '1s/bcftools //p'"), emit: versions

    script:
    // A record that no filter has judged has the filter `.`: it counts as one that passed.
    // The header's command line would hold a path: it goes.
    """
    bcftools stats --samples - --apply-filters .,PASS variants.vcf.gz |
        sed '/^# The command line was/d' > '${meta.id}.bcftools_stats.txt'
    """

    stub:
    """
    touch '${meta.id}.bcftools_stats.txt'
    """
}
