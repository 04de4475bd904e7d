// The single-cell samplesheet: what its rows may hold, checked before the first task.
include { firstBytes; firstBytesInside; isGzip; problemOf } from './files.nf'
include { checkNames; refuse } from './rows.nf'

def scrnaColumns() {
    return ['sample', 'organism', 'batch', 'stage', 'h5ad', 'counts']
}

// One of them is needed.
def scrnaEntries() {
    return ['h5ad', 'counts']
}

// How far an AnnData may be already.
def scrnaStages() {
    return ['raw', 'qc_filtered', 'normalized', 'featured', 'reduced', 'clustered', 'annotated']
}

// One row by itself: its sample, its entry and the stage of it.
def scrnaRow(Map row, Map settings) {
    checkNames(row, ['sample'])
    def given = scrnaEntries().findAll { column -> row[column] }
    if (given.size() != 1) {
        refuse(row, given ? 'counts' : 'h5ad', given ? 'a row is an AnnData or counts, and this one has also h5ad' : 'the row names no AnnData and no counts')
    }
    if (row.stage && row.counts) {
        refuse(row, 'stage', 'belongs to an AnnData: counts are raw')
    }
    if (row.stage && !(row.stage in scrnaStages())) {
        refuse(row, 'stage', "'${row.stage}' is none of ${scrnaStages().join(', ')}")
    }
    if (settings.integrate == 'harmony' && !row.batch && !settings.batch_key && !(row.stage in ['reduced', 'clustered', 'annotated'])) {
        refuse(row, 'batch', "is empty, and --integrate harmony brings batches together: name the obs column that tells them, here or with --batch_key")
    }
    def column = given[0]
    def path = file(row[column], glob: false)
    def problem = column == 'h5ad' ? anndataProblem(path) : countsProblem(path)
    if (problem) {
        refuse(row, column, "${row[column]}: ${problem}")
    }
    return [
        source: row.source,
        line: row.line,
        sample: row.sample,
        organism: row.organism ?: settings.organism,
        batch: row.batch ?: settings.batch_key,
        stage: row.counts ? 'counts' : row.stage ?: 'raw',
        columns: given,
        inputs: [row[column]],
        files: [path],
    ]
}

def isHdf5(file) {
    return firstBytes(file, 8).encodeHex().toString() == '894844460d0a1a0a'
}

def anndataProblem(path) {
    def problem = problemOf(path)
    if (problem || isHdf5(path)) {
        return problem
    }
    return isGzip(path) ? 'is compressed with gzip: decompress it first' : 'is not an .h5ad file: it is no HDF5'
}

// Counts are a matrix-market folder, a tar of one, or the .h5 file of 10x.
def countsProblem(path) {
    if (path.isDirectory()) {
        return ['matrix.mtx', 'matrix.mtx.gz'].any { name -> path.resolve(name).exists() } ? null : 'has no matrix.mtx or matrix.mtx.gz in it'
    }
    def problem = problemOf(path)
    if (problem || isHdf5(path)) {
        return problem
    }
    def start = firstBytesInside(path, 262)
    if (start == null) {
        return 'truncated or damaged gzip'
    }
    return new String(start, 'ISO-8859-1').endsWith('ustar') ? null : 'is neither a .h5 file of 10x nor a tar of a matrix-market folder'
}

// What only shows when the rows are seen together. Returns [ meta, file ] a row. meta: sample,
// organism, batch (the column that tells batches, or null), stage ('counts' or an AnnData's),
// inputs (the path as given).
def scrnaTogether(List rows) {
    def samples = [:]
    rows.each { row ->
        def first = samples.putIfAbsent(row.sample, row)
        if (first) {
            refuse(row, 'sample', "${row.sample} is also on line ${first.line}: one row a sample")
        }
    }
    return rows.collect { row -> [row.subMap(['sample', 'organism', 'batch', 'stage', 'inputs']), row.files[0]] }
}
