// Jobs that do what a test tells them, under the settings of the project. They have the name of a step of
// the pipeline that comes in parts.
process HAPLOTYPE_CALLER {
    tag "${part}"
    label 'caller'
    container 'stargazer/samtools:1.16.1'

    input:
    val part
    val does    // what the test tells them, in the words of bash
    val journal // file that gets a line of each attempt: part, number, MB, minutes

    output:
    path "part_${part}.txt"

    script:
    """
    attempt=${task.attempt}
    part=${part}
    echo "\$part \$attempt ${task.memory.toMega()} ${task.time.toMinutes()}" >> '${journal}'
    ${does}
    echo "\$part" > "part_\$part.txt"
    """
}

workflow {
    HAPLOTYPE_CALLER(channel.fromList((1..params.parts).toList()), params.does, params.journal)
}
