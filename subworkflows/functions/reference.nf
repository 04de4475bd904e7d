// The reference that the parameters name, checked before the first task.
include { checkContigs; contigsOfFai; contigsOfFasta; contigsOfSamHeader } from './contigs.nf'
include { firstBytesInside; indexExtensions; isGzip; problemOf; referenceNames; requiredFile } from './files.nf'

// Returns the map that PREPARE_REFERENCE takes, and `contigs`: name -> length.
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
    def names = referenceNames(fasta.name, compressed)
    def ref = names + [
        build: settings.build,
        source: settings.fasta,
        path: compressed ? "reference/${names.name}".toString() : settings.fasta,
    ]
    def fai = settings.fasta_fai ? requiredFile('fasta_fai', settings.fasta_fai) : null
    def dict = settings.dict ? requiredFile('dict', settings.dict) : null
    return [
        ref: ref, fasta: fasta, compressed: compressed, fai: fai, dict: dict, contigs: readContigs(settings, fasta, compressed, fai, dict),
        index: settings.aligner_index ? readIndex(settings.aligner_index, settings.aligner) : [],
    ]
}

// The reference's contigs, from its index or its dictionary where they are given, else from itself. Those of another FASTA
// are the commonest mistake, and its errors come late.
def readContigs(Map settings, fasta, boolean compressed, fai, dict) {
    def companions = [
        fasta_fai: fai ? contigsOfFai(fai) : null,
        dict: dict ? contigsOfSamHeader(dict.readLines()) : null,
    ].findAll { _name, contigs -> contigs != null }
    companions.each { name, contigs ->
        if (!contigs) {
            error("--${name} ${settings[name]}: names no contigs: it is no ${name == 'dict' ? 'sequence dictionary' : 'index of samtools faidx'}")
        }
        def first = nameOfFirst(fasta)
        if (contigs.keySet()[0] != first) {
            error("--${name} ${settings[name]} begins with contig ${contigs.keySet()[0]} and --fasta ${settings.fasta} with ${first}: they belong to different references or builds")
        }
    }
    if (companions.size() == 2) {
        def (one, other) = ['fasta_fai', 'dict'].collect { name -> ["--${name} ${settings[name]}".toString(), companions[name]] }
        checkContigs(one[0], one[1], other[0], other[1], true)
        checkContigs(other[0], other[1], one[0], one[1], true)
    }
    // Preparing a reference asks for no contigs, and reading all of it takes a while.
    def wanted = settings.workflow != 'prepare_reference'
    return companions ? companions.values()[0] : wanted ? contigsOfFasta(fasta, compressed) : [:]
}

def nameOfFirst(fasta) {
    return new String(firstBytesInside(fasta, 1000), 'UTF-8').readLines()[0].drop(1).tokenize(' \t')[0]
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
