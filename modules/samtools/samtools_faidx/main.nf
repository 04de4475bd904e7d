// Index a FASTA, and refuse one that the later tools would misread.
process SAMTOOLS_FAIDX {
    tag "${ref.name}"
    label 'light'
    container 'stargazer/samtools:1.16.1'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(ref), path(fasta, stageAs: 'reference.fa')

    output:
    tuple val(ref), path("${ref.name}.fai"), emit: fai
    tuple val(task.process), val('samtools'), eval("samtools --version 2>/dev/null | sed -n '1s/samtools //p'"), emit: versions

    script:
    """
    check_fasta reference.fa
    samtools faidx reference.fa --fai-idx '${ref.name}.fai'
    """

    stub:
    """
    printf 'stub\\t4\\t6\\t4\\t5\\n' > '${ref.name}.fai'
    """
}
