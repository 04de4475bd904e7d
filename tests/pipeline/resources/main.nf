// Tasks that say what they get, one line an attempt, under the settings of the project.
include { javaOptions } from '../../../modules/functions/java_options.nf'

def said(what, given) {
    return "${what} ${given.attempt} ${given.cpus} ${given.memory.toMega()} ${given.time ? given.time.toHours() : 0}"
}

def heapOption(memory, heap) {
    return javaOptions(memory, heap, false).tokenize('" ').find { word -> word.startsWith('-Xmx') }
}

// Ends as it is told until its third attempt.
process ENDS {
    label 'caller'

    input:
    val code
    val journal

    script:
    """
    echo '${said(code, task)}' >> '${journal}'
    [ ${task.attempt} -eq 3 ] || exit ${code}
    """
}

process ALIGNS {
    label 'align'
    memory { 3.GB * task.attempt }

    input:
    val code
    val journal

    script:
    """
    echo '${said('align', task)}' >> '${journal}'
    [ ${task.attempt} -eq 3 ] || exit ${code}
    """
}

// Its heap is far too small at first: one that is nearly full collects garbage for minutes.
process FILLS_ITS_HEAP {
    memory { task.attempt == 1 ? 60.MB : 500.MB }

    input:
    path bam
    val journal

    script:
    """
    ${javaOptions(task.memory, 0.6, false)}
    status=0
    gatk MarkDuplicates --INPUT ${bam} --OUTPUT out.bam --METRICS_FILE metrics.txt --TMP_DIR . || status=\$?
    echo "${said('heap_$status', task)}" >> '${journal}'
    exit \$status
    """
}

workflow {
    [512.MB, 1.GB, 4.GB, 64.GB].each { memory ->
        println([0.8, 0.6].collect { heap -> heapOption(memory, heap) }.join(' '))
    }
    ENDS(channel.fromList(params.codes.toString().tokenize(',')), params.log)
    ALIGNS(137, params.log)
    FILLS_ITS_HEAP(channel.fromPath(params.bam), params.log)
}
