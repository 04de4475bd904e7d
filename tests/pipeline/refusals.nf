// For tests: what the checks of parameters, samplesheet and files say, many cases in one run. As a script by
// itself (test_bad_germline_inputs.py) it takes the cases as JSON and writes what was said.
include { readParameters } from '../../subworkflows/functions/parameters.nf'
include { readCellFiles } from '../../subworkflows/functions/files.nf'
include { readGermline } from '../../subworkflows/functions/germline_inputs.nf'
include { readSamplesheet } from '../../subworkflows/functions/samplesheet.nf'

def messageOf(Closure check) {
    try {
        return "accepted: ${check.call()}".toString()
    }
    catch (Exception refusal) {
        // A function of another script is called by reflection, which wraps what it throws each time.
        def root = org.codehaus.groovy.runtime.StackTraceUtils.extractRootCause(refusal)
        return root.message
    }
}

workflow REFUSALS {
    take:
    sheets     // list: [ name, content of a samplesheet, workflow ]
    references // list: [ name, parameters ]; without a FASTA the files of single cell
    parameters // list: [ name, parameters ]
    folder     // where samplesheets may be written

    main:
    schema = file("${projectDir}/nextflow_schema.json")
    said = sheets.collect { name, content, workflow_name ->
        def sheet = file("${folder}/${name.replaceAll(/\W+/, '_')}.csv")
        sheet.text = content
        [name, messageOf { readSamplesheet([workflow: workflow_name, input: sheet.toString(), organism: 'human']) }.replace(folder.toString(), '')]
    }
    said += references.collect { name, settings -> [name, messageOf { settings.fasta ? readGermline([workflow: 'prepare_reference'] + settings, []) : readCellFiles(settings) }] }
    said += parameters.collect { name, given -> [name, messageOf { readParameters(given, schema) }] }
    messages = channel.fromList(said)

    emit:
    messages // channel: [ name, message ]
}

// Everything that main.nf does before its first task.
def readAll(Map given, schema) {
    def settings = readParameters(given, schema)
    def rows = readSamplesheet(settings)
    return [rows: rows, inputs: readGermline(settings, rows)]
}

workflow {
    main:
    schema = file("${projectDir}/../../nextflow_schema.json")
    cases = new groovy.json.JsonSlurper().parse(file(params.cases).toFile())
    said = cases.collectEntries { name, given -> [name, messageOf { readAll(given, schema) }] }
    file(params.said).text = groovy.json.JsonOutput.toJson(said)
}
