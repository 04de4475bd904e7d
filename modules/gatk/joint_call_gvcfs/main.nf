// The GVCFs of a cohort as one genotyped VCF, or a part of it. Import and genotyping are one task, so that the
// GenomicsDB workspace never leaves it.
include { printGvcfTable } from '../../functions/gvcf_table.nf'
include { javaOptions; isTiny } from '../../functions/java_options.nf'

process JOINT_CALL_GVCFS {
    tag "${meta.parts > 1 ? "${meta.id} ${meta.part}/${meta.parts}" : meta.id}"
    label 'joint'
    container 'stargazer/gatk:4.6.2.0'
    conda "${moduleDir}/environment.yml"

    input:
    // meta: id (of the cohort), samples (one name a GVCF), indexed (whether the GVCF has a .tbi);
    // tbis holds those that are there, in the same order. part and call: BEDs of SPLIT_INTERVALS, what is the
    // part's and what is genotyped for it; [] and [] for the whole reference. meta: part and parts.
    tuple val(meta), path(gvcfs, stageAs: 'gvcf?/sample.g.vcf.gz'), path(tbis, stageAs: 'tbi?/sample.g.vcf.gz.tbi'), path(part, stageAs: 'part.bed'), path(call, stageAs: 'call.bed')
    tuple val(ref), path(fasta, stageAs: 'reference.fa'), path(fai, stageAs: 'reference.fa.fai'), path(dict, stageAs: 'reference.dict')
    val sample_ploidy
    val stand_call_conf

    output:
    tuple val(meta), path("${meta.prefix}.vcf.gz"), path("${meta.prefix}.vcf.gz.tbi"), optional: true, emit: vcf
    // Of several parts: gzipped and not indexed, for GATHER_VCFS alone.
    tuple val(meta), path("${meta.prefix}.part.vcf.gz"), optional: true, emit: part
    tuple val(task.process), val('gatk'), eval("gatk --version 2>/dev/null | sed -n 's/.*(GATK) v//p'"), emit: versions

    script:
    // GATK's own temporary folder is kept: in a work folder with a space in its path it reads no BED.
    // Regions are BED files: in the form name:from-to a contig whose name has a colon would be misread.
    // A part is genotyped with 10 kb around it where its edge cuts a region, and keeps what starts in it: a
    // spanning deletion (*) is an allele only where GATK has genotyped its beginning, too.
    // QD above 35 is drawn anew around 30 by a random generator (GATK's QualByDepth), which starts
    // again with each part: the QD of such a site depends on the split. And where many regions are walked as
    // one, GATK sees deletions between them, too: whether one that reaches into a region from there is an
    // allele (*), depends on how many regions a part has.
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
    ${javaOptions(task.memory, 0.6, isTiny(gvcfs))}
    ${printGvcfTable(meta, gvcfs, tbis)} > gvcfs.tsv
    import_gvcfs gvcfs.tsv reference.fa.fai genomicsdb ${call ? 'call.bed' : ''}
    gatk GenotypeGVCFs \\
        --reference reference.fa \\
        --variant gendb://genomicsdb \\
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
