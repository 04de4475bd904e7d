// What the report is given beside the results: a pedigree, and metrics of earlier runs.
include { problemOf } from './files.nf'

// The PED file, or []. https://gatk.broadinstitute.org/hc/en-us/articles/360035531972
// `samples` are the run's; where they are not known ([]), the file's are not compared with them.
def readPedigree(Map settings, List samples) {
    if (!settings.pedigree) {
        return []
    }
    def path = file(settings.pedigree, glob: false)
    def people = [:]
    pedigreeLines(path, settings.pedigree).eachWithIndex { line, index ->
        if (!line.trim() || line.startsWith('#')) {
            return
        }
        def where = "--pedigree ${settings.pedigree}, line ${index + 1}"
        def cells = line.trim().split(/\s+/).toList()
        if (cells.size() < 5) {
            error("${where}: has ${cells.size()} columns; a PED file has family, sample, father, mother, sex (1 male, 2 female, 0 unknown) and phenotype")
        }
        if (!(cells[4] in ['0', '1', '2', '-9', 'other', 'unknown'])) {
            error("${where}: the sex of ${cells[1]} is '${cells[4].take(40)}'; it is 1 (male), 2 (female) or 0 (unknown)")
        }
        if (people.containsKey(cells[1])) {
            error("${where}: sample ${cells[1]} is in line ${people[cells[1]].line} already")
        }
        people[cells[1]] = [line: index + 1, father: cells[2], mother: cells[3], sex: cells[4]]
    }
    people.each { name, person -> checkParents("--pedigree ${settings.pedigree}", name, person, people) }
    if (samples && !samples.any { sample -> people.containsKey(sample) }) {
        error("--pedigree ${settings.pedigree}: names none of the run's samples in its second column: the run has ${samples.take(3).join(', ')}, the file ${people ? people.keySet().take(3).join(', ') : 'nobody'}")
    }
    return path
}

// The lines of a PED file as text: a name in other bytes would be no sample's name.
// (Not textLines of intervals.nf: that script has includes, and another one includes it already.)
def pedigreeLines(path, String given) {
    try {
        return path.readLines('UTF-8').withIndex().collect { line, index -> index ? line : line.replaceFirst('^\uFEFF', '') }
    }
    catch (java.nio.charset.CharacterCodingException _other) {
        error("--pedigree ${given}: is not UTF-8 text: save it as UTF-8")
    }
}

// A father who is female, or a mother who is male: the two columns are exchanged, or a sex is wrong.
def checkParents(String source, String name, Map person, Map people) {
    [['father', 'female', '2'], ['mother', 'male', '1']].each { role, word, sex ->
        def parent = people[person[role]]
        if (parent && parent.sex == sex) {
            error("${source}, line ${person.line}: ${person[role]} is the ${role} of ${name}, and is ${word} (sex ${sex}) in line ${parent.line}")
        }
    }
}

// The metrics of earlier runs that --qc_metrics names, as a list of [ path as given, file ].
def readQcMetrics(Map settings) {
    def given = settings.qc_metrics instanceof List ? settings.qc_metrics : (settings.qc_metrics ?: '').toString().split(',').toList()
    def found = given.collect { text -> text.toString().trim() }.findAll().collectMany { text -> metricsFiles(text) }
    def names = [:]
    found.each { path, file ->
        if (names.containsKey(file.name)) {
            error("--qc_metrics: ${names[file.name]} and ${path} have the same name, which says whose they are: leave one out")
        }
        names[file.name] = path
    }
    return found
}

def metricsFiles(String text) {
    // Only a name that is no file's may be a pattern.
    def whole = file(text, glob: false)
    def files = whole.exists() ? [whole] : files(text).sort { file -> file.toUriString() }
    if (!files) {
        error("--qc_metrics ${text}: there is no such file")
    }
    return files.collect { file ->
        def path = file == whole ? text : file.toUriString()
        def problem = problemOf(file)
        if (problem) {
            error("--qc_metrics ${path}: ${problem}")
        }
        if (!metricsEndings().any { ending -> file.name.endsWith(ending) && file.name != ending }) {
            error("--qc_metrics ${path}: is none of ${metricsEndings().collect { ending -> 'SAMPLE' + ending }.join(', ')}")
        }
        [path, file]
    }
}

// As our tasks name them; bin/germline/metrics.py has the same list.
def metricsEndings() {
    return ['.samtools_stats.txt', '.samtools_coverage.txt', '.duplicate_metrics.txt', '.recalibration.table', '.recalibration_after.table']
}
