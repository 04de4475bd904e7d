// For tests: what `auto` is decided to be, all cases of a file in one run.
include { decideBqsr; decideFilter; targetOf } from '../../subworkflows/functions/decisions.nf'

def answerOf(Closure decide) {
    try {
        return decide.call()
    }
    catch (Exception refusal) {
        return [error: rootOf(refusal).message]
    }
}

// A function of another script is called by reflection, which wraps what it throws each time.
def rootOf(refusal) {
    return refusal.cause ? rootOf(refusal.cause) : refusal
}

workflow {
    def answers = new groovy.json.JsonSlurper().parse(file(params.cases)).collect { given ->
        def settings = [bqsr: given.bqsr, filter: given.filter]
        def sites = given.sites.collect { meta -> [meta, file(meta.resource_name), []] }
        def rows = (0..<given.samples).collect { number ->
            [[sample: "s${number}".toString(), entry: given.entries[number % given.entries.size()]], []]
        }
        def target = targetOf(given.region_bases, [contigs: [first: given.reference_bases - 1L, second: 1L]])
        [
            bqsr: answerOf { decideBqsr(settings, sites, rows, target) },
            filter: answerOf { decideFilter(settings, sites, rows, target) },
            targeted: [value: target.targeted],
        ]
    }
    file(params.answers).text = groovy.json.JsonOutput.toJson(answers)
}
