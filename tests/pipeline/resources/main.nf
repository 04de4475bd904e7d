// Tasks that say what they get, one line an attempt, under the settings of the project.
include { javaOptions } from '../../../modules/functions/java_options.nf'

def said(what, task) {
    return "${what} ${task.attempt} ${task.cpus} ${task.memory.toMega()} ${task.time ? task.time.toHours() : 0}"
}

// Ends as it is told until its third attempt.
process ENDS {
    label 'caller'

    input:
    val code

    script:
    """
    echo '${said(code, task)}' >> '${params.log}'
    [ ${task.attempt} -eq 3 ] || exit ${code}
    """
}

process ALIGNS {
    label 'align'
    memory { 3.GB * task.attempt }

    input:
    val code

    script:
    """
    echo '${said('align', task)}' >> '${params.log}'
    [ ${task.attempt} -eq 3 ] || exit ${code}
    """
}

// Its heap is too small at first.
process FILLS_ITS_HEAP {
    memory { 60.MB * task.attempt }

    input:
    path bam

    script:
    """
    echo '${said('heap', task)}' >> '${params.log}'
    ${javaOptions(task.memory, 0.6, false)}
    gatk MarkDuplicates --INPUT ${bam} --OUTPUT out.bam --METRICS_FILE metrics.txt --TMP_DIR .
    """
}

workflow {
    ENDS(channel.fromList("${params.codes}".tokenize(',')))
    ALIGNS(channel.of(137))
    FILLS_ITS_HEAP(channel.fromPath(params.bam))
}
