// The regions that --intervals names, checked before the first task.
include { checkContigs; contigsOfSamHeader } from './contigs.nf'
include { isGzip; requiredFile } from './files.nf'

// Returns a map: file, and bases (how many the regions cover, each once); file [] and bases null where none is given.
def readIntervals(Map settings, Map reference) {
    if (!settings.intervals) {
        return [file: [], bases: null]
    }
    def path = requiredFile('intervals', settings.intervals)
    def source = "--intervals ${settings.intervals}".toString()
    if (isGzip(path)) {
        error("${source}: is compressed, and regions are read as plain text: decompress it with gunzip")
    }
    def lines = textLines(path, source)
    def picard = lines[0].startsWith('@')
    checkKind(source, path.name, lines, picard)
    if (picard) {
        def contigs = contigsOfSamHeader(lines.takeWhile { line -> line.startsWith('@') })
        if (!contigs) {
            error("${source}: its header has no @SQ line: make it with gatk BedToIntervalList and the reference's dictionary")
        }
        checkContigs(source, contigs, "--fasta ${settings.fasta}", reference.contigs, true)
    }
    def regions = lines.withIndex().findAll { line, _index -> isRegion(line) }
    if (!regions) {
        error("${source}: has no regions, so there is nothing to call")
    }
    def read = regions.collect { line, index -> regionOf("${source}, line ${index + 1}", line, picard, settings.fasta, reference.contigs) }
    return [file: path, bases: covered(read)]
}

// The lines of a text file. Without this a byte that is no UTF-8 ends in "Input length = 1".
def textLines(path, String source) {
    try {
        return path.readLines('UTF-8')
    }
    catch (java.nio.charset.CharacterCodingException problem) {
        error("${source}: is not UTF-8 text (${problem.message}): convert it, such as with iconv -f ISO-8859-1 -t UTF-8")
    }
}

// The bases of regions, those of several counted once.
def covered(List regions) {
    return regions.groupBy { region -> region[0] }.values().collect { same ->
        same.toSorted { a, b -> a[1] <=> b[1] }.inject([0L, 0L]) { state, region ->
            def start = Math.max(region[1], state[1])
            [state[0] + Math.max(0L, region[2] - start), Math.max(region[2], state[1])]
        }[0]
    }.sum()
}

// GATK tells the two kinds by their names.
def checkKind(String source, String name, List lines, boolean picard) {
    if (lines[0].startsWith('##fileformat=VCF')) {
        error("${source}: is a VCF; regions are a BED or an interval list")
    }
    def endings = picard ? ['.interval_list'] : ['.bed']
    if (!endings.any { ending -> name.endsWith(ending) }) {
        error("${source}: holds ${picard ? 'an interval list' : 'no interval list (which begins with @HD or @SQ), so it must be a BED'}, and GATK tells by the name: it must end in ${endings[0]}")
    }
}

def isRegion(String line) {
    return line.trim() && !['@', '#', 'track', 'browser'].any { mark -> line.startsWith(mark) }
}

// A BED counts from 0 and its end is the base after the last; an interval list counts from 1, and its
// end is the last base. Returns contig, start and end of a line, counted as in a BED.
def regionOf(String where, String line, boolean picard, String fasta, Map contigs) {
    def cells = line.split(picard ? /\t/ : /[ \t]+/).toList()
    if (cells.size() < 3 || !cells[1].isLong() || !cells[2].isLong()) {
        error("${where}: '${line.take(80)}' is no region: contig, start and end are needed, with tabs between them")
    }
    def name = cells[0]
    def start = cells[1] as long
    def end = cells[2] as long
    def length = contigs[name]
    if (!contigs.containsKey(name)) {
        error("${where}: contig ${name} is not in --fasta ${fasta}, whose first is ${contigs.keySet()[0]}: they belong to different references or builds")
    }
    if (picard ? start > end : start >= end) {
        error("${where}: the region ${name} ${start} ${end} is empty: its end must be behind its start")
    }
    if (start < (picard ? 1 : 0) || end > length) {
        error("${where}: the region ${name} ${start} ${end} is not on the contig, which has ${length} bases in --fasta ${fasta}")
    }
    return [name, picard ? start - 1 : start, end]
}
