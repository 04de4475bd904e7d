// The GVCF of one sample, or of a part of it.
include { javaOptions; isTiny } from '../../functions/java_options.nf'

process HAPLOTYPE_CALLER {
    tag "${meta.parts > 1 ? "${meta.sample} ${meta.part}/${meta.parts}" : meta.sample}"
    label 'caller'
    container 'stargazer/gatk:4.6.2.0'
    conda "${moduleDir}/environment.yml"

    input:
    // part and call: BEDs of SPLIT_INTERVALS, what is the part's and what is called for it; [] and [] for
    // the whole reference. meta: part and parts, where there are several.
    tuple val(meta), path(bam, stageAs: 'input.bam'), path(bai, stageAs: 'input.bam.bai'), path(part, stageAs: 'part.bed'), path(call, stageAs: 'call.bed')
    tuple val(ref), path(fasta, stageAs: 'reference.fa'), path(fai, stageAs: 'reference.fa.fai'), path(dict, stageAs: 'reference.dict')
    val sample_ploidy
    val pcr_indel_model

    output:
    tuple val(meta), path("${meta.prefix}.g.vcf.gz"), path("${meta.prefix}.g.vcf.gz.tbi"), optional: true, emit: gvcf
    // Of several parts: gzipped and not indexed, for GATHER_VCFS alone.
    tuple val(meta), path("${meta.prefix}.part.vcf.gz"), optional: true, emit: part
    tuple val(task.process), val('gatk'), eval("gatk --version 2>/dev/null | sed -n 's/.*(GATK) v//p'"), emit: versions

    script:
    def several = meta.parts > 1
    def output = several ? 'called.g.vcf.gz' : "${meta.prefix}.g.vcf.gz"
    def keep = [
        'gzip -dc called.g.vcf.gz',
        'keep_part part.bed call.bed reference.fa',
        "gzip -n -1 > '${meta.prefix}.part.vcf.gz'; rm called.g.vcf.gz",
    ].join(' | ')
    // A part is called with 10 kb around it where its edge cuts a region, and keeps what starts in it: then
    // the parts hold the records of the undivided run, with two exceptions. Where more than 50 reads start at
    // one base, as in amplicons, GATK keeps 50 of them, drawn by a random generator that starts again with each
    // part: counts and likelihoods there depend on the split. And a block of reference that is longer than those
    // 10 kb may be cut in two at an edge.
    """
    mkdir -p "\$(dirname '${meta.prefix}')"
    ${javaOptions(task.memory, 0.8, isTiny(bam), true)}
    gatk HaplotypeCaller \\
        --reference reference.fa \\
        --input input.bam ${call ? '--intervals call.bed' : ''} \\
        --sample-name '${meta.sample}' \\
        --output '${output}' \\
        --emit-ref-confidence GVCF \\
        --sample-ploidy ${sample_ploidy} \\
        --pcr-indel-model ${pcr_indel_model} \\
        --native-pair-hmm-threads ${task.cpus} \\
        --create-output-variant-index ${!several} \\
        --add-output-vcf-command-line false \\
        --use-jdk-deflater true \\
        --use-jdk-inflater true
    ${several ? keep : ''}
    """

    stub:
    """
    mkdir -p "\$(dirname '${meta.prefix}')"
    touch ${meta.parts > 1 ? "'${meta.prefix}.part.vcf.gz'" : "'${meta.prefix}.g.vcf.gz' '${meta.prefix}.g.vcf.gz.tbi'"}
    """
}
