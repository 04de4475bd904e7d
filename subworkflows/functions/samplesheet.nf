// The samplesheet, read and checked before the first task. Every error names the file, the line and
// the column. What rows may hold is in germline_rows.nf and scrna_rows.nf.
include { identityOf; problemOf } from './files.nf'
include { germlineColumns; germlineEntries; germlineRow; germlineTogether } from './germline_rows.nf'
include { refuse } from './rows.nf'
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

// Returns a map a row: each column, '' where it is empty, and the row's source and line.
def readRows(String source, List columns, List entries) {
    def sheet = file(source, glob: false)
    def problem = problemOf(sheet)
    if (problem) {
        error("Samplesheet ${source}: ${problem}")
    }
    def text = new String(sheet.bytes, 'UTF-8').replaceFirst('^\uFEFF', '')
    if (text.contains('\u0000')) {
        error("Samplesheet ${source}: is not text; --input takes a CSV that names the files: sample,${entries[0]}")
    }
    def lines = text.split(/\r\n|\n|\r/, -1).toList()
    def header = cellsOf(lines[0], source, 1)
    checkHeader(header, source, columns, entries)
    def rows = lines.withIndex().drop(1).findResults { line, index ->
        def cells = line.trim() ? cellsOf(line, source, index + 1) : []
        if (!cells.any()) {
            return null
        }
        if (cells.size() != header.size()) {
            error("Samplesheet ${source}, line ${index + 1}: has ${cells.size()} columns where the header has ${header.size()}")
        }
        def row = columns.collectEntries { column -> [column, ''] }
        header.eachWithIndex { column, position -> row[column] = cells[position] }
        return row + [source: source, line: index + 1]
    }
    if (!rows) {
        error("Samplesheet ${source}: has no row below its header")
    }
    return rows
}

// Cells may be in double quotes, with a double quote inside doubled.
def cellsOf(String text, String source, line) {
    def cells = []
    def matched = 0
    (text + ',').findAll(/\G\s*(?:"([^"]*(?:""[^"]*)*)"|([^",]*))\s*,/) { whole, quoted, plain ->
        matched += whole.size()
        cells << (quoted == null ? plain : quoted.replace('""', '"')).trim()
    }
    if (matched != text.size() + 1) {
        error("Samplesheet ${source}, line ${line}: a double quote is not closed, or stands in the middle of column ${cells.size() + 1}")
    }
    return cells
}

def checkHeader(List header, String source, List columns, List entries) {
    def unknown = header.find { column -> !(column in columns) }
    def twice = header.find { column -> header.count(column) > 1 }
    def separator = ['\t': 'tab', ';': 'semicolon'].find { mark, _name -> header.size() == 1 && header[0].contains(mark) }
    if (separator) {
        error("Samplesheet ${source}, line 1: columns are separated by commas, here they are by ${separator.value}s")
    }
    if (unknown != null) {
        error("Samplesheet ${source}, line 1: unknown column '${unknown}'${whoseColumn(unknown)}; the columns are ${columns.join(', ')}")
    }
    if (twice) {
        error("Samplesheet ${source}, line 1: column ${twice} is there twice")
    }
    if (!('sample' in header)) {
        error("Samplesheet ${source}, line 1: column sample is missing")
    }
    if (!entries.any { column -> column in header }) {
        error("Samplesheet ${source}, line 1: one of the columns ${entries.init().join(', ')} and ${entries.last()} is needed")
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
