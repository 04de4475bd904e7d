// The sequence dictionary of a reference.
include { javaOptions; isSmall } from '../../functions/java_options.nf'

process CREATE_SEQUENCE_DICTIONARY {
    tag "${ref.name}"
    label 'java'
    container 'stargazer/gatk:4.6.2.0'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(ref), path(fasta, stageAs: 'reference.fa')

    output:
    tuple val(ref), path("${ref.stem}.dict"), emit: dict
    tuple val(task.process), val('gatk'), eval("gatk --version 2>/dev/null | sed -n 's/.*(GATK) v//p'"), emit: versions

    script:
    // --URI keeps the path of the task's folder out of the dictionary.
    """
    ${javaOptions(task.memory, 0.8, isSmall(fasta))}
    gatk CreateSequenceDictionary \\
        --REFERENCE reference.fa \\
        --OUTPUT '${ref.stem}.dict' \\
        --URI '${ref.name}' \\
        --TMP_DIR .
    """

    stub:
    """
    printf '@HD\\tVN:1.6\\n@SQ\\tSN:stub\\tLN:4\\n' > '${ref.stem}.dict'
    """
}
