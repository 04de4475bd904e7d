// A gzipped or bgzipped FASTA as plain text, which samtools, bwa and GATK all read.
process DECOMPRESS_FASTA {
    tag "${ref.name}"
    label 'light'
    container 'stargazer/samtools:1.16.1'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(ref), path(fasta, stageAs: 'input.gz')

    output:
    tuple val(ref), path("${ref.name}"), emit: fasta
    tuple val(task.process), val('gzip'), eval("gzip --version 2>&1 | sed -n '1s/.* //p'"), emit: versions

    script:
    """
    gzip -dc < input.gz > '${ref.name}'
    """

    stub:
    """
    printf '>stub\\nACGT\\n' > '${ref.name}'
    """
}
