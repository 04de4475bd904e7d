// All lanes of one sample as one analysis-ready BAM with its duplicates marked.
include { javaOptions; isSmall } from '../../functions/java_options.nf'

process MARK_DUPLICATES {
    tag "${meta.sample}"
    label 'java'
    container 'stargazer/gatk:4.6.2.0'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(lanes, stageAs: 'lane?.bam')
    val optical_duplicate_pixel_distance

    output:
    tuple val(meta), path("${meta.prefix}.bam"), path("${meta.prefix}.bam.bai"), emit: bam
    tuple val(meta), path("${meta.sample}.duplicate_metrics.txt"), emit: metrics
    tuple val(task.process), val('gatk'), eval("gatk --version 2>/dev/null | sed -n 's/.*(GATK) v//p'"), emit: versions

    script:
    def inputs = [lanes].flatten().collect { lane -> "--INPUT ${lane}" }.join(' ')
    // No @PG line, as it would hold the command line. The metrics' header holds the command
    // line and the date: it is replaced. GATK calls the index X.bai, people look for X.bam.bai.
    """
    mkdir -p "\$(dirname '${meta.prefix}')"
    ${javaOptions(task.memory, 0.8, isSmall(lanes))}
    gatk MarkDuplicates \\
        ${inputs} \\
        --OUTPUT '${meta.prefix}.bam' \\
        --METRICS_FILE metrics.txt \\
        --OPTICAL_DUPLICATE_PIXEL_DISTANCE ${optical_duplicate_pixel_distance} \\
        --PROGRAM_RECORD_ID null \\
        --ADD_PG_TAG_TO_READS false \\
        --CREATE_INDEX true \\
        --USE_JDK_DEFLATER true \\
        --USE_JDK_INFLATER true \\
        --TMP_DIR .
    mv '${meta.prefix}.bai' '${meta.prefix}.bam.bai'
    {
        printf '## htsjdk.samtools.metrics.StringHeader\\n# MarkDuplicates --INPUT %s.bam\\n\\n' '${meta.sample}'
        sed -n '/^## METRICS CLASS/,\$p' metrics.txt
    } > '${meta.sample}.duplicate_metrics.txt'
    """

    stub:
    """
    mkdir -p "\$(dirname '${meta.prefix}')"
    touch '${meta.prefix}.bam' '${meta.prefix}.bam.bai' '${meta.sample}.duplicate_metrics.txt'
    """
}
