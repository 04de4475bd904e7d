// For tests: what the checks of the report's inputs say, many cases in one run (test_report.py).
include { readPedigree; readQcMetrics } from '../../subworkflows/functions/qc_inputs.nf'

def messageOf(Closure check) {
    try {
        return "accepted: ${check.call()}".toString()
    }
    catch (Exception refusal) {
        return org.codehaus.groovy.runtime.StackTraceUtils.extractRootCause(refusal).message
    }
}

workflow {
    main:
    cases = new groovy.json.JsonSlurper().parse(file(params.cases).toFile())
    said = cases.collectEntries { name, given ->
        [name, messageOf { given.pedigree ? readPedigree(given, given.samples ?: []).name : readQcMetrics(given).collect { path, file -> "${path}=${file.name}" } }]
    }
    file(params.said).text = groovy.json.JsonOutput.toJson(said)
}
