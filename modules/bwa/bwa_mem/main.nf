// One lane of reads as a coordinate-sorted, indexed BAM; of reads that are from an unmapped BAM, as one in
// the order of the reads, for MERGE_BAM_ALIGNMENT.
include { readGroup } from '../../functions/read_group.nf'

process BWA_MEM {
    tag "${meta.id}"
    label 'align'
    // The index, a batch of reads, and half a gigabyte for each thread of the sort.
    memory { (1500.MB + 700.MB * task.cpus + 1.B * index.collect { file -> file.size() }.sum()) * task.attempt }
    container 'stargazer/bwa:0.7.17'
    conda "${moduleDir}/environment.yml"

    input:
    // Folders of their own keep the files' names, which error messages name, and keep two
    // files of one name apart. Single-end reads have [] as fastq_2.
    tuple val(meta), path(fastq_1, stageAs: 'r1/*'), path(fastq_2, stageAs: 'r2/*')
    tuple val(ref), path(index, stageAs: 'index/*')

    output:
    tuple val(meta), path("${meta.id}.bam"), path("${meta.id}.bam.bai"), optional: true, emit: bam
    // Of reads that are from an unmapped BAM.
    tuple val(meta), path("intermediate/${meta.id}.bam"), optional: true, emit: unsorted
    tuple val(task.process), val('bwa'), eval("bwa 2>&1 | sed -n 's/^Version: //p'"), emit: versions
    tuple val(task.process), val('samtools'), eval("samtools --version 2>/dev/null | sed -n '1s/samtools //p'"), emit: samtools_versions

    script:
    def unmapped = meta.entry == 'unmapped'
    def mates = fastq_2 ? 'r1/* r2/*' : 'r1/*'
    """
    mkdir -p intermediate
    bwt=(index/*.bwt)
    align_and_sort \\
        --aligner bwa \\
        --index "\${bwt[0]%.bwt}" \\
        ${unmapped ? '--unsorted' : "--read-group '${readGroup(meta)}'"} \\
        --output '${unmapped ? 'intermediate/' : ''}${meta.id}.bam' \\
        --threads ${task.cpus} \\
        ${mates}
    """

    stub:
    """
    mkdir -p intermediate
    touch ${meta.entry == 'unmapped' ? "'intermediate/${meta.id}.bam'" : "'${meta.id}.bam' '${meta.id}.bam.bai'"}
    """
}
