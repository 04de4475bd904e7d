// What the rules of every CSV share. Every refusal names the file, the line and the column. A row's `source`
// is the file as messages call it. (No includes here: each of many scripts may include this one.)

// Names become file names, read groups and shell words.
def isSafeName(String name) {
    return name ==~ /[A-Za-z0-9][A-Za-z0-9._-]{0,99}/
}

def refuse(Map row, String column, String reason) {
    error("${row.source}, line ${row.line}, column ${column}: ${reason}")
}

// The columns of a row that are names: safe, and the sample's at least is there.
def checkNames(Map row, List columns) {
    if (!row.sample) {
        refuse(row, 'sample', 'is empty')
    }
    columns.each { column ->
        if (row[column] && !isSafeName(row[column])) {
            refuse(row, column, "'${row[column].take(120)}' cannot be used: a name has 1 to 100 letters, digits, dots, underscores and dashes, and begins with a letter or a digit")
        }
    }
}

// Returns a map a row: each column, '' where it is empty, and the row's source and line.
//   hint: what to say of a file that is not text; checkHeader: fails where the columns are wrong
def tableRows(table, String source, List columns, String hint, Closure checkHeader) {
    def text = new String(table.bytes, 'UTF-8').replaceFirst('^\uFEFF', '')
    if (text.contains('\u0000')) {
        error("${source}: is not text; ${hint}")
    }
    def lines = text.split(/\r\n|\n|\r/, -1).toList()
    def header = cellsOf(lines[0], source, 1)
    checkSeparators(header, source)
    checkHeader.call(header)
    def rows = lines.withIndex().drop(1).findResults { line, index ->
        def cells = line.trim() ? cellsOf(line, source, index + 1) : []
        if (!cells.any()) {
            return null
        }
        if (cells.size() != header.size()) {
            error("${source}, line ${index + 1}: has ${cells.size()} columns where the header has ${header.size()}")
        }
        def row = columns.collectEntries { column -> [column, ''] }
        header.eachWithIndex { column, position -> row[column] = cells[position] }
        return row + [source: source, line: index + 1]
    }
    if (!rows) {
        error("${source}: has no row below its header")
    }
    return rows
}

def checkSeparators(List header, String source) {
    def separator = ['\t': 'tab', ';': 'semicolon'].find { mark, _name -> header.size() == 1 && header[0].contains(mark) }
    if (separator) {
        error("${source}, line 1: columns are separated by commas, here they are by ${separator.value}s")
    }
    def twice = header.find { column -> header.count(column) > 1 }
    if (twice) {
        error("${source}, line 1: column ${twice} is there twice")
    }
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
        error("${source}, line ${line}: a double quote is not closed, or stands in the middle of column ${cells.size() + 1}")
    }
    return cells
}

// Platforms that the SAM specification knows for PL.
def platforms() {
    return ['CAPILLARY', 'DNBSEQ', 'ELEMENT', 'HELICOS', 'ILLUMINA', 'IONTORRENT', 'LS454', 'ONT', 'PACBIO', 'SINGULAR', 'SOLID', 'ULTIMA']
}

// That of a row, in capitals.
def platformOf(Map row, String column) {
    def platform = (row[column] ?: 'ILLUMINA').toUpperCase()
    if (!(platform in platforms())) {
        refuse(row, column, "'${row[column].take(120)}' is none of ${platforms().join(', ')}")
    }
    return platform
}
