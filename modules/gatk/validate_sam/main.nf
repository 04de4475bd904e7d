// What is wrong with a BAM by the SAM specification, counted by kind; any error fails the task.
// The workflows leave it out: it reads a whole BAM, which takes as long as to mark its duplicates, and what is
// commonly wrong with a BAM from elsewhere is seen in its header before the first task.
include { javaOptions; isSmall } from '../../functions/java_options.nf'

process VALIDATE_SAM {
    tag "${meta.sample}"
    label 'java'
    container 'stargazer/gatk:4.6.2.0'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(bam, stageAs: 'input.bam'), path(bai, stageAs: 'input.bam.bai')
    tuple val(ref), path(fasta, stageAs: 'reference.fa'), path(fai, stageAs: 'reference.fa.fai'), path(dict, stageAs: 'reference.dict')

    output:
    tuple val(meta), path("${meta.sample}.validation.txt"), emit: report
    tuple val(task.process), val('gatk'), eval("gatk --version 2>/dev/null | sed -n 's/.*(GATK) v//p'"), emit: versions

    script:
    // The summary has no paths in it. Where it holds errors, a second look names the first of them.
    """
    ${javaOptions(task.memory, 0.8, isSmall(bam))}
    validate() {
        gatk ValidateSamFile \\
            --INPUT input.bam \\
            --REFERENCE_SEQUENCE reference.fa \\
            --IGNORE_WARNINGS true \\
            --USE_JDK_INFLATER true \\
            --TMP_DIR . \\
            "\$@"
    }
    status=0
    validate --MODE SUMMARY --OUTPUT '${meta.sample}.validation.txt' || status=\$?
    if [ "\$status" -ne 0 ] && [ -s '${meta.sample}.validation.txt' ]; then
        validate --MODE VERBOSE --MAX_OUTPUT 3 --OUTPUT first.txt || true
        { echo 'The BAM of ${meta.sample} is not valid. Its first errors:'; cat first.txt '${meta.sample}.validation.txt'; } >&2
        exit 1
    fi
    # No exit of a success: what Nextflow appends notes the version.
    [ "\$status" -eq 0 ] || exit "\$status"
    """

    stub:
    """
    touch '${meta.sample}.validation.txt'
    """
}
