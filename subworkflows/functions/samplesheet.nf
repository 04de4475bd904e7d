// The samplesheet, read and checked before the first task. Every error names the file, the line and
// the column. What rows may hold is in germline_rows.nf and scrna_rows.nf.
include { identityOf; problemOf } from './files.nf'
include { germlineColumns; germlineEntries; germlineRow; germlineTogether } from './germline_rows.nf'
include { refuse; tableRows } from './rows.nf'
include { scrnaColumns; scrnaEntries; scrnaRow; scrnaTogether } from './scrna_rows.nf'

// Returns what the workflow takes: see germlineTogether and scrnaTogether.
def readSamplesheet(Map settings) {
    if (settings.workflow == 'scrna_clustering_pipeline') {
        def rows = readRows(settings.input, scrnaColumns(), scrnaEntries()).collect { row -> scrnaRow(row, settings) }
        checkNotTwice(rows)
        return scrnaTogether(rows)
    }
    def rows = readRows(settings.input, germlineColumns(), germlineEntries()).collect { row -> germlineRow(row, settings.workflow) }
    checkNotTwice(rows)
    return germlineTogether(rows)
}

// Returns a map a row, see tableRows.
def readRows(String given, List columns, List entries) {
    def sheet = file(given, glob: false)
    def source = "Samplesheet ${given}".toString()
    def problem = problemOf(sheet)
    if (problem) {
        error("${source}: ${problem}")
    }
    return tableRows(sheet, source, columns, "--input takes a CSV that names the files: sample,${entries[0]}") { header -> checkHeader(header, source, columns, entries) }
}

def checkHeader(List header, String source, List columns, List entries) {
    def unknown = header.find { column -> !(column in columns) }
    if (unknown != null) {
        error("${source}, line 1: unknown column '${unknown}'${whoseColumn(unknown)}; the columns are ${columns.join(', ')}")
    }
    if (!('sample' in header)) {
        error("${source}, line 1: column sample is missing")
    }
    if (!entries.any { column -> column in header }) {
        error("${source}, line 1: one of the columns ${entries.init().join(', ')} and ${entries.last()} is needed")
    }
}

// A samplesheet of the other half of the pipeline is a forgotten --workflow.
def whoseColumn(String column) {
    if (column in scrnaColumns()) {
        return ', which is one of --workflow scrna_clustering_pipeline'
    }
    return column in germlineColumns() ? ', which is one of the germline workflows' : ''
}

// What no samplesheet may do: name two samples alike, or one file twice.
def checkNotTwice(List rows) {
    def samples = [:]
    def owners = [:]
    rows.each { row ->
        def first = samples.putIfAbsent(row.sample.toLowerCase(), row) ?: row
        if (first.sample != row.sample) {
            refuse(row, 'sample', "'${row.sample}' and '${first.sample}' (line ${first.line}) differ by case only, so their files could replace each other")
        }
        row.inputs.eachWithIndex { given, position ->
            def column = row.columns[position]
            def owner = owners.putIfAbsent(identityOf(row.files[position]), [line: row.line, column: column])
            if (owner) {
                refuse(row, column, "${given} is also ${owner.column} ${owner.line == row.line ? 'of the same row' : 'on line ' + owner.line}")
            }
        }
    }
}
