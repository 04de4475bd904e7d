// An unmapped BAM with the alignments of its reads: read groups, tags and qualities are the unmapped BAM's.
include { javaOptions; isSmall } from '../../functions/java_options.nf'

process MERGE_BAM_ALIGNMENT {
    tag "${meta.id}"
    label 'java'
    container 'stargazer/gatk:4.6.2.0'
    conda "${moduleDir}/environment.yml"

    input:
    // Both in the order of the reads' names.
    tuple val(meta), path(unmapped, stageAs: 'unmapped.bam'), path(aligned, stageAs: 'aligned.bam')
    tuple val(ref), path(fasta, stageAs: 'reference.fa'), path(fai, stageAs: 'reference.fa.fai'), path(dict, stageAs: 'reference.dict')

    output:
    tuple val(meta), path("${meta.id}.bam"), path("${meta.id}.bam.bai"), emit: bam
    tuple val(task.process), val('gatk'), eval("gatk --version 2>/dev/null | sed -n 's/.*(GATK) v//p'"), emit: versions

    script:
    // As GATK's guide to unmapped BAMs has it: the aligner's word on proper pairs, any number of gaps in
    // an alignment, every read kept. Broad's pipeline also unmaps reads that seem to be of other species, and
    // keeps the aligner's tag X0 in place of XS and XA: here reads end as they do from FASTQ. Adapters are
    // not clipped, for the FASTQ entry does not clip them either. The only @PG line is the aligner's, without
    // its command line.
    """
    ${javaOptions(task.memory, 0.8, isSmall(unmapped))}
    gatk MergeBamAlignment \\
        --UNMAPPED_BAM unmapped.bam \\
        --ALIGNED_BAM aligned.bam \\
        --OUTPUT '${meta.id}.bam' \\
        --REFERENCE_SEQUENCE reference.fa \\
        --SORT_ORDER coordinate \\
        --CREATE_INDEX true \\
        --ADD_MATE_CIGAR true \\
        --ALIGNER_PROPER_PAIR_FLAGS true \\
        --ATTRIBUTES_TO_RETAIN XS \\
        --ATTRIBUTES_TO_RETAIN XA \\
        --CLIP_ADAPTERS false \\
        --CLIP_OVERLAPPING_READS true \\
        --EXPECTED_ORIENTATIONS FR \\
        --INCLUDE_SECONDARY_ALIGNMENTS true \\
        --MAX_INSERTIONS_OR_DELETIONS -1 \\
        --PRIMARY_ALIGNMENT_STRATEGY MostDistant \\
        --ADD_PG_TAG_TO_READS false \\
        --VALIDATION_STRINGENCY SILENT \\
        --USE_JDK_DEFLATER true \\
        --USE_JDK_INFLATER true \\
        --TMP_DIR .
    mv '${meta.id}.bai' '${meta.id}.bam.bai'
    """

    stub:
    """
    touch '${meta.id}.bam' '${meta.id}.bam.bai'
    """
}
