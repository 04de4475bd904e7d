// For tests: what is said of the parameters and the files of a task that is run alone, many cases in one run. It takes the
// cases as JSON, each the parameters and, as `call`, what makes of the files what a module takes, and writes what was said.
include { readTask; taskHelp } from '../../subworkflows/functions/task_settings.nf'
include { alignerIndex; cells; cohortPart; evidence; knownSite; knownSites; lane; model; options; parts; readInputs; reported; resources; samplePart } from '../../subworkflows/functions/task_inputs.nf'

def calls() {
    return [
        alignerIndex: { given -> alignerIndex(given, 'bwa') },
        cells: { given -> cells(given, 'h5ad', params.scripts) + [options(given)] },
        cohortPart: { given -> cohortPart(given) },
        evidence: { given -> evidence(given) },
        knownSites: { given -> knownSites(given) },
        lane: { given -> lane(given) },
        model: { given -> model(given) },
        knownSite: { given -> knownSite(given) },
        parts: { given -> parts(given) },
        reported: { given -> reported(given, '1.0') },
        resources: { given -> resources(given) },
        samplePart: { given -> samplePart(given) },
        values: { given -> [given.subject, given.values] },
    ]
}

def messageOf(Closure check) {
    try {
        return "accepted: ${check.call()}".toString()
    }
    catch (Exception refusal) {
        // A function of another script is called by reflection, which wraps what it throws each time.
        return org.codehaus.groovy.runtime.StackTraceUtils.extractRootCause(refusal).message
    }
}

workflow {
    main:
    root = file("${projectDir}/../..").toRealPath()
    schema = root.resolve('nextflow_schema.json')
    modules = root.resolve('modules')
    cases = new groovy.json.JsonSlurper().parse(file(params.cases).toFile())
    said = cases.collectEntries { name, one ->
        [name, messageOf { calls()[one.call].call(readInputs(readTask(one.given, schema, modules))) }]
    }
    said.help = taskHelp([task: params.help_of], modules, '1.0')
    file(params.said).text = groovy.json.JsonOutput.toJson(said)
}
