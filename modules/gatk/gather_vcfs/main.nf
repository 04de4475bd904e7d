// The parts of one VCF or GVCF as one, in order.
include { javaOptions; isSmall } from '../../functions/java_options.nf'

process GATHER_VCFS {
    tag "${meta.sample ?: meta.id}"
    label 'java'
    container 'stargazer/gatk:4.6.2.0'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(parts, stageAs: 'part?.vcf.gz') // meta: id, prefix, type ('gvcf' or 'vcf'); parts in order

    output:
    tuple val(meta), path("${meta.prefix}.${extension(meta)}"), path("${meta.prefix}.${extension(meta)}.tbi"), emit: vcf
    tuple val(task.process), val('gatk'), eval("gatk --version 2>/dev/null | sed -n 's/.*(GATK) v//p'"), emit: versions

    script:
    def files = [parts].flatten()
    if (!files) {
        error("${meta.id}: there are no parts to gather")
    }
    // Blocks of reference may have been cut at the seams between parts: join_parts mends them.
    def mended = meta.type == 'gvcf'
    def inputs = mended ? 'mended/*.vcf.gz' : files.join(' ')
    // Picard copies gzip blocks, checks no order and makes no index where the name of every input ends
    // in .gz: the first, the header alone, does not. Written anew the text stays the same.
    """
    mkdir -p "\$(dirname '${meta.prefix}')"
    ${javaOptions(task.memory, 0.8, isSmall(parts))}
    ${mended ? "join_parts mended ${files.join(' ')}" : ''}
    gzip -dc ${files[0]} | sed -n '/^#/p' > header.vcf
    printf -- '--INPUT\\n%s\\n' header.vcf ${inputs} > inputs
    gatk GatherVcfs \\
        --arguments_file inputs \\
        --OUTPUT '${meta.prefix}.${extension(meta)}' \\
        --CREATE_INDEX true \\
        --USE_JDK_DEFLATER true \\
        --USE_JDK_INFLATER true \\
        --TMP_DIR .
    rm -rf mended
    """

    stub:
    """
    mkdir -p "\$(dirname '${meta.prefix}')"
    touch '${meta.prefix}.${extension(meta)}' '${meta.prefix}.${extension(meta)}.tbi'
    """
}

def extension(meta) {
    return meta.type == 'gvcf' ? 'g.vcf.gz' : 'vcf.gz'
}
