// For tests: what the checks of parameters, reference and samplesheet say, many cases in one run.
include { readParameters } from '../../subworkflows/functions/parameters.nf'
include { readReference } from '../../subworkflows/functions/reference.nf'
include { readSamplesheet } from '../../subworkflows/functions/samplesheet.nf'

def messageOf(Closure check) {
    try {
        return "accepted: ${check.call()}".toString()
    }
    catch (Exception refusal) {
        // A function of another script is called by reflection, which wraps what it throws.
        return (refusal.cause ?: refusal).message
    }
}

workflow REFUSALS {
    take:
    sheets     // list: [ name, content of a samplesheet, workflow ]
    references // list: [ name, parameters ]
    parameters // list: [ name, parameters ]
    folder     // where samplesheets may be written

    main:
    schema = file("${projectDir}/nextflow_schema.json")
    said = sheets.collect { name, content, workflow_name ->
        def sheet = file("${folder}/${name.replaceAll(/\W+/, '_')}.csv")
        sheet.text = content
        [name, messageOf { readSamplesheet(sheet.toString(), workflow_name) }.replace(folder.toString(), '')]
    }
    said += references.collect { name, settings -> [name, messageOf { readReference(settings) }] }
    said += parameters.collect { name, given -> [name, messageOf { readParameters(given, schema) }] }
    messages = channel.fromList(said)

    emit:
    messages // channel: [ name, message ]
}
