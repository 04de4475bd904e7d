// The germline samplesheet: what its rows may hold, checked before the first task.
include { bamHead; contigsOfVcfHeader; samTags; sortOrder } from './contigs.nf'
include { firstBytes; firstBytesInside; isBgzip; isGzip; isWholeBgzip; problemOf; vcfHeader } from './files.nf'
include { baiProblem; tbiProblem } from './indexes.nf'
include { checkNames; platformOf; refuse } from './rows.nf'

def germlineColumns() {
    return ['sample', 'lane', 'library', 'platform', 'fastq_1', 'fastq_2', 'bam', 'bai', 'gvcf', 'tbi']
}

// One of them is needed.
def germlineEntries() {
    return ['fastq_1', 'bam', 'gvcf']
}

// One row by itself: its names, its entry, and each of its files.
def germlineRow(Map row, String workflow) {
    checkNames(row, ['sample', 'lane', 'library'])
    def platform = platformOf(row, 'platform')
    [fastq_2: 'fastq_1', bai: 'bam', tbi: 'gvcf'].each { second, first ->
        if (row[second] && !row[first]) {
            refuse(row, second, "is given without ${first}")
        }
    }
    def stages = germlineEntries().findAll { column -> row[column] }
    if (stages.size() != 1) {
        refuse(row, stages ? stages[1] : 'fastq_1', stages ? "a row is reads, a BAM or a GVCF, and this one has also ${stages[0]}" : 'the row names no reads, no BAM and no GVCF')
    }
    if (workflow == 'preprocess_sample' && row.gvcf) {
        refuse(row, 'gvcf', 'preprocess_sample takes reads or a BAM: a GVCF has nothing left to preprocess')
    }
    def given = ['fastq_1', 'fastq_2', 'bam', 'bai', 'gvcf', 'tbi'].findAll { column -> row[column] }
    def files = given.collectEntries { column -> [column, file(row[column], glob: false)] }
    files.each { column, path ->
        def problem = problemOf(path) ?: contentProblem(column, path, row.sample)
        if (problem) {
            refuse(row, column, "${row[column]}: ${problem}")
        }
    }
    def head = row.bam ? checkedHead(row, files.bam) : null
    checkIndex(row, files, head)
    def entry = row.fastq_1 ? 'reads' : row.gvcf ? 'gvcf' : !head.contigs ? 'unmapped' : row.bai ? 'ready' : 'bam'
    ['lane', 'library', 'platform'].each { column ->
        if (row[column] && !(entry == 'reads' || entry == 'unmapped' && column == 'lane')) {
            refuse(row, column, entry == 'unmapped' ? 'belongs to reads: a BAM says it in its read groups' : 'belongs to reads, and this row has none')
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
        id: entry in ['reads', 'unmapped'] ? [row.sample, row.library, lane].findAll().join('.') : row.sample,
        entry: entry,
        by_name: entry == 'unmapped' ? head.by_name : null,
        columns: given,
        inputs: given.collect { column -> row[column] },
        files: given.collect { column -> files[column] },
    ]
}

// An index, where there is one, is that of the row's BAM or GVCF. (head: of the BAM)
def checkIndex(Map row, Map files, head) {
    def (column, first) = row.bai ? ['bai', 'bam'] : ['tbi', 'gvcf']
    if (!row[column]) {
        return
    }
    def problem = row.bai
        ? baiProblem(files.bai, files.bam, head.contigs.size())
        : tbiProblem(files.tbi, files.gvcf, contigsOfVcfHeader(vcfHeader(files.gvcf)).keySet())
    if (problem) {
        def anew = row.bai ? "samtools index ${row.bam}" : "gatk IndexFeatureFile --input ${row.gvcf}"
        refuse(row, column, "${row[column]}: is not the index of ${row[first]}: it ${problem}; make it anew with ${anew}")
    }
}

// What the head of a BAM says (see bamHead), where it can enter: its reads belong to the row's sample, and it is
// in the order that its index needs.
def checkedHead(Map row, path) {
    def head = bamHead(path)
    if (!head) {
        refuse(row, 'bam', "${row.bam}: its header or its first read is damaged")
    }
    def groups = head.lines.findAll { line -> line.startsWith('@RG\t') }.collect { line -> samTags(line) }
    if (!groups) {
        refuse(row, 'bam', "${row.bam}: has no read group (@RG), by which GATK tells samples and lanes: add one with gatk AddOrReplaceReadGroups --RGSM ${row.sample}")
    }
    def other = groups.find { group -> group.SM != row.sample }
    if (other) {
        refuse(row, 'bam', "${row.bam}: its read group ${other.ID} is of sample ${other.SM ?: '(none)'}, not ${row.sample}: name that sample here, or set it with gatk AddOrReplaceReadGroups --RGSM ${row.sample}")
    }
    if (null in head.groups) {
        refuse(row, 'bam', "${row.bam}: has reads that name no read group (RG tag), which GATK would leave out: add them with gatk AddOrReplaceReadGroups --RGSM ${row.sample}")
    }
    def known = groups.collect { group -> group.ID }
    def unknown = head.groups.find { id -> !(id in known) }
    if (unknown) {
        refuse(row, 'bam', "${row.bam}: has reads of read group ${unknown}, which its header does not name: set them with gatk AddOrReplaceReadGroups --RGSM ${row.sample}")
    }
    if (row.bai && !head.contigs) {
        refuse(row, 'bai', "is given for a BAM without contigs, ${row.bam}: its reads are not aligned yet; leave the bai out and they are")
    }
    if (row.bai && sortOrder(head.lines) != 'coordinate') {
        refuse(row, 'bai', "is given for a BAM that is not in coordinate order, by its header, ${row.bam}: leave the bai out and it is sorted")
    }
    return head
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

// What only shows when the rows are seen together. Returns [ meta, [ files ] ] a row. meta: id,
// sample, library, lane, platform, order (of the row), lanes (rows of the sample), entry ('reads',
// 'unmapped', 'bam', 'ready' or 'gvcf'), by_name (of an unmapped BAM: whether it is in the order of its
// reads' names), inputs (the paths as given).
def germlineTogether(List rows) {
    def samples = [:]
    def ids = [:]
    rows.each { row ->
        def first = samples.putIfAbsent(row.sample, row) ?: row
        if (first.entry != row.entry) {
            refuse(row, 'sample', "${row.sample} enters as ${entryName(row)} here and as ${entryName(first)} on line ${first.line}: one kind of entry a sample")
        }
        if (first.line != row.line && !(row.entry in ['reads', 'unmapped'])) {
            refuse(row, 'sample', "${row.sample} is also on line ${first.line}: only reads and unmapped BAMs may take several rows")
        }
        if (first.line != row.line && !(row.lane_given && first.lane_given)) {
            refuse(row.lane_given ? first : row, 'lane', "is empty, and ${row.sample} has several rows: name the lane of each")
        }
        def twin = ids.putIfAbsent(row.id.toLowerCase(), row)
        if (twin) {
            refuse(row, 'lane', "lane ${row.lane} of sample ${row.sample} (library ${row.library}) is also on line ${twin.line}")
        }
    }
    return rows.withIndex().collect { row, order ->
        def meta = row.subMap(['id', 'sample', 'library', 'lane', 'platform', 'entry', 'by_name', 'inputs'])
        [meta + [order: order, lanes: rows.count { other -> other.sample == row.sample }], row.files]
    }
}

// What messages call an entry.
def entryName(Map row) {
    return [unmapped: 'an unmapped BAM', bam: 'a BAM without a bai', ready: 'a BAM with a bai', gvcf: 'a GVCF'][row.entry] ?: 'reads'
}
