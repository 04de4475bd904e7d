// What the sequencer's qualities are off by, learnt from mismatches outside known variants.
include { javaOptions; isTiny } from '../../functions/java_options.nf'

process BASE_RECALIBRATOR {
    tag "${meta.sample}"
    label 'java'
    container 'stargazer/gatk:4.6.2.0'
    conda "${moduleDir}/environment.yml"

    input:
    // meta.table: the name of the table.
    tuple val(meta), path(bam, stageAs: 'input.bam'), path(bai, stageAs: 'input.bam.bai')
    tuple val(ref), path(fasta, stageAs: 'reference.fa'), path(fai, stageAs: 'reference.fa.fai'), path(dict, stageAs: 'reference.dict')
    // Folders of their own keep files of one name apart, each beside its index.
    path vcfs, stageAs: 'known?/*'
    path indexes, stageAs: 'known?/*'
    path intervals, stageAs: 'regions/*'
    val interval_padding

    output:
    tuple val(meta), path("${meta.table}"), emit: table
    tuple val(task.process), val('gatk'), eval("gatk --version 2>/dev/null | sed -n 's/.*(GATK) v//p'"), emit: versions

    script:
    if (!vcfs) {
        error("BASE_RECALIBRATOR of ${meta.sample}: there are no known sites, and without them every true variant would be learnt as an error; give --known_sites, or --bqsr off")
    }
    """
    ${javaOptions(task.memory, 0.8, isTiny(bam))}
    sites=()
    for vcf in known*/*.vcf known*/*.vcf.gz; do
        [ ! -e "\$vcf" ] || sites+=(--known-sites "\$vcf")
    done
    regions=()
    for file in regions/*; do
        [ ! -e "\$file" ] || regions+=(--intervals "\$file" --interval-padding ${interval_padding})
    done
    gatk BaseRecalibrator \\
        --reference reference.fa \\
        --input input.bam \\
        "\${sites[@]}" "\${regions[@]}" \\
        --output '${meta.table}' \\
        --use-jdk-deflater true \\
        --use-jdk-inflater true
    """

    stub:
    """
    touch '${meta.table}'
    """
}
