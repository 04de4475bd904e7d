// What one task that is run alone has made, as the manifest says it: the file, the name of the output in meta.yml, and the
// fields that only the result tells. All others follow from what the task was given.
include { vcfHeader } from './files.nf'

// A map a file: output, file.
//   made: channel of [ meta, file or files, ... ]; names: of the outputs in meta.yml, in the same order
def outputsOf(made, List names) {
    return made.flatMap { result ->
        [names, result.drop(1)].transpose().collectMany { name, files -> [files].flatten().collect { file -> [output: name, file: file] } }
    }
}

// Of a VCF whose samples nobody has named.
//   made: channel of [ meta, vcf, ... ]
def calledOutputs(made, List names) {
    return outputsOf(made, names).map { asset -> asset.output in ['vcf', 'part'] ? asset + samplesOf(asset.file) : asset }
}

def samplesOf(vcf) {
    def names = (vcfHeader(vcf) ?: ['']).last().tokenize('\t').drop(9)
    return names ? [sample_count: names.size(), source_samples: names] : [:]
}

// A VCF to which the models of both modes are applied says so.
//   made: channel of [ meta(mode), vcf, tbi ]; before: the mode of the model that was applied before, or ''
def filteredOutputs(made, String before) {
    return made.flatMap { meta, vcf, tbi ->
        [[output: 'vcf', file: vcf, vqsr_mode: before in ['', meta.mode] ? meta.mode : 'BOTH'], [output: 'tbi', file: tbi]]
    }
}

// Single-end reads have no second file.
//   made: channel of [ meta, [ fastq_1, fastq_2 ] or fastq_1 ]
def mateOutputs(made) {
    return made.flatMap { _meta, files -> [files].flatten().withIndex(1).collect { file, number -> [output: "fastq_${number}".toString(), file: file] } }
}

// A page, whose title says whose it is, and its numbers.
//   made: channel of [ meta, page, summary ]
def pageOutputs(made, String subject) {
    return made.flatMap { _meta, page, summary ->
        [[output: 'report', file: page, title: "${subject}: single-cell clustering".toString()], [output: 'summary', file: summary]]
    }
}

// AnnData and, where there is one, their table of markers.
//   made: channel of [ meta, h5ad, summary ] or [ meta, h5ad, summary, table ]
def cellOutputs(made) {
    return made.flatMap { result ->
        def numbers = readNumbers(result[2])
        [[output: 'h5ad', file: result[1]] + cellFields(numbers)] + result.drop(3).collect { table -> [output: 'markers', file: table] + markerFields(numbers) }
    }
}

// The same of all steps in one: each AnnData is made from the one before it, the table from the last but one.
//   made: channel of [ meta, h5ads, summaries, table ]; folder: where they are published
def chainOutputs(made, Map given) {
    return made.flatMap { _meta, h5ads, summaries, table ->
        def stages = ['qc_filtered', 'normalized', 'featured', 'reduced', 'clustered', 'annotated']
        def steps = [byStage(h5ads, stages), byStage(summaries, stages)].transpose()
        def files = steps.withIndex().collect { step, index ->
            def source = index ? "${given.name}/${steps[index - 1][0].name}".toString() : given.rows.h5ad[0].path
            def stage = stages[stages.size() - steps.size() + index]
            def sets = stage == 'annotated' ? given.rows.marker_sets.collect { row -> row.path } : []
            [output: 'h5ad', file: step[0], stage: stage, source_cid: source, derived_from: [source] + sets] + cellFields(readNumbers(step[1]))
        }
        def source = files.last().source_cid
        files + [[output: 'markers', file: table, source_cid: source, derived_from: [source]] + markerFields(readNumbers(steps.last()[1]))]
    }
}

// Files in the order of their stages, whose names they hold: sample.stage.h5ad, and both may hold dots.
def byStage(files, List stages) {
    return [files].flatten().sort { file -> stages.findIndexOf { stage -> file.name.contains(".${stage}.") } }
}

def readNumbers(summary) {
    return new groovy.json.JsonSlurper().parseText(summary.text)
}

def cellFields(Map numbers) {
    return [n_obs: numbers.n_obs, n_vars: numbers.n_vars] + (numbers.organism ? [organism: numbers.organism] : [:])
}

def markerFields(Map numbers) {
    return [groupby: numbers.parameters?.groupby, method: numbers.parameters?.method]
}

// The libraries of a single-cell task, as other tasks tell their tools.
//   versions: channel of [ process or meta, lines NAME=VERSION ]
def librariesOf(versions, String name) {
    return versions.flatMap { _process, lines -> lines.readLines().collect { line -> [name] + line.tokenize('=') } }
}

// What the manifest says of a file.
def describedOutput(Map asset, Map given) {
    def kind = given.meta.outputs.find { output -> output.name == asset.output }.kind
    return [folder: given.name, task: given.name, derived_from: given.paths] + asset + [asset: kind]
}
