// The germline samplesheet, read and checked before the first task. Every error names the
// file, the line and the column.
include { firstBytesInside; identityOf; isBgzip; isGzip; isWholeBgzip; problemOf; vcfHeader; firstBytes } from './files.nf'

def columns() {
    return ['sample', 'lane', 'library', 'platform', 'fastq_1', 'fastq_2', 'bam', 'bai', 'gvcf', 'tbi']
}

// Platforms that the SAM specification knows for PL.
def platforms() {
    return ['CAPILLARY', 'DNBSEQ', 'ELEMENT', 'HELICOS', 'ILLUMINA', 'IONTORRENT', 'LS454', 'ONT', 'PACBIO', 'SINGULAR', 'SOLID', 'ULTIMA']
}

// Names become file names, read groups and shell words.
def isSafeName(String name) {
    return name ==~ /[A-Za-z0-9][A-Za-z0-9._-]{0,99}/
}

def nameRule() {
    return 'a name has 1 to 100 letters, digits, dots, underscores and dashes, and begins with a letter or a digit'
}

// Returns [ meta, [ files ] ] a row. meta: id, sample, library, lane, platform, order (of the
// row), lanes (rows of the sample), entry ('reads', 'bam', 'ready' or 'gvcf'), inputs (the paths as given).
def readSamplesheet(String source, String workflow) {
    def sheet = file(source, glob: false)
    def problem = problemOf(sheet)
    if (problem) {
        error("Samplesheet ${source}: ${problem}")
    }
    def lines = new String(sheet.bytes, 'UTF-8').replaceFirst('^\uFEFF', '').split(/\r\n|\n|\r/, -1).toList()
    def header = cellsOf(lines[0], source, 1)
    checkHeader(header, source)
    def rows = lines.withIndex().drop(1).findResults { text, index ->
        def cells = text.trim() ? cellsOf(text, source, index + 1) : []
        if (!cells.any()) {
            return null
        }
        if (cells.size() != header.size()) {
            error("Samplesheet ${source}, line ${index + 1}: has ${cells.size()} columns where the header has ${header.size()}")
        }
        def row = columns().collectEntries { column -> [column, ''] }
        header.eachWithIndex { column, position -> row[column] = cells[position] }
        return checkedRow(row + [source: source, line: index + 1], workflow)
    }
    if (!rows) {
        error("Samplesheet ${source}: has no row below its header")
    }
    checkTogether(rows)
    return rows.withIndex().collect { row, order ->
        def meta = row.subMap(['id', 'sample', 'library', 'lane', 'platform', 'entry', 'inputs'])
        [meta + [order: order, lanes: rows.count { other -> other.sample == row.sample }], row.files]
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
        error("Samplesheet ${source}, line ${line}: a double quote is not closed, or stands in the middle of column ${cells.size() + 1}")
    }
    return cells
}

def checkHeader(List header, String source) {
    def unknown = header.find { column -> !(column in columns()) }
    def twice = header.find { column -> header.count(column) > 1 }
    def separator = ['\t': 'tab', ';': 'semicolon'].find { mark, _name -> header.size() == 1 && header[0].contains(mark) }
    if (separator) {
        error("Samplesheet ${source}, line 1: columns are separated by commas, here they are by ${separator.value}s")
    }
    if (unknown != null) {
        error("Samplesheet ${source}, line 1: unknown column '${unknown}'; the columns are ${columns().join(', ')}")
    }
    if (twice) {
        error("Samplesheet ${source}, line 1: column ${twice} is there twice")
    }
    if (!('sample' in header)) {
        error("Samplesheet ${source}, line 1: column sample is missing")
    }
    if (!['fastq_1', 'bam', 'gvcf'].any { column -> column in header }) {
        error("Samplesheet ${source}, line 1: one of the columns fastq_1, bam and gvcf is needed")
    }
}

def refuse(Map row, String column, String reason) {
    error("Samplesheet ${row.source}, line ${row.line}, column ${column}: ${reason}")
}

