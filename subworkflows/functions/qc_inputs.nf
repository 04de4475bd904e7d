// What the report is given beside the results: a pedigree, and metrics of earlier runs.
include { problemOf } from './files.nf'

// The PED file, or []. https://gatk.broadinstitute.org/hc/en-us/articles/360035531972
def readPedigree(Map settings) {
    if (!settings.pedigree) {
        return []
    }
    def path = file(settings.pedigree, glob: false)
    def seen = [:]
    path.readLines().eachWithIndex { line, index ->
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
        if (seen.containsKey(cells[1])) {
            error("${where}: sample ${cells[1]} is in line ${seen[cells[1]]} already")
        }
        seen[cells[1]] = index + 1
    }
    return path
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
