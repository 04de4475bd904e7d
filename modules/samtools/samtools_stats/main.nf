// Reads, mapping, insert sizes and depths of one sample's BAM.
process SAMTOOLS_STATS {
    tag "${meta.sample}"
    label 'light'
    container 'stargazer/samtools:1.16.1'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(bam, stageAs: 'sample.bam'), path(bai, stageAs: 'sample.bam.bai')
    path regions, stageAs: 'regions/*' // or []
    path fai, stageAs: 'reference.fa.fai'

    output:
    tuple val(meta), path("${meta.sample}.samtools_stats.txt"), emit: stats
    tuple val(task.process), val('samtools'), eval("samtools --version 2>/dev/null | sed -n '1s/samtools //p'"), emit: versions

    script:
    // Depths are those of the regions, where some are given, and without duplicates; reads, mapping and
    // insert sizes are those of all reads: told to look at regions, samtools would count no read that
    // is not mapped. (It wants regions from 1 on, not as a BED.) The header's command line holds a
    // path: it goes. By itself samtools tells no depths apart above 1,000, which amplicons and mitochondria pass.
    def targets = regions ? '--target-regions targets.tsv' : ''
    """
    if [ -n '${targets}' ]; then
        regions_to_call --intervals regions/* reference.fa.fai |
            awk -v OFS='\\t' '{ print \$1, \$2 + 1, \$3 }' > targets.tsv
    fi
    samtools stats --threads ${task.cpus - 1} sample.bam | sed '/^# The command line was/d' > all.txt
    samtools stats --threads ${task.cpus - 1} --remove-dups --coverage 1,1000000,1 ${targets} sample.bam > depths.txt
    join_stats all.txt depths.txt > '${meta.sample}.samtools_stats.txt'
    """

    stub:
    """
    touch '${meta.sample}.samtools_stats.txt'
    """
}
