// The known variants that --known_sites lists, checked before the first task.
include { checkContigs; contigsOfVcfHeader } from './contigs.nf'
include { firstBytes; firstBytesInside; identityOf; isBgzip; isGzip; isWholeBgzip; problemOf; requiredFile } from './files.nf'
include { isSafeName; refuse; tableRows } from './rows.nf'

def siteColumns() {
    return ['resource_name', 'vcf', 'index', 'known', 'training', 'truth', 'prior', 'vqsr_mode']
}

// Returns [ meta, vcf, index ] a resource in the order of their names, index [] where none is given. meta:
// resource_name, known, training, truth, prior, vqsr_mode, types ('SNP', 'INDEL': what the records
// are, as far as they are looked at), path (as given: its name in the manifest).
def readKnownSites(Map settings, Map reference) {
    if (!settings.known_sites) {
        return []
    }
    def table = requiredFile('known_sites', settings.known_sites)
    def source = "--known_sites ${settings.known_sites}".toString()
    if (isGzip(table)) {
        error("${source}: is compressed; it takes a CSV that names the VCFs: ${siteColumns().join(',')}")
    }
    if (new String(firstBytes(table, 16), 'ISO-8859-1').startsWith('##fileformat=VCF')) {
        error("${source}: is a VCF; it takes a CSV that names the VCFs: ${siteColumns().join(',')}")
    }
    def rows = tableRows(table, source, siteColumns(), "it takes a CSV that names the VCFs: ${siteColumns().join(',')}") { header -> checkSiteColumns(header, source) }
    def sites = rows.collect { row -> siteOf(row, settings, reference) }
    checkSitesTogether(rows, sites)
    return sites.toSorted { a, b -> a[0].resource_name <=> b[0].resource_name }
}

def checkSiteColumns(List header, String source) {
    def unknown = header.find { column -> !(column in siteColumns()) }
    if (unknown != null) {
        error("${source}, line 1: unknown column '${unknown}'; the columns are ${siteColumns().join(', ')}")
    }
    def missing = ['resource_name', 'vcf'].find { column -> !(column in header) }
    if (missing) {
        error("${source}, line 1: column ${missing} is missing")
    }
}

// One row by itself: what it says, and its files.
def siteOf(Map row, Map settings, Map reference) {
    if (!isSafeName(row.resource_name)) {
        refuse(row, 'resource_name', "'${row.resource_name.take(120)}' cannot be used: a name has 1 to 100 letters, digits, dots, underscores and dashes, and begins with a letter or a digit")
    }
    def flags = [known: true, training: false, truth: false].collectEntries { column, absent -> [column, flagOf(row, column, absent)] }
    if (row.prior && !(row.prior.isDouble() && row.prior.toDouble() > 0)) {
        refuse(row, 'prior', "'${row.prior}' is not a number above 0, as in 15 or 12.0")
    }
    if (!row.prior && (flags.training || flags.truth)) {
        refuse(row, 'prior', "is empty, and a resource that trains or tells the truth needs it: GATK's for HapMap is 15")
    }
    def mode = row.vqsr_mode.toUpperCase() ?: 'BOTH'
    if (!(mode in ['SNP', 'INDEL', 'BOTH'])) {
        refuse(row, 'vqsr_mode', "'${row.vqsr_mode}' is none of SNP, INDEL, BOTH")
    }
    if (!row.vcf) {
        refuse(row, 'vcf', 'is empty')
    }
    def vcf = file(row.vcf, glob: false)
    if (!isSafeName(vcf.name)) {
        refuse(row, 'vcf', "${row.vcf}: the file's name cannot be used, as its index is called after it: rename it with letters, digits, dots, underscores and dashes alone")
    }
    def problem = problemOf(vcf) ?: vcfProblem(vcf)
    if (problem) {
        refuse(row, 'vcf', "${row.vcf}: ${problem}")
    }
    def index = row.index ? file(row.index, glob: false) : []
    def wrong = index ? problemOf(index) ?: indexProblem(vcf, index) : null
    if (wrong) {
        refuse(row, 'index', "${row.index}: ${wrong}")
    }
    def facts = siteFacts(vcf)
    checkContigs("${row.source}, line ${row.line}: ${row.vcf}", facts.contigs, "--fasta ${settings.fasta}", reference.contigs, false)
    if (!facts.records) {
        refuse(row, 'vcf', "${row.vcf}: holds no variants")
    }
    def meta = [resource_name: row.resource_name] + flags + [prior: row.prior ? row.prior.toDouble() : null, vqsr_mode: mode, types: facts.types, path: row.vcf]
    return [meta, vcf, index]
}

