// The analysis-ready BAM, with the qualities that the recalibration table says.
include { javaOptions; isTiny } from '../../functions/java_options.nf'

process APPLY_BQSR {
    tag "${meta.sample}"
    label 'java'
    container 'stargazer/gatk:4.6.2.0'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(bam, stageAs: 'input.bam'), path(bai, stageAs: 'input.bam.bai'), path(table, stageAs: 'recalibration.table')
    tuple val(ref), path(fasta, stageAs: 'reference.fa'), path(fai, stageAs: 'reference.fa.fai'), path(dict, stageAs: 'reference.dict')

    output:
    tuple val(meta), path("${meta.prefix}.bam"), path("${meta.prefix}.bam.bai"), emit: bam
    tuple val(task.process), val('gatk'), eval("gatk --version 2>/dev/null | sed -n 's/.*(GATK) v//p'"), emit: versions

    script:
    // All reads, whatever --intervals says: with regions ApplyBQSR would leave the others out. Qualities
    // are written as they are computed; Broad's own pipeline bins them (--static-quantized-quals),
    // which makes BAMs smaller and is not the tool's default. No @PG line, as it would hold the
    // command line. GATK calls the index X.bai, people look for X.bam.bai.
    """
    mkdir -p "\$(dirname '${meta.prefix}')"
    ${javaOptions(task.memory, 0.8, isTiny(bam))}
    gatk ApplyBQSR \\
        --reference reference.fa \\
        --input input.bam \\
        --bqsr-recal-file recalibration.table \\
        --output '${meta.prefix}.bam' \\
        --create-output-bam-index true \\
        --add-output-sam-program-record false \\
        --use-jdk-deflater true \\
        --use-jdk-inflater true
    mv '${meta.prefix}.bai' '${meta.prefix}.bam.bai'
    """

    stub:
    """
    mkdir -p "\$(dirname '${meta.prefix}')"
    touch '${meta.prefix}.bam' '${meta.prefix}.bam.bai'
    """
}
