// The regions to call in parts of equal size, each with what the caller must see to call it.
include { javaOptions } from '../../functions/java_options.nf'

process SPLIT_INTERVALS {
    tag "${ref.name}"
    label 'light'
    container 'stargazer/gatk:4.6.2.0'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(ref), path(fasta, stageAs: 'reference.fa'), path(fai, stageAs: 'reference.fa.fai'), path(dict, stageAs: 'reference.dict')
    path intervals, stageAs: 'intervals' // BED or interval list, or [] for the whole reference
    val scatter_count // or 0, for as many as the bases are worth
    val interval_padding

    output:
    // One pair a part, in order by name: what belongs to the part, and what is called for it.
    tuple val(ref), path('parts/*.part.bed', arity: '1..*'), path('parts/*.call.bed', arity: '1..*'), emit: parts
    tuple val(task.process), val('gatk'), eval("gatk --version 2>/dev/null | sed -n 's/.*(GATK) v//p'"), emit: versions

    script:
    // Regions go to GATK as files alone: in the form name:from-to a contig whose name has a colon
    // would be misread. Padding is added before, as the number of parts depends on it.
    """
    ${javaOptions(task.memory, 0.8, true)}
    regions_to_call ${intervals ? "--intervals intervals --padding ${interval_padding}" : ''} reference.fa.fai > regions.bed
    gatk SplitIntervals \\
        --reference reference.fa \\
        --intervals regions.bed \\
        --scatter-count "\$(count_parts regions.bed ${scatter_count ?: ''})" \\
        --subdivision-mode INTERVAL_SUBDIVISION \\
        --output split
    widen_parts parts 10000 split/*-scattered.interval_list
    """

    stub:
    """
    mkdir parts
    printf 'stub\\t0\\t4\\n' | tee parts/1.part.bed > parts/1.call.bed
    """
}
