// The reference that the parameters name, checked before the first task.
include { firstBytesInside; isGzip; problemOf; requiredFile } from './files.nf'

// The extensions of an index by aligner.
def indexExtensions() {
    return [bwa: ['amb', 'ann', 'bwt', 'pac', 'sa'], 'bwa-mem2': ['0123', 'amb', 'ann', 'bwt.2bit.64', 'pac']]
}

// Returns the map that PREPARE_REFERENCE takes.
def readReference(Map settings) {
    def fasta = requiredFile('fasta', settings.fasta)
    def compressed = isGzip(fasta)
    def start = firstBytesInside(fasta, 1)
    if (start == null) {
        error("--fasta ${settings.fasta}: truncated or damaged gzip")
    }
    if (start.size() == 0 || start[0] != 62) {
        error("--fasta ${settings.fasta}: is not a FASTA: it does not begin with >")
    }
    // Names of files made here come from the FASTA's own, with nothing in them that a shell would read.
    def safe = fasta.name.replaceAll(/[^A-Za-z0-9._-]/, '_').replaceFirst(/^[^A-Za-z0-9]+/, '') ?: 'reference.fa'
    def name = compressed ? safe.replaceFirst(/\.b?gz$/, '') : safe
    def ref = [
        name: name,
        stem: name.replaceFirst(/\.(fa|fasta|fna|fas)$/, ''),
        build: settings.build,
        source: settings.fasta,
        path: compressed ? "reference/${name}".toString() : settings.fasta,
    ]
    def fai = settings.fasta_fai ? requiredFile('fasta_fai', settings.fasta_fai) : null
    def dict = settings.dict ? requiredFile('dict', settings.dict) : null
    checkSameContigs(fai, dict, settings)
    return [
        ref: ref, fasta: fasta, compressed: compressed, fai: fai, dict: dict,
        index: settings.aligner_index ? readIndex(settings.aligner_index, settings.aligner) : [],
    ]
}

// The index of another FASTA is the commonest mistake, and its errors come late.
def checkSameContigs(fai, dict, Map settings) {
    if (!fai || !dict) {
        return
    }
    def indexed = fai.readLines().collect { line -> line.tokenize('\t').take(2).join(':') }
    def listed = dict.readLines().findAll { line -> line.startsWith('@SQ') }.collect { line ->
        def tags = line.tokenize('\t').drop(1).collectEntries { tag -> [tag.take(2), tag.drop(3)] }
        "${tags.SN}:${tags.LN}".toString()
    }
    if (indexed != listed) {
        error("--fasta_fai ${settings.fasta_fai} and --dict ${settings.dict} name different contigs: they belong to different references")
    }
}

// A string holds a glob or a list with commas; a list (of a parameter file) any path as it is.
def readIndex(given, String aligner) {
    def paths = given instanceof List
        ? given.collect { name -> file(name, glob: false) }
        : given.tokenize(',').collectMany { part -> part.contains('*') ? files(part.trim()) : [file(part.trim(), glob: false)] }
    paths.each { path ->
        def problem = problemOf(path)
        if (problem) {
            error("--aligner_index ${path}: ${problem}")
        }
    }
    def wanted = indexExtensions()[aligner]
    def prefixes = wanted.collect { extension ->
        def one = paths.findAll { path -> path.name.endsWith('.' + extension) }
        if (one.size() != 1) {
            error("--aligner_index ${given}: ${one.size() ? 'several files end' : 'no file ends'} in .${extension}, and an index of ${aligner} is one file each of .${wanted.join(', .')}")
        }
        one[0].name.take(one[0].name.size() - extension.size() - 1)
    }
    if (prefixes.unique().size() > 1) {
        error("--aligner_index ${given}: the files are not of one index, they are named ${prefixes.join(', ')}")
    }
    return paths
}
