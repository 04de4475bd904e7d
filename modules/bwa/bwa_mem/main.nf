// One lane of reads as a coordinate-sorted, indexed BAM.
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
    tuple val(meta), path("${meta.id}.bam"), path("${meta.id}.bam.bai"), emit: bam
    tuple val(task.process), val('bwa'), eval("bwa 2>&1 | sed -n 's/^Version: //p'"), emit: versions
    tuple val(task.process), val('samtools'), eval("samtools --version 2>/dev/null | sed -n '1s/samtools //p'"), emit: samtools_versions

    script:
    def mates = fastq_2 ? 'r1/* r2/*' : 'r1/*'
    """
    bwt=(index/*.bwt)
    align_and_sort \\
        --aligner bwa \\
        --index "\${bwt[0]%.bwt}" \\
        --read-group '${readGroup(meta)}' \\
        --output '${meta.id}.bam' \\
        --threads ${task.cpus} \\
        ${mates}
    """

    stub:
    """
    touch '${meta.id}.bam' '${meta.id}.bam.bai'
    """
}