// One row by itself: its names, its entry stage, and each of its files.
def checkedRow(Map row, String workflow) {
    if (!row.sample) {
        refuse(row, 'sample', 'is empty')
    }
    ['sample', 'lane', 'library'].each { column ->
        if (row[column] && !isSafeName(row[column])) {
            refuse(row, column, "'${row[column].take(120)}' cannot be used: ${nameRule()}")
        }
    }
    def platform = (row.platform ?: 'ILLUMINA').toUpperCase()
    if (!(platform in platforms())) {
        refuse(row, 'platform', "'${row.platform}' is none of ${platforms().join(', ')}")
    }
    [fastq_2: 'fastq_1', bai: 'bam', tbi: 'gvcf'].each { second, first ->
        if (row[second] && !row[first]) {
            refuse(row, second, "is given without ${first}")
        }
    }
    def stages = ['fastq_1', 'bam', 'gvcf'].findAll { column -> row[column] }
    if (stages.size() != 1) {
        refuse(row, stages ? stages[1] : 'fastq_1', stages ? "a row is reads, a BAM or a GVCF, and this one has also ${stages[0]}" : 'the row names no reads, no BAM and no GVCF')
    }
    if (workflow == 'preprocess_sample' && row.gvcf) {
        refuse(row, 'gvcf', 'preprocess_sample takes reads or a BAM: a GVCF has nothing left to preprocess')
    }
    ['lane', 'library', 'platform'].each { column ->
        if (row[column] && !row.fastq_1) {
            refuse(row, column, 'belongs to reads, and this row has none')
        }
    }

    def given = ['fastq_1', 'fastq_2', 'bam', 'bai', 'gvcf', 'tbi'].findAll { column -> row[column] }
    def files = given.collectEntries { column -> [column, file(row[column], glob: false)] }
    files.each { column, path ->
        def problem = problemOf(path) ?: contentProblem(column, path, row.sample)
        if (problem) {
            refuse(row, column, "${row[column]}: ${problem}")
        }
    }
    def library = row.library ?: row.sample
    def lane = row.lane ?: 'L1'
    return [
        source: row.source,
        line: row.line,
        sample: row.sample,
        library: library,
        lane: lane,
        lane_given: row.lane,
        platform: platform,
        id: row.fastq_1 ? [row.sample, row.library, lane].findAll().join('.') : row.sample,
        entry: row.fastq_1 ? 'reads' : row.gvcf ? 'gvcf' : row.bai ? 'ready' : 'bam',
        columns: given,
        inputs: given.collect { column -> row[column] },
        files: given.collect { column -> files[column] },
    ]
}

// What is wrong with the content of a file, as far as its ends show it, or null.
def contentProblem(String column, path, String sample) {
    if (column in ['fastq_1', 'fastq_2']) {
        if (path.name ==~ /.*\.b?gz/ && !isGzip(path)) {
            return 'is named as gzip but is not one'
        }
        def start = firstBytesInside(path, 1)
        if (start == null) {
            return 'truncated or damaged gzip'
        }
        return start.size() == 0 ? 'holds no reads' : start[0] == 64 ? null : 'is not a FASTQ: its first record does not begin with @'
    }
    if (column == 'bam') {
        if (!isBgzip(path) || firstBytesInside(path, 3) != 'BAM'.bytes) {
            return 'is not a BAM'
        }
        return isWholeBgzip(path) ? null : 'is a BAM that was cut off: the end marker is missing'
    }
    if (column == 'bai') {
        return firstBytes(path, 3) == 'BAI'.bytes ? null : 'is not a .bai index'
    }
    if (column == 'tbi') {
        return isGzip(path) && firstBytesInside(path, 3) == 'TBI'.bytes ? null : 'is not a .tbi index'
    }
    if (!isBgzip(path)) {
        return 'is not compressed with bgzip'
    }
    if (!isWholeBgzip(path)) {
        return 'is a GVCF that was cut off: the end marker is missing'
    }
    def header = vcfHeader(path)
    def names = header ? header.last().split('\t').drop(9).toList() : []
    if (!header || !header.last().startsWith('#CHROM')) {
        return 'is not a GVCF: it has no #CHROM line'
    }
    if (names != [sample]) {
        return "holds ${names.size() == 1 ? 'sample ' + names[0] : names.size() + ' samples'}, not sample ${sample}"
    }
    return header.any { line -> line.startsWith('##ALT=<ID=NON_REF') } ? null : 'is a VCF, not a GVCF: its header knows no NON_REF allele'
}

// What only shows when the rows are seen together.
def checkTogether(List rows) {
    def samples = [:]
    def ids = [:]
    def owners = [:]
    rows.each { row ->
        def first = samples.putIfAbsent(row.sample.toLowerCase(), row) ?: row
        if (first.sample != row.sample) {
            refuse(row, 'sample', "'${row.sample}' and '${first.sample}' (line ${first.line}) differ by case only, so their files could replace each other")
        }
        if (first.entry != row.entry) {
            refuse(row, 'sample', "${row.sample} enters as ${row.columns[0]} here and as ${first.columns[0]} on line ${first.line}: one kind of entry a sample")
        }
        if (first.line != row.line && row.entry != 'reads') {
            refuse(row, 'sample', "${row.sample} is also on line ${first.line}: only reads may take several rows")
        }
        row.inputs.eachWithIndex { given, position ->
            def column = row.columns[position]
            def owner = owners.putIfAbsent(identityOf(row.files[position]), [line: row.line, column: column])
            if (owner) {
                refuse(row, column, "${given} is also ${owner.column} ${owner.line == row.line ? 'of the same row' : 'on line ' + owner.line}")
            }
        }
        if (first.line != row.line && !(row.lane_given && first.lane_given)) {
            refuse(row.lane_given ? first : row, 'lane', "is empty, and ${row.sample} has several rows: name the lane of each")
        }
        def twin = ids.putIfAbsent(row.id.toLowerCase(), row)
        if (twin) {
            refuse(row, 'lane', "lane ${row.lane} of sample ${row.sample} (library ${row.library}) is also on line ${twin.line}")
        }
    }
}
