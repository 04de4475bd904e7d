// The genotypes of a cohort or of a part of it, from its GenomicsDB workspace or its combined GVCF.
include { javaOptions; isTiny } from '../../functions/java_options.nf'

process GENOTYPE_GVCFS {
    tag "${meta.parts > 1 ? "${meta.id} ${meta.part}/${meta.parts}" : meta.id}"
    label 'joint'
    container 'stargazer/gatk:4.6.2.0'
    conda "${moduleDir}/environment.yml"

    input:
    // evidence: the tar of GENOMICS_DB_IMPORT with [] as its index, or a combined GVCF with its index.
    // part and call: BEDs of SPLIT_INTERVALS, what is the part's and what is genotyped for it; [] and [] for all
    // that the evidence covers. meta: id (of the cohort), prefix; part and parts, where there are several.
    tuple val(meta), path(evidence, stageAs: 'evidence'), path(tbi, stageAs: 'evidence.tbi'), path(part, stageAs: 'part.bed'), path(call, stageAs: 'call.bed')
    tuple val(ref), path(fasta, stageAs: 'reference.fa'), path(fai, stageAs: 'reference.fa.fai'), path(dict, stageAs: 'reference.dict')
    val sample_ploidy
    val stand_call_conf

    output:
    tuple val(meta), path("${meta.prefix}.vcf.gz"), path("${meta.prefix}.vcf.gz.tbi"), optional: true, emit: vcf
    // Of several parts: gzipped and not indexed, for GATHER_VCFS alone.
    tuple val(meta), path("${meta.prefix}.part.vcf.gz"), optional: true, emit: part
    tuple val(task.process), val('gatk'), eval("gatk --version 2>/dev/null | sed -n 's/.*(GATK) v//p'"), emit: versions

    script:
    // Parts and what is around them as in JOINT_CALL_GVCFS, which explains them.
    def several = meta.parts > 1
    def output = several ? 'called.vcf.gz' : "${meta.prefix}.vcf.gz"
    def where = '--intervals call.bed --variant-output-filtering STARTS_IN --merge-input-intervals "$(many_regions call.bed)"'
    def keep = [
        'gzip -dc called.vcf.gz',
        'keep_part part.bed call.bed reference.fa',
        "gzip -n -1 > '${meta.prefix}.part.vcf.gz'; rm called.vcf.gz",
    ].join(' | ')
    """
    mkdir -p "\$(dirname '${meta.prefix}')"
    ${javaOptions(task.memory, 0.6, isTiny(evidence))}
    variant=\$(open_evidence evidence ${tbi ? 'evidence.tbi' : ''})
    gatk GenotypeGVCFs \\
        --reference reference.fa \\
        --variant "\$variant" \\
        --output '${output}' ${call ? where : ''} \\
        --sample-ploidy ${sample_ploidy} \\
        --standard-min-confidence-threshold-for-calling ${stand_call_conf} \\
        --genomicsdb-shared-posixfs-optimizations true \\
        --create-output-variant-index ${!several} \\
        --add-output-vcf-command-line false \\
        --use-jdk-deflater true \\
        --use-jdk-inflater true
    ${several ? keep : ''}
    """

    stub:
    """
    mkdir -p "\$(dirname '${meta.prefix}')"
    touch ${meta.parts > 1 ? "'${meta.prefix}.part.vcf.gz'" : "'${meta.prefix}.vcf.gz' '${meta.prefix}.vcf.gz.tbi'"}
    """
}