def flagOf(Map row, String column, boolean absent) {
    def given = row[column].toLowerCase()
    if (given && !(given in ['true', 'false'])) {
        refuse(row, column, "'${row[column]}' is neither true nor false")
    }
    return given ? given == 'true' : absent
}

// What is wrong with a VCF as far as its ends show it, or null. GATK tells what a file is by its name.
def vcfProblem(vcf) {
    if (isGzip(vcf) && !isBgzip(vcf)) {
        return 'is compressed with gzip, which cannot be indexed: gunzip it, or compress it with bgzip'
    }
    def start = firstBytesInside(vcf, 16)
    if (start == null || !new String(start, 'ISO-8859-1').startsWith('##fileformat=VCF')) {
        return 'is not a VCF'
    }
    def ending = isBgzip(vcf) ? '.vcf.gz' : '.vcf'
    if (!vcf.name.endsWith(ending)) {
        return "is ${isBgzip(vcf) ? 'compressed' : 'plain text'}, and GATK tells by the name: it must end in ${ending}"
    }
    return !isBgzip(vcf) || isWholeBgzip(vcf) ? null : 'was cut off: the end marker of bgzip is missing'
}

// GATK finds an index by its name, beside the VCF.
def indexProblem(vcf, index) {
    def wanted = vcf.name + (isBgzip(vcf) ? '.tbi' : '.idx')
    if (index.name != wanted) {
        return "GATK reads the index of ${vcf.name} from ${wanted} only: name it so, or leave it out and it is made"
    }
    def start = firstBytesInside(index, 4)
    def kind = start == null ? '' : new String(start, 'ISO-8859-1')
    return kind.startsWith(isBgzip(vcf) ? 'TBI' : 'TIDX') ? null : "is not an index: leave it out and it is made"
}

// Returns the contigs that header and records name, whether there are records, and their types, which are looked for
// until both are seen, or 200,000 records.
def siteFacts(vcf) {
    def header = []
    def types = [] as TreeSet
    def contigs = [:]
    def records = 0
    vcf.withInputStream { stream ->
        (isGzip(vcf) ? new java.util.zip.GZIPInputStream(stream, 65536) : stream).newReader('UTF-8').any { line ->
            if (line.startsWith('#')) {
                header << line
                return false
            }
            records += 1
            def cells = line.split('\t', 6)
            if (cells.size() > 4) {
                contigs[cells[0]] = null
                types.addAll(cells[4].tokenize(',').findResults { allele -> typeOf(cells[3], allele) })
            }
            return types.size() == 2 || records >= 200_000
        }
    }
    return [contigs: contigs + contigsOfVcfHeader(header), records: records, types: types.toList().reverse()]
}

// SNP, INDEL, or null for what is neither: symbolic and spanning alleles, and several bases for as many.
def typeOf(String ref, String allele) {
    if (!(allele ==~ /[ACGTNacgtn]+/)) {
        return null
    }
    return ref.size() != allele.size() ? 'INDEL' : ref.size() == 1 ? 'SNP' : null
}

// What only shows when the rows are seen together.
def checkSitesTogether(List rows, List sites) {
    def names = [:]
    def files = [:]
    def made = [:]
    rows.eachWithIndex { row, position ->
        def first = names.putIfAbsent(row.resource_name.toLowerCase(), row)
        if (first) {
            refuse(row, 'resource_name', "${row.resource_name} is also on line ${first.line}")
        }
        def owner = files.putIfAbsent(identityOf(sites[position][1]), row)
        if (owner) {
            refuse(row, 'vcf', "${row.vcf} is also on line ${owner.line}")
        }
        def twin = sites[position][2] ? null : made.putIfAbsent(sites[position][1].name.toLowerCase(), row)
        if (twin) {
            refuse(row, 'vcf', "${row.vcf} has the name of the file on line ${twin.line}, so their indexes would replace each other: rename one, or give an index")
        }
    }
}
